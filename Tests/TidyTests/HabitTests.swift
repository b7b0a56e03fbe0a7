import Testing

@Suite struct HabitTests {
    /// Those that ARCHITECTURE.md marks `*p*`.
    private static let pureTargets = (Tree.text(of: "docs/ARCHITECTURE.md") ?? "")
        .matches(of: /(?m)^\| `(\w+)` \*p\* \|/).map { String($0.1) }

    @Test func pureTargetsImportNoSystemAndDoNotWait() {
        #expect(Self.pureTargets.count > 10)
        let banned = ["Glibc", "Foundation", "FoundationEssentials", "NIO", "Dispatch", "Synchronization"]
        let offences = Tree.sources.filter { file in
            Self.pureTargets.contains { file.path.hasPrefix("Sources/\($0)/") }
        }.flatMap { file in
            file.lines.enumerated().filter { _, line in
                let words = line.split(whereSeparator: { $0 == " " })
                if let at = words.firstIndex(of: "import"), at <= 1, at + 1 < words.count {
                    return banned.contains { words[at + 1].hasPrefix($0) }
                }
                let code = line.drop { $0 == " " }
                return !code.hasPrefix("//") && (code.contains(" async ") || code.contains("await "))
            }.map { "\(file.path):\($0.offset + 1)" }
        }
        expectNone(offences, "pure targets")
    }

    @Test func shellsImportFoundationEssentialsAtMost() {
        let offences = Tree.sources.filter { file in
            file.lines.contains { $0.hasSuffix("import Foundation") && !$0.hasPrefix("//") }
        }
        expectNone(offences.map(\.path), "FoundationEssentials is enough")
    }

    @Test func nothingIsForced() {
        let forced = ["try!", "as! ", "fatalError("]
        expectNone(occurrences(of: forced, in: Tree.sources), "throw, or precondition with a message")
    }

    @Test func nothingIsMarkedUnfinished() {
        let marks = ["TO" + "DO", "FIX" + "ME", "not implemented", "not yet implemented", "unimplemented"]
        expectNone(occurrences(of: marks, in: Tree.swift + Tree.c), "finish it, or open an issue")
    }

    @Test func uncheckedConcurrencyIsRareAndArgued() {
        var found: [String] = []
        var unargued: [String] = []
        for file in Tree.sources {
            let lines = file.lines
            for (index, line) in lines.enumerated() {
                let code = line.drop { $0 == " " }
                guard !code.hasPrefix("//") else { continue }
                guard line.contains("@unchecked Sendable") || line.contains("nonisolated(unsafe)") else { continue }
                found.append("\(file.path):\(index + 1)")
                let above = lines[..<index].reversed().prefix { $0.drop { $0 == " " }.hasPrefix("//") }
                if !above.contains(where: { $0.contains("SAFETY:") }) { unargued.append("\(file.path):\(index + 1)") }
            }
        }
        expectNone(unargued, "say why under SAFETY:")
        #expect(found.count <= 5, "at most five: \(found)")
    }

    @Test func noFileIsAGrabBag() {
        let banned = ["Utils", "Helpers", "Common", "Manager", "Placeholder"]
        let offences = Tree.swift.filter { file in
            let name = file.path.split(separator: "/").last ?? ""
            return banned.contains { name.contains($0) }
        }
        expectNone(offences.map(\.path), "name it for what it does")
    }

    @Test func kernelProgramsHaveNoConditionals() {
        let offences = Tree.c.filter { $0.path.hasPrefix("bpf/") }.flatMap { file in
            file.lines.enumerated().filter { $0.element.hasPrefix("#if") || $0.element.hasPrefix("# if") }
                .map { "\(file.path):\($0.offset + 1)" }
        }
        expectNone(offences, "settings are const volatile")
    }

    @Test func everyDropReasonIsReachedByAPacketInATest() throws {
        let layout = try #require(Tree.text(of: "Sources-C/CMartletABI/include/martlet/abi.h"))
        let reasons = layout.matches(of: /MARTLET_DROP_[A-Z_]+/).map { String($0.output) }
            .filter { !["MARTLET_DROP_NONE", "MARTLET_DROP_REASONS"].contains($0) }
        #expect(reasons.count > 15)
        let tests = Tree.swift.filter { $0.path.hasPrefix("Tests/PacketTests/") }.flatMap(\.lines)
        expectNone(reasons.filter { reason in !tests.contains { $0.contains(reason) } }, "no packet test has it")
    }

    @Test func theTreeNamesNoMachine() {
        let paths = ["/wo" + "rk/", "/ro" + "ot/"]
        let docs = Tree.files(in: ["docs", "Examples", "Benchmarks", ".ci"], endings: [".md", ".sh", ".yaml", "run"])
        expectNone(occurrences(of: paths, in: Tree.swift + Tree.c + docs), "no machine's paths")
    }

    private func occurrences(of words: [String], in files: [Tree.File]) -> [String] {
        files.flatMap { file in
            file.lines.enumerated().filter { _, line in words.contains { line.contains($0) } }
                .filter { !file.path.hasPrefix("Tests/TidyTests/") && !$0.element.isEmpty }
                .map { "\(file.path):\($0.offset + 1)" }
        }
    }
}
