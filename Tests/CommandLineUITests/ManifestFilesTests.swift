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

    @Test(arguments: [
        "apiVersion: v1\nkind: List\nitems:\n"
            + "- {apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a}}\n",
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicyList\nmetadata: {resourceVersion: '7'}\n"
            + "items: [{metadata: {name: a}}]\n",
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: networking.k8s.io/v1\n  kind: NetworkPolicyList\n"
            + "  items: [{metadata: {name: a}}]\n",
    ])
    func aListOfAnyKindStandsForItsItems(text: String) throws {
        let documents = try ManifestFiles.parse(text, file: "f")
        #expect(documents.map(\.body["apiVersion"]) == ["networking.k8s.io/v1"])
        #expect(documents.map(\.body["kind"]) == ["NetworkPolicy"])
        #expect(documents.map(\.reference.resource.name) == ["networkpolicies"])
    }

    @Test func anEmptyListHasNoObjectsAndAnObjectWhoseKindEndsSoIsOne() throws {
        #expect(try ManifestFiles.parse("apiVersion: v1\nkind: List\nitems: null\n", file: "f").isEmpty)
        let object = "apiVersion: a.b/v1\nkind: AllowList\nmetadata: {name: x}\nitems: [1]\n"
        #expect(try ManifestFiles.parse(object, file: "f").map(\.reference.name) == ["x"])
    }

    @Test(arguments: ["a: [1", "a: 1\n b: 2\n", "- *nowhere\n", "\u{0}", "kind: Pod\n"])
    func aDocumentThatCannotBeReadIsAnErrorAfterAGoodOneToo(text: String) {
        #expect(throws: (any Error).self) { try ManifestFiles.parse(text, file: "f") }
        #expect(throws: (any Error).self) { try ManifestFiles.parse(Self.good + "---\n" + text, file: "f") }
    }
}
