import JSONText

/// Logs of, and commands in, this node's containers.
struct ContainerStreams: PodStreams {
    let services: PodServices
    let connection: RuntimeConnection
    let fleet: PodFleet
    private let sessions = ExecSessions()

    init(services: PodServices, connection: RuntimeConnection, fleet: PodFleet) {
        self.services = services
        self.connection = connection
        self.fleet = fleet
    }

    /// The pipes of commands stand below it.
    static func folder(in configuration: NodeAgentConfiguration) -> String { configuration.rootDirectory + "/.exec" }

    // MARK: Logs

    func logs(_ request: LogRequest, write: @escaping @Sendable ([UInt8]) async throws -> Void) async throws {
        let (pod, spec) = try await fleet.find(
            namespace: request.namespace, pod: request.pod, container: request.container)
        let runs = try await services.runtime.containers(podUID: pod.uid).filter { $0.name == spec.name }
        let run = request.previous ? runs.dropFirst().first : runs.first
        guard let run, run.state != .created else {
            let text =
                request.previous
                ? "previous terminated container \"\(spec.name)\" in pod \"\(pod.name)\" not found"
                : "container \"\(spec.name)\" in pod \"\(pod.name)\" is waiting to start: ContainerCreating"
            throw NodeAgentError(.invalidRequest, text)
        }
        guard let path = try await services.runtime.details(of: run)?.logPath, !path.isEmpty else {
            throw NodeAgentError(.notFound, "container \"\(spec.name)\" in pod \"\(pod.name)\" has no log")
        }
        var since = request.sinceTime.flatMap { Timestamp($0) }
        if let seconds = request.sinceSeconds {
            since = Timestamp(nanoseconds: services.clock().nanoseconds - seconds * 1_000_000_000)
        }
        var filter = LogFilter(timestamps: request.timestamps, since: since, limitBytes: request.limitBytes)
        var reader = try await services.blocking { () throws(NodeAgentError) -> LogReader in
            LogReader(path, tailLines: request.tailLines)
        }
        var hasEnded = !request.follow
        while !Task.isCancelled && !filter.isFull {
            let current = reader
            let (next, bytes) = try await services.blocking { () throws(NodeAgentError) -> (LogReader, [UInt8]) in
                var next = current
                let bytes = next.read()
                return (next, bytes)
            }
            reader = next
            if bytes.isEmpty {
                if hasEnded { return }
                // One more look at the file after the container has ended: its last words may be new.
                hasEnded = try await services.runtime.details(of: run).map { $0.state != .running } ?? true
                if !hasEnded { try await Task.sleep(for: .milliseconds(200)) }
            } else {
                let output = filter.feed(bytes)
                if !output.isEmpty { try await write(output) }
            }
        }
    }

    // MARK: Commands

    func exec(
        _ request: ExecRequest, next: @escaping @Sendable () async throws -> ExecInput?,
        write: @escaping @Sendable (ExecOutput) async throws -> Void
    ) async throws -> Int32 {
        let (pod, spec) = try await fleet.find(
            namespace: request.namespace, pod: request.pod, container: request.container)
        guard !request.command.isEmpty else {
            throw NodeAgentError(.invalidRequest, "exec: you must specify at least one command for the container")
        }
        let containers = try await services.runtime.containers(podUID: pod.uid)
        guard let container = containers.first(where: { $0.name == spec.name && $0.state == .running }) else {
            throw NodeAgentError(.invalidRequest, "container \"\(spec.name)\" in pod \"\(pod.name)\" is not running")
        }
        let id = try sessions.begin()
        defer { sessions.end() }
        let session = ExecSession(
            id: id, container: container.id, request: request, connection: connection,
            folder: "\(Self.folder(in: services.configuration))/\(id)", services: services)
        return try await session.run(next: next, write: write)
    }
}
