import APIClient
import CommandLineUI
import Foundation
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

    @Test func aMessageAboutAnItemNamesItsFile() throws {
        let documents = try ManifestFiles.parse(Self.good + "---\n" + Self.good, file: "f")
        let message = "no kind \"Deployment\" in version \"apps/v1\""
        #expect(ManifestFiles.located("items[1]: \(message)", in: documents) == "f, document 2: \(message)")
        let missing = "items[0].metadata.name is required"
        #expect(ManifestFiles.located(missing, in: documents) == "f, document 1: metadata.name is required")
        for other in ["items[2]: x", "items[x]", "metadata.name is required"] {
            #expect(ManifestFiles.located(other, in: documents) == other)
        }
    }

    /// What is judged for all of them together names objects and no numbers.
    @Test func aMessageThatNamesObjectsTellsTheirFiles() throws {
        func policy(_ name: String, _ namespace: String) -> String {
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
                + "metadata: {name: \(name), namespace: \(namespace)}\n---\n"
        }
        let documents = try ManifestFiles.parse(
            policy("web", "shop") + policy("db", "shop") + policy("db", "shop-web") + policy("d", "shop"), file: "f")
        let message =
            #"networkpolicies.networking.k8s.io "web" is forbidden: it does not fit: shop/db: needs 3 rules"#
        #expect(
            ManifestFiles.located(message, in: documents)
                == message + "; objects named in the message: NetworkPolicy shop/web at f, document 1; "
                + "NetworkPolicy shop/db at f, document 2")
        // Of others it says nothing.
        let other = #"configmaps "web" is forbidden: shop/d-b, x/shop/db"#
        #expect(ManifestFiles.located(other, in: documents) == other)
        let many = try ManifestFiles.parse((0..<6).map { policy("p\($0)", "ns") }.joined(), file: "f")
        let all = ManifestFiles.located("ns/p0, ns/p1, ns/p2, ns/p3, ns/p4 and ns/p5.", in: many)
        #expect(all.hasSuffix("NetworkPolicy ns/p3 at f, document 4; …"), "\(all)")
    }

    /// Of one name may be objects of several kinds and namespaces, and the pods of a witness.
    @Test func aPlaceIsThatOfTheKindAndNamespaceThatTheMessageIsAbout() throws {
        func object(_ kind: String, _ version: String, _ namespace: String, _ name: String) -> String {
            "apiVersion: \(version)\nkind: \(kind)\nmetadata: {name: \(name), namespace: \(namespace)}\n---\n"
        }
        let policy = ("NetworkPolicy", "networking.k8s.io/v1")
        let objects = [
            object(policy.0, policy.1, "a", "same"), object(policy.0, policy.1, "b", "same"),
            object("Service", "v1", "a", "same"), object("Pod", "v1", "a", "same"),
            object(policy.0, policy.1, "a", "web"),
            "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: all}\n",
        ]
        let documents = try ManifestFiles.parse(objects.joined(), file: "f")
        func places(_ message: String) -> String {
            let told = ManifestFiles.located(message, in: documents)
            return String(told.dropFirst(message.count)).replacing("; objects named in the message: ", with: "")
                .replacing(" at f, document", with: "")
        }
        let head = #"networkpolicies.networking.k8s.io "same" is forbidden: "#
        #expect(places(head + "no right") == "NetworkPolicy a/same 1; NetworkPolicy b/same 2")
        #expect(places(head + "it does not fit: b/same: needs 9 rules") == "NetworkPolicy b/same 2")
        #expect(places("2 objects: Service a/same: needs 9 frontends") == "Service a/same 3")
        #expect(places("needs 9; most is taken by a/same (1 frontend), b/x (1 backend).") == "Service a/same 3")
        #expect(
            places("Pod a/same and 2 more pods: needs 2 rules; most is taken by a/web (9 rules)")
                == "Pod a/same 4; NetworkPolicy a/web 5")
        let witness =
            "2 objects of one write are forbidden together: it breaks NetworkInvariant i (no pod of {pods app=a} "
            + "reaches {pods b/same=c} on TCP 1): a/web reaches a/same on TCP 1, out as no policy selects it, in by "
        #expect(places(witness + "b/same ingress rule 0") == "NetworkPolicy b/same 2")
        #expect(places(witness + "all ingress rule 0") == "ClusterNetworkPolicy all 6")
        #expect(places(witness + "x/y ingress rule 0") == "")
    }

    @Test func anEmptyListHasNoObjectsAndAnObjectWhoseKindEndsSoIsOne() throws {
        #expect(try ManifestFiles.parse("apiVersion: v1\nkind: List\nitems: null\n", file: "f").isEmpty)
        let object = "apiVersion: a.b/v1\nkind: AllowList\nmetadata: {name: x}\nitems: [1]\n"
        #expect(try ManifestFiles.parse(object, file: "f").map(\.reference.name) == ["x"])
    }

    // MARK: Files

    private static func words(_ body: () throws -> some Any) -> String {
        do {
            _ = try body()
            return "no error"
        } catch {
            return "\(error)"
        }
    }

    /// What is read of a file with this content.
    private static func words(of bytes: [UInt8]) throws -> String {
        let path = FileManager.default.temporaryDirectory.appending(path: "mt-\(UUID().uuidString).yaml").path()
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        return words { try ManifestFiles.read([path]) }.replacing(path, with: "f")
    }

    @Test func whatIsEmptyOrNoTextIsSaidSo() throws {
        for text in ["", "---\n# nothing\n---\n"] {
            #expect(try Self.words(of: Array(text.utf8)) == "f is empty: name a file with objects")
        }
        for bytes in [[0xff, 0xfe, 0x00], Array("a\0b".utf8)] as [[UInt8]] {
            #expect(try Self.words(of: bytes) == "f is no text: a YAML or JSON file is wanted")
        }
        #expect(try Self.words(of: Array("kind: List\nitems: []\n".utf8)) == "no error")
        #expect(Self.words { try ManifestFiles.read(["/nowhere.yaml"]) }.contains("is not there: name a file"))
        #expect(Self.words { try ManifestFiles.read(["/dev/null"]) } == "/dev/null is empty: name a file with objects")
        #expect(Self.words { try ManifestFiles.read(["/dev/zero"]) }.contains("has more than 64 MiB"))
    }

    @Test func aFolderIsReadByItsEndingsAndOneWithoutThemIsSaidSo() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "mt-\(UUID().uuidString)").path()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data("no".utf8).write(to: URL(fileURLWithPath: "\(folder)/a.txt"))
        #expect(Self.words { try ManifestFiles.read([folder]) }.hasSuffix(".json: name another folder"))
        try Data(Self.good.replacing("a}", with: "c}").utf8).write(to: URL(fileURLWithPath: "\(folder)/c.yml"))
        let json = #"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}}"#
        try Data(json.utf8).write(to: URL(fileURLWithPath: "\(folder)/b.json"))
        try Data().write(to: URL(fileURLWithPath: "\(folder)/d.yaml"))
        #expect(try ManifestFiles.read([folder]).map(\.reference.name) == ["b", "c"])
    }

    @Test func whatADocumentLacksIsNamed() {
        func words(_ text: String) -> String { Self.words { try ManifestFiles.parse(text, file: "f") } }
        #expect(words("kind: Pod\nmetadata: {}\n") == "f, document 1: needs apiVersion and metadata.name")
        #expect(words("metadata: {name: a}\n") == "f, document 1: needs apiVersion and kind")
        #expect(words("hello\n").hasPrefix("f, document 1: is no object: apiVersion, kind and"))
        #expect(words("kind: List\nitems: {a: 1}\n").hasPrefix("f: items of a List is no list"))
        #expect(words("a: [1\n").hasPrefix("f is no YAML: yaml: "))
    }

    @Test(arguments: [
        ("n", "a boolean"), ("no", "a boolean"), ("true", "a boolean"), ("123", "a number"), ("1.5", "a number"),
        ("[a]", "a list"), ("{a: b}", "an object"),
    ])
    func aNameThatYAMLReadsAsSomethingElseIsRefused(word: String, kind: String) throws {
        for field in ["name", "namespace"] {
            let other = field == "name" ? "namespace" : "name"
            let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {\(field): \(word), \(other): a}\n"
            #expect(
                Self.words { try ManifestFiles.parse(text, file: "f") }
                    == "f, document 1: metadata.\(field) is \(kind); quote it")
            let quoted = text.replacing(": \(word)", with: ": '\(word)'")
            #expect(Self.words { try ManifestFiles.parse(quoted, file: "f") } == "no error")
        }
        let empty = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: null}\n"
        #expect(try ManifestFiles.parse(empty, file: "f").map(\.reference.namespace) == ["default"])
    }

    @Test(arguments: ["a: [1", "a: 1\n b: 2\n", "- *nowhere\n", "\u{0}", "kind: Pod\n"])
    func aDocumentThatCannotBeReadIsAnErrorAfterAGoodOneToo(text: String) {
        #expect(throws: (any Error).self) { try ManifestFiles.parse(text, file: "f") }
        #expect(throws: (any Error).self) { try ManifestFiles.parse(Self.good + "---\n" + text, file: "f") }
    }
}
