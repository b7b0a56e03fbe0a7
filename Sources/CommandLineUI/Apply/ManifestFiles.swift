package import APIClient
import FoundationEssentials
import Glibc
package import JSONText
import YAMLText

/// One object of a YAML file.
package struct ManifestDocument: Sendable {
    package let reference: ObjectReference
    package let body: JSONValue
    /// File and number of the document, for errors.
    package let source: String
}

package struct ManifestError: Error, CustomStringConvertible, Sendable {
    package let description: String
}

/// Reads objects from YAML and JSON files, in the order of their names. A List stands for its items.
package enum ManifestFiles {
    /// Of one file: what is larger was not written by hand.
    static let bytesMax = 64 << 20
    private static let endings = [".yaml", ".yml", ".json"]

    /// Of each path, a file, a folder or `-` (standard input), at least one document is required: what is empty is not
    /// what was meant.
    package static func read(_ paths: [String]) throws -> [ManifestDocument] {
        try paths.flatMap { path -> [ManifestDocument] in
            let files = try expand(path)
            let values = try files.map { ($0, try documents(of: $0)) }
            if values.allSatisfy(\.1.isEmpty) {
                throw ManifestError(
                    description: files.isEmpty
                        ? "\(path) has no file that ends with \(endings.joined(separator: ", ")): name another folder"
                        : "\(path) is empty: name a file with objects")
            }
            return try values.flatMap { try objects($1, file: $0) }
        }
    }

    private static func expand(_ path: String) throws -> [String] {
        if path == "-" { return ["/dev/stdin"] }
        var isFolder = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw ManifestError(description: "\(path) is not there: name a file or a folder, or - for standard input")
        }
        guard isFolder else { return [path] }
        let names = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
        return names.filter { name in endings.contains { name.hasSuffix($0) } }.map { "\(path)/\($0)" }
    }

    private static func documents(of file: String) throws -> [JSONValue] {
        guard let text = String(validating: try bytes(of: file), as: UTF8.self), !text.unicodeScalars.contains("\0")
        else {
            throw ManifestError(description: "\(file) is no text: a YAML or JSON file is wanted")
        }
        return try documents(in: text, file: file)
    }

    /// Of a file, a pipe or a device.
    private static func bytes(of path: String) throws -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw ManifestError(description: "open \(path): \(String(cString: strerror(errno)))") }
        defer { close(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(file, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                throw ManifestError(description: "read \(path): \(String(cString: strerror(errno)))")
            }
            if count == 0 { return bytes }
            bytes += chunk[..<count]
            guard bytes.count <= bytesMax else {
                throw ManifestError(description: "\(path) has more than \(bytesMax >> 20) MiB: split it")
            }
        }
    }

    private static func documents(in text: String, file: String) throws -> [JSONValue] {
        do {
            return try YAMLReader.parseAll(text)
        } catch {
            throw ManifestError(description: "\(file) is no YAML: \(error)")
        }
    }

    package static func parse(_ text: String, file: String) throws -> [ManifestDocument] {
        try objects(documents(in: text, file: file), file: file)
    }

    private static func objects(_ values: [JSONValue], file: String) throws -> [ManifestDocument] {
        var documents: [ManifestDocument] = []
        for body in try values.flatMap({ try items($0, file: file) }) {
            let source = "\(file), document \(documents.count + 1)"
            if let fault = unquoted(in: body) { throw ManifestError(description: "\(source): \(fault)") }
            guard let apiVersion = body["apiVersion"]?.string, let kind = body["kind"]?.string,
                let name = body[path: "metadata", "name"]?.string
            else { throw ManifestError(description: "\(source): \(missing(in: body))") }
            let resource = KindNames.resource(apiVersion: apiVersion, kind: kind)
            let namespace = body[path: "metadata", "namespace"]?.string ?? "default"
            documents.append(
                ManifestDocument(
                    reference: ObjectReference(
                        resource, namespace: resource.isNamespaced ? namespace : "", name: name),
                    body: body, source: source))
        }
        return documents
    }

    /// A name that YAML reads as something else: `n` and `no` are booleans, `123` is a number.
    private static func unquoted(in body: JSONValue) -> String? {
        for field in ["name", "namespace"] {
            guard let value = body[path: "metadata", field], !value.isNull, value.string == nil else { continue }
            return "metadata.\(field) is \(value.kindText); quote it"
        }
        return nil
    }

    /// What keeps a document from being an object.
    private static func missing(in body: JSONValue) -> String {
        guard body.object != nil else { return "is no object: apiVersion, kind and metadata.name are required" }
        let fields = [["apiVersion"], ["kind"], ["metadata", "name"]].filter { field in
            field.reduce(body) { $0?[$1] }?.string == nil
        }
        return "needs \(fields.map { $0.joined(separator: ".") }.joined(separator: " and "))"
    }

    /// The objects of a list of any kind, or the object itself. What an item of a `NetworkPolicyList` leaves out, the
    /// list says.
    private static func items(_ body: JSONValue, file: String) throws -> [JSONValue] {
        guard let kind = body["kind"]?.string, kind.hasSuffix("List"), body[path: "metadata", "name"] == nil,
            let items = body["items"]
        else { return [body] }
        guard items.isNull || items.array != nil else {
            throw ManifestError(description: "\(file): items of a \(kind) is no list: write the objects as - entries")
        }
        return try (items.array ?? []).flatMap { item in
            var item = item
            if kind != "List", item["kind"] == nil { item["kind"] = .string(String(kind.dropLast("List".count))) }
            if kind != "List", item["apiVersion"] == nil { item["apiVersion"] = body["apiVersion"] }
            return try Self.items(item, file: file)
        }
    }
}

/// Plural names and scopes by kind: the API's own convention, and the few kinds without namespace.
enum KindNames {
    private static let withoutNamespace: Set<String> = [
        "Namespace", "Node", "ClusterRole", "ClusterRoleBinding", "ClusterNetworkPolicy", "NetworkInvariant",
        "NodeDataplane",
    ]

    static func resource(apiVersion: String, kind: String) -> APIResource {
        let parts = apiVersion.split(separator: "/").map(String.init)
        return APIResource(
            group: parts.count == 2 ? parts[0] : "", version: parts.last ?? "", name: plural(kind), kind: kind,
            isNamespaced: !withoutNamespace.contains(kind))
    }

    static func plural(_ kind: String) -> String {
        let name = kind.lowercased()
        if name == "endpoints" { return name }
        if name.hasSuffix("y"), let before = name.dropLast().last, !"aeiou".contains(before) {
            return name.dropLast() + "ies"
        }
        return name.hasSuffix("s") ? name + "es" : name + "s"
    }
}
