import Foundation
import Testing

/// What the pages name is there.
@Suite struct PageTests {
    private static let pages = Tree.files(in: ["docs"], endings: [".md"])
    private static let tour = pages.filter { $0.path.hasPrefix("docs/tour/") }
    private static let files = Tree.files(
        in: ["Sources", "Sources-C", "Tests", "bpf", "cni", "docs", "Examples", "Plugins"],
        endings: [".swift", ".c", ".h", ".md", ".txt", ".yaml"])

    /// Words in backquotes outside of fenced blocks.
    private func quoted(_ page: Tree.File) -> [String] {
        page.text.replacing(/(?s)```.*?```/, with: "").matches(of: /`([^`]+)`/).map { String($0.1) }
    }

    private func isPath(_ word: String) -> Bool { word.wholeMatch(of: /[\w.\/+-]+\.(swift|c|h|md|txt)/) != nil }

    @Test func everyFileOfTheTourIsThere() {
        let named = Self.tour.flatMap { page in quoted(page).filter(isPath).map { (page.path, $0) } }
        #expect(named.count > 50)
        let missing = named.filter { _, word in !Self.files.contains { "/\($0.path)".hasSuffix("/\(word)") } }
        expectNone(missing.map { "\($0.0): \($0.1)" }, "no such file")
    }

    @Test func everySymbolOfTheTourIsThere() {
        let code = Self.files.filter { file in [".swift", ".h", ".c"].contains { file.path.hasSuffix($0) } }
        let words = Set(
            code.flatMap { $0.text.split { !($0.isLetter || $0.isNumber || $0 == "_") } }.map(String.init))
        let named = Self.tour.flatMap { page in
            quoted(page).filter { !isPath($0) && $0.wholeMatch(of: /[A-Za-z_][\w.]*/) != nil }.map { (page.path, $0) }
        }
        #expect(named.count > 80)
        let missing = named.filter { _, name in !name.split(separator: ".").allSatisfy { words.contains(String($0)) } }
        expectNone(missing.map { "\($0.0): \($0.1)" }, "no such symbol")
    }

    @Test func everyLinkLeadsToAPage() {
        let broken = Self.pages.flatMap { page -> [String] in
            let folder = page.path.split(separator: "/").dropLast().joined(separator: "/")
            return page.text.matches(of: /\]\(([^)#]+)[^)]*\)/).map { String($0.1) }
                .filter { !$0.contains("://") }
                .filter { link in
                    !FileManager.default.fileExists(atPath: Tree.root.appending(path: "\(folder)/\(link)").path())
                }
                .map { "\(page.path): \($0)" }
        }
        expectNone(broken, "no such page")
    }

    @Test func theIncidentPageExplainsEachDropReason() throws {
        let layout = try #require(Tree.text(of: "Sources-C/CMartletABI/include/martlet/abi.h"))
        let reasons = layout.matches(of: /MARTLET_DROP_([A-Z_]+) =/)
            .map { $0.1.lowercased().replacing("_", with: "-") }.filter { !["none", "reasons"].contains($0) }
        let page = try #require(Tree.text(of: "docs/INCIDENT.md"))
        let section = try #require(page.components(separatedBy: "\n## ").first { $0.hasPrefix("Drop reasons") })
        let explained = section.matches(of: /(?m)^\| `([a-z-]+)` \|/).map { String($0.1) }
        #expect(explained.count > 15)
        expectNone(Set(reasons).symmetricDifference(explained).sorted(), "a reason without its line, or the reverse")
    }
}
