package import JSONText

/// What the API says it serves: aggregated discovery (`apidiscovery.k8s.io`) and the older lists.
package struct DiscoveryDocuments: Sendable {
    private let registry: ResourceRegistry

    package init(_ registry: ResourceRegistry = .builtin) { self.registry = registry }

    // MARK: Aggregated

    /// `APIGroupDiscoveryList` for `/api` (core) or `/apis` (all others); `version` is `v2` or `v2beta1`.
    package func aggregated(core: Bool, version: String) -> JSONValue {
        let groups = registry.groups.filter { $0.name.isEmpty == core }
        return [
            "kind": "APIGroupDiscoveryList", "apiVersion": .string("apidiscovery.k8s.io/\(version)"),
            "metadata": .object([:]), "items": .array(groups.map { aggregatedGroup($0.name, $0.versions) }),
        ]
    }

    private func aggregatedGroup(_ name: String, _ versions: [String]) -> JSONValue {
        let items: [JSONValue] = versions.map { version in
            let resources = registry.resources(group: name, version: version)
            return [
                "version": .string(version), "resources": .array(resources.map(aggregatedResource)),
                "freshness": "Current",
            ]
        }
        let metadata: JSONValue = name.isEmpty ? .object([:]) : ["name": .string(name)]
        return ["metadata": metadata, "versions": .array(items)]
    }

    private static func kind(_ kind: GroupVersionKind) -> JSONValue {
        ["group": .string(kind.group), "version": .string(kind.version), "kind": .string(kind.kind)]
    }

    private static func texts(_ texts: [String]) -> JSONValue { .array(texts.map { .string($0) }) }

    private func aggregatedResource(_ resource: ResourceDefinition) -> JSONValue {
        var entry: [String: JSONValue] = [
            "resource": .string(resource.plural), "responseKind": Self.kind(resource.kind),
            "scope": resource.isNamespaced ? "Namespaced" : "Cluster",
            "singularResource": .string(resource.singular), "verbs": Self.texts(resource.verbs.map(\.rawValue)),
        ]
        if !resource.shortNames.isEmpty { entry["shortNames"] = Self.texts(resource.shortNames) }
        if !resource.categories.isEmpty { entry["categories"] = Self.texts(resource.categories) }
        if !resource.subresources.isEmpty {
            entry["subresources"] = .array(
                resource.subresources.map { part in
                    [
                        "subresource": .string(part.name), "responseKind": Self.kind(part.kind),
                        "verbs": Self.texts(part.verbs.map(\.rawValue)),
                    ]
                })
        }
        return .object(entry)
    }

    // MARK: Lists of old

    /// `/api`
    package func coreVersions(serverAddress: String) -> JSONValue {
        [
            "kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [["clientCIDR": "0.0.0.0/0", "serverAddress": .string(serverAddress)]],
        ]
    }

    /// `/apis`
    package var groupList: JSONValue {
        let groups = registry.groups.filter { !$0.name.isEmpty }.map { group($0.name, $0.versions) }
        return ["kind": "APIGroupList", "apiVersion": "v1", "groups": .array(groups)]
    }

    private func group(_ name: String, _ versions: [String]) -> JSONValue {
        let list: [JSONValue] = versions.map {
            ["groupVersion": .string("\(name)/\($0)"), "version": .string($0)]
        }
        return ["name": .string(name), "versions": .array(list), "preferredVersion": list.first ?? .null]
    }

    /// `/apis/GROUP`; nil where the group is not served.
    package func group(_ name: String) -> JSONValue? {
        guard let found = registry.groups.first(where: { $0.name == name && !name.isEmpty }) else { return nil }
        guard case .object(var members) = group(found.name, found.versions) else { return nil }
        members["kind"] = "APIGroup"
        members["apiVersion"] = "v1"
        return .object(members)
    }

    /// `/api/v1` or `/apis/GROUP/VERSION`; nil where it is not served.
    package func resourceList(group: String, version: String) -> JSONValue? {
        let resources = registry.resources(group: group, version: version)
        guard !resources.isEmpty else { return nil }
        var entries: [JSONValue] = []
        for resource in resources {
            entries.append(listed(resource))
            for part in resource.subresources { entries.append(listed(part, of: resource)) }
        }
        let groupVersion = group.isEmpty ? version : "\(group)/\(version)"
        var list: [String: JSONValue] = [
            "kind": "APIResourceList", "groupVersion": .string(groupVersion), "resources": .array(entries),
        ]
        if !group.isEmpty { list["apiVersion"] = "v1" }
        return .object(list)
    }

    private func listed(_ resource: ResourceDefinition) -> JSONValue {
        var entry: [String: JSONValue] = [
            "name": .string(resource.plural), "singularName": .string(resource.singular),
            "namespaced": .bool(resource.isNamespaced), "kind": .string(resource.kind.kind),
            "verbs": Self.texts(resource.verbs.map(\.rawValue)),
        ]
        if !resource.shortNames.isEmpty { entry["shortNames"] = Self.texts(resource.shortNames) }
        if !resource.categories.isEmpty { entry["categories"] = Self.texts(resource.categories) }
        return .object(entry)
    }

    private func listed(_ part: Subresource, of resource: ResourceDefinition) -> JSONValue {
        var entry: [String: JSONValue] = [
            "name": .string("\(resource.plural)/\(part.name)"), "singularName": "",
            "namespaced": .bool(resource.isNamespaced), "kind": .string(part.kind.kind),
            "verbs": Self.texts(part.verbs.map(\.rawValue)),
        ]
        if part.kind.group != resource.group || part.kind.version != resource.version {
            entry["group"] = .string(part.kind.group)
            entry["version"] = .string(part.kind.version)
        }
        return .object(entry)
    }
}
