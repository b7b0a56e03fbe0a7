import APIClient

/// Where the objects stand that the refusal of a set names.
extension ManifestFiles {
    /// An object as a refusal names it.
    private struct Named: Hashable {
        let resource: String
        /// Empty where it is not said.
        let namespace: String
        let name: String

        init(_ resource: String, _ namespace: String, _ name: String) {
            self.resource = resource
            self.namespace = namespace
            self.name = name
        }

        init(_ object: ObjectReference, namespace: String) {
            self.init(object.resource.name, namespace, object.name)
        }
    }

    private static let placesMax = 4

    /// A refusal of a list made of these documents with the place in its stead where it begins with `items[N]`; else
    /// with the places of those that it is about, at most `placesMax`, after it: the object that it begins with, and
    /// policies, Services and pods that need room, take most of it or let a witness through. The pods of a witness are
    /// none of them.
    package static func located(_ message: String, in documents: [ManifestDocument]) -> String {
        if let item = message.prefixMatch(of: /items\[([0-9]+)\](?:: |\.)/), let number = Int(item.1),
            documents.indices.contains(number)
        {
            return "\(documents[number].source): \(message[item.range.upperBound...])"
        }
        let named = named(in: message)
        let whole = documents.filter { named.contains(Named($0.reference, namespace: $0.reference.namespace)) }
        let sure = Set(whole.map { Named($0.reference, namespace: "") })
        // By its name alone, where none of that name is named with its namespace.
        let found = documents.filter { document in
            let name = Named(document.reference, namespace: "")
            let isWhole = named.contains(Named(document.reference, namespace: document.reference.namespace))
            return isWhole || begins(message, with: document.reference) && !sure.contains(name)
        }
        if found.isEmpty { return message }
        let places = found.prefix(placesMax).map { "\(name(of: $0.reference)) at \($0.source)" }
        return "\(message); objects named in the message: "
            + (places + (found.count > placesMax ? ["…"] : [])).joined(separator: "; ")
    }

    private static func name(of object: ObjectReference) -> String {
        "\(object.resource.kind) " + (object.namespace.isEmpty ? "" : "\(object.namespace)/") + object.name
    }

    /// `RESOURCE.GROUP "NAME"`, as the API begins a refusal of one object.
    private static func begins(_ message: String, with object: ObjectReference) -> Bool {
        let resource = object.resource
        return message.hasPrefix(
            "\(resource.name)\(resource.group.isEmpty ? "" : ".\(resource.group)") \"\(object.name)\"")
    }

    /// What else a message names, told by the words around it: of an invariant the policies `by` whose rule a witness
    /// gets through; of a shortage Services and pods, of which it says so, and policies.
    private static func named(in message: String) -> Set<Named> {
        let words = message.split { !($0.isLetter || $0.isNumber || "-./".contains($0)) }.map(String.init)
        let isInvariant = words.contains("NetworkInvariant")
        var found: Set<Named> = []
        for (index, word) in words.enumerated() {
            let before = index > 0 ? words[index - 1] : ""
            let after = words[(index + 1)...].prefix(2)
            let parts = word.split(separator: "/").map(String.init)
            if isInvariant {
                guard before == "by", ["ingress", "egress"].contains(after.first) else { continue }
                if parts.count == 1 { found.insert(Named(clusterPolicies, "", word)) }
            }
            guard parts.count == 2 else { continue }
            let unit = after.last?.prefix { $0 != "." } ?? ""
            let resource =
                switch before {
                case "Service": "services"
                case "Pod": "pods"
                default: unit.hasPrefix("frontend") || unit.hasPrefix("backend") ? "services" : "networkpolicies"
                }
            let name = parts[1].hasSuffix(".") ? String(parts[1].dropLast()) : parts[1]
            found.insert(Named(resource, parts[0], name))
        }
        return found
    }

    private static let clusterPolicies = "clusternetworkpolicies"
}
