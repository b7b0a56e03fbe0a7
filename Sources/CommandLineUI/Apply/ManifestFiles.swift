package import APIClient
import FoundationEssentials
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

/// Reads objects from YAML files, in the order of their names. A List stands for its items.
package enum ManifestFiles {
    package static func read(_ paths: [String]) throws -> [ManifestDocument] {
        try paths.flatMap { path -> [ManifestDocument] in
            try expand(path).flatMap { file in
                guard let data = FileManager.default.contents(atPath: file) else {
                    throw ManifestError(description: "\(file) cannot be read")
                }
                do {
                    return try parse(String(decoding: data, as: UTF8.self), file: file)
                } catch let error as ManifestError {
                    throw error
                } catch {
                    throw ManifestError(description: "\(file) is no YAML: \(error)")
                }
            }
        }
    }

    private static func expand(_ path: String) throws -> [String] {
        var isFolder = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw ManifestError(description: "\(path) is not there")
        }
        guard isFolder else { return [path] }
        let names = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
        return names.filter { $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") }.map { "\(path)/\($0)" }
    }

    package static func parse(_ text: String, file: String) throws -> [ManifestDocument] {
        var documents: [ManifestDocument] = []
        for body in try YAMLReader.parseAll(text).flatMap(items) {
            let source = "\(file), document \(documents.count + 1)"
            guard let apiVersion = body["apiVersion"]?.string, let kind = body["kind"]?.string,
                let name = body[path: "metadata", "name"]?.string
            else { throw ManifestError(description: "\(source): apiVersion, kind and metadata.name are required") }
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

    /// The objects of a list of any kind, or the object itself. What an item of a `NetworkPolicyList` leaves out, the
    /// list says.
    private static func items(_ body: JSONValue) -> [JSONValue] {
        guard let kind = body["kind"]?.string, kind.hasSuffix("List"), body[path: "metadata", "name"] == nil,
            let items = body["items"]
        else { return [body] }
        return (items.array ?? []).flatMap { item in
            var item = item
            if kind != "List", item["kind"] == nil { item["kind"] = .string(String(kind.dropLast("List".count))) }
            if kind != "List", item["apiVersion"] == nil { item["apiVersion"] = body["apiVersion"] }
            return Self.items(item)
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
