import APIClient
import CommandLineUI
import JSONText
import Testing

@Suite struct ManifestFilesTests {
    private static let good = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"

    @Test func documentsComeInTheirOrder() throws {
        let documents = try ManifestFiles.parse(
            Self.good + "---\n" + Self.good.replacing("a}", with: "b}") + "---\n", file: "f")
        #expect(documents.map(\.reference.name) == ["a", "b"])
    }

    @Test(arguments: ["a: [1", "a: 1\n b: 2\n", "- *nowhere\n", "\u{0}", "kind: Pod\n"])
    func aDocumentThatCannotBeReadIsAnErrorAfterAGoodOneToo(text: String) {
        #expect(throws: (any Error).self) { try ManifestFiles.parse(text, file: "f") }
        #expect(throws: (any Error).self) { try ManifestFiles.parse(Self.good + "---\n" + text, file: "f") }
    }
}
