import APIClient
import APIServer
import Agent
import BPFRuntime
import CLinux
import Controllers
import Glibc
import Informers
import KubeObjects
import Logging
import NetTypes
import Netlink
import NodeAgent
import ServiceLifecycle
import Store
import UnixSignals

/// All parts of a node in one process, and the order in which they start and end.
struct Daemon {
    let setup: NodeSetup
    let logger: Logger

    init(_ setup: NodeSetup) {
        self.setup = setup
        var logger = Logger(label: "martletd")
        logger.logLevel = .notice
        self.logger = logger
    }

    func run() async throws {
        let options = setup.options
        for directory in [options.state, options.runDirectory] {
            guard mkdir(directory, 0o700) == 0 || errno == EEXIST else {
                throw DaemonFault("cannot make \(directory): errno \(errno)")
            }
        }
        let lock = try StateLease(directory: options.state)
        defer { lock.release() }

        let store = try Store(
            directory: options.state + "/store", options: APICore.storeOptions, logger: logger)
        defer { store.close() }
        if !setup.unknownAddresses.isEmpty {
            logger.warning(
                "the node has more addresses than the kernel programs know: to them these are outside",
                metadata: ["addresses": "\(setup.unknownAddresses.map(\.description).joined(separator: " "))"])
        }
        try KernelProbe.require(cgroup: options.connect ? options.cgroup : nil)
        let datapath = try KernelDatapath(setup.datapathSettings)
        let policyJournal = PolicyJournal(path: options.state + "/policies.journal", logger: logger)
        let judge = DatapathJudge(podCIDRs: setup.clusterCIDRs) {
            policyJournal.former($0, uid: $1.uid, version: $1.resourceVersion)
        }
        var serving = serverConfiguration
        serving.core.judge = judge
        let steps = StepTimes { store.commitNanoseconds(of: $0) }
        let writes = MapWrites()
        serving.core.metrics = { MetricsText.text(of: datapath) + steps.metrics + writes.metrics }
        let server = try APIServerService(store: store, configuration: serving)
        let client = LocalClient(
            core: server.core, user: UserInfo(name: DatapathJudge.ownUser, groups: [UserInfo.mastersGroup]))
        let informers = ClusterInformers(client: client, logger: logger) { policyJournal.object($0, uid: $1) }
        let controllers = try ControllerSet(
            ControllerContext(client: client, cluster: informers, logger: logger), options: controllerOptions(server))
        let node = try NodeAgent(configuration: nodeConfiguration, client: client, logger: logger)
        let reports = PartReports(
            node: node, store: store, controllers: controllers, stateDirectory: options.state)
        let agent = try Agent(
            setup.agentConfiguration, datapath: datapath, informers: informers, client: client, logger: logger,
            steps: steps, writes: writes, policyJournal: policyJournal, parts: { await reports.all })
        server.core.nodeStreams = NodeStreamsAdapter(streams: node.streams)
        let watch = ReadinessWatch(node: node, network: agent.network)
        let registration = NodeRegistration(
            client: client, description: nodeDescription, logger: logger, readiness: { await watch.current })
        let services: [any ServiceLifecycle.Service] = [
            store, server, informers, controllers, agent, node, watch, registration,
            InvariantReporter(source: judge, client: client, logger: logger),
            DataplaneReporter(
                agent: agent, nodeName: setup.options.nodeName, client: client, logger: logger),
            HeapTrimmer(thread: try SerialThread(), logger: logger),
        ]
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: services.map {
                    .init(service: $0, successTerminationBehavior: .gracefullyShutdownGroup)
                },
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await group.run()
    }

    // MARK: Configurations

    private var serverConfiguration: APIServerConfiguration {
        let options = setup.options
        var listen = setup.nodeAddresses.map {
            ListenAddress.address(host: $0.description, port: options.apiPort)
        }
        let inherited = clinux_listen_fds()
        for index in 0..<max(0, inherited) { listen.insert(.descriptor(3 + index), at: 0) }
        var configuration = APIServerConfiguration(stateDirectory: options.state, listen: listen)
        configuration.names = ["127.0.0.1", options.nodeName]
        configuration.advertised = setup.nodeAddresses.map(\.description)
        configuration.advertisedPort = options.apiPort
        configuration.kubeconfigPath = options.kubeconfig
        configuration.core.serviceCIDRs = setup.serviceCIDRs.map(\.description)
        configuration.core.admission = [DatapathAdmission()]
        configuration.core.logger = logger
        return configuration
    }

    private func controllerOptions(_ server: APIServerService) throws -> ControllerSet.Options {
        var options = ControllerSet.Options(rootCAPEM: try server.authority.pem)
        options.clusterCIDRs = setup.clusterCIDRs
        return options
    }

    private var nodeConfiguration: NodeAgentConfiguration {
        let options = setup.options
        var configuration = NodeAgentConfiguration(
            nodeName: options.nodeName, containerdSocket: options.containerd, rootDirectory: options.state + "/pods",
            logDirectory: options.state + "/logs", nodeAddresses: setup.nodeAddresses.map(\.description))
        configuration.staticPodDirectory = options.staticPods
        configuration.clusterDNS = options.clusterDNS.map { [$0] } ?? []
        configuration.clusterDomain = options.clusterDomain
        configuration.cgroupParent = Self.podsCgroup(options.cgroup)
        configuration.cpuCount = Int64(Machine.cpuCount)
        configuration.memoryBytes = Machine.memoryBytes
        return configuration
    }

    /// The pods' group below the node's own, as the container runtime names it: from the root of the hierarchy. Where
    /// the node has the whole machine, the runtime's default.
    private static func podsCgroup(_ directory: String) -> String {
        let roots = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]
        guard !roots.contains(directory), let root = roots.first(where: { directory.hasPrefix($0 + "/") }) else {
            return ""
        }
        return directory.dropFirst(root.count) + "/pods"
    }

    private var nodeDescription: NodeDescription {
        var description = NodeDescription(
            name: setup.options.nodeName, cpuMillis: Int64(Machine.cpuCount) * 1000, memoryBytes: Machine.memoryBytes)
        description.internalAddresses = setup.nodeAddresses.map(\.description)
        description.ephemeralStorageBytes = Machine.storageBytes(at: setup.options.state)
        description.info = [
            "machineID": Machine.machineID, "systemUUID": Machine.systemUUID,
            "kernelVersion": Machine.kernelRelease, "operatingSystem": "linux", "architecture": Machine.architecture,
            "bootID": setup.bootID, "kubeletVersion": "v1.32.0-martlet", "osImage": Machine.systemName,
        ]
        return description
    }
}

/// What the daemon cannot start without.
struct DaemonFault: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// One daemon at a time on one state: held before anything of the kernel is touched.
struct StateLease {
    private let descriptor: Int32

    init(directory: String) throws {
        let path = directory + "/lock"
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw DaemonFault("cannot open \(path): errno \(errno)") }
        guard clinux_lock_exclusive(descriptor) == 0 else {
            throw DaemonFault("another daemon holds \(path): one at a time on one state directory")
        }
    }

    func release() { close(descriptor) }
}
