import BPFRuntime
import CMartletABI
import DaemonAPI
import Informers
import JSONText
import KubeObjects
import MapLayout
import NetTypes
import PolicyCompiler

/// `explain`: the evaluator's answer from the objects beside the kernel's from its maps.
extension LocalRequests {
    /// Parameters: `source` and `destination` (`NAMESPACE/POD` or an address), `port` (a number, or a name of the pod
    /// at the destination), `protocol` (TCP where absent).
    func explain(_ params: JSONValue) async throws -> JSONValue {
        let snapshot = informers.snapshot()
        let source = try await end(params, "source", snapshot)
        let destination = try await end(params, "destination", snapshot, family: source.address.family)
        let name = params["protocol"]?.string ?? "TCP"
        guard let transport = TransportProtocol(kubernetesName: name) else {
            throw DaemonError(.decodingFailure, "protocol \(name) is not one of TCP, UDP, SCTP")
        }
        let port = try Self.port(params["port"], transport, at: destination)
        guard source.address.family == destination.address.family else {
            throw DaemonError(
                .decodingFailure, "\(source.address) and \(destination.address) are not of one address family")
        }
        if destination.pod == nil, let service = await engine.service(at: destination.address) {
            throw DaemonError(
                .decodingFailure,
                "\(destination.address) is of Service \(service): policy is asked about the pods behind it")
        }
        let namespaces = Dictionary(
            snapshot.namespaces.items.map { ($0.name, $0.metadata.labels) }, uniquingKeysWith: { $1 })
        let evaluator = PolicyEvaluator(
            namespaces: namespaces, policies: snapshot.networkPolicies.items.filter { !$0.metadata.isDryRun },
            clusterPolicies: snapshot.clusterNetworkPolicies.items.filter { !$0.metadata.isDryRun },
            nodes: Array(snapshot.nodes.items),
            podCIDRs: await engine.podCIDRs, nodeAddresses: configuration.nodeAddresses)
        let flow = PolicyEvaluator.Flow(
            source: source, destination: destination, transport: transport.rawValue, port: port)
        let answer = evaluator.judge(flow, explaining: true)
        var question = martlet_question()
        question.source = source.address.mapped
        question.destination = destination.address.mapped
        question.destination_port = port.bigEndian
        question.protocol = transport.rawValue
        let kernel = try datapath.explain(question)
        var result = await render(answer, kernel, source, destination, transport, port)
        result["changes"] = .array(evaluator.smallestChanges(flow).map(change))
        result["open"] = try await openFlows(source.address, destination.address, transport, port)
        return result
    }

    private func end(
        _ params: JSONValue, _ field: String, _ snapshot: ClusterSnapshot, family: IPFamily? = nil
    ) async throws -> PolicyEvaluator.End {
        guard let text = params[field]?.string else {
            throw DaemonError(.decodingFailure, "\(field) is to be NAMESPACE/POD or an address")
        }
        if let address = IPAddress(text) {
            let owner = await engine.pod(at: address)
            return PolicyEvaluator.End(address, pod: owner.flatMap { snapshot.pods[$0] })
        }
        let parts = text.split(separator: "/")
        guard let name = parts.last, parts.count <= 2 else {
            throw DaemonError(.decodingFailure, "\(field) \(text) is neither NAMESPACE/POD nor an address")
        }
        let key = ObjectKey(parts.count == 2 ? String(parts[0]) : "default", String(name))
        guard let pod = snapshot.pods[key] else { throw DaemonError(.notFound, "there is no pod \(key)") }
        let local = await engine.addresses(of: key)
        let addresses = local.isEmpty ? pod.addresses : local
        guard let address = addresses.first(where: { family == nil || $0.family == family }) ?? addresses.first else {
            throw DaemonError(.notFound, "pod \(key) has no address yet (phase \(pod.phase.rawValue))")
        }
        return PolicyEvaluator.End(address, pod: pod)
    }

    static func port(
        _ value: JSONValue?, _ transport: TransportProtocol, at destination: PolicyEvaluator.End
    ) throws(DaemonError) -> UInt16 {
        if let number = value?.integer.flatMap({ UInt16(exactly: $0) }), number > 0 { return number }
        guard let name = value?.string, !name.isEmpty else {
            throw DaemonError(.decodingFailure, "port is to be a number from 1 to 65535, or the name of one")
        }
        guard let pod = destination.pod else {
            throw DaemonError(
                .decodingFailure, "port \(name): \(destination.address) is no pod's address, so its ports have no names"
            )
        }
        if let number = pod.port(named: name, transport) { return number }
        let known = pod.ports.filter { !$0.name.isEmpty }.map {
            "\($0.name) (\($0.transport.kubernetesName) \($0.number))"
        }
        throw DaemonError(
            .notFound,
            "pod \(pod.key) has no \(transport.kubernetesName) port named \(name); "
                + (known.isEmpty ? "none of its ports has a name" : "there is \(known.joined(separator: ", "))"))
    }

    private func render(
        _ answer: PolicyEvaluator.Answer, _ kernel: martlet_question, _ source: PolicyEvaluator.End,
        _ destination: PolicyEvaluator.End, _ transport: TransportProtocol, _ port: UInt16
    ) async -> JSONValue {
        let allow = UInt8(MARTLET_ACTION_ALLOW.rawValue)
        let egress = kernel.egress_verdict == allow
        let ingress = kernel.ingress_verdict == allow
        let agrees =
            egress == answer.egress.decision.isAllowed && (ingress == answer.ingress.decision.isAllowed || !egress)
        return [
            "flow": [
                "source": side(source), "destination": side(destination),
                "protocol": .string(transport.kubernetesName), "port": .integer(Int64(port)),
            ],
            "verdict": .string(answer.isAllowed ? "allow" : "drop"),
            "agrees": .bool(agrees),
            "egress": judgement(answer.egress),
            "ingress": judgement(answer.ingress),
            "kernel": [
                "verdict": .string(egress && ingress ? "allow" : "drop"),
                "egress": await kernelSide(egress, kernel.egress_rule, kernel.egress_reason),
                "ingress": await kernelSide(ingress, kernel.ingress_rule, kernel.ingress_reason),
                "generation": .integer(Int64(kernel.generation)),
                "revision": await engine.revision(of: kernel.generation).map { .integer($0) } ?? .null,
            ],
        ]
    }

    private func side(_ end: PolicyEvaluator.End) -> JSONValue {
        ["address": .string(end.address.description), "pod": end.pod.map { .string($0.key.description) } ?? .null]
    }

    private func judgement(_ judgement: PolicyEvaluator.Judgement) -> JSONValue {
        let steps = judgement.steps.map { step -> JSONValue in
            [
                "policy": .string(step.policy.description), "kind": .string(step.tier.kind),
                "tier": .string(step.tier.apiName), "priority": step.priority.map { .integer(Int64($0)) } ?? .null,
                "name": .string(step.name), "action": step.action.map { .string($0.rawValue) } ?? .null,
                "rule": step.rule.map { .integer(Int64($0)) } ?? .null,
                "matched": .bool(step.matched), "reason": .string(step.reason),
            ]
        }
        return [
            "verdict": .string(judgement.decision.isAllowed ? "allow" : "drop"),
            "decision": .string(text(judgement.decision)), "steps": .array(steps),
        ]
    }

    private func change(_ change: PolicyEvaluator.Change) -> JSONValue {
        [
            "direction": .string(change.direction.rawValue), "text": .string(change.text),
            "decision": .string(text(change.decision)),
        ]
    }

    private func text(_ decision: PolicyEvaluator.Decision) -> String {
        switch decision {
        case .itself: "a pod always reaches itself"
        case .ownNode: "a pod and its own node always reach each other"
        case .notIsolated: "no policy decides in this direction"
        case .allowed(let policy, let rule): "allowed by \(name(policy)), rule \(rule)"
        case .denied(let policy, let rule): "denied by \(name(policy)), rule \(rule)"
        case .unknownPeer(let policy):
            "the peer has a pod's address and is not known, and \(name(policy)) denies or passes by pod"
        case .isolated(let policies):
            "isolated by \(policies.map(\.description).joined(separator: ", ")), and no rule lets it through"
        }
    }

    private func name(_ policy: ObjectKey) -> String {
        policy.namespace.isEmpty ? "ClusterNetworkPolicy \(policy)" : "\(policy)"
    }

    private func kernelSide(_ allowed: Bool, _ rule: UInt32, _ reason: UInt8) async -> JSONValue {
        [
            "verdict": .string(allowed ? "allow" : "drop"), "rule": await engine.ruleJSON(rule),
            "reason": .integer(Int64(reason)),
        ]
    }
}
