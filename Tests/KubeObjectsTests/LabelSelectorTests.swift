import JSONText
import KubeObjects
import Testing

@Suite struct LabelSelectorTests {
    private func selector(_ text: String) throws -> LabelSelector {
        try LabelSelector(FieldReader(try JSONValue(parsing: text)))
    }

    @Test(
        arguments: [
            (#"{}"#, ["a": "1"], true),
            (#"{}"#, [:], true),
            (#"{"matchLabels":{"a":"1"}}"#, ["a": "1", "b": "2"], true),
            (#"{"matchLabels":{"a":"1"}}"#, ["a": "2"], false),
            (#"{"matchLabels":{"a":"1","b":"2"}}"#, ["a": "1"], false),
            (#"{"matchExpressions":[{"key":"a","operator":"In","values":["1","2"]}]}"#, ["a": "2"], true),
            (#"{"matchExpressions":[{"key":"a","operator":"In","values":["1","2"]}]}"#, [:], false),
            (#"{"matchExpressions":[{"key":"a","operator":"NotIn","values":["1"]}]}"#, ["a": "1"], false),
            (#"{"matchExpressions":[{"key":"a","operator":"NotIn","values":["1"]}]}"#, ["a": "2"], true),
            (#"{"matchExpressions":[{"key":"a","operator":"NotIn","values":["1"]}]}"#, [:], true),
            (#"{"matchExpressions":[{"key":"a","operator":"Exists"}]}"#, ["a": ""], true),
            (#"{"matchExpressions":[{"key":"a","operator":"Exists"}]}"#, [:], false),
            (#"{"matchExpressions":[{"key":"a","operator":"DoesNotExist"}]}"#, ["b": "1"], true),
            (#"{"matchExpressions":[{"key":"a","operator":"DoesNotExist"}]}"#, ["a": "1"], false),
        ])
    func matchesAsTheAPISays(text: String, labels: [String: String], wanted: Bool) throws {
        #expect(try selector(text).matches(labels) == wanted)
        #expect((try selector(text).failure(labels) == nil) == wanted)
    }

    @Test func whatMeansTheSameIsEqual() throws {
        let first = try selector(#"{"matchLabels":{"b":"2","a":"1"}}"#)
        let second = try selector(
            #"{"matchLabels":{"a":"1"},"matchExpressions":[{"key":"b","operator":"In","values":["2","2"]}]}"#)
        #expect(first == second)
        #expect(first.description == second.description)
    }

    @Test(
        arguments: [
            (#"{"matchExpressions":[{"key":"a","operator":"in","values":["1"]}]}"#, "matchExpressions[0].operator"),
            (#"{"matchExpressions":[{"key":"a","operator":"In"}]}"#, "matchExpressions[0].values"),
            (#"{"matchExpressions":[{"key":"a","operator":"Exists","values":["x"]}]}"#, "matchExpressions[0].values"),
            (#"{"matchExpressions":[{"operator":"Exists"}]}"#, "matchExpressions[0].key"),
            (#"{"matchLabels":{"a":1}}"#, "matchLabels.a"),
            (#"{"matchLabels":[]}"#, "matchLabels"),
        ])
    func namesTheFieldThatIsWrong(text: String, field: String) throws {
        let error = #expect(throws: ObjectError.self) { try selector(text) }
        #expect(error?.field == field)
    }
}
