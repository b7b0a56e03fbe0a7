import APIClient
import JSONText
import KubeObjects

/// The nodes that a `wait` is about, by their Node objects and what their NodeDataplanes say.
///
/// Every Ready node is waited for. This one has answered for itself before, whether or not the API calls it Ready; one
/// that is not Ready is named and not waited for.
struct WaitedNodes: Equatable {
    enum Subject: Equatable {
        case policy(ObjectReference)
        /// All objects up to a revision.
        case everything(upTo: Int64)
    }

    /// By name, this one among them.
    let waited: [String]
    let notReady: [String]
    /// Which of them do not report the revision, each with what it does report: `b (reports revision 41)`.
    private(set) var behind: [String] = []
    /// Why a node does not enforce what is asked about; nil where none says so.
    private(set) var refusal: String?

    /// - Parameters:
    ///   - revision: to be reached by all.
    ///   - subject: the policy whose version that is, or everything.
    ///   - own: this node's name.
    ///   - reports: all NodeDataplanes.
    init(_ revision: Int64, of subject: Subject, own: String, nodes: some Sequence<Node>, reports: [JSONValue]) {
        let others = nodes.filter { $0.name != own }
        let ready = others.filter(\.isReady).map(\.name).sorted()
        waited = (ready + [own]).sorted()
        notReady = others.filter { !$0.isReady }.map(\.name).sorted()
        for node in ready {
            guard let report = reports.first(where: { $0[path: "metadata", "name"]?.string == node })?["status"] else {
                behind.append("\(node) (no report)")
                continue
            }
            let reached = report["enforcedRevision"]?.integer ?? 0
            if refusal == nil, let reason = Self.refusal(of: subject, revision, reached, in: report) {
                refusal = "not enforced on node \(node): \(reason)"
            }
            if reached < revision {
                behind.append("\(node) (reports revision \(reached))")
            } else if let names = Self.unnamed(in: report) {
                behind.append("\(node) (\(names))")
            }
        }
    }

    /// Why a node's report says that it does not enforce what is asked about. While it lags it says so of one policy's
    /// version alone: what is missing of everything may be made good by what it has not reached yet.
    private static func refusal(of subject: Subject, _ revision: Int64, _ reached: Int64, in report: JSONValue)
        -> String?
    {
        let entries = report["notEnforced"]?.array ?? []
        switch subject {
        case .policy(let policy):
            let entry = entries.first { entry in
                entry["kind"]?.string == policy.resource.kind && entry["name"]?.string == policy.name
                    && entry["namespace"]?.string ?? "" == policy.namespace
                    && Int64(entry["resourceVersion"]?.string ?? "") ?? 0 >= revision
            }
            return entry?["message"]?.string
        case .everything(let last):
            guard reached >= revision else { return nil }
            let missing = entries.filter { NotEnforced.isMissing($0["resourceVersion"]?.string ?? "", upTo: last) }
            return missing.first.map { NotEnforced.sentence($0, others: missing.count - 1) }
        }
    }

    /// A report has room for so many names: an object that is not among them may be missing all the same.
    private static func unnamed(in report: JSONValue) -> String? {
        let named = report["notEnforced"]?.array?.count ?? 0
        let count = Int(report["notEnforcedCount"]?.integer ?? 0)
        return count > named ? "names \(named) of \(count) objects that are not enforced" : nil
    }
}
