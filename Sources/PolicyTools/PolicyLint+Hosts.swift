import KubeObjects
import NetTypes

/// Selectors that mean pods of the host network: they are the node, and no policy knows them.
extension PolicyLint {
    /// Of what a policy selects.
    /// - Parameter isAll: it selects no other pods.
    /// - Returns: whether something was said.
    func ofHostNetwork<Entry>(_ hosts: [Pod], isAll: Bool, _ field: String, _ report: inout Report<Entry>) -> Bool {
        if hosts.isEmpty { return false }
        report.add(
            isAll ? .warning : .note, .hostNetwork, field,
            (isAll ? "all that it selects are pods of the host network" : "it selects pods of the host network too")
                + " (\(Self.names(hosts))): they are the node, and no policy is enforced on them",
            "give them a network of their own (hostNetwork: false), or close their ports on the node itself")
        return true
    }

    /// Of what a peer means, which is nothing else.
    /// - Parameter remedy: the peer that would find them.
    /// - Returns: whether something was said.
    func peersOfHostNetwork<Entry>(
        _ hosts: [Pod], _ remedy: String, _ field: String, _ report: inout Report<Entry>
    ) -> Bool {
        if hosts.isEmpty { return false }
        report.add(
            .warning, .hostNetwork, field,
            "all that it means are pods of the host network (\(Self.names(hosts))): they have their node's address, "
                + "and no selector of pods finds them",
            "name \(remedy); a pod and its own node always reach each other")
        return true
    }

    private static func names(_ pods: [Pod]) -> String {
        pods.prefix(3).map { "\($0.key)" }.joined(separator: ", ") + (pods.count > 3 ? ", …" : "")
    }
}
