import Foundation
import Testing

/// The project's own files, as git would list them.
struct Tree {
    struct File {
        /// Relative to the top of the project.
        let path: String
        let text: String
        var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
        var isGenerated: Bool { path.contains(".generated.") }
    }

    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Files below `folders` with one of the endings, sorted by path.
    static func files(in folders: [String], endings: [String]) -> [File] {
        folders.flatMap { folder in paths(below: folder) }
            .filter { path in endings.contains { path.hasSuffix($0) } }
            .sorted()
            .compactMap { path in text(of: path).map { File(path: path, text: $0) } }
    }

    static func text(of path: String) -> String? {
        try? String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    static func names(in folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path())) ?? []).sorted()
    }

    private static func paths(below folder: String) -> [String] {
        let base = root.appending(path: folder).path()
        guard let walker = FileManager.default.enumerator(atPath: base) else { return [] }
        return walker.compactMap { $0 as? String }.map { "\(folder)/\($0)" }
    }

    private static let allSwift = files(in: ["Sources", "Tests", "cni", "Plugins"], endings: [".swift"])
    /// Written by hand.
    static let swift = allSwift.filter { !$0.isGenerated }
    static let generated = allSwift.filter(\.isGenerated)
    static let c = files(in: ["bpf", "Sources-C"], endings: [".c", ".h"])
    static let sources = files(in: ["Sources", "cni"], endings: [".swift"]).filter { !$0.isGenerated }
}

/// Reports each offence with its place; passes where there is none.
func expectNone(_ offences: [String], _ rule: Comment, sourceLocation: SourceLocation = #_sourceLocation) {
    let listing = offences.joined(separator: "\n")
    #expect(offences.isEmpty, "\(rule): \(listing)", sourceLocation: sourceLocation)
}
