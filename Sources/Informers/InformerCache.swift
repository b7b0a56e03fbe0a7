package import KubeObjects

/// Projections by namespace and name, as of one place in the watch stream. A copy is cheap, and a change after it
/// copies one namespace.
package struct InformerCache<Item: Sendable>: Sendable {
    struct Entry: Sendable {
        let item: Item
        let resourceVersion: String
    }

    private var namespaces: [String: [String: Entry]] = [:]
    package private(set) var count = 0
    /// Objects that the projection refused, and why. They are not among the items.
    package private(set) var faults: [ObjectKey: String] = [:]
    /// The newest revision that the cache reflects; empty before the first list.
    package internal(set) var resourceVersion = ""

    package subscript(key: ObjectKey) -> Item? { namespaces[key.namespace]?[key.name]?.item }

    package var items: some Sequence<Item> { namespaces.values.lazy.joined().map(\.value.item) }

    package func items(in namespace: String) -> [Item] { namespaces[namespace]?.values.map(\.item) ?? [] }

    package var keys: [ObjectKey] {
        namespaces.flatMap { namespace, entries in entries.keys.map { ObjectKey(namespace, $0) } }
    }

    func resourceVersion(of key: ObjectKey) -> String? { namespaces[key.namespace]?[key.name]?.resourceVersion }

    mutating func put(_ key: ObjectKey, _ item: Item, resourceVersion: String) {
        faults[key] = nil
        let entry = Entry(item: item, resourceVersion: resourceVersion)
        if namespaces[key.namespace, default: [:]].updateValue(entry, forKey: key.name) == nil { count += 1 }
    }

    mutating func remove(_ key: ObjectKey) {
        faults[key] = nil
        guard namespaces[key.namespace]?.removeValue(forKey: key.name) != nil else { return }
        count -= 1
        if namespaces[key.namespace]?.isEmpty == true { namespaces[key.namespace] = nil }
    }

    mutating func refuse(_ key: ObjectKey, _ reason: String) {
        remove(key)
        faults[key] = reason
    }
}
