import Testing

@Suite struct SizeTests {
    @Test func noFileIsLongerThan500Lines() {
        let long = (Tree.swift + Tree.generated + Tree.c).filter { $0.lines.count > 501 }
        expectNone(long.map { "\($0.path): \($0.lines.count - 1)" }, "split by responsibility")
    }

    @Test func noLineIsLongerThan120Columns() {
        let long = (Tree.swift + Tree.c).flatMap { file in
            file.lines.enumerated().filter { $0.element.count > 120 }.map { "\(file.path):\($0.offset + 1)" }
        }
        expectNone(long, "120 columns")
    }

    @Test func noFunctionIsLongerThan70Lines() {
        let long = (Tree.swift + Tree.c).flatMap { file in
            functions(in: file).filter { $0.length > 70 }.map { "\(file.path):\($0.line) \($0.length) lines" }
        }
        expectNone(long, "70 lines a function")
    }

    @Test func theREADMEFitsIn150Lines() throws {
        let readme = try #require(Tree.text(of: "README.md"))
        #expect(readme.split(separator: "\n", omittingEmptySubsequences: false).count <= 151)
    }

    private struct Function {
        let line: Int
        let length: Int
    }

    /// A function starts on a line with its keyword (Swift) or in column one (C) and ends on the closing brace of the
    /// same indentation: the formatter guarantees both.
    private func functions(in file: Tree.File) -> [Function] {
        var found: [Function] = []
        let lines = file.lines
        for (index, line) in lines.enumerated() where startsFunction(line, isSwift: file.path.hasSuffix(".swift")) {
            let indent = line.prefix { $0 == " " }
            let end = lines[(index + 1)...].firstIndex { $0 == indent + "}" || $0.hasPrefix(indent + "} ") }
            let next = lines[(index + 1)...].firstIndex {
                $0.hasPrefix(indent) && !$0.hasPrefix(indent + " ") && !$0.hasPrefix(indent + "{")
                    && !$0.hasPrefix(indent + ")") && !$0.hasPrefix(indent + "}") && !$0.hasPrefix(indent + "->")
                    && !$0.hasPrefix(indent + "where") && !$0.isEmpty
            }
            guard let end, next.map({ end <= $0 }) ?? true else { continue }
            found.append(Function(line: index + 1, length: end - index + 1))
        }
        return found
    }

    private func startsFunction(_ line: Substring, isSwift: Bool) -> Bool {
        if isSwift {
            return line.contains(" func ") || line.hasPrefix("func ") || line.contains(" init(")
                || line.contains(" init?(") || line.contains(" subscript(")
        }
        guard let first = line.first, first.isLetter, line.contains("("), !line.contains(";") else { return false }
        return !line.hasPrefix("struct ") || line.contains(")")
    }
}
