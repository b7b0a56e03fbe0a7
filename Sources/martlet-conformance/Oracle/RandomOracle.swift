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

    private(set) var sets = 0
    /// Verdicts of tuples, by family.
    private(set) var verdicts: [IPFamily: Tally] = [:]
    /// What became of packets, by hook and family.
    private(set) var packets: [Way: Tally] = [:]
    /// Tuples of which no packet was made.
    private(set) var unsent: [Unsent: Int] = [:]
    private var sent = 0

    struct Tally {
        var allowed = 0
        var denied = 0

        var count: Int { allowed + denied }
        /// Neither verdict is too rare to mean anything.
        var isBalanced: Bool { min(allowed, denied) * 5 >= count }

        mutating func add(_ isAllowed: Bool) {
            if isAllowed { allowed += 1 } else { denied += 1 }
        }
    }

    struct Way: Hashable {
        let hook: String
        let family: IPFamily

        /// What the closing line says, in this order.
        static let all = ["from_pod", "to_pod"].flatMap { hook in
            [IPFamily.v4, .v6].map { Way(hook: hook, family: $0) }
        }
    }

    /// Why a tuple is judged by evaluator, maps and kernel, but makes no packet whose verdict would be policy's.
    enum Unsent: String, CaseIterable {
        /// The programs drop what is no TCP, UDP, SCTP or ICMP of its family.
        case ofOtherFamily = "of ICMP over IPv6"
        /// Multicast, broadcast, loopback, link-local or unspecified: dropped whatever policy says.
        case address = "with an address that is never routed"
    }

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
        for (family, tally) in verdicts where !tally.isBalanced || tally.count * 5 < tuples {
            throw Fault(
                message: "of \(tuples) tuples over \(family) \(tally): a verdict or the family is under a fifth")
        }
        for way in Way.all where packets[way]?.isBalanced != true {
            throw Fault(message: "\(way): \(String(describing: packets[way])): one verdict is under a fifth")
        }
    }

    var tuples: Int { verdicts.values.reduce(0) { $0 + $1.count } }

    /// One closing line.
    var summary: String {
        let allowed = verdicts.values.reduce(0) { $0 + $1.allowed }
        let ways = Way.all.map { way in
            let tally = packets[way] ?? Tally()
            return "\(tally.allowed) of \(tally.count) through \(way.hook) over \(way.family.kubernetesName)"
        }
        let rest = Unsent.allCases.map { "\(unsent[$0] ?? 0) \($0.rawValue)" }
        return "\(tuples) tuples in \(sets) policy sets: \(allowed) allowed, \(tuples - allowed) denied, "
            + "\(verdicts[.v6]?.count ?? 0) over IPv6; packets that passed: \(ways.joined(separator: ", ")); "
            + "tuples that make no packet: \(rest.joined(separator: ", ")); no difference"
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
        verdicts[flow.source.address.family, default: Tally()].add(answer.isAllowed)
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

    private static func unsent(_ flow: PolicyEvaluator.Flow) -> Unsent? {
        if TransportProtocol(rawValue: flow.transport) == nil, !flow.source.address.isV4 { return .ofOtherFamily }
        return isSendable(flow.source.address) && isSendable(flow.destination.address) ? nil : .address
    }

    /// Whether a packet of the flow passes; nil where it makes none.
    private mutating func send(_ flow: PolicyEvaluator.Flow) throws -> Bool? {
        if let reason = Self.unsent(flow) {
            unsent[reason, default: 0] += 1
            return nil
        }
        // A source port of its own: each packet opens a flow.
        sent += 1
        let port = UInt16(1_024 + sent % 60_000)
        let (from, to) = (flow.source.address.description, flow.destination.address.description)
        var packet: PacketBytes
        switch TransportProtocol(rawValue: flow.transport) {
        case nil: packet = .echo(from, to, identifier: port)
        case .tcp: packet = .tcp(from, port, to, flow.port)
        case .udp: packet = .udp(from, port, to, flow.port)
        case .sctp:
            packet = PacketBytes(from, to, .raw(protocol: flow.transport))
            packet.payload = [port >> 8, port & 255, flow.port >> 8, flow.port & 255].map { UInt8($0) }
            packet.payload += [UInt8](repeating: 0, count: 8) + [1, 0, 0, 20] + [UInt8](repeating: 1, count: 16)
        }
        var input = TestRunInput(data: packet.bytes)
        let way = Way(hook: flow.source.pod == nil ? "to_pod" : "from_pod", family: flow.source.address.family)
        if way.hook == "to_pod" {
            // `__sk_buff`: the stack forwards what came in by another interface.
            input.context = [UInt8](repeating: 0, count: 192)
            input.context[MemoryLayout<UInt32>.stride * 9] = 5
            input.context[MemoryLayout<UInt32>.stride * 10] = UInt8(KernelEngine.interface)
        }
        let passes = try kernel.datapath.testRun(way.hook, input).verdict != Self.shot
        packets[way, default: Tally()].add(passes)
        return passes
    }

    /// Multicast, broadcast, loopback, link-local and the unspecified address are dropped whatever policy says.
    private static func isSendable(_ address: IPAddress) -> Bool {
        if let bits = address.v4Bits { return bits >> 24 != 0 && bits >> 24 != 127 && bits >> 28 < 0xe }
        return address.networkBytes[0] != 0xff && address.networkBytes.prefix(8).contains { $0 != 0 }
            && !(address.networkBytes[0] == 0xfe && address.networkBytes[1] >= 0x80)
    }
}
