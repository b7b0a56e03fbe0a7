import CMartletABI
import KubeObjects
import MapLayout
import NetTypes
import PolicyCompiler
import Synchronization
import TestKit
import Testing

@testable import Agent
@testable import BPFRuntime

/// A few policies over pods of one namespace, drawn anew each time.
private struct RandomObjects {
    static let local = [("client", PacketNode.client), ("server", PacketNode.server)]
    var random: SeededGenerator
    private static let apps = ["a", "b", "c"]
    private static let blocks: [(String, [String])] = [
        ("203.0.113.0/24", []), ("203.0.113.0/24", ["203.0.113.8/30"]), ("10.244.1.0/28", []),
        ("10.244.0.0/16", ["10.244.2.20/32"]), ("fd44::/48", []),
    ]

    private mutating func flip(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    private mutating func app() -> [String: String] {
        ["app": Self.apps[Int.random(in: 0..<Self.apps.count, using: &random)]]
    }

    mutating func next() -> GivenObjects {
        var objects = GivenObjects()
        for (name, place) in Self.local { objects.pods.append(GivenObjects.pod(name, app(), place)) }
        objects.pods.append(GivenObjects.pod("remote", app(), PacketNode.remote, isHere: false))
        for number in 0..<4 where flip(60) {
            var policy = GivenObjects.policy("n\(number)", of: app())
            if flip(70) { policy.ingress = rules() }
            if flip(50) { policy.egress = rules() }
            objects.policies.append(policy)
        }
        if flip(40) {
            let peer = ClusterPolicyPeer.pods(namespaces: .everything, pods: LabelSelector(matchLabels: app()))
            let rule = ClusterPolicyRule(action: flip(50) ? .deny : .accept, peers: [peer])
            objects.clusterPolicies = [
                ClusterNetworkPolicy(
                    metadata: ObjectMeta(name: "guard"), tier: .admin, priority: 5,
                    pods: LabelSelector(matchLabels: app()), ingress: [rule])
            ]
        }
        return objects
    }

    private mutating func rules() -> [PolicyRule] {
        (0..<Int.random(in: 0...2, using: &random)).map { _ in
            let peers = (0..<Int.random(in: 0...2, using: &random)).map { _ in peer() }
            let port = flip(50) ? PortRange(80) : PortRange(low: 80, high: 443) ?? PortRange(443)
            return PolicyRule(peers: peers, ports: flip(30) ? [] : [PolicyPort(.tcp, .range(port))])
        }
    }

    private mutating func peer() -> PolicyPeer {
        if flip(50) { return .pods(namespaces: nil, pods: LabelSelector(matchLabels: app())) }
        let (block, holes) = Self.blocks[Int.random(in: 0..<Self.blocks.count, using: &random)]
        guard let cidr = CIDR(block) else { preconditionFailure("\(block) is no block") }
        return .block(AddressBlock(cidr, except: holes.compactMap { CIDR($0) }))
    }
}

/// Sends packets before each write of the daemons that it watches, and ends one of them where it is told to.
private final class CrashWorld: Sendable {
    struct Probe {
        let hook: String
        let source: String
        let destination: String
        let port: UInt16
    }

    /// What a daemon does not live to do.
    enum Last {
        case write(number: Int)
        case first(WatchedDatapath.Step)
    }

    struct State {
        /// The pods are there.
        var isOpen = false
        /// What each probe is to get, by generation.
        var expected: [UInt32: [Bool]] = [:]
        /// What the next generation says.
        var coming: [Bool] = []
        /// Writes of the daemon that is watched, and the one it does not live to make.
        var writes: [WatchedDatapath.Step] = []
        var last: Last?
        /// The daemon that is watched has ended.
        var isEnded = false
        /// Where daemons ended.
        var ends: Set<WatchedDatapath.Step> = []
        var moments: UInt16 = 0
        var passed = 0
        var dropped = 0
        var faults: [String] = []
    }

    static let outside = PacketNode.outside[0]
    static let probes: [Probe] = [80, 443].flatMap { (port: UInt16) in
        [
            Probe(hook: "from_pod", source: "10.244.1.10", destination: "10.244.1.11", port: port),
            Probe(hook: "from_pod", source: "fd44:0:0:1::10", destination: "fd44:0:0:1::11", port: port),
            Probe(hook: "from_pod", source: "10.244.1.10", destination: "10.244.2.20", port: port),
            Probe(hook: "from_pod", source: "10.244.1.10", destination: outside, port: port),
            Probe(hook: "from_network", source: outside, destination: "10.244.1.11", port: port),
            Probe(hook: "to_pod", source: "10.244.2.20", destination: "10.244.1.11", port: port),
        ]
    }

    let state = Mutex(State())
    private let datapath: KernelDatapath

    init(_ datapath: KernelDatapath) { self.datapath = datapath }

    /// The daemon that comes next compiles these objects, and ends before `last`.
    func expect(_ objects: GivenObjects, endingAt last: Last?) {
        let evaluator = objects.evaluator
        let coming = Self.probes.map { probe in
            func end(_ text: String) -> PolicyEvaluator.End {
                let address = PacketBytes.address(text)
                return .init(address, pod: objects.pods.first { $0.addresses.contains(address) })
            }
            let flow = PolicyEvaluator.Flow(
                source: end(probe.source), destination: end(probe.destination), transport: 6, port: probe.port)
            // Each node judges its own pods.
            let answer = evaluator.judge(flow)
            let isSent = flow.source.pod?.nodeName != "here" || answer.egress.decision.isAllowed
            return isSent && (flow.destination.pod?.nodeName != "here" || answer.ingress.decision.isAllowed)
        }
        state.withLock {
            $0.coming = coming
            $0.writes = []
            $0.isEnded = false
            $0.last = last
        }
    }

    func watched(_ fault: WatchedDatapath.Fault) -> WatchedDatapath {
        let watched = WatchedDatapath(datapath, fault: fault)
        watched.watch { (step) throws(DatapathError) in try self.before(step) }
        return watched
    }

    private func before(_ step: WatchedDatapath.Step) throws(DatapathError) {
        try send()
        let generation = try datapath.generation()
        try state.withLock { (state) throws(DatapathError) in
            state.writes.append(step)
            let isLast =
                switch state.last {
                case .write(let number): state.writes.count == number
                case .first(let kind): step == kind
                case nil: false
                }
            if isLast {
                state.ends.insert(step)
                state.isEnded = true
                throw DatapathError(.system, "ended before \(step)")
            }
            if step == .publish { state.expected[generation &+ 1] = state.coming }
        }
    }

    /// One new flow of each kind, judged by the generation that is in force.
    func send() throws(DatapathError) {
        let generation = try datapath.generation()
        guard let expected = state.withLock({ $0.isOpen ? $0.expected[generation] : nil }) else { return }
        let moment = state.withLock { state in
            state.moments &+= 1
            return state.moments
        }
        for (probe, mayPass) in zip(Self.probes, expected) {
            var input = TestRunInput(
                data: PacketBytes.tcp(probe.source, 1_024 &+ moment, probe.destination, probe.port).bytes)
            if probe.hook == "to_pod" {
                input.context = [UInt8](repeating: 0, count: 192)
                input.context[36] = 5
                input.context[40] = 1
            }
            let passes = try datapath.testRun(probe.hook, input).verdict != PacketOutcome.shot
            state.withLock { state in
                if passes { state.passed += 1 } else { state.dropped += 1 }
                guard passes != mayPass, state.faults.count < 10 else { return }
                state.faults.append("generation \(generation), moment \(moment): \(probe) passes: \(passes)")
            }
        }
    }
}

extension PacketSuite {
    /// A daemon ends before any one of its writes, in a switch, in its start or in what a grace period sets free; the
    /// next one goes on from what is in the kernel.
    @Suite(.timeLimit(.minutes(5)))
    struct CrashPointTests {
        /// What a switch does.
        private static let kinds: [WatchedDatapath.Step] =
            [
                MapCatalog.rules.identity, MapCatalog.classRows.identity, MapCatalog.blockRows.identity,
                MapCatalog.networks.identity, MapCatalog.networkIDs.identity, MapCatalog.classLists.identity,
                MapCatalog.endpoints.identity, MapCatalog.control.identity,
            ].map { .write($0) } + [.publish, .remove(MapCatalog.networkIDs.identity)]

        /// Two sets whose switch takes every kind of step, and more than one flip's worth of what each kind writes.
        private static func ends() -> (from: GivenObjects, to: GivenObjects) {
            func pods(client app: String) -> [Pod] {
                [
                    GivenObjects.pod("client", ["app": app], PacketNode.client),
                    GivenObjects.pod("server", ["app": "b"], PacketNode.server),
                    GivenObjects.pod("remote", ["app": "a"], PacketNode.remote, isHere: false),
                ]
            }
            func block(_ text: String, except holes: [String] = []) -> PolicyPeer {
                guard let cidr = CIDR(text) else { preconditionFailure("\(text) is no block") }
                return .block(AddressBlock(cidr, except: holes.compactMap { CIDR($0) }))
            }
            func app(_ name: String) -> PolicyPeer {
                .pods(namespaces: nil, pods: LabelSelector(matchLabels: ["app": name]))
            }
            func ports(_ range: PortRange) -> [PolicyPort] { [PolicyPort(.tcp, .range(range))] }
            var (from, to) = (GivenObjects(pods: pods(client: "a")), GivenObjects(pods: pods(client: "c")))
            var old = GivenObjects.policy("server", of: ["app": "b"])
            old.ingress = [PolicyRule(peers: [app("a"), block("203.0.113.0/24")], ports: ports(PortRange(80)))]
            var new = old
            new.ingress = [
                PolicyRule(peers: [app("c"), block("10.244.0.0/16", except: ["10.244.2.20/32"])]),
                PolicyRule(peers: [block("203.0.113.8/30")], ports: ports(PortRange(443))),
            ]
            var sender = GivenObjects.policy("client", of: ["app": "c"])
            sender.egress = [PolicyRule(peers: [app("b"), block("203.0.113.0/28")], ports: ports(PortRange(443)))]
            from.policies = [old]
            to.policies = [new, sender]
            return (from, to)
        }

        @Test("Ended before each write of one switch, from the first to the last")
        func eachPosition() async throws {
            let engines = try EngineNode()
            let world = CrashWorld(engines.node.datapath)
            let attachments = try RandomObjects.local.map { try EngineNode.attachment($0, $1) }
            let (from, to) = Self.ends()

            func start(_ given: GivenObjects) async throws -> Engine {
                world.expect(given, endingAt: nil)
                let engine = try await engines.start(given, attachments, over: world.watched(.none))
                try await engines.settle(engine)
                try world.send()
                return engine
            }

            /// Its writes, the last one unmade where the daemon ended.
            func replace(
                _ engine: Engine, by given: GivenObjects, endingAt last: CrashWorld.Last
            ) async throws -> [WatchedDatapath.Step] {
                world.expect(given, endingAt: last)
                do {
                    try await engines.compile(given, engine)
                    try await engines.settle(engine)
                } catch is DatapathError {}
                return world.state.withLock { $0.writes }
            }

            /// What stands is what the next daemon wants, wherever the last one ended.
            func expectMended(_ text: String) async throws {
                let differences = try await engines.differences(try await start(to))
                #expect(differences == [], "ended before \(text)")
                try #require(world.state.withLock { $0.faults } == [])
            }

            _ = try await start(from)
            world.state.withLock { $0.isOpen = true }
            _ = try await start(to)
            var covered: [WatchedDatapath.Step] = []
            var whole: [WatchedDatapath.Step] = []
            while whole.isEmpty {
                let position = covered.count + 1
                let made = try await replace(try await start(from), by: to, endingAt: .write(number: position))
                if world.state.withLock({ $0.isEnded }) { covered.append(made[position - 1]) } else { whole = made }
                // One in two finds the old set wanted again; the state that the next round begins with is the same.
                if position % 2 == 0 { _ = try await start(from) }
                try await expectMended("write \(position), \(made.last.map { "\($0)" } ?? "none")")
            }
            #expect(covered.count == whole.count, "no write of the switch is left out")
            // The values of a slot are written in any order, another one each time.
            for kind in Self.kinds where !covered.contains(kind) {
                _ = try await replace(try await start(from), by: to, endingAt: .first(kind))
                #expect(world.state.withLock { $0.isEnded }, "a switch has no \(kind)")
                try await expectMended("\(kind)")
            }
            let state = world.state.withLock { $0 }
            #expect(state.passed > 1_000 && state.dropped > 1_000, "\(state.passed) passed, \(state.dropped) dropped")
            #expect(state.moments < 60_000)
            print("a switch of \(covered.count) writes, ended before each")
        }

        /// Of a switch, and of the starts after it.
        private struct Lengths {
            var ofSwitch = 60
            var ofStart = 60
        }

        private func run(rounds: Int, _ fault: WatchedDatapath.Fault = .none) async throws -> CrashWorld {
            let engines = try EngineNode()
            let world = CrashWorld(engines.node.datapath)
            var objects = RandomObjects(random: SeededGenerator(seed: 20_261_127))
            var random = SeededGenerator(seed: 7)
            let attachments = try RandomObjects.local.map { try EngineNode.attachment($0, $1) }
            var lengths = Lengths()
            var given = objects.next()

            func start(endingAt last: CrashWorld.Last?) async throws -> Engine {
                world.expect(given, endingAt: last)
                let engine = try await engines.start(given, attachments, over: world.watched(fault))
                try await engines.settle(engine)
                return engine
            }

            var engine = try await start(endingAt: nil)
            world.state.withLock { $0.isOpen = true }
            for round in 0..<rounds where world.state.withLock({ $0.faults.isEmpty }) {
                given = objects.next()
                let number = Int.random(in: 1...lengths.ofSwitch, using: &random)
                let isByKind = round % 2 == 0
                let kind = Self.kinds[round / 2 % Self.kinds.count]
                world.expect(given, endingAt: isByKind ? .first(kind) : .write(number: number))
                do {
                    try await engines.compile(given, engine)
                    try await engines.settle(engine)
                    lengths.ofSwitch = max(10, world.state.withLock { $0.writes.count })
                } catch is DatapathError {}
                if Bool.random(using: &random) { given = objects.next() }
                // One more in two is ended in its own start.
                if Bool.random(using: &random) {
                    let last = Int.random(in: 1...lengths.ofStart, using: &random)
                    do { _ = try await start(endingAt: .write(number: last)) } catch is DatapathError {}
                }
                engine = try await start(endingAt: nil)
                lengths.ofStart = max(10, world.state.withLock { $0.writes.count })
                try world.send()
                guard fault == .none else { continue }
                let differences = try await engines.differences(engine)
                #expect(differences == [], "round \(round)")
            }
            return world
        }

        @Test("Ended before any of its writes: the next puts the wanted state there, and no packet passes meanwhile")
        func eachStep() async throws {
            let world = try await run(rounds: 120)
            let state = world.state.withLock { $0 }
            #expect(state.faults == [])
            #expect(state.passed > 1_000 && state.dropped > 1_000, "\(state.passed) passed, \(state.dropped) dropped")
            // The ports of probes do not come round: each is a new flow.
            #expect(state.moments < 60_000)
            #expect(Set(Self.kinds).subtracting(state.ends) == [], "kinds of steps at which no daemon ended")
        }

        @Test("A daemon that takes the maps for empty ones is seen")
        func mutant() async throws {
            let world = try await run(rounds: 120, .hides(MapCatalog.endpointIDs.identity))
            #expect(!world.state.withLock { $0.faults.isEmpty })
        }
    }
}
