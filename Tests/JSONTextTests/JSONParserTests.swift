import JSONText
import Testing

@Suite struct JSONParserTests {
    private func failure(_ text: String, limits: JSONLimits = .standard) -> JSONError? {
        failure(Array(text.utf8), limits: limits)
    }

    private func failure(_ bytes: [UInt8], limits: JSONLimits = .standard) -> JSONError? {
        do throws(JSONError) {
            _ = try JSONValue(parsing: bytes, limits: limits)
            return nil
        } catch { return error }
    }

    @Test func readsEveryKindOfValue() throws {
        let value = try JSONValue(parsing: #" {"a":[1,-2.5,true,false,null,"x\u0041\n"],"b":{}} "#)
        #expect(
            value == [
                "a": .array([1, .number(-2.5), true, false, .null, "xA\n"]), "b": .object([:]),
            ])
    }

    @Test func keepsIntegersApartFromFractions() throws {
        #expect(try JSONValue(parsing: "9223372036854775807") == .integer(.max))
        #expect(try JSONValue(parsing: "-9223372036854775808") == .integer(.min))
        #expect(try JSONValue(parsing: "9223372036854775808") == .number(9_223_372_036_854_775_808))
        #expect(try JSONValue(parsing: "1.0") == .number(1))
        #expect(try JSONValue(parsing: "1e3") == .number(1000))
    }

    @Test func joinsSurrogatePairsAndReplacesLoneHalves() throws {
        #expect(try JSONValue(parsing: #""\ud83d\ude00""#) == "😀")
        #expect(try JSONValue(parsing: #""\ud83dx""#) == "\u{FFFD}x")
        #expect(try JSONValue(parsing: #""\ud83d\u0041""#) == "\u{FFFD}A")
    }

    @Test func namesTheOffsetOfTheFirstWrongByte() {
        #expect(failure(#"{"a":1,}"#)?.offset == 7)
        #expect(failure(#"[1 2]"#)?.offset == 3)
        #expect(failure("tru")?.code == .unexpectedEnd)
        #expect(failure("nulx")?.offset == 3)
        #expect(failure("01")?.code == .badNumber)
        #expect(failure("1.")?.code == .unexpectedEnd)
        #expect(failure("1e400")?.code == .badNumber)
        #expect(failure("{} x")?.code == .trailingText)
        #expect(failure("\"a\u{1}\"")?.code == .controlCharacter)
        #expect(failure(#""\x""#)?.code == .badEscape)
        #expect(failure("")?.code == .unexpectedEnd)
    }

    @Test func refusesBytesThatAreNoUTF8() {
        #expect(
            failure([0x22, 0x61, 0xFF, 0x22])
                == JSONError(
                    code: .badUTF8, offset: 2, message: "a string is not valid UTF-8"))
        #expect(failure([0x22, 0xC0, 0x80, 0x22])?.code == .badUTF8)
        #expect(failure([0x22, 0x5C, 0x6E, 0xED, 0xA0, 0x80, 0x22])?.code == .badUTF8)
    }

    @Test func listsDuplicateNamesByPathAndKeepsTheLast() throws {
        let document = try JSONDocument(
            parsing: Array(#"{"s":{"c":[{"n":1},{"n":2,"n":3,"n":4}]},"s2":1,"s2":2}"#.utf8))
        #expect(document.duplicates == ["s.c[1].n", "s2"])
        #expect(document.value["s"]?["c"]?[1]?["n"] == 4)
    }

    @Test func duplicatesAreListedAsTheyAppear() throws {
        let document = try JSONDocument(
            parsing: Array(#"{"a":{"x":1},"a":{"y":2},"b":{"c":1,"c":2,"c":3},"é":1,"é":2}"#.utf8))
        #expect(document.duplicates == ["a", "b.c", "é"])
        #expect(document.value == ["a": ["x": 1, "y": 2], "b": ["c": 3], "é": 2])
    }

    @Test func readsTheAskedPartsAlone() throws {
        let text = #"""
            {"kind":"Pod","metadata":{"own":[{"a":"]}\"","b":{}}, 1],"name":"é","own2":1},
            "own":{"own":[]},"spec":{"metadata":{"own":2}}}
            """#
        let parts = JSONParts(omitted: ["metadata", "own"])
        #expect(
            try JSONValue(parsing: Array(text.utf8), only: parts) == [
                "kind": "Pod", "metadata": ["name": "é", "own2": 1], "own": ["own": []],
                "spec": ["metadata": ["own": 2]],
            ])
        let head = JSONParts(omitted: ["metadata", "own"], last: "metadata")
        #expect(
            try JSONValue(parsing: Array(text.utf8), only: head) == [
                "kind": "Pod", "metadata": ["name": "é", "own2": 1],
            ])
        #expect(throws: JSONError.self) {
            try JSONValue(parsing: Array(#"{"metadata":{"own":{"a":"b"#.utf8), only: parts)
        }
        let scalars = #"{"metadata":{"own":true,"b":1},"c":{"own":2}}"#
        #expect(
            try JSONValue(parsing: Array(scalars.utf8), only: parts) == ["metadata": ["b": 1], "c": ["own": 2]])
    }

    @Test func holdsItsLimits() {
        let deep = String(repeating: "[", count: 513) + String(repeating: "]", count: 513)
        #expect(failure(deep)?.code == .tooDeep)
        #expect(failure(String(repeating: "[", count: 1_000_000))?.code == .tooDeep)
        #expect(failure(String(deep.dropFirst().dropLast())) == nil)
        #expect(failure("[1,2,3]", limits: JSONLimits(bytesMax: 6))?.code == .tooLarge)
        #expect(failure("[1,2,3]", limits: JSONLimits(valuesMax: 3))?.code == .tooManyValues)
    }
}
