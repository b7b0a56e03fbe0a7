import KubeObjects
import RouteCompiler
import TestKit
import Testing

@testable import Agent
@testable import BPFRuntime

extension PacketSuite {
    /// A prober sends without pause to a pod that nothing may reach, while that pod, its policy, the daemon, its number
    /// or its address come and go. Not one packet gets through; each test also runs on a fault that it has to see.
    @Suite(.timeLimit(.minutes(5)))
    struct NoOpenInstantTests {
        /// The address of the prober's target.
        private static let place = PacketNode.server
        private static let vault = GivenObjects.pod("vault", ["role": "vault"], place)
        private static let client = GivenObjects.pod("client", ["role": "client"], PacketNode.client)
        private static let toPods = [
            PacketLoad.Hook(program: "from_pod", source: "10.244.1.10"),
            PacketLoad.Hook(program: "to_pod", source: "10.244.2.20"),
        ]
        private static let toStandingPods = toPods + [PacketLoad.Hook(program: "from_network", source: "203.0.113.9")]

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

        private struct World {
            let engines: EngineNode
            let load: PacketLoad
            let client: LocalAttachment
            let vault: LocalAttachment
        }

        /// Runs `body` beside the prober.
        private func probing(
            _ hooks: [PacketLoad.Hook], elf: [UInt8]? = nil, _ body: (World) async throws -> Int
        ) async throws -> Int {
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

        private func podBirths(elf: [UInt8]? = nil) async throws -> Int {
            try await probing(Self.toPods, elf: elf) { world in
                let engine = try await world.engines.start(Self.objects(), [world.client])
                try await world.engines.settle(engine)
                return try await world.load.passed {
                    for _ in 0..<100 {
                        _ = try await engine.attach(world.vault, pod: Self.vault)
                        try world.load.advance()
                        try await engine.detach(id: "vault")
                        try await world.engines.wait(engine)
                        try world.load.advance()
                    }
                }
            }
        }

        /// - Parameter isWhole: false takes the old policy away by a change of its own.
        private func policyBirths(isWhole: Bool = true) async throws -> Int {
            try await probing(Self.toStandingPods) { world in
                let engine = try await world.engines.start(Self.objects(), [world.client, world.vault])
                return try await world.load.passed {
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

        /// - Parameter isInformed: false compiles before the policies are read.
        private func restarts(isInformed: Bool = true) async throws -> Int {
            try await probing(Self.toStandingPods) { world in
                let attached = [world.client, world.vault]
                _ = try await world.engines.start(Self.objects(), attached)
                return try await world.load.passed {
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
        private func slotReuse(_ fault: WatchedDatapath.Fault = .none, elf: [UInt8]? = nil) async throws -> Int {
            try await probing(Self.toPods, elf: elf) { world in
                let open = GivenObjects.pod("open", ["role": "open"], PacketNode.elsewhere)
                let attachment = try EngineNode.attachment("open", PacketNode.elsewhere)
                let watched = WatchedDatapath(world.engines.node.datapath, fault: fault)
                watched.watch { [load = world.load] step in if step == .belated { try? load.advance() } }
                let engine = try await world.engines.start(Self.objects(others: [open]), [world.client], over: watched)
                try await world.engines.settle(engine)
                var reused = 0
                let passed = try await world.load.passed {
                    for _ in 0..<200 {
                        let number = try await engine.attach(attachment, pod: open)
                        try await engine.detach(id: "open")
                        try await world.engines.wait(engine)
                        if try await engine.attach(world.vault, pod: Self.vault) == number { reused += 1 }
                        try world.load.advance()
                        try await engine.detach(id: "vault")
                        try await world.engines.wait(engine)
                    }
                }
                #expect(reused > 100, "of 200 numbers")
                return passed
            }
        }

        /// The address of a pod that anyone may reach goes to the vault, while flows to its former holder are open.
        private func addressReuse(elf: [UInt8]? = nil) async throws -> Int {
            try await probing(Self.toPods, elf: elf) { world in
                let open = GivenObjects.pod("open", ["role": "open"], Self.place)
                let attachment = try EngineNode.attachment("open", Self.place)
                let engine = try await world.engines.start(Self.objects(others: [open]), [world.client])
                try await world.engines.settle(engine)
                var passed = 0
                for _ in 0..<100 {
                    let reached = try await world.load.passed {
                        _ = try await engine.attach(attachment, pod: open)
                        try world.load.advance()
                    }
                    try #require(reached > 0, "the former holder is open")
                    try await engine.detach(id: "open")
                    try await world.engines.wait(engine)
                    passed += try await world.load.passed {
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
            #expect(try await podBirths() == 0)
            let mutant = try MutantObject.compile(
                "lib/forward.h", "if (in_node_pods(packet->tuple.destination))", by: "if (0)")
            #expect(try await podBirths(elf: mutant) > 0, "programs that let through what no pod has are seen")
        }

        @Test("A policy that gives way to another, two hundred times") func policyBirth() async throws {
            #expect(try await policyBirths() == 0)
            #expect(try await policyBirths(isWhole: false) > 0, "a policy that comes by a later generation is seen")
        }

        @Test("A daemon that is started thirty times") func restart() async throws {
            #expect(try await restarts() == 0)
            #expect(try await restarts(isInformed: false) > 0, "a daemon that compiles too early is seen")
        }

        @Test("The number of an open pod") func slot() async throws {
            #expect(try await slotReuse() == 0)
            let mutant = try MutantObject.compile(
                "lib/forward.h", "return READ_ONCE(endpoint->flags) & MARTLET_ENDPOINT_CLOSED;", by: "return false;")
            #expect(
                try await slotReuse(.classesLast, elf: mutant) > 0,
                "a pod that is born open, and found before it has its class, is seen")
        }

        @Test("The address of an open pod, with flows to it") func address() async throws {
            #expect(try await addressReuse() == 0)
            let mutant = try MutantObject.compile(
                "lib/flow.h", "return endpoint && READ_ONCE(endpoint->incarnation) == flow->incarnation[end & 1];",
                by: "return endpoint;")
            #expect(try await addressReuse(elf: mutant) > 0, "flows that outlive a pod are seen")
        }
    }
}
