import APIMachinery
import JSONText
import Testing

@Suite struct QueryTests {
    private let object: JSONValue = [
        "metadata": ["name": "m", "namespace": "ns", "labels": ["a": "1", "b": "x", "n": "5"]],
        "spec": ["nodeName": "n1"], "status": ["phase": "Running"],
    ]

    @Test(arguments: [
        ("", true), ("a=1", true), ("a==1", true), ("a!=1", false), ("z!=1", true), ("a in (1,2)", true),
        ("a notin (1)", false), ("z notin (1)", true), ("b", true), ("!z", true), ("!b", false), ("a=1,b=x", true),
        ("a=1,b=y", false), ("a in ()", false), ("a=", false), ("n>4", true), ("n<5", false), ("n gt 4", true),
        ("example.com/x", false),
    ])
    func labelQueriesSelect(text: String, selects: Bool) throws {
        #expect(try LabelQuery(text).matches(object) == selects, "\(text)")
    }

    @Test(arguments: ["a=1,,", "=", "a=b=c", "k/", "a b", "a in 1", "a in (1", ",a", "a=1 b", "!", "a>x", "(a)", "a=-"])
    func labelQueriesThatCannotBeReadAreRefused(text: String) {
        #expect(refusal { try LabelQuery(text) }?.code == 400, "\(text)")
    }

    @Test func fieldQueriesSelectWhatTheKindOffers() throws {
        let pods = try #require(ResourceRegistry.builtin.resource(group: "", version: "v1", plural: "pods"))
        for (text, selects) in [
            ("metadata.name=m", true), ("metadata.name!=m", false), ("status.phase=Running,spec.nodeName==n1", true),
            ("metadata.namespace=other", false), ("spec.restartPolicy=", true), ("", true),
        ] {
            #expect(try FieldQuery(text, for: pods).matches(object) == selects, "\(text)")
        }
        #expect(refusal { try FieldQuery("spec.odd=1", for: pods) }?.code == 400)
        #expect(refusal { try FieldQuery("metadata.name", for: pods) }?.code == 400)
        #expect(try FieldQuery("metadata.name=m", for: pods).name == "m")
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func randomQueriesAreReadOrRefused(seed: UInt64) {
        var random = SeededRandom(seed)
        let parts = ["a", "in", "notin", "(", ")", ",", "=", "==", "!=", "!", " ", ">", "b/c", "-", "1"]
        for _ in 0..<2000 {
            let text = (0..<random.below(9)).map { _ in parts[random.below(parts.count)] }.joined()
            if let status = refusal({ try LabelQuery(text).matches(object) }) { #expect(status.code == 400) }
        }
    }
}
