import APIClient
import BenchReport
import Glibc
import JSONText

/// 10,000 pods of other nodes, 500 namespaces and 2,000 policies, in a daemon of its own.
struct ScalePart {
    let session: Session
    private let world: ScaleWorld
    private var node: Node { session.scaleNode }

    init(session: Session) {
        self.session = session
        world = ScaleWorld(
            pods: session.count(10_000), namespaces: session.count(500), policies: session.count(2_000),
            crowd: session.count(1_000))
    }

    func run() async throws {
        // A node has one daemon: what the first one with its 10,000 Services does would count. No part follows.
        if session.node.isThere { try session.node.martletd("node stop") }
        _ = try await node.start()
        let client = try node.client()
        let objects = BenchObjects(client: client)
        let kernel = try KernelView(node)
        let start = Shell.now
        try await world.fill(objects)
        session.note(
            Measure(
                part: "scale",
                "\(world.pods) pods, \(world.namespaces) namespaces, \(world.policies) policies created",
                (Shell.now - start) / 1e3, "ms"))
        try await settle(kernel)
        let changes = ScaleChanges(session: session, world: world, objects: objects, kernel: kernel)
        try await changes.small()
        let memory = try node.memory()
        session.note(Measure(part: "scale", "daemon resident", memory.all, "MB", .atMost(150)))
        session.note(Measure(part: "scale", "daemon resident: of it mapped maps", memory.maps, "MB"))
        session.note(
            Measure(
                part: "scale", "policy maps, as the kernel counts their memory", try policyMaps(), "MiB", .atMost(64)))
        try await changes.large()
        session.note(
            Measure(part: "scale", "daemon resident after the large changes", try node.memory().all, "MB")
        )
        await client.shutDown()
        session.note(
            Measure(part: "scale", "restart: daemon's start to all in force", try restart(), "ms", .atMost(1_000)))
    }

    /// All endpoints are in the kernel, and no generation comes any more.
    private func settle(_ kernel: KernelView) async throws {
        let pods = world.pods
        let there = Shell.poll(seconds: 60) {
            try node.status()[path: "endpoints", "total"]?.integer.flatMap { $0 >= Int64(pods) ? $0 : nil }
        }
        if there == nil { throw BenchError("the pods did not reach the kernel") }
        try await kernel.settle()
    }

    /// MiB of the maps that hold policy.
    private func policyMaps() throws -> Double {
        let names = [
            "rules", "class_lists", "class_rows", "block_rows", "networks", "network_ids", "endpoints", "endpoint_ids",
        ]
        return try names.reduce(0) { try $0 + KernelView.bytes(ofMap: $1, node) } / 1_048_576
    }

    private func restart() throws -> Double {
        let log = "\(node.directory)/martletd.log"
        let query = "grep -c 'msg=\"in force\"' \(log)"
        let before = Shell.line(query)
        guard kill(pid_t(try node.daemon()), SIGKILL) == 0 else { throw BenchError("cannot end the daemon") }
        guard Shell.poll(seconds: 30, { Shell.line(query) == before ? nil : true }) != nil else {
            throw BenchError("the daemon did not come back")
        }
        let after = Shell.line(
            "sed -n 's/.*msg=\"in force\" after=\"\\([0-9.e-]*\\) seconds.*/\\1/p' \(log) | tail -n 1")
        guard let seconds = Double(after) else { throw BenchError("no time in the log: \(after)") }
        return seconds * 1e3
    }
}
