import APIMachinery
import JSONText
import Store
import Synchronization

/// Writes that are made one after the other and committed together. Later ones see namespaces and ServiceAccounts of
/// earlier ones; nobody else sees anything before the commit.
///
/// Belongs to one request.
final class TransactionScope: Sendable {
    struct Staged: Sendable {
        let context: RequestContext
        let old: JSONValue?
        let new: JSONValue
    }

    private struct State {
        var operations: [StoreOperation] = []
        var checked: Set<String> = []
        var writes: [ProposedWrite] = []
        var staged: [String: Staged] = [:]
    }

    private let state = Mutex(State())

    /// Every key stands once: puts and deletes, and conditions on keys that nothing here writes.
    var operations: [StoreOperation] {
        state.withLock { state in
            state.operations.filter { operation in
                if case .check(let key, _) = operation { return state.staged[key] == nil }
                return true
            }
        }
    }

    var writes: [ProposedWrite] { state.withLock { $0.writes } }
    var staged: [Staged] { state.withLock { Array($0.staged.values) } }

    func staged(_ storage: String, _ key: String) -> JSONValue? {
        state.withLock { $0.staged["\(storage)/\(key)"]?.new }
    }

    /// Takes a write for whoever judges in commit order.
    func add(_ write: ProposedWrite) { state.withLock { $0.writes.append(write) } }

    /// - Throws: where the object is written for the second time.
    func stage(
        _ object: JSONValue, _ operations: [StoreOperation], _ context: RequestContext, replacing old: JSONValue? = nil
    ) throws(APIStatus) {
        let key = "\(context.storage)/\(context.key(object.name))"
        try state.withLock { (state) throws(APIStatus) in
            guard state.staged[key] == nil else {
                throw .badRequest("\(context.kind.plural) \"\(object.name)\" stands twice in the transaction")
            }
            state.staged[key] = Staged(context: context, old: old, new: object)
            for operation in operations {
                if case .check(let key, _) = operation, !state.checked.insert(key).inserted { continue }
                state.operations.append(operation)
            }
        }
    }
}
