import FoundationEssentials
import Logging
import NIOCore
import NIOPosix
import NetTypes
import ServiceLifecycle
package import Store
import Synchronization

/// How the server is run.
package struct APIServerConfiguration: Sendable {
    /// Keys, certificates; made if it is not there.
    package var stateDirectory: String
    package var listen: [ListenAddress]
    /// Names and addresses that clients use, beside those that follow from the rest: they go into the certificate.
    package var names: [String] = []
    /// Addresses at which pods and other nodes reach this server: the endpoints of the Service `kubernetes`.
    package var advertised: [String] = []
    package var advertisedPort = 6443
    /// Where the administrator's kubeconfig is written; nil: nowhere.
    package var kubeconfigPath: String?
    /// `https://host:port` in that kubeconfig; nil: the first address listened on.
    package var kubeconfigServer: String?
    package var core = APICoreOptions()

    package init(stateDirectory: String, listen: [ListenAddress]) {
        self.stateDirectory = stateDirectory
        self.listen = listen
    }
}

/// The API server as a part of a process: TLS, identities, the core, until shutdown.
///
/// `core` serves clients of the same process as soon as `init` returned; the sockets open in `run`.
package final class APIServerService: Service {
    package let core: APICore
    package let authority: CertificateAuthority
    private let configuration: APIServerConfiguration
    private let logger: Logger
    private let bound = Mutex<[SocketAddress]>([])

    /// Makes the state directory; to be called before the store in it is opened.
    package static func prepare(stateDirectory: String) throws(ServerError) {
        try StateFile.makeDirectory(stateDirectory)
    }

    package init(store: Store, configuration: APIServerConfiguration) throws(ServerError) {
        self.configuration = configuration
        logger = configuration.core.logger
        let keys = "\(configuration.stateDirectory)/pki"
        try StateFile.makeDirectory(keys)
        authority = try CertificateAuthority(directory: keys, now: Date())
        core = try APICore(store: store, keyDirectory: keys, options: configuration.core)
    }

    /// Ports that the server listens on, once it does.
    package var ports: [Int] { bound.withLock { $0.compactMap(\.port) } }

    /// An administrator's kubeconfig, with a fresh certificate of `system:masters`.
    package func kubeconfig(server: String) throws(ServerError) -> String {
        let identity = try authority.issue(
            name: "kubernetes-admin", groups: [UserInfo.mastersGroup], use: .client, now: Date())
        return Kubeconfig.text(server: server, authorityPEM: try authority.pem, identity: identity)
    }

    private var certificateNames: [String] {
        var names = [
            "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
            "localhost", "127.0.0.1", "::1",
        ]
        for range in core.addresses.ranges {
            names.append(IPAddress(high: range.address.high, low: range.address.low + 1).description)
        }
        names += configuration.names + configuration.advertised
        for case .address(let host, _) in configuration.listen where host != "0.0.0.0" && host != "::" {
            names.append(host)
        }
        var seen: Set<String> = []
        return names.filter { seen.insert($0).inserted }
    }

    package func run() async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let serving = try authority.issue(
            name: "martlet-apiserver", use: .server(names: certificateNames), now: Date())
        let server = try HTTPServer(
            certificatePEM: serving.certificatePEM, keyPEM: serving.keyPEM, clientAuthorityPEM: try authority.pem,
            group: group)
        try await core.bootstrap(endpoints: configuration.advertised, port: configuration.advertisedPort)
        var channels: [any Channel] = []
        for address in configuration.listen { channels.append(try await server.listen(address)) }
        let addresses = channels.compactMap(\.localAddress)
        bound.withLock { $0 = addresses }
        try writeKubeconfig()
        logger.info("the API server listens", metadata: ["addresses": "\(addresses)"])
        let opened = channels
        await cancelWhenGracefulShutdown { [core] in
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await core.run() }
                group.addTask { await EndpointsMirror(core: core).run() }
                group.addTask { await RequestServer(core: core, intake: server.intake).run() }
                await group.waitForAll()
            }
        }
        for channel in opened { try? await channel.close() }
    }

    private func writeKubeconfig() throws {
        guard let path = configuration.kubeconfigPath else { return }
        let address = bound.withLock { $0.first }
        let host = address?.ipAddress.map { $0 == "0.0.0.0" || $0 == "::" ? "127.0.0.1" : $0 } ?? "127.0.0.1"
        let shown = host.contains(":") ? "[\(host)]" : host
        let server = configuration.kubeconfigServer ?? "https://\(shown):\(address?.port ?? 6443)"
        if let slash = path.lastIndex(of: "/"), slash != path.startIndex {
            try StateFile.makeDirectory(String(path[..<slash]))
        }
        try StateFile.write(path, try kubeconfig(server: server), mode: 0o600)
    }
}
