import JSONText
import Testing

@Suite struct JSONPrinterTests {
    @Test func sortsNamesAndWritesNoSpace() {
        let value: JSONValue = ["b": 1, "a": .array([.null, true, "x"]), "c": .object([:]), "d": .array([])]
        #expect(value.compactText == #"{"a":[null,true,"x"],"b":1,"c":{},"d":[]}"#)
    }

    @Test func indentsByLevel() {
        let value: JSONValue = ["a": .array([1, ["b": 2]])]
        #expect(value.prettyText == "{\n  \"a\": [\n    1,\n    {\n      \"b\": 2\n    }\n  ]\n}")
    }

    @Test(arguments: [
        (1.0, "1"), (1.5, "1.5"), (-0.25, "-0.25"), (1e20, "100000000000000000000"), (1e21, "1e+21"),
        (1.25e22, "1.25e+22"), (1e-6, "0.000001"), (1.5e-7, "1.5e-7"), (123456789.125, "123456789.125"),
        (9_007_199_254_740_993.0, "9007199254740992"), (0.1, "0.1"), (100, "100"),
    ])
    func writesFractionsAsGoDoes(number: Double, text: String) {
        #expect(JSONValue.number(number).compactText == text)
    }

    @Test func escapesWhatGoEscapes() {
        let value: JSONValue = "a\"\\\n\t\u{1}<&>\u{2028}é"
        #expect(value.compactText == #""a\"\\\n\t\u0001\u003c\u0026\u003e\u2028é""#)
    }
}
