import KubeObjects
import RouteCompiler
import Synchronization
import TestKit
import Testing

@testable import Agent
@testable import BPFRuntime

extension PacketSuite {
    /// A prober sends without pause to a pod that nothing may reach, while that pod, its policy, the daemon, its number
    /// or its address come and go, over IPv4 and IPv6. Not one packet gets through; each test also runs on a fault that
    /// it has to see, over both.
    @Suite(.timeLimit(.minutes(5)))
    struct NoOpenInstantTests {
        /// The address of the prober's target.
        private static let place = PacketNode.server
        private static let vault = GivenObjects.pod("vault", ["role": "vault"], place)
        private static let client = GivenObjects.pod("client", ["role": "client"], PacketNode.client)
        /// Each over IPv4, then over IPv6.
        private static let toPods = [
            PacketLoad.Hook(program: "from_pod", source: "10.244.1.10"),
            PacketLoad.Hook(program: "from_pod", source: "fd44:0:0:1::10", destination: "fd44:0:0:1::11"),
            PacketLoad.Hook(program: "to_pod", source: "10.244.2.20"),
            PacketLoad.Hook(program: "to_pod", source: "fd44:0:0:2::20", destination: "fd44:0:0:1::11"),
        ]
        private static let toStandingPods =
            toPods + [
                PacketLoad.Hook(program: "from_network", source: PacketNode.outside[0]),
                PacketLoad.Hook(
                    program: "from_network", source: PacketNode.outside[1], destination: "fd44:0:0:1::11"),
            ]

        /// How many packets got through.
        private struct Passed: Equatable {
            static let nothing = Passed([])
            var v4 = 0
            var v6 = 0

            /// - Parameter byHook: of `toPods` or `toStandingPods`.
            init(_ byHook: [Int]) {
                for (index, count) in byHook.enumerated() {
                    if index % 2 == 0 { v4 += count } else { v6 += count }
                }
            }

            var areBoth: Bool { v4 > 0 && v6 > 0 }

            static func += (sum: inout Passed, more: Passed) {
                sum.v4 += more.v4
                sum.v6 += more.v6
            }
        }

        /// Programs that know nothing of pods that are closed until their own generation.
        private static func notBornClosed() throws -> [UInt8] {
            try MutantObject.compile(
                "lib/forward.h", "return READ_ONCE(endpoint->flags) & MARTLET_ENDPOINT_CLOSED;", by: "return false;")
        }

        /// Isolates the vault by a list of its own, through which only pods come that are not there.
        private static func policy(_ name: String) -> NetworkPolicy {
            var policy = GivenObjects.policy(name, of: ["role": "vault"])
            let nobody = PolicyPeer.pods(namespaces: nil, pods: LabelSelector(matchLabels: ["role": name]))
            policy.ingress = [PolicyRule(peers: [nobody])]
            return policy
        }

        private static func objects(_ policy: String? = "a", others: [Pod] = []) -> GivenObjects {
            GivenObjects(pods: [client, vault] + others, policies: policy.map { [Self.policy($0)] } ?? [])
        }

        private final class LateCount: Sendable {
            let passed = Mutex(Passed.nothing)
        }

        private struct World {
            let engines: EngineNode
            let load: PacketLoad
            let client: LocalAttachment
            let vault: LocalAttachment
            /// Of a datapath with a fault: how many packets got through while it kept something back.
            let late = LateCount()

            /// How many packets got through while `body` ran.
            func passed(_ body: () async throws -> Void) async throws -> Passed {
                Passed(try await load.passed(body))
            }

            /// The datapath with a fault, which the prober has time to find.
            func watched(_ fault: WatchedDatapath.Fault) -> WatchedDatapath {
                let watched = WatchedDatapath(engines.node.datapath, fault: fault)
                watched.watch { [load, late] step in
                    guard step == .belated else { return }
                    let before = load.passed()
                    try? load.advance()
                    let passed = zip(load.passed(), before).map { $0 - $1 }
                    late.passed.withLock { $0 += Passed(passed) }
                }
                return watched
            }
        }

        /// Runs `body` beside the prober.
        private func probing(
            _ hooks: [PacketLoad.Hook], elf: [UInt8]? = nil, _ body: (World) async throws -> Passed
        ) async throws -> Passed {
            let engines = try EngineNode(elf: elf)
            let world = World(
                engines: engines, load: PacketLoad(engines.node.datapath, hooks, batch: 500),
                client: try EngineNode.attachment("client", PacketNode.client),
                vault: try EngineNode.attachment("vault", Self.place))
            let thread = try world.load.start()
            defer { world.load.stop(thread) }
            return try await body(world)
        }

        // MARK: What comes and goes; each returns how many packets got through.

        /// - Parameter fault: with one, only what got through while it kept something back is returned.
        private func podBirths(
            rounds: Int = 100, _ fault: WatchedDatapath.Fault = .none, elf: [UInt8]? = nil
        ) async throws -> Passed {
            try await probing(Self.toPods, elf: elf) { world in
                let engine = try await world.engines.start(Self.objects(), [world.client], over: world.watched(fault))
                try await world.engines.settle(engine)
                let passed = try await world.passed {
                    for _ in 0..<rounds {
                        _ = try await engine.attach(world.vault, pod: Self.vault)
                        try world.load.advance()
                        try await engine.detach(id: "vault")
                        try await world.engines.wait(engine)
                        try world.load.advance()
                    }
                }
                return fault == .none ? passed : world.late.passed.withLock { $0 }
            }
        }

        /// - Parameter isWhole: false takes the old policy away by a change of its own.
        private func policyBirths(isWhole: Bool = true) async throws -> Passed {
            try await probing(Self.toStandingPods) { world in
                let engine = try await world.engines.start(Self.objects(), [world.client, world.vault])
                return try await world.passed {
                    for round in 0..<200 {
                        if !isWhole {
                            try await world.engines.compile(Self.objects(nil), engine)
                            try world.load.advance()
                        }
                        try await world.engines.compile(Self.objects(round % 2 == 0 ? "b" : "a"), engine)
                        try await world.engines.settle(engine)
                    }
                    try world.load.advance()
                }
            }
        }

        /// The first policy of a pod that was open until then: from the moment that it is in force.
        private func firstPolicyBirths(elf: [UInt8]? = nil) async throws -> Passed {
            try await probing(Self.toStandingPods, elf: elf) { world in
                let engine = try await world.engines.start(Self.objects(nil), [world.client, world.vault])
                var passed = Passed.nothing
                for _ in 0..<50 {
                    let open = try await world.passed { try world.load.advance() }
                    try #require(open.areBoth, "before it has a policy the vault is open")
                    try await world.engines.compile(Self.objects(), engine)
                    passed += try await world.passed {
                        try await world.engines.settle(engine)
                        try world.load.advance()
                    }
                    try await world.engines.compile(Self.objects(nil), engine)
                    try await world.engines.settle(engine)
                }
                return passed
            }
        }

        /// - Parameter isInformed: false compiles before the policies are read.
        private func restarts(isInformed: Bool = true) async throws -> Passed {
            try await probing(Self.toStandingPods) { world in
                let attached = [world.client, world.vault]
                _ = try await world.engines.start(Self.objects(), attached)
                return try await world.passed {
                    for round in 0..<30 {
                        let given = Self.objects(round % 2 == 0 ? "b" : "a")
                        let first = isInformed ? given : Self.objects(nil)
                        let engine = try await world.engines.start(first, attached)
                        if !isInformed { try world.load.advance() }
                        try await world.engines.compile(given, engine)
                        try world.load.advance()
                        if round % 3 == 0 { try await world.engines.settle(engine) }
                    }
                }
            }
        }

        /// The number of a pod that anyone may reach goes to the vault.
        /// - Parameter fault: as for births.
        private func slotReuse(
            rounds: Int, _ fault: WatchedDatapath.Fault = .none, elf: [UInt8]? = nil
        ) async throws -> Passed {
            try await probing(Self.toPods, elf: elf) { world in
                let open = GivenObjects.pod("open", ["role": "open"], PacketNode.elsewhere)
                let attachment = try EngineNode.attachment("open", PacketNode.elsewhere)
                let engine = try await world.engines.start(
                    Self.objects(others: [open]), [world.client], over: world.watched(fault))
                try await world.engines.settle(engine)
                var reused = 0
                let passed = try await world.passed {
                    for _ in 0..<rounds {
                        let number = try await engine.attach(attachment, pod: open)
                        try await engine.detach(id: "open")
                        try await world.engines.wait(engine)
                        if try await engine.attach(world.vault, pod: Self.vault) == number { reused += 1 }
                        try world.load.advance()
                        try await engine.detach(id: "vault")
                        try await world.engines.wait(engine)
                    }
                }
                #expect(reused > rounds / 2, "of \(rounds) numbers")
                return fault == .none ? passed : world.late.passed.withLock { $0 }
            }
        }

        /// The address of a pod that anyone may reach goes to the vault, while flows to its former holder are open.
        private func addressReuse(elf: [UInt8]? = nil) async throws -> Passed {
            try await probing(Self.toPods, elf: elf) { world in
                let open = GivenObjects.pod("open", ["role": "open"], Self.place)
                let attachment = try EngineNode.attachment("open", Self.place)
                let engine = try await world.engines.start(Self.objects(others: [open]), [world.client])
                try await world.engines.settle(engine)
                var passed = Passed.nothing
                for _ in 0..<100 {
                    let reached = try await world.passed {
                        _ = try await engine.attach(attachment, pod: open)
                        try world.load.advance()
                    }
                    try #require(reached.areBoth, "the former holder is open")
                    try await engine.detach(id: "open")
                    try await world.engines.wait(engine)
                    passed += try await world.passed {
                        _ = try await engine.attach(world.vault, pod: Self.vault)
                        try world.load.advance()
                        try await engine.detach(id: "vault")
                        try await world.engines.wait(engine)
                    }
                }
                return passed
            }
        }

        // MARK: Tests

        @Test("A pod that is born a hundred times") func podBirth() async throws {
            #expect(try await podBirths() == .nothing)
            let mutant = try MutantObject.compile(
                "lib/forward.h", "if (in_node_pods(packet->tuple.destination))", by: "if (0)")
            #expect(try await podBirths(elf: mutant).areBoth, "programs that let through what no pod has are seen")
        }

        @Test("A pod that is born twenty times, and has its class long after its addresses")
        func slowPodBirth() async throws {
            #expect(try await podBirths(rounds: 20, .classesLast) == .nothing, "until then it is closed")
            #expect(
                try await podBirths(rounds: 20, .classesLast, elf: Self.notBornClosed()).areBoth,
                "a pod that is born open is seen")
        }

        @Test("A policy that gives way to another, two hundred times") func policyBirth() async throws {
            #expect(try await policyBirths() == .nothing)
            #expect(try await policyBirths(isWhole: false).areBoth, "a policy that comes by a later generation is seen")
        }

        @Test("The first policy of a pod, fifty times, with flows to it") func firstPolicyBirth() async throws {
            #expect(try await firstPolicyBirths() == .nothing)
            let mutant = try MutantObject.compile("lib/conntrack.h", "if (same_deciders(flow, query))", by: "if (1)")
            #expect(try await firstPolicyBirths(elf: mutant).areBoth, "flows that outlive the open time are seen")
        }

        @Test("A daemon that is started thirty times") func restart() async throws {
            #expect(try await restarts() == .nothing)
            #expect(try await restarts(isInformed: false).areBoth, "a daemon that compiles too early is seen")
        }

        @Test("The number of an open pod") func slot() async throws {
            #expect(try await slotReuse(rounds: 200) == .nothing)
            #expect(try await slotReuse(rounds: 50, .classesLast) == .nothing, "until it has its class it is closed")
            #expect(
                try await slotReuse(rounds: 50, .classesLast, elf: Self.notBornClosed()).areBoth,
                "a pod that is born open, and found before it has its class, is seen")
        }

        @Test("The address of an open pod, with flows to it") func address() async throws {
            #expect(try await addressReuse() == .nothing)
            let mutant = try MutantObject.compile(
                "lib/flow.h", "return endpoint && READ_ONCE(endpoint->incarnation) == flow->incarnation[end & 1];",
                by: "return endpoint;")
            #expect(try await addressReuse(elf: mutant).areBoth, "flows that outlive a pod are seen")
        }
    }
}
