import JSONText
import Testing
import YAMLText

@Suite struct YAMLReaderTests {
    private func read(_ text: String) throws -> JSONValue { try YAMLReader.parse(Array(text.utf8)).value }

    @Test func scalarsAreReadAsKubernetesReadsThem() throws {
        #expect(try read("a: 010") == ["a": 8])
        #expect(try read("a: \"010\"") == ["a": "010"])
        #expect(try read("a: yes\nb: 'yes'") == ["a": true, "b": "yes"])
        #expect(try read("a: ~\nb: 1.5\nc: -3") == ["a": .null, "b": .number(1.5), "c": -3])
        #expect(try read("# nothing") == .null)
    }

    @Test func theLastOfEqualKeysCountsAndIsTold() throws {
        let (value, duplicates) = try YAMLReader.parse(Array("a: 1\nb: 2\na: 3\n".utf8))
        #expect(value == ["a": 3, "b": 2])
        #expect(duplicates == ["line 3: key \"a\" already set in map"])
        #expect(throws: YAMLError.self) { try YAMLReader.parseAll("a: 1\na: 2\n") }
    }

    @Test func aTextMayHoldSeveralDocuments() throws {
        #expect(try YAMLReader.parseAll("a: 010\n---\n# nothing\n---\n- x\n") == [["a": 8], ["x"]])
    }

    @Test func depthAndExpansionAreBounded() throws {
        #expect(throws: YAMLError.self) { try read(String(repeating: "[", count: 10_000)) }
        var bomb = "a0: &a0 x\n"
        for level in 1...10 {
            let aliases = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ",")
            bomb += "a\(level): &a\(level) [\(aliases)]\n"
        }
        #expect(throws: YAMLError.self) { try read(bomb) }
    }

    @Test func whatIsPrintedReadsBack() throws {
        let value: JSONValue = [
            "text": "010", "flag": "yes", "list": [1, .null, ["a": [:]], []], "none": .null, "empty": "",
        ]
        #expect(try read(YAMLPrinter.print(value)) == value)
    }
}
