import APIClient
import BenchReport
import Glibc
import JSONText

/// Start and memory at rest.
struct StartPart {
    let session: Session

    func run() async throws {
        let start = try await session.node.start()
        session.note(Measure(part: "control", "daemon start to Node Ready, containerd up", start, "ms", .atMost(1_000)))
        let memory = try session.node.memory()
        session.note(Measure(part: "control", "daemon resident, idle", memory.all, "MB", .atMost(60)))
        session.note(Measure(part: "control", "daemon resident, idle: of it mapped maps", memory.maps, "MB"))
    }
}

/// Writes, their events, and their way to the kernel, as a client over HTTPS sees them.
struct ControlPart {
    private static let clients = 32
    let session: Session

    func run() async throws {
        _ = try await session.inside("server")
        try await session.withObjects { objects in
            try await changes(objects)
            try await events(objects)
            try await objects.namespace("bench-load")
            try await creates(objects)
        }
    }

    // MARK: Changes on their way to the kernel

    private func changes(_ objects: BenchObjects) async throws {
        let kernel = try KernelView(session.node)
        let timer = ChangeTimer(changes: session.count(200, least: 20), perSecond: 20)
        let policy = try await timer.times(of: { kernel.generation }) { index in
            try await objects.patch(.networkPolicies, "measured", Manifests.policy(extraPort: Int64(10_000 + index)))
        }
        note("one policy change, sent until in force in the kernel", policy)

        try await objects.create(
            .networkPolicies, "by-stage",
            Manifests.ingressPolicy("by-stage", namespace: "bench", selecting: ("stage", "b"), from: "client", port: 7))
        let label = try await timer.times(of: { kernel.generation }) { index in
            let stage = index.isMultiple(of: 2) ? "b" : "a"
            try await objects.patch(.pods, "server", ["metadata": ["labels": ["stage": .string(stage)]]])
        }
        note("one label change, sent until in force in the kernel", label)
        try await objects.delete(.networkPolicies, "by-stage")

        let server = try session.node.address(of: "server")
        let other = try session.node.address(of: "client")
        try await objects.create(.services, "changing", Manifests.ownService("changing"))
        try await objects.create(
            .endpointSlices, "changing-own", Manifests.slice(of: "changing", addresses: [server]))
        let service = try await objects.client.get(
            ObjectReference(.services, namespace: "bench", name: "changing"), subresource: "")
        let cluster = service[path: "spec", "clusterIP"]?.string ?? ""
        guard let number = Shell.poll(seconds: 5, { try kernel.serviceNumber(cluster, Manifests.port) }) else {
            throw BenchError("Service changing did not reach the kernel")
        }
        let endpoint = try await timer.times(of: { kernel.extent(ofService: number) }) { index in
            let addresses = index.isMultiple(of: 2) ? [server, other] : [server]
            try await objects.patch(
                .endpointSlices, "changing-own", Manifests.slice(of: "changing", addresses: addresses))
        }
        note("one endpoint change, sent until in force in the kernel", endpoint)
        try await objects.delete(.endpointSlices, "changing-own")
        try await objects.delete(.services, "changing")
    }

    private func note(_ name: String, _ times: [Double]) {
        session.note(Measure(part: "control", "\(name), p50", Figure.median(times), "ms"))
        session.note(Measure(part: "control", "\(name), p99", Figure.quantile(times, 0.99), "ms", .atMost(5)))
    }

    // MARK: Events

    private func events(_ objects: BenchObjects) async throws {
        let count = session.count(500, least: 50)
        let client = objects.client
        try await objects.namespace("bench-events")
        let list = try await client.list(.configMaps, ListOptions(namespace: "bench-events"))
        let stream = try await client.watch(
            .configMaps, ListOptions(namespace: "bench-events"), from: list.resourceVersion)
        let arrivals = Task {
            var times: [String: Double] = [:]
            for try await event in stream {
                guard case .added(let object) = event, let name = object[path: "metadata", "name"]?.string,
                    name.hasPrefix("event-")
                else { continue }
                times[name] = Shell.now
                if times.count == count { break }
            }
            return times
        }
        var sent: [String: Double] = [:]
        var answered: [Double] = []
        for index in 0..<count {
            let name = "event-\(index)"
            let start = Shell.now
            sent[name] = start
            try await objects.create(
                .configMaps, name, namespace: "bench-events", Manifests.configMap(name, "bench-events"))
            answered.append(Shell.now - start)
        }
        let times = try await arrivals.value
        let delays = sent.compactMap { name, start in times[name].map { ($0 - start) / 1e3 } }
        session.note(Measure(part: "control", "write sent to its event, p50", Figure.median(delays), "ms", .atMost(1)))
        session.note(Measure(part: "control", "write sent to its event, p99", Figure.quantile(delays, 0.99), "ms"))
        session.note(Measure(part: "control", "write sent to its answer, p50", Figure.median(answered) / 1e3, "ms"))
    }

    // MARK: Throughput

    /// The daemon has one core, the clients the other; each client has a connection of its own.
    private func creates(_ objects: BenchObjects) async throws {
        let daemon = try session.node.daemon()
        try Shell.run("taskset -acp 0 \(daemon) && taskset -acp 1 \(getpid())")
        defer { _ = try? Shell.run("taskset -acp 0,1 \(daemon); taskset -acp 0,1 \(getpid())") }
        let clients = try (0..<Self.clients).map { _ in try session.node.client() }
        let each = session.count(300, least: 30)
        try await load(clients.map(objects.by), "warm", each: 20)
        let busy = try (processor(daemon), processor(Int(getpid())))
        let start = Shell.now
        try await load(clients.map(objects.by), "load", each: each)
        let seconds = (Shell.now - start) / 1e6
        let after = try (processor(daemon), processor(Int(getpid())))
        for client in clients { await client.shutDown() }
        session.note(
            Measure(
                part: "control", "1 KiB ConfigMap creates by 32 clients", Double(each * Self.clients) / seconds, "1/s",
                .atLeast(2_600)))
        // What other processes take of the two cores does not count here.
        let perCreate = 1e6 / Double(each * Self.clients)
        session.note(
            Measure(part: "control", "the daemon's processor time of a create", (after.0 - busy.0) * perCreate, "µs"))
        session.note(
            Measure(part: "control", "the client's processor time of a create", (after.1 - busy.1) * perCreate, "µs"))
        session.note(
            Measure(part: "control", "the daemon's share of its core", (after.0 - busy.0) / seconds * 100, "%"))
    }

    private func load(_ clients: [BenchObjects], _ prefix: String, each: Int) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (worker, objects) in clients.enumerated() {
                group.addTask {
                    for index in 0..<each {
                        let name = "\(prefix)-\(worker)-\(index)"
                        try await objects.create(
                            .configMaps, name, namespace: "bench-load", Manifests.configMap(name, "bench-load"))
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// Seconds of processor time that a process has used: fields 14 and 15 of /proc/PID/stat, in hundredths.
    private func processor(_ pid: Int) throws -> Double {
        guard let ticks = Double(Shell.line("awk '{ print $14 + $15 }' /proc/\(pid)/stat")) else {
            throw BenchError("process \(pid) is gone")
        }
        return ticks / 100
    }
}
