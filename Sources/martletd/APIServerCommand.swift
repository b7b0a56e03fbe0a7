import APIServer
import ArgumentParser
import Logging
import ServiceLifecycle
import Store
import UnixSignals

/// `martletd apiserver`: the API server and its store alone, until SIGTERM or SIGINT.
struct APIServerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apiserver", abstract: "Run the API server and its store alone, without controllers and agents.")

    @Option(help: "Database and keys. Outlives restarts.")
    var state = "/var/lib/martlet"

    @Option(help: "Address to listen on; one a use.")
    var listen: [String] = ["127.0.0.1"]

    @Option(help: "Port on these addresses; 0 takes a free one.")
    var port = 6443

    @Option(name: .customLong("listen-fd"), help: "A socket that listens already, by its number.")
    var descriptors: [Int32] = []

    @Option(name: .customLong("advertise"), help: "Address of the Service kubernetes' endpoint.")
    var advertised: [String] = []

    @Option(name: .customLong("name"), help: "Further name or address in the serving certificate.")
    var names: [String] = []

    @Option(name: .customLong("service-cidr"), help: "Services get addresses of these; one a family.")
    var serviceCIDRs: [String] = ["10.96.0.0/16", "fd00:96::/112"]

    @Option(help: "Where the administrator's kubeconfig is written.")
    var kubeconfig: String?

    func run() async throws {
        let logger = Logger(label: "martletd")
        try APIServerService.prepare(stateDirectory: state)
        let store = try Store(directory: "\(state)/store", options: APICore.storeOptions, logger: logger)
        var addresses = descriptors.map { ListenAddress.descriptor($0) }
        if addresses.isEmpty { addresses = listen.map { .address(host: $0, port: port) } }
        var configuration = APIServerConfiguration(stateDirectory: state, listen: addresses)
        configuration.names = names
        configuration.advertised = advertised
        configuration.advertisedPort = port
        configuration.kubeconfigPath = kubeconfig ?? "\(state)/admin.kubeconfig"
        configuration.core.serviceCIDRs = serviceCIDRs
        configuration.core.logger = logger
        let server = try APIServerService(store: store, configuration: configuration)
        let group = ServiceGroup(
            services: [store, server], gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger)
        try await group.run()
    }
}
