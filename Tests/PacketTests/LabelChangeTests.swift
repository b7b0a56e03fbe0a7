import APIClient
import Glibc
import Informers
import KubeObjects
import NetTypes
import PolicyCompiler
import Reconcile
import Synchronization
import TestKit
import Testing

@testable import Agent
@testable import BPFRuntime

/// Pods of which one changes its labels between two sets. As a client it may reach the server by the first set at port
/// 80, by the second at 81; as a server itself it may be reached at 80 or 81 likewise. Port 82 is open to neither, and
/// `stranger` may reach the server at none.
private enum ChangingPod {
    static let labels = [["role": "first"], ["role": "second"]]
    static let local = [("chameleon", PacketNode.client), ("server", PacketNode.server)]

    private static func rule(from peer: [String: String], port: UInt16) -> PolicyRule {
        PolicyRule(
            peers: [.pods(namespaces: nil, pods: LabelSelector(matchLabels: peer))],
            ports: [PolicyPort(.tcp, .range(PortRange(port)))])
    }

    /// - Parameter set: which of the two label sets the pod has.
    static func objects(_ set: Int) -> GivenObjects {
        var server = GivenObjects.policy("server", of: ["app": "server"])
        server.ingress = [rule(from: labels[0], port: 80), rule(from: labels[1], port: 81)]
        var objects = GivenObjects()
        objects.policies = [server]
        for (number, port) in [UInt16(80), 81].enumerated() {
            var own = GivenObjects.policy("own-\(number)", of: labels[number])
            own.ingress = [rule(from: ["app": "stranger"], port: port)]
            objects.policies.append(own)
        }
        objects.pods = [
            GivenObjects.pod("chameleon", labels[set], PacketNode.client),
            GivenObjects.pod("server", ["app": "server"], PacketNode.server),
            GivenObjects.pod("stranger", ["app": "stranger"], PacketNode.remote, isHere: false),
        ]
        return objects
    }
}

/// A thread that sends new flows, one packet each, and compares each verdict with what the evaluator says of the label
/// set that was in force.
private final class FreshFlows: Sendable {
    struct Probe: Sendable {
        let hook: String
        let source: String
        let destination: String
        let port: UInt16
        /// Whether it is to pass, by label set.
        let mayPass: [Bool]

        var isOpenToNeither: Bool { !mayPass[0] && !mayPass[1] }
    }

    struct Seen {
        /// By label set: packets that passed and that did not.
        var passed = [0, 0]
        var dropped = [0, 0]
        /// Of packets while another generation came: either verdict of the two is right.
        var between = 0
        var faults: [String] = []
    }

    /// Which label set a generation has; known before it is published.
    let sets = Mutex<[UInt32: Int]>([:])
    private let record = Mutex(Seen())
    private let isOver = Atomic(false)
    private let probes: [Probe]
    private let datapath: KernelDatapath

    init(_ datapath: KernelDatapath, _ probes: [Probe]) {
        (self.datapath, self.probes) = (datapath, probes)
    }

    var seen: Seen { record.withLock { $0 } }

    func stop(_ thread: pthread_t) {
        isOver.store(true, ordering: .relaxed)
        pthread_join(thread, nil)
    }

    func start() throws -> pthread_t {
        var thread = pthread_t()
        let flows = Unmanaged.passRetained(self)
        let code = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<FreshFlows>.fromOpaque(context).takeRetainedValue().work()
                return nil
            }, flows.toOpaque())
        try #require(code == 0)
        return thread
    }

    private func work() {
        var number: UInt32 = 0
        do {
            while !isOver.load(ordering: .relaxed) {
                for probe in probes { try send(probe, number) }
                number &+= 1
            }
        } catch { record.withLock { $0.faults.append("\(error)") } }
    }

    private func set(of generation: UInt32) -> Int? { sets.withLock { $0[generation] } }

    /// Source ports come round after 60,000: by then the flow before has been judged again many times, as a new one is.
    private func send(_ probe: Probe, _ number: UInt32) throws {
        let source = UInt16(1_024 + number % 60_000)
        var input = TestRunInput(
            data: PacketBytes.tcp(probe.source, source, probe.destination, probe.port).bytes)
        if probe.hook == "to_pod" {
            input.context = [UInt8](repeating: 0, count: 192)
            input.context[36] = 5
            input.context[40] = 1
        }
        let before = try datapath.generation()
        let passes = try datapath.testRun(probe.hook, input).verdict != PacketOutcome.shot
        let after = try datapath.generation()
        let (old, new) = (set(of: before), set(of: after))
        record.withLock { seen in
            func fault(_ text: String) {
                if seen.faults.count < 10 { seen.faults.append("\(text), generation \(before): \(probe)") }
            }
            guard let old, let new else { return fault("a generation that nobody made") }
            guard before == after else {
                seen.between += 1
                if passes != probe.mayPass[old], passes != probe.mayPass[new] { fault("a third verdict") }
                return
            }
            if passes { seen.passed[old] += 1 } else { seen.dropped[old] += 1 }
            if passes != probe.mayPass[old] { fault(passes ? "passed" : "dropped") }
        }
    }
}

extension PacketSuite {
    /// A pod whose labels change a hundred times a second under load.
    @Suite(.timeLimit(.minutes(2)))
    struct LabelChangeTests {
        private static let changes = 200
        private static let pause = Duration.milliseconds(10)
        private static let chameleon = ObjectKey(GivenObjects.namespace, "chameleon")

        private static func probes() -> [FreshFlows.Probe] {
            let ways = [
                ("from_pod", PacketNode.client, PacketNode.server), ("to_pod", PacketNode.remote, PacketNode.client),
                ("to_pod", PacketNode.remote, PacketNode.server),
            ]
            return ways.flatMap { hook, from, to in
                [IPFamily.v4, .v6].flatMap { family in
                    [UInt16(80), 81, 82].map { port in
                        let (source, destination) = (from.address(family), to.address(family))
                        return FreshFlows.Probe(
                            hook: hook, source: source, destination: destination, port: port,
                            mayPass: [0, 1].map { mayPass($0, source, destination, port) })
                    }
                }
            }
        }

        /// As the evaluator says; each node judges its own pods.
        private static func mayPass(_ set: Int, _ source: String, _ destination: String, _ port: UInt16) -> Bool {
            let objects = ChangingPod.objects(set)
            func end(_ text: String) -> PolicyEvaluator.End {
                let address = PacketBytes.address(text)
                return .init(address, pod: objects.pods.first { $0.addresses.contains(address) })
            }
            let flow = PolicyEvaluator.Flow(
                source: end(source), destination: end(destination), transport: 6, port: port)
            return objects.evaluator.judge(flow).isAllowed
        }

        /// - Parameter ofPods: whether the daemon is told of the changes.
        private func change(elf: [UInt8]? = nil, isTold: Bool = true) async throws -> (FreshFlows.Seen, [Difference]) {
            let engines = try EngineNode(elf: elf)
            let flows = FreshFlows(engines.node.datapath, Self.probes())
            let attachments = try ChangingPod.local.map { try EngineNode.attachment($0, $1) }
            let engine = try await engines.start(ChangingPod.objects(0), attachments)
            try await engines.settle(engine)
            let generation = try engines.node.datapath.generation()
            flows.sets.withLock { $0[generation] = 0 }
            let thread = try flows.start()
            defer { flows.stop(thread) }
            var notice = ChangeNotice()
            notice.names = [.pods: [Self.chameleon]]
            let start = ContinuousClock.now
            for number in 1...Self.changes {
                try await Task.sleep(until: start + Self.pause * number)
                let next = try engines.node.datapath.generation() &+ 1
                flows.sets.withLock { $0[next] = number % 2 }
                if isTold {
                    try await engine.compile(notice, ChangingPod.objects(number % 2).snapshot)
                } else {
                    try await engine.submit(Self.emptyFlip, revision: nil)
                }
                // The next change finds a free slot: one generation each.
                while await engine.planner.flipsInFlight == KernelPlanner.flipsInFlightMax {
                    try await engines.wait(engine)
                }
            }
            let took = ContinuousClock.now - start
            try await engines.settle(engine)
            print("\(Self.changes) changes in \(took), \(flows.seen.between) packets while one was made")
            #expect(try engines.node.datapath.generation() == generation + UInt32(Self.changes))
            return (flows.seen, try await engines.differences(engine))
        }

        /// A generation in which nothing is another.
        private static var emptyFlip: PolicyDelta {
            var delta = PolicyDelta()
            delta.blocksCoverPods = false
            return delta
        }

        @Test("Labels that change 200 times, a hundred times a second, under fresh flows: always one of two verdicts")
        func labels() async throws {
            let (seen, differences) = try await change()
            #expect(seen.faults == [])
            #expect(differences == [])
            #expect(seen.passed.allSatisfy { $0 > 1_000 } && seen.dropped.allSatisfy { $0 > 1_000 }, "\(seen)")
            print("\(seen.passed) passed, \(seen.dropped) dropped, by label set")
        }

        @Test("A daemon that misses the changes is seen")
        func missed() async throws {
            let (seen, _) = try await change(isTold: false)
            #expect(!seen.faults.isEmpty)
        }

        @Test("Nobody but the changing pod gets through, and nothing at a port that is open to neither label set")
        func probes() {
            let probes = Self.probes()
            #expect(probes.count == 18)
            let open = probes.filter { !$0.isOpenToNeither }
            #expect(open.count == 8 && open.allSatisfy { $0.mayPass[0] != $0.mayPass[1] && $0.port != 82 })
        }
    }
}
