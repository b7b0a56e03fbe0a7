import APIMachinery
import JSONText

/// One request to one resource: everything that its handler needs to know.
struct RequestContext: Sendable {
    var request: APIRequest
    let info: RequestInfo
    let user: UserInfo
    let kind: ResourceDefinition
    /// What `Accept` asks for.
    let negotiation: Negotiation
    /// Where writes are staged instead of committed.
    var transaction: TransactionScope?

    /// Where the kind's objects lie in the cache and the store.
    var storage: String { kind.storageName }

    /// The object's key below its storage name.
    func key(_ name: String) -> String { kind.isNamespaced ? "\(info.namespace)/\(name)" : name }

    func notFound(_ name: String) -> APIStatus {
        .notFound(group: kind.group, resource: kind.plural, name: name)
    }

    func lostRace(_ name: String) -> APIStatus {
        .lostRace(group: kind.group, resource: kind.plural, name: name)
    }
}

extension ResourceDefinition {
    /// `core/pods`, `networking.k8s.io/networkpolicies`.
    var storageName: String { storage.contains("/") ? storage : "core/\(storage)" }
}

/// Names of storages that the server itself reads.
enum StorageName {
    static let namespaces = "core/namespaces"
    static let services = "core/services"
    static let serviceAccounts = "core/serviceaccounts"
    static let pods = "core/pods"
    static let nodes = "core/nodes"
    static let secrets = "core/secrets"
}
