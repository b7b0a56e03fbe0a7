import Testing

/// The table of targets in docs/ARCHITECTURE.md is what Package.swift says.
@Suite struct GraphTests {
    @Test func everyTargetIsInTheArchitecturesTable() throws {
        let page = try #require(Tree.text(of: "docs/ARCHITECTURE.md"))
        let documented = Set(
            page.split(separator: "\n").filter { $0.hasPrefix("| `") }.compactMap { row in
                row.split(separator: "`").dropFirst().first.map(String.init)
            })
        let present = Set(Tree.names(in: "Sources") + Tree.names(in: "Sources-C"))
        expectNone(present.subtracting(documented).sorted(), "a target without a line in ARCHITECTURE.md")
        expectNone(documented.subtracting(present).sorted(), "a line in ARCHITECTURE.md without its target")
    }

    @Test func importsFollowTheArrows() throws {
        let page = try #require(Tree.text(of: "docs/ARCHITECTURE.md"))
        var allowed: [String: Set<String>] = [:]
        for row in page.split(separator: "\n") where row.hasPrefix("| `") {
            let cells = row.split(separator: "|").map { $0.trimmingPrefix { $0 == " " } }
            guard cells.count >= 3, let name = row.split(separator: "`").dropFirst().first else { continue }
            let names = cells[2].split(whereSeparator: { !$0.isLetter }).map(String.init)
            allowed[String(name)] = Set(names)
        }
        let ours = Set(allowed.keys)
        let offences = Tree.sources.flatMap { file -> [String] in
            let parts = file.path.split(separator: "/")
            guard parts.count > 2, let may = allowed[String(parts[1])] else { return [] }
            return file.lines.compactMap { line in
                let words = line.split(separator: " ")
                guard let at = words.firstIndex(of: "import"), at <= 1, at + 1 < words.count else { return nil }
                let target = String(words[at + 1])
                return ours.contains(target) && !may.contains(target) ? "\(file.path) imports \(target)" : nil
            }
        }
        expectNone(offences, "arrows point down only")
    }
}
