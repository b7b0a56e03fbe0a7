/// What the API can do with a resource.
package enum Verb: String, Sendable, CaseIterable {
    case create, delete, deletecollection, get, list, patch, update, watch
}

package struct GroupVersionKind: Sendable, Hashable {
    package let group: String
    package let version: String
    package let kind: String

    package init(_ group: String, _ version: String, _ kind: String) {
        self.group = group
        self.version = version
        self.kind = kind
    }

    /// `v1`, or `group/version`.
    package var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }
}

/// A part of an object with a path of its own, such as `status`, or an action, such as `binding`.
package struct Subresource: Sendable, Hashable {
    package let name: String
    /// What is read or posted there.
    package let kind: GroupVersionKind
    /// Empty for connections (`exec`, `log`), which have `connects` or get only.
    package let verbs: [Verb]

    init(_ name: String, _ kind: GroupVersionKind, _ verbs: [Verb]) {
        self.name = name
        self.kind = kind
        self.verbs = verbs
    }
}

/// One resource as the API serves it. A new kind is an entry of `ResourceRegistry.builtin` and its `KindRules`.
package struct ResourceDefinition: Sendable {
    package let kind: GroupVersionKind
    /// Plural, lower case: `pods`.
    package let plural: String
    package let singular: String
    package let isNamespaced: Bool
    package let verbs: [Verb]
    package let shortNames: [String]
    package let categories: [String]
    package let subresources: [Subresource]
    /// Index into `Schema.builtin`.
    package let type: Int
    package let rules: any KindRules.Type
    /// The resource under whose name objects are kept: another one where two groups show the same objects (Events).
    package let storage: String

    package var group: String { kind.group }
    package var version: String { kind.version }
    package var apiVersion: String { kind.apiVersion }
    /// The group that refusals of an object name: where it is kept.
    package var statusGroup: String { storage == plural ? "" : group }
    package var listKind: String { kind.kind + "List" }
    /// Nothing is kept: a post is answered at once (reviews).
    package var isVirtual: Bool { verbs == [.create] }

    package func subresource(_ name: String) -> Subresource? { subresources.first { $0.name == name } }
}

/// All resources by group, version and plural.
package struct ResourceRegistry: Sendable {
    /// In the order of discovery.
    package let resources: [ResourceDefinition]
    private let byPath: [String: Int]

    init(_ resources: [ResourceDefinition]) {
        self.resources = resources
        byPath = Dictionary(
            uniqueKeysWithValues: resources.enumerated().map { ("\($1.apiVersion)/\($1.plural)", $0) })
    }

    package func resource(group: String, version: String, plural: String) -> ResourceDefinition? {
        let apiVersion = group.isEmpty ? version : "\(group)/\(version)"
        return byPath["\(apiVersion)/\(plural)"].map { resources[$0] }
    }

    package func resource(kind: GroupVersionKind) -> ResourceDefinition? {
        resources.first { $0.kind == kind }
    }

    /// Each group with its versions, in the order of discovery; the core group is empty.
    package var groups: [(name: String, versions: [String])] {
        var groups: [(name: String, versions: [String])] = []
        for resource in resources {
            if let index = groups.firstIndex(where: { $0.name == resource.group }) {
                if !groups[index].versions.contains(resource.version) {
                    groups[index].versions.append(resource.version)
                }
            } else {
                groups.append((resource.group, [resource.version]))
            }
        }
        return groups
    }

    package func resources(group: String, version: String) -> [ResourceDefinition] {
        resources.filter { $0.group == group && $0.version == version }
    }
}
