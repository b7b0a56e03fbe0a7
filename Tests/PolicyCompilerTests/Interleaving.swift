import KubeObjects
import MapLayout
import NetTypes
import PolicyCompiler
import Reconcile
import TestKit

typealias PolicyPlanner = GenerationPlanner<PolicySlot, PolicySlotValue, MapOperation, RetiredNumber>

extension PolicyDelta {
    var change: PolicyPlanner.Change {
        .init(
            operations: operations, births: bornValues, voided: bornWithoutValue, values: switchedValues,
            retired: retired)
    }
}

/// A writer and packets, step by step in a random order: each packet loads a generation once, goes on while the writer
/// writes, and still has to get the verdict of exactly that generation.
struct Interleaving {
    struct Snapshot {
        let evaluator: PolicyEvaluator
        let pods: [ObjectKey: Pod]
        let endpoints: [ObjectKey: UInt32]
    }

    struct Packet {
        let generation: UInt32
        let flow: PolicyEvaluator.Flow
        let ends: (UInt32, UInt32)
        var halves: (egress: KernelModel.Run, ingress: KernelModel.Run)?
        let started: Int
    }

    var cluster: RandomCluster
    var random: SeededGenerator
    var compiler = PolicyCompiler()
    var planner = PolicyPlanner()
    var kernel = KernelModel()
    var snapshots: [UInt32: Snapshot] = [:]
    var packets: [Packet] = []
    /// Grace periods under way: over when every packet from before has ended.
    var waits: [(ticket: PolicyPlanner.Ticket, since: Int)] = []
    var now = 0
    var judged = 0
    var maximumInFlight = 0
    var heldBack = 0
    var fault: String?
    /// What the writer persisted.
    var journal: [String: String] = [:]
    /// Policies as the writer put them in force.
    var standing: [ObjectKey: PolicyChange] = [:]
    /// Addresses under which packets find an endpoint.
    var found: [UInt32: [IPAddress]] = [:]
    /// The moment at which the writer is killed.
    var killedAt: Int?
    var isDead = false

    init(seed: UInt64) {
        cluster = RandomCluster(seed: seed)
        cluster.reusesEndpoints = false
        random = SeededGenerator(seed: seed ^ 0xabcdef)
        planner.start()
        submit(cluster.start())
    }

    /// As the agent does it: deaths, the journal, the policy, then births.
    mutating func submit(_ changes: [PolicyChange]) {
        let delta = compiler.apply(changes)
        for change in changes {
            if case .podRemoved = change {
                found = found.filter { compiler.knows(endpoint: $0.key) }
            }
        }
        submit(delta)
        guard !isDead else { return }
        note(changes)
        for case .pod(let pod) in changes where compiler.knows(endpoint: pod.endpoint) {
            found[pod.endpoint] = pod.addresses
        }
    }

    mutating func submit(_ delta: PolicyDelta) {
        for entry in delta.journal { journal[entry.key] = entry.value }
        run(planner.submit(delta.change))
    }

    mutating func run(_ actions: [PolicyPlanner.Action]) {
        for action in actions {
            tick()
            if isDead { return }
            switch action {
            case .write(let operations):
                for operation in operations where !isDead {
                    kernel.perform(operation)
                    tick()
                }
            case .fill(let values): for slot in 0..<4 { store(values, slot) }
            case .writeSlot(let slot, let values): store(values, slot)
            case .publish(let generation):
                snapshots[generation] = Snapshot(
                    evaluator: cluster.evaluator, pods: cluster.pods, endpoints: cluster.endpoints)
                kernel.generation = generation
            case .awaitGrace(let ticket): waits.append((ticket, now))
            case .release(let retired):
                submit(compiler.release(retired))
            }
        }
        maximumInFlight = max(maximumInFlight, planner.flipsInFlight)
        if planner.isHeldBack { heldBack += 1 }
    }

    mutating func store(_ values: [PolicySlot: PolicySlotValue], _ slot: Int) {
        // In one order, so that a seed is one run.
        for (place, value) in values.sorted(by: { "\($0.key)" < "\($1.key)" }) where !isDead {
            for operation in place.operations(slot: slot, value) { kernel.perform(operation) }
            tick()
        }
    }

    /// One moment: perhaps a packet arrives, reads on, or ends.
    mutating func tick() {
        now += 1
        if let killedAt, now >= killedAt { isDead = true }
        if packets.count < 12, Int.random(in: 0..<10, using: &random) == 0 { arrive() }
        guard !packets.isEmpty, Int.random(in: 0..<4, using: &random) == 0 else { return }
        let index = Int.random(in: 0..<packets.count, using: &random)
        advance(index)
    }

    mutating func arrive() {
        guard let snapshot = snapshots[kernel.generation], let flow = cluster.flow() else { return }
        func old(_ end: PolicyEvaluator.End) -> (PolicyEvaluator.End, UInt32)? {
            guard let pod = end.pod else {
                let taken = snapshot.pods.values.contains { $0.addresses.contains(end.address) }
                return taken ? nil : (end, 0)
            }
            guard let then = snapshot.pods[pod.key], let number = snapshot.endpoints[pod.key],
                number == cluster.endpoints[pod.key], found[number] != nil
            else { return nil }
            return (PolicyEvaluator.End(end.address, pod: then), number)
        }
        guard let source = old(flow.source), let destination = old(flow.destination) else { return }
        packets.append(
            Packet(
                generation: kernel.generation,
                flow: .init(
                    source: source.0, destination: destination.0, transport: flow.transport, port: flow.port),
                ends: (source.1, destination.1), halves: nil, started: now))
    }

    mutating func advance(_ index: Int) {
        let packet = packets[index]
        let (from, to) = packet.ends
        guard let halves = packet.halves else {
            packets[index].halves = (
                kernel.begin(
                    packet.generation, subject: from, peer: to, peerAddress: packet.flow.destination.address),
                kernel.begin(packet.generation, subject: to, peer: from, peerAddress: packet.flow.source.address)
            )
            return
        }
        packets.remove(at: index)
        // A pod that went meanwhile has no verdict to compare.
        for (end, number) in [(packet.flow.source, from), (packet.flow.destination, to)] {
            if let pod = end.pod, cluster.endpoints[pod.key] != number { return }
        }
        guard let wanted = snapshots[packet.generation]?.evaluator.judge(packet.flow) else { return }
        let flow = packet.flow
        let egress = kernel.end(halves.egress, .egress, transport: flow.transport, port: flow.port)
        let ingress = kernel.end(halves.ingress, .ingress, transport: flow.transport, port: flow.port)
        judged += 1
        if egress != wanted.egress.decision.isAllowed || ingress != wanted.ingress.decision.isAllowed {
            fault =
                "generation \(packet.generation) (now \(kernel.generation)): \(flow.source.address) to "
                + "\(flow.destination.address) \(flow.transport)/\(flow.port): egress \(egress), ingress \(ingress), "
                + "but \(wanted.egress.decision), \(wanted.ingress.decision)"
        }
    }

    /// Ends grace periods whose packets are gone; `patient`: perhaps not yet.
    mutating func endWaits(patient: Bool) {
        for wait in waits {
            if packets.contains(where: { $0.started <= wait.since }) { continue }
            if patient, Int.random(in: 0..<3, using: &random) != 0 { continue }
            waits.removeAll { $0.ticket == wait.ticket }
            run(planner.graceElapsed(wait.ticket))
        }
    }

    // MARK: Restarts

    /// The writer is killed `moments` from now, whatever it is doing then.
    mutating func kill(in moments: Int) { killedAt = now + moments }

    /// How a new writer begins.
    enum Care {
        /// Waits until the packets of its predecessor's time are gone, and reads what is in force.
        case whole
        /// A fault: takes the kernel's maps for empty ones.
        case noImage
        /// A fault: writes while packets still read the generation before the one in force.
        case noWait
    }

    /// A new writer, with the journal of the one before and the objects as they are now. It may be killed by `kill`
    /// like any other.
    mutating func restart(_ care: Care = .whole) {
        (isDead, waits) = (false, [])
        let since = now
        while care != .noWait && !isDead && packets.contains(where: { $0.started <= since }) { tick() }
        guard !isDead else { return }
        compiler = PolicyCompiler(journal: journal)
        planner = PolicyPlanner(generation: kernel.generation)
        let image = kernel.image(found)
        let adopting = care != .noImage
        if adopting { compiler.reserve(inForce: image) }
        planner.start()
        let changes = cluster.everything()
        let (first, later) = byStanding(changes)
        var delta = compiler.apply(first)
        if adopting { delta = delta.adopting(image) }
        delta.append(compiler.finishAdoption())
        delta.append(compiler.apply(later))
        found = found.filter { compiler.knows(endpoint: $0.key) }
        submit(delta)
        guard !isDead else { return }
        standing = [:]
        note(changes)
        for case .pod(let pod) in changes { found[pod.endpoint] = pod.addresses }
    }

    private mutating func note(_ changes: [PolicyChange]) {
        for change in changes {
            if let key = change.policy { standing[key] = change }
            if case .policyRemoved(let key) = change { standing[key] = nil }
        }
    }

    /// What was in force, as the next writer's journal has it, and what is to take its place.
    private func byStanding(_ changes: [PolicyChange]) -> (first: [PolicyChange], later: [PolicyChange]) {
        var (first, later): ([PolicyChange], [PolicyChange]) = ([], [])
        for change in changes {
            guard let key = change.policy else {
                first.append(change)
                continue
            }
            if let former = standing[key] { first.append(former) }
            if !isSame(standing[key], change) { later.append(change) }
        }
        return (first, later)
    }

    private func isSame(_ left: PolicyChange?, _ right: PolicyChange) -> Bool {
        switch (left, right) {
        case (.policy(let left), .policy(let right)): left == right
        case (.clusterPolicy(let left), .clusterPolicy(let right)): left == right
        default: false
        }
    }

    /// Until nothing waits and no packet is under way; false where that takes too long.
    mutating func settle() -> Bool {
        for _ in 0..<200_000 {
            if waits.isEmpty && !planner.isHeldBack && packets.isEmpty { return true }
            if packets.isEmpty { now += 1 } else { advance(0) }
            endWaits(patient: false)
        }
        return false
    }
}
