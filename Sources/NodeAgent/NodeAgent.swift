package import APIClient
import Glibc
import JSONText
package import Logging
import NIOPosix
import ServiceLifecycle

/// Runs the pods that are bound to this node through the container runtime, and reports what became of them.
/// Containers outlive it: a new run finds them by their labels and goes on.
package final class NodeAgent: Service {
    private let configuration: NodeAgentConfiguration
    private let connection: RuntimeConnection
    private let runtime: CRIRuntime
    private let services: PodServices
    private let source: PodSource
    private let logger: Logger
    private let fleet: PodFleet
    /// Logs and commands of this node's containers, for the API server.
    package let streams: any PodStreams

    package init(
        configuration: NodeAgentConfiguration, client: any APIClient, logger: Logger,
        clock: @escaping @Sendable () -> Timestamp = SystemClock.now
    ) throws(NodeAgentError) {
        self.configuration = configuration
        self.logger = logger
        connection = try RuntimeConnection(socket: configuration.containerdSocket)
        runtime = CRIRuntime(connection: connection)
        let threads = NIOThreadPool(numberOfThreads: 4)
        services = PodServices(
            configuration: configuration, runtime: runtime, client: client,
            events: EventRecorder(client: client, node: configuration.nodeName, clock: clock, logger: logger),
            prober: Prober(runtime: runtime), threads: threads, clock: clock, logger: logger)
        source = PodSource(client: client, node: configuration.nodeName, logger: logger)
        fleet = PodFleet(services: services, hasStaticPods: configuration.staticPodDirectory != nil)
        streams = ContainerStreams(services: services, connection: connection, fleet: fleet)
    }

    /// Name and version of the runtime, or why it cannot be reached.
    package func runtimeVersion() async throws(NodeAgentError) -> (name: String, version: String) {
        try await runtime.version()
    }

    /// What keeps the node from being Ready, in words; empty when nothing does.
    package func unmetConditions() async -> [String] {
        do { return try await runtime.unmetConditions() } catch { return [error.message] }
    }

    package func run() async throws {
        // A write to a command that has closed its input is an error like others, no signal.
        signal(SIGPIPE, SIG_IGN)
        services.threads.start()
        let abandoned = ContainerStreams.folder(in: configuration)
        try? await services.blocking { () throws(NodeAgentError) in try FileCalls.removeTree(abandoned) }
        await withDiscardingTaskGroup { group in
            group.addTask { try? await self.connection.run() }
            group.addTask { await self.services.events.run() }
            group.addTask { await self.services.background.run() }
            group.addTask { await self.fleet.run() }
            group.addTask { await self.source.run { await self.fleet.take($0) } }
            group.addTask { await self.watchRuntime() }
            group.addTask { await self.resync() }
            group.addTask { await self.rotateLogs() }
            if let folder = self.configuration.staticPodDirectory {
                group.addTask { await self.followStaticPods(folder) }
            }
            try? await gracefulShutdown()
            group.cancelAll()
        }
        services.prober.shutdown()
        try? await services.threads.shutdownGracefully()
    }

    /// Each of containerd's events brings the next look forward.
    private func watchRuntime() async {
        while !Task.isCancelled {
            do {
                try await connection.watchTasks { [fleet] in fleet.lookSoon() }
            } catch {
                logger.debug("containerd's events end", metadata: ["reason": "\(error)"])
            }
            try? await Task.sleep(for: .milliseconds(500))
        }
    }

    /// Looks at all containers after each event, and every two seconds without one.
    private func resync() async {
        while !Task.isCancelled {
            do {
                let sandboxes = try await runtime.sandboxes(podUID: nil)
                let containers = try await runtime.containers(podUID: nil)
                await fleet.compare(sandboxes, containers)
            } catch {
                logger.warning("the container runtime does not answer", metadata: ["error": "\(error)"])
            }
            await fleet.lookWakeup.wait(atMost: NodeAgentConfiguration.Limit.resyncPeriod)
        }
    }

    private func rotateLogs() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(10))
            for container in (try? await runtime.containers(podUID: nil)) ?? [] where container.state == .running {
                guard let log = try? await runtime.details(of: container)?.logPath, !log.isEmpty else { continue }
                await rotate(log, container: container.id)
            }
        }
    }

    private func rotate(_ log: String, container: String) async {
        let now = services.clock()
        do {
            let renamed = try await services.blocking { () throws(NodeAgentError) in
                try LogRotation.rotate(
                    log, now: now, limit: NodeAgentConfiguration.Limit.logFileBytes,
                    kept: NodeAgentConfiguration.Limit.logFilesKept)
            }
            guard let renamed else { return }
            do {
                try await runtime.reopenLog(container)
            } catch {
                _ = try await services.blocking { () throws(NodeAgentError) in LogRotation.undo(renamed, path: log) }
                throw error
            }
        } catch {
            logger.warning("log not rotated", metadata: ["log": "\(log)", "error": "\(error)"])
        }
    }

    private func followStaticPods(_ folder: String) async {
        let reader = StaticPods(folder: folder, node: configuration.nodeName)
        while !Task.isCancelled {
            if let (pods, faults) = try? await services.blocking({ () throws(NodeAgentError) in reader.read() }) {
                for fault in faults { logger.warning("static pod left out", metadata: ["reason": "\(fault)"]) }
                await fleet.setStatic(pods)
            }
            try? await Task.sleep(for: .seconds(2))
        }
    }
}
