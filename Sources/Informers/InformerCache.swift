package import KubeObjects

/// Projections by namespace and name, as of one place in the watch stream. A copy is cheap, and a change after it
/// copies one namespace.
package struct InformerCache<Item: Sendable>: Sendable {
    /// A reference: tables have empty places, and a change copies a namespace's.
    private final class Entry: Sendable {
        let item: Item
        /// Empty where the item stands in for an object that cannot be read.
        let resourceVersion: String
        let since = ContinuousClock.now

        init(_ item: Item, resourceVersion: String) {
            self.item = item
            self.resourceVersion = resourceVersion
        }
    }

    /// A version of an object that the projection refused.
    package struct Fault: Hashable, Sendable {
        package let reason: String
        package let resourceVersion: String
    }

    package typealias Version = (item: Item, resourceVersion: String)

    private var namespaces: [String: [String: Entry]] = [:]
    package private(set) var count = 0
    /// Objects whose present version the projection refused, and why. The version before it stays among the items.
    package private(set) var faults: [ObjectKey: Fault] = [:]
    /// The newest revision that the cache reflects; empty before the first list.
    package internal(set) var resourceVersion = ""
    /// Up to which revision nothing of the kind is missing here; nil before the first list, or where the server's
    /// versions are no numbers.
    package internal(set) var progress: Int64?
    /// The newest revision at which an object of the kind changed, as far as is known.
    package internal(set) var lastChange: Int64?
    /// The newest revision that is known to have written several objects, of this kind or others.
    package internal(set) var together: Int64?

    package subscript(key: ObjectKey) -> Item? { namespaces[key.namespace]?[key.name]?.item }

    /// A closure, as a key path here would be made anew with each call.
    package var items: some Sequence<Item> { namespaces.values.lazy.joined().map { $0.value.item } }

    /// Those that have items.
    package var namespaceNames: [String] { Array(namespaces.keys) }

    package func items(in namespace: String) -> [Item] { namespaces[namespace]?.values.map { $0.item } ?? [] }

    package var keys: [ObjectKey] {
        namespaces.flatMap { namespace, entries in entries.keys.map { ObjectKey(namespace, $0) } }
    }

    /// Of the version that is among the items.
    package func resourceVersion(of key: ObjectKey) -> String? {
        namespaces[key.namespace]?[key.name]?.resourceVersion
    }

    /// When the version that is among the items came here.
    package func since(_ key: ObjectKey) -> ContinuousClock.Instant? { namespaces[key.namespace]?[key.name]?.since }

    mutating func put(_ key: ObjectKey, _ item: Item, resourceVersion: String) {
        faults[key] = nil
        set(key, item, resourceVersion)
    }

    private mutating func set(_ key: ObjectKey, _ item: Item, _ resourceVersion: String) {
        let entry = Entry(item, resourceVersion: resourceVersion)
        if namespaces[key.namespace, default: [:]].updateValue(entry, forKey: key.name) == nil { count += 1 }
    }

    mutating func remove(_ key: ObjectKey) {
        faults[key] = nil
        guard namespaces[key.namespace]?.removeValue(forKey: key.name) != nil else { return }
        count -= 1
        if namespaces[key.namespace]?.isEmpty == true { namespaces[key.namespace] = nil }
    }

    /// Nil where none is known.
    func lastGood(_ key: ObjectKey) -> Version? {
        guard let entry = namespaces[key.namespace]?[key.name], !entry.resourceVersion.isEmpty else { return nil }
        return (entry.item, entry.resourceVersion)
    }

    /// Keeps why a version cannot be read, and what holds in its place.
    mutating func refuse(_ key: ObjectKey, _ fault: Fault, instead: Version?) {
        if let instead {
            let stays = lastGood(key)?.resourceVersion == instead.resourceVersion
            if !stays { set(key, instead.item, instead.resourceVersion) }
        } else {
            remove(key)
        }
        faults[key] = fault
    }

    mutating func noteChange(_ version: String) {
        guard let revision = Int64(version) else { return }
        lastChange = max(lastChange ?? revision, revision)
    }

    mutating func noteTogether(_ revision: Int64?) {
        guard let revision else { return }
        together = max(together ?? revision, revision)
    }

    mutating func noteProgress(_ revision: Int64?) {
        guard let revision else { return }
        progress = max(progress ?? revision, revision)
    }
}
