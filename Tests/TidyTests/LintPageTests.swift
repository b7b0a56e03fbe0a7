import Testing

/// The page about `policy lint` has each finding of the code, and no other; each is found by a test.
@Suite struct LintPageTests {
    private static func names() throws -> Set<String> {
        let code = try #require(Tree.text(of: "Sources/PolicyTools/LintCheck.swift"))
        return Set(
            code.matches(of: /case (\w+)(?: = "([a-z-]+)")?\n/).map { String($0.output.2 ?? $0.output.1) })
    }

    @Test func eachFindingHasALineAndEachLineAFinding() throws {
        let page = try #require(Tree.text(of: "docs/policy/lint.md"))
        let documented = Set(page.matches(of: /\n\| `([a-z-]+)`/).map { String($0.output.1) })
        let names = try Self.names()
        #expect(names.count > 15)
        expectNone(names.subtracting(documented).sorted(), "a finding without a line in docs/policy/lint.md")
        expectNone(documented.subtracting(names).sorted(), "a line in docs/policy/lint.md without its finding")
    }

    @Test func eachFindingIsFoundByATest() throws {
        let folder = "Tests/PolicyToolsTests"
        let tests = Tree.names(in: folder).filter { $0.hasPrefix("PolicyLint") }
            .compactMap { Tree.text(of: "\(folder)/\($0)") }.joined()
        expectNone(
            try Self.names().filter { name in !tests.contains("\"\(name) ") && !tests.contains(" \(name)") }.sorted(),
            "no test finds it")
    }
}
