import APIClient
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
    /// A change under way has reached the objects and not the kernel yet: what differs is asked again for this long
    /// before it is called a difference.
    private static let settlingMax = Duration.seconds(1)
    private static let settlingPause = Duration.milliseconds(20)

    /// What both said of a flow.
    private struct Explanation {
        let snapshot: ClusterSnapshot
        let evaluator: PolicyEvaluator
        let flow: PolicyEvaluator.Flow
        let answer: PolicyEvaluator.Answer
        let transport: TransportProtocol
        let sourceText: String
        /// The same flow over the other address family, where both ends have it.
        let otherFamily: PolicyEvaluator.Flow?
        let agrees: Bool
        let json: JSONValue
    }

    /// Parameters: `source` and `destination` (`NAMESPACE/POD` or an address), `port` (a number, or a name of the pod
    /// at the destination), `protocol` (TCP where absent). Over the family of the end that is an address; of two pods,
    /// over IPv4 where both have it. `agrees` in the answer: the kernel gives the evaluator's verdicts, by the same
    /// rules, in each direction that this node judges.
    func explain(_ params: JSONValue) async throws -> JSONValue {
        let deadline = ContinuousClock.now + Self.settlingMax
        var found = try await askBoth(params)
        while !found.agrees, ContinuousClock.now < deadline {
            try await Task.sleep(for: Self.settlingPause)
            found = try await askBoth(params)
        }
        let (flow, evaluator) = (found.flow, found.evaluator)
        var result = found.json
        let changes = evaluator.smallestChanges(flow, among: found.snapshot.pods.items)
        result["changes"] = .array(changes.map { change($0, evaluator) })
        result["dryRun"] = dryRun(flow, found.answer, evaluator, found.snapshot)
        if let other = found.otherFamily {
            result["otherFamily"] = otherFamily(other, found.answer, evaluator, found.sourceText, found.transport)
        }
        result["open"] = try await openFlows(
            flow.source.address, flow.destination.address, found.transport, flow.port)
        return result
    }

    private func askBoth(_ params: JSONValue) async throws -> Explanation {
        let snapshot = informers.snapshot()
        let name = params["protocol"]?.string ?? "TCP"
        guard let transport = TransportProtocol(kubernetesName: name) else {
            throw DaemonError(.decodingFailure, "protocol \(name) is not one of TCP, UDP, SCTP")
        }
        let ends = [try await end(params, "source", snapshot), try await end(params, "destination", snapshot)]
        let families = try ExplainedEnd.families(ends[0], ends[1])
        let (source, destination) = (try ends[0].end(families[0]), try ends[1].end(families[0]))
        if destination.pod == nil {
            try await refuseService(destination.address, params["port"], transport, from: ends[0].text)
        }
        let port = try Self.port(params["port"], transport, at: destination)
        let evaluator = await engine.policy.inForce(
            self.evaluator(snapshot), ends: [source, destination].compactMap { $0.pod?.key })
        let flow = PolicyEvaluator.Flow(
            source: source, destination: destination, transport: transport.rawValue, port: port)
        let answer = evaluator.judge(flow, explaining: true)
        var question = martlet_question()
        question.source = source.address.mapped
        question.destination = destination.address.mapped
        question.destination_port = port.bigEndian
        question.protocol = transport.rawValue
        let kernel = try datapath.explain(question)
        let (agrees, json) = await render(evaluator, answer, kernel, flow, transport)
        var other: PolicyEvaluator.Flow?
        if families.count > 1 {
            other = PolicyEvaluator.Flow(
                source: try ends[0].end(families[1]), destination: try ends[1].end(families[1]),
                transport: transport.rawValue, port: port)
        }
        return Explanation(
            snapshot: snapshot, evaluator: evaluator, flow: flow, answer: answer, transport: transport,
            sourceText: ends[0].text, otherFamily: other, agrees: agrees, json: json)
    }

    /// Of the objects, where one that cannot be read has its last good version, or its stand-in.
    private func evaluator(_ snapshot: ClusterSnapshot) async -> PolicyEvaluator {
        let namespaces = Dictionary(
            snapshot.namespaces.items.map { ($0.name, $0.metadata.labels) }, uniquingKeysWith: { $1 })
        var evaluator = PolicyEvaluator(
            namespaces: namespaces, policies: snapshot.networkPolicies.items.filter { !$0.metadata.isDryRun },
            clusterPolicies: snapshot.clusterNetworkPolicies.items.filter { !$0.metadata.isDryRun },
            nodes: Array(snapshot.nodes.items),
            podCIDRs: await engine.podCIDRs, nodeAddresses: configuration.nodeAddresses)
        for fault in snapshot.faults
        where fault.resource == .networkPolicies || fault.resource == .clusterNetworkPolicies {
            evaluator.standIns[fault.key] = PolicyEvaluator.StandIn(
                cause: .unreadable, reason: fault.reason, version: fault.lastGood)
        }
        return evaluator
    }

    private func end(
        _ params: JSONValue, _ field: String, _ snapshot: ClusterSnapshot
    ) async throws -> ExplainedEnd {
        guard let text = params[field]?.string else {
            throw DaemonError(.decodingFailure, "\(field) is to be NAMESPACE/POD or an address")
        }
        if let address = IPAddress(text) {
            let owner = await engine.pod(at: address)
            let pod = owner.flatMap { snapshot.pods[$0] }
            return ExplainedEnd(text: text, addresses: [address], pod: pod, isNamed: false)
        }
        let parts = text.split(separator: "/")
        guard let name = parts.last, parts.count <= 2 else {
            throw DaemonError(.decodingFailure, "\(field) \(text) is neither NAMESPACE/POD nor an address")
        }
        let key = ObjectKey(parts.count == 2 ? String(parts[0]) : "default", String(name))
        guard let pod = snapshot.pods[key] else { throw DaemonError(.notFound, "there is no pod \(key)") }
        let local = await engine.addresses(of: key)
        let addresses = local.isEmpty ? pod.addresses : local
        if addresses.isEmpty {
            throw DaemonError(.notFound, "pod \(key) has no address yet (phase \(pod.phase.rawValue))")
        }
        return ExplainedEnd(text: "\(key)", addresses: addresses, pod: pod, isNamed: true)
    }

    static func number(_ value: JSONValue) -> UInt16? {
        value.integer.flatMap { UInt16(exactly: $0) }.flatMap { $0 > 0 ? $0 : nil }
    }

    static func port(
        _ value: JSONValue?, _ transport: TransportProtocol, at destination: PolicyEvaluator.End
    ) throws(DaemonError) -> UInt16 {
        if let number = value.flatMap(number) { return number }
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
        _ evaluator: PolicyEvaluator, _ answer: PolicyEvaluator.Answer, _ kernel: martlet_question,
        _ flow: PolicyEvaluator.Flow, _ transport: TransportProtocol
    ) async -> (agrees: Bool, json: JSONValue) {
        let egress = KernelSide(kernel.egress_verdict, kernel.egress_rule, kernel.egress_reason)
        let ingress = KernelSide(kernel.ingress_verdict, kernel.ingress_rule, kernel.ingress_reason)
        var agrees = true
        for (direction, end, side, decision) in [
            (RuleInfo.Direction.egress, flow.source, egress, answer.egress.decision),
            (.ingress, flow.destination, ingress, answer.ingress.decision),
        ] where node(judging: end) == nil {
            agrees = await engine.agrees(side.verdict, with: decision, direction) && agrees
        }
        let json: JSONValue = [
            "flow": [
                "source": side(flow.source), "destination": side(flow.destination),
                "protocol": .string(transport.kubernetesName), "port": .integer(Int64(flow.port)),
            ],
            "verdict": .string(answer.isAllowed ? "allow" : "drop"),
            "agrees": .bool(agrees),
            "egress": judgement(answer.egress, evaluator),
            "ingress": judgement(answer.ingress, evaluator),
            "kernel": [
                "verdict": .string(egress.verdict.isAllowed && ingress.verdict.isAllowed ? "allow" : "drop"),
                "egress": await json(egress, at: flow.source),
                "ingress": await json(ingress, at: flow.destination),
                "generation": .integer(Int64(kernel.generation)),
                "revision": await engine.revision(of: kernel.generation).map { .integer($0) } ?? .null,
            ],
        ]
        return (agrees, json)
    }

    /// What the kernel says of one direction.
    private struct KernelSide {
        let verdict: PolicyMaps.Verdict
        let reason: UInt8

        init(_ action: UInt8, _ rule: UInt32, _ reason: UInt8) {
            verdict = PolicyMaps.Verdict(isAllowed: action == UInt8(MARTLET_ACTION_ALLOW.rawValue), ruleID: rule)
            self.reason = reason
        }
    }

    /// The other node that judges for a pod; this one's kernel lets what concerns it alone pass. Nil: this node does.
    private func node(judging end: PolicyEvaluator.End) -> String? {
        guard let pod = end.pod, !pod.isHostNetwork, !pod.nodeName.isEmpty, pod.nodeName != configuration.nodeName
        else { return nil }
        return pod.nodeName
    }

    private func side(_ end: PolicyEvaluator.End) -> JSONValue {
        ["address": .string(end.address.description), "pod": end.pod.map { .string($0.key.description) } ?? .null]
    }

    private func judgement(_ judgement: PolicyEvaluator.Judgement, _ evaluator: PolicyEvaluator) -> JSONValue {
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
            "decision": .string(evaluator.text(judgement.decision)), "steps": .array(steps),
        ]
    }

    private func change(_ change: PolicyEvaluator.Change, _ evaluator: PolicyEvaluator) -> JSONValue {
        [
            "direction": .string(change.direction.rawValue), "text": .string(change.text),
            "decision": change.decision.map { .string(evaluator.text($0)) } ?? .null,
            "others": change.spread.map { spread in
                [
                    "tried": .integer(Int64(spread.tried)), "opened": Self.flows(spread.opened),
                    "closed": Self.flows(spread.closed),
                ]
            } ?? .null,
        ]
    }

    /// How many, and the first of them.
    private static func flows(_ texts: [String]) -> JSONValue {
        ["count": .integer(Int64(texts.count)), "items": .array(texts.prefix(3).map { .string($0) })]
    }

    private func json(_ side: KernelSide, at end: PolicyEvaluator.End) async -> JSONValue {
        if let node = node(judging: end) { return ["verdict": .null, "judgedBy": .string(node)] }
        let allowed = side.verdict.isAllowed
        return [
            "verdict": .string(allowed ? "allow" : "drop"), "rule": await engine.ruleJSON(side.verdict.ruleID),
            "reason": .integer(Int64(side.reason)),
            "reasonName": allowed ? .null : DropReason(rawValue: side.reason).map { .string($0.name) } ?? .null,
        ]
    }
}
