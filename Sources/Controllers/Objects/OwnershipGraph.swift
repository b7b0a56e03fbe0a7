import APIClient
import JSONText
import KubeObjects

/// What garbage collection keeps of an object.
struct OwnedObject: Hashable, Sendable {
    struct Owner: Hashable, Sendable {
        let apiVersion: String
        let kind: String
        let name: String
        let uid: String
        let blocksDeletion: Bool
    }

    static let foregroundFinalizer = "foregroundDeletion"
    static let orphanFinalizer = "orphan"

    let uid: String
    let owners: [Owner]
    let isBeingDeleted: Bool
    let waitsForDependents: Bool
    let orphansDependents: Bool

    init(_ object: JSONValue) {
        uid = object.objectUID
        owners = (object[path: "metadata", "ownerReferences"]?.array ?? []).map { owner in
            Owner(
                apiVersion: owner["apiVersion"]?.string ?? "", kind: owner["kind"]?.string ?? "",
                name: owner["name"]?.string ?? "", uid: owner["uid"]?.string ?? "",
                blocksDeletion: owner["blockOwnerDeletion"]?.bool ?? false)
        }
        isBeingDeleted = object.isBeingDeleted
        let finalizers = object.finalizers
        waitsForDependents = isBeingDeleted && finalizers.contains(Self.foregroundFinalizer)
        orphansDependents = isBeingDeleted && finalizers.contains(Self.orphanFinalizer)
    }

    /// Whether there is anything to do or to watch for.
    var isOfInterest: Bool { !owners.isEmpty || waitsForDependents || orphansDependents }
}

/// Names an object of any kind.
struct OwnedKey: Hashable, Sendable, CustomStringConvertible {
    let resource: APIResource
    let key: ObjectKey

    var reference: ObjectReference { ObjectReference(resource, namespace: key.namespace, name: key.name) }
    var description: String { "\(resource.name) \(key)" }
}

/// Who is owned by whom, as the caches have it. Pure.
struct OwnershipGraph: Sendable {
    private var objects: [OwnedKey: OwnedObject] = [:]
    private var keys: [String: OwnedKey] = [:]
    private var dependents: [String: Set<OwnedKey>] = [:]

    /// Takes over what an object is now; nil where it is gone. Returns the objects that have to be looked at: itself,
    /// what it owns where it is gone or going, and its owners, which may wait for it.
    mutating func update(_ key: OwnedKey, _ object: OwnedObject?) -> Set<OwnedKey> {
        var concerned: Set<OwnedKey> = []
        let old = objects[key]
        if let old, old.uid != object?.uid {
            concerned.formUnion(dependents[old.uid] ?? [])
            keys[old.uid] = nil
        }
        for owner in old?.owners ?? [] {
            dependents[owner.uid]?.remove(key)
            if dependents[owner.uid]?.isEmpty == true { dependents[owner.uid] = nil }
        }
        for owner in Set((old?.owners ?? []) + (object?.owners ?? [])) {
            if let ownerKey = keys[owner.uid], objects[ownerKey]?.isBeingDeleted == true { concerned.insert(ownerKey) }
        }
        objects[key] = object
        guard let object else { return concerned }
        keys[object.uid] = key
        for owner in object.owners { dependents[owner.uid, default: []].insert(key) }
        if object.isOfInterest { concerned.insert(key) }
        return concerned
    }

    func object(_ key: OwnedKey) -> OwnedObject? { objects[key] }

    func isPresent(uid: String) -> Bool { keys[uid] != nil }

    func dependents(of uid: String) -> [(key: OwnedKey, object: OwnedObject)] {
        (dependents[uid] ?? []).compactMap { key in objects[key].map { (key, $0) } }
    }

    var keysOfInterest: [OwnedKey] { objects.filter(\.value.isOfInterest).map(\.key) }
}
