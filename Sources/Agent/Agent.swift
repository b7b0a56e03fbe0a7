package import APIClient
package import BPFRuntime
import DaemonAPI
package import Informers
package import Logging
package import NetTypes
import Netlink
package import PodNetwork
import ServiceLifecycle

/// What the agent is told once, at start.
package struct AgentConfiguration: Sendable {
    package var nodeName: String
    package var nodeAddresses: [IPAddress]
    /// Of this node, one a family: local pods get their addresses here.
    package var podCIDRs: [CIDR]
    /// Of all nodes.
    package var clusterCIDRs: [CIDR]
    package var serviceCIDRs: [CIDR]
    /// Ids and attachments are journalled here.
    package var stateDirectory: String
    /// The local socket.
    package var socketPath: String
    /// `/proc/sys/kernel/random/boot_id`.
    package var bootID: String
    /// cgroup2 directory for the connect hooks; nil leaves translation to the packet path.
    package var connectCgroup: String?
    /// Interfaces that lead to the outside.
    package var uplinks: [UInt32]
    package var podMTU: Int

    package init(
        nodeName: String, nodeAddresses: [IPAddress], podCIDRs: [CIDR], clusterCIDRs: [CIDR], serviceCIDRs: [CIDR],
        stateDirectory: String, socketPath: String, bootID: String, connectCgroup: String?, uplinks: [UInt32],
        podMTU: Int
    ) {
        self.nodeName = nodeName
        self.nodeAddresses = nodeAddresses
        self.podCIDRs = podCIDRs
        self.clusterCIDRs = clusterCIDRs
        self.serviceCIDRs = serviceCIDRs
        self.stateDirectory = stateDirectory
        self.socketPath = socketPath
        self.bootID = bootID
        self.connectCgroup = connectCgroup
        self.uplinks = uplinks
        self.podMTU = podMTU
    }
}

/// Wires informers, compilers, the planner and the kernel, and serves the local socket. Ending it leaves programs, maps
/// and pods as they are: traffic goes on without the daemon.
package struct Agent: Service {
    /// Pause before flow events are read again after their reader failed.
    static let eventRetryInterval = Duration.seconds(1)

    let configuration: AgentConfiguration
    let datapath: any Datapath
    let informers: ClusterInformers
    let client: any APIClient
    let engine: Engine
    package let network: PodNetworking
    let observer: FlowObserver
    private let journalKeeper: PolicyJournalKeeper
    private let reporter: ClusterPolicyReporter
    private let reports = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    /// The daemon's other parts, asked for each `status`.
    let parts: @Sendable () async -> [PartReport]
    let connect: ConnectCheck
    let logger: Logger
    let started = ContinuousClock.now

    package init(
        _ configuration: AgentConfiguration, datapath: any Datapath, informers: ClusterInformers,
        client: any APIClient, logger: Logger, steps: StepTimes = StepTimes(), writes: MapWrites = MapWrites(),
        policyJournal: PolicyJournal, parts: @escaping @Sendable () async -> [PartReport] = { [] }
    ) throws {
        self.parts = parts
        self.configuration = configuration
        self.datapath = datapath
        self.informers = informers
        self.client = client
        self.logger = logger
        engine = try Engine(
            datapath: datapath, journalPath: configuration.stateDirectory + "/ids.journal",
            nodeName: configuration.nodeName, bootID: configuration.bootID, thread: SerialThread(), steps: steps,
            writes: writes, policyJournal: policyJournal, logger: logger)
        let settings = PodNetworkSettings(
            stateDirectory: configuration.stateDirectory, nodeAddresses: configuration.nodeAddresses,
            mtu: configuration.podMTU, bootID: configuration.bootID)
        network = PodNetworking(
            settings: settings, links: try KernelPodLinks(), datapath: PodLinkHooks(datapath: datapath),
            gate: PodGate(
                engine: engine, informers: informers, client: client, nodeName: configuration.nodeName),
            thread: try SerialThread(), logger: logger, now: { SystemClock.bootNanoseconds })
        let files = try SerialThread()
        journalKeeper = PolicyJournalKeeper(journal: policyJournal, thread: files)
        observer = FlowObserver(
            engine: engine, informers: informers, nodeAddresses: configuration.nodeAddresses,
            file: TrafficFile(path: configuration.stateDirectory + "/traffic.json", thread: files))
        reporter = ClusterPolicyReporter(
            client: client, engine: engine, informers: informers, nodeName: configuration.nodeName, logger: logger)
        connect = ConnectCheck(isOn: configuration.connectCgroup != nil, datapath: datapath)
    }

    package func run() async throws {
        try await engine.start()
        await network.setPodCIDRs(configuration.podCIDRs)
        try await network.start()
        try attachNode()
        await observer.load()
        try await cancelWhenGracefulShutdown {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await keepGrace() }
                group.addTask { try await ClusterInformers.first { try await keepCompiled() } }
                group.addTask { try await keepReset() }
                group.addTask { try await reporter.run(reports.stream) }
                group.addTask { await observeFlows() }
                group.addTask { await keepTraffic() }
                group.addTask { await journalKeeper.run() }
                group.addTask { try await serveSocket() }
                try await group.next()
                group.cancelAll()
            }
        }
        await saveTraffic()
        await engine.stop()
    }

    /// What this node's NodeDataplane is to say.
    package var dataplane: DataplaneReport {
        get async { await engine.report(faults: informers.snapshot().faults) }
    }

    /// After `dataplane` may have changed; for one consumer.
    package var dataplaneSignals: AsyncStream<Void> { engine.reportSignals }

    private func attachNode() throws {
        for uplink in configuration.uplinks { try datapath.attachUplink(interface: uplink) }
        if let cgroup = configuration.connectCgroup {
            try datapath.attachConnect(cgroup: cgroup)
        } else {
            try datapath.detachConnect()
        }
    }

    private func keepGrace() async throws {
        try await GraceKeepers(engine: engine, datapath: datapath).run { [reports] in reports.continuation.yield() }
    }

    private func keepReset() async throws {
        let resetter = FlowResetter(
            datapath: datapath, network: network, thread: try SerialThread(), logger: logger)
        await resetter.run(engine.resetSignals)
    }

    /// The first compile, then one after each notice. Objects that give an error are compiled again with the next
    /// notice; what is in the kernel stays in force. Ends where the kernel refuses a write.
    private func keepCompiled() async throws {
        await informers.waitForSync()
        if Task.isCancelled { return }
        try await engine.compileAll(informers.snapshot(), podCIDRs: configuration.clusterCIDRs)
        await engine.waitUntilInForce()
        let takeOver = try datapath.takeOver()
        let revision = await engine.enforcedRevision ?? 0
        logger.notice(
            "in force",
            metadata: [
                "revision": "\(revision)", "after": "\(ContinuousClock.now - started)",
                "links updated": "\(takeOver.updatedLinks)", "links kept": "\(takeOver.keptLinks)",
            ])
        await connect.testOnce(engine.serviceEntries)
        let feed = ChangeFeed(followsProgress: true)
        informers.report(to: feed)
        reports.continuation.yield()
        var notices = WholeNotices(feed: feed, kinds: ClusterInformers.resources) { informers.together }
        while let notice = await notices.next() {
            try await engine.compileOrRetry(notice, informers)
            if notice.namesNothing { continue }
            reports.continuation.yield()
            await connect.testOnce(engine.serviceEntries)
        }
    }

    /// Reads flow events; a reader that ends is started again after a pause, and said why. Traffic does not depend on
    /// it.
    private func observeFlows() async {
        while !Task.isCancelled {
            var reason = "its reader ended"
            do {
                let events = try datapath.events()
                await observer.run(events)
                if let failure = events.failure { reason = "\(failure)" }
            } catch {
                reason = "\(error)"
            }
            if Task.isCancelled { return }
            logger.error("flow events are not read; trying again", metadata: ["error": "\(reason)"])
            try? await Task.sleep(for: Self.eventRetryInterval)
        }
    }

    /// Keeps the last hour's flows for a next daemon.
    private func keepTraffic() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: TrafficFile.interval)
            await saveTraffic()
        }
    }

    private func saveTraffic() async {
        do {
            try await observer.save()
        } catch {
            logger.error("the last hour's flows are not kept over a restart", metadata: ["error": "\(error)"])
        }
    }

    private func serveSocket() async throws {
        let requests = LocalRequests(
            configuration: configuration, datapath: datapath, informers: informers, client: client, engine: engine,
            network: network, observer: observer, connect: connect, started: started, parts: parts)
        let router = RequestRouter(network: network, others: requests)
        try await SocketServer(path: configuration.socketPath, handler: router, logger: logger).run()
    }
}

/// Brings the journal of policies to the disk, so that no change of a policy waits for that.
private actor PolicyJournalKeeper {
    /// The store's own sync waits for this one: not often.
    private static let interval = Duration.seconds(5)

    private let journal: PolicyJournal
    private let thread: SerialThread

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    init(journal: PolicyJournal, thread: SerialThread) {
        self.journal = journal
        self.thread = thread
    }

    func run() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.interval)
            journal.sync()
        }
    }
}
