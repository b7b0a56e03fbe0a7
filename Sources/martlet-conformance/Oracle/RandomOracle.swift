import BPFRuntime
import CMartletABI
import Glibc
import KubeObjects
import MapLayout
import NetTypes
import PolicyCompiler
import PolicyKernel
import TestKit

/// Random clusters that change step by step, and random flows at the borders of what their policies say. Evaluator,
/// compiled maps and kernel have to give the same verdict; of maps and kernel the rule has to be the same too. Each
/// flow that can be a packet is also sent: through `from_pod` where it leaves a pod, through `to_pod` where it comes
/// from elsewhere. Everything follows from the first seed.
struct RandomOracle {
    static let roundsPerSeed = 25
    static let setsMin = 2_500
    static var clusterPods: [CIDR] { RandomCluster.podCIDRs }

    let tuplesWanted: Int
    let firstSeed: UInt64
    let kernel: KernelEngine

    private(set) var tuples = 0
    private(set) var sets = 0
    private(set) var allowed = 0
    private(set) var v6 = 0
    private(set) var fromPod = 0
    private(set) var toPod = 0

    struct Fault: Error {
        let message: String
    }

    init(tuples: Int, firstSeed: UInt64, kernel: KernelEngine) {
        tuplesWanted = tuples
        self.firstSeed = firstSeed
        self.kernel = kernel
    }

    /// Throws at the first difference, with the seed and the round that give it again.
    mutating func run() throws {
        let seeds = Self.setsMin / Self.roundsPerSeed * (tuplesWanted > 1_000_000 ? 4 : 1)
        let perSet = (tuplesWanted + seeds * Self.roundsPerSeed - 1) / (seeds * Self.roundsPerSeed)
        // A set without pods has no flows: others make up for them.
        var seed = firstSeed
        while seed < firstSeed + UInt64(seeds) || tuples < tuplesWanted {
            try run(seed: seed, perSet: perSet)
            seed += 1
        }
        let denied = tuples - allowed
        guard min(allowed, denied) * 5 >= tuples else {
            throw Fault(message: "of \(tuples) verdicts \(allowed) allow and \(denied) deny: one is under a fifth")
        }
        guard min(v6, tuples - v6) * 5 >= tuples else {
            throw Fault(message: "of \(tuples) flows \(v6) are IPv6: one family is under a fifth")
        }
    }

    /// One closing line.
    var summary: String {
        "\(tuples) tuples in \(sets) policy sets: \(allowed) allowed, \(tuples - allowed) denied, \(v6) over IPv6; "
            + "\(fromPod) packets through from_pod, \(toPod) through to_pod; no difference"
    }

    private mutating func run(seed: UInt64, perSet: Int) throws {
        var cluster = RandomCluster(seed: seed)
        var compiler = PolicyCompiler()
        var maps = PolicyMaps()
        maps.clusterPods = Self.clusterPods
        var known: [ObjectKey: Pod] = [:]
        try kernel.reset()
        try apply(cluster.start(), &compiler, &maps)
        for round in 0..<Self.roundsPerSeed {
            try apply(cluster.step(), &compiler, &maps)
            try place(cluster, &known)
            sets += 1
            let evaluator = cluster.evaluator
            for index in 0..<perSet {
                guard let flow = cluster.boundaryFlow() else { break }
                // Between a pod and itself no policy is asked.
                if let pod = flow.source.pod, pod.key == flow.destination.pod?.key { continue }
                try compare(flow, evaluator, maps, cluster) {
                    Fault(message: "seed \(seed), round \(round), flow \(index): \($0)")
                }
            }
        }
    }

    private func apply(_ changes: [PolicyChange], _ compiler: inout PolicyCompiler, _ maps: inout PolicyMaps) throws {
        let delta = compiler.apply(changes)
        maps.apply(delta)
        try kernel.take(delta, &compiler) { maps.apply($0) }
        maps.endpoints = maps.endpoints.filter { compiler.knows(endpoint: $0.key) }
    }

    /// Tells the kernel which pod has which address now.
    private func place(_ cluster: RandomCluster, _ known: inout [ObjectKey: Pod]) throws {
        for (key, pod) in known where cluster.pods[key]?.addresses != pod.addresses {
            try kernel.removePod(addresses: pod.addresses)
        }
        for (key, pod) in cluster.pods {
            try kernel.setPod(endpoint: cluster.endpoints[key] ?? 0, addresses: pod.addresses)
        }
        known = cluster.pods
    }

    private mutating func compare(
        _ flow: PolicyEvaluator.Flow, _ evaluator: PolicyEvaluator, _ maps: PolicyMaps, _ cluster: RandomCluster,
        _ fault: (String) -> Fault
    ) throws {
        let answer = evaluator.judge(flow)
        let source = end(flow.source, cluster)
        let destination = end(flow.destination, cluster)
        let egress = maps.judge(
            .egress, subject: source, peer: destination, transport: flow.transport, port: flow.port)
        let ingress = maps.judge(
            .ingress, subject: destination, peer: source, transport: flow.transport, port: flow.port)
        let found = try kernel.judge(
            from: flow.source.address, to: flow.destination.address, transport: flow.transport, port: flow.port)
        tuples += 1
        if answer.isAllowed { allowed += 1 }
        if !flow.source.address.isV4 { v6 += 1 }
        func difference(_ text: String) -> Fault {
            fault("\(flow.source.address) to \(flow.destination.address) \(flow.transport)/\(flow.port): \(text)")
        }
        guard answer.egress.decision.isAllowed == egress.isAllowed,
            answer.ingress.decision.isAllowed == ingress.isAllowed
        else {
            throw difference(
                "the evaluator says \(answer.egress.decision), \(answer.ingress.decision), "
                    + "the maps \(egress), \(ingress)")
        }
        guard found.egress == egress, found.ingress == ingress else {
            throw difference("the maps say \(egress), \(ingress), the kernel \(found.egress), \(found.ingress)")
        }
        if let verdict = try send(flow), verdict != answer.isAllowed {
            throw difference("a packet \(verdict ? "passes" : "is dropped"), the evaluator says otherwise")
        }
    }

    private func end(_ end: PolicyEvaluator.End, _ cluster: RandomCluster) -> PolicyMaps.End {
        PolicyMaps.End(endpoint: end.pod.flatMap { cluster.endpoints[$0.key] }, address: end.address)
    }

    // MARK: Packets

    private static let shot: Int32 = 2

    /// Whether a packet of the flow passes; nil for what is no TCP, UDP or SCTP, and for addresses that no packet may
    /// have.
    private mutating func send(_ flow: PolicyEvaluator.Flow) throws -> Bool? {
        guard let transport = TransportProtocol(rawValue: flow.transport), Self.isSendable(flow.source.address),
            Self.isSendable(flow.destination.address), flow.port > 0
        else { return nil }
        // A source port of its own: each packet opens a flow.
        let port = UInt16(1_024 + (fromPod + toPod) % 60_000)
        let (from, to) = (flow.source.address.description, flow.destination.address.description)
        var packet: PacketBytes
        switch transport {
        case .tcp: packet = .tcp(from, port, to, flow.port)
        case .udp: packet = .udp(from, port, to, flow.port)
        case .sctp:
            packet = PacketBytes(from, to, .raw(protocol: flow.transport))
            packet.payload = [port >> 8, port & 255, flow.port >> 8, flow.port & 255].map { UInt8($0) }
            packet.payload += [UInt8](repeating: 0, count: 8) + [1, 0, 0, 20] + [UInt8](repeating: 1, count: 16)
        }
        var input = TestRunInput(data: packet.bytes)
        if flow.source.pod != nil {
            fromPod += 1
            return try kernel.datapath.testRun("from_pod", input).verdict != Self.shot
        }
        toPod += 1
        // `__sk_buff`: the stack forwards what came in by another interface.
        input.context = [UInt8](repeating: 0, count: 192)
        input.context[MemoryLayout<UInt32>.stride * 9] = 5
        input.context[MemoryLayout<UInt32>.stride * 10] = UInt8(KernelEngine.interface)
        return try kernel.datapath.testRun("to_pod", input).verdict != Self.shot
    }

    /// Multicast, broadcast, loopback and the unspecified address are dropped whatever policy says.
    private static func isSendable(_ address: IPAddress) -> Bool {
        if let bits = address.v4Bits { return bits >> 24 != 0 && bits >> 24 != 127 && bits >> 28 < 0xe }
        return address.networkBytes[0] != 0xff && address.networkBytes.prefix(8).contains { $0 != 0 }
            && !(address.networkBytes[0] == 0xfe && address.networkBytes[1] >= 0x80)
    }
}
