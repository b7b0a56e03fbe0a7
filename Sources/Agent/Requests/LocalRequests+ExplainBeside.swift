import DaemonAPI
import Informers
import JSONText
import KubeObjects
import NetTypes
import PolicyCompiler
import ServiceCompiler

/// What `explain` tells beside the answer, and in place of it.
extension LocalRequests {
    /// What the same question is answered over the family that was not asked.
    func otherFamily(
        _ flow: PolicyEvaluator.Flow, _ answer: PolicyEvaluator.Answer, _ evaluator: PolicyEvaluator, _ source: String,
        _ transport: TransportProtocol
    ) -> JSONValue {
        let other = evaluator.judge(flow)
        let option = transport == .tcp ? "" : " --protocol \(transport.kubernetesName)"
        return [
            "family": .string(flow.destination.address.family.kubernetesName),
            "verdict": .string(other.isAllowed ? "allow" : "drop"),
            "differs": .bool(other.isAllowed != answer.isAllowed),
            "command": .string(
                "martlet explain \(source) '\(ExplainedEnd.text(flow.destination.address, flow.port))'\(option)"),
        ]
    }

    /// What the policies that are dry runs would make of the flow; null where that is the same, or none is one.
    func dryRun(
        _ flow: PolicyEvaluator.Flow, _ answer: PolicyEvaluator.Answer, _ evaluator: PolicyEvaluator,
        _ snapshot: ClusterSnapshot
    ) -> JSONValue {
        let tried = snapshot.networkPolicies.items.filter(\.metadata.isDryRun)
        let triedCluster = snapshot.clusterNetworkPolicies.items.filter(\.metadata.isDryRun)
        if tried.isEmpty, triedCluster.isEmpty { return .null }
        let other = evaluator.adding(Array(tried), Array(triedCluster))
        let verdict = other.judge(flow)
        if verdict.isAllowed == answer.isAllowed { return .null }
        return [
            "verdict": .string(verdict.isAllowed ? "allow" : "drop"),
            "egress": .string(other.text(verdict.egress.decision)),
            "ingress": .string(other.text(verdict.ingress.decision)),
        ]
    }

    /// Policy is asked after translation, and what no Service has is dropped before: says what to ask in its place.
    func refuseService(
        _ address: IPAddress, _ port: JSONValue?, _ transport: TransportProtocol, from source: String
    ) async throws(DaemonError) {
        let frontends = await engine.frontends(at: address)
        let dialled = frontends[Frontend(address, port.flatMap(Self.number) ?? 0, transport)]
        // A node has other ports than those of Services.
        if dialled != nil || !frontends.isEmpty && !configuration.nodeAddresses.contains(address) {
            var targets: [String] = []
            for backend in dialled?.backends ?? [] {
                let pod = await engine.pod(at: backend.address)
                targets.append(pod.map { "\($0):\(backend.port)" } ?? "\(backend)")
            }
            throw ExplainedService(frontends: frontends, address: address, port: port, transport: transport)
                .refusal(source: source, targets: targets)
        }
        guard let block = configuration.serviceCIDRs.first(where: { $0.contains(address) }) else { return }
        throw DaemonError(
            .decodingFailure,
            "\(address) is in the range of Services \(block), and no Service has it: the node refuses the packet as "
                + "no-service before any policy is asked")
    }
}
