import BPFRuntime
import CMartletABI
import Logging
import MapLayout
import NetTypes
import Netlink
import PodNetwork

/// Ends the open flows that a change of policy forbids and resets (`docs/decisions/0011`), those without a packet too.
/// Reads the whole flow table each time, on a thread of its own; nobody waits for it.
actor FlowResetter {
    /// Between the begins of two walks; a flow is ended within a second.
    static let interval = Duration.milliseconds(200)

    private let datapath: any Datapath
    private let network: PodNetworking
    private let thread: SerialThread
    private let logger: Logger

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    init(datapath: any Datapath, network: PodNetworking, thread: SerialThread, logger: Logger) {
        self.datapath = datapath
        self.network = network
        self.thread = thread
        self.logger = logger
    }

    /// A walk for each signal, until the stream ends or the task is cancelled.
    func run(_ signals: AsyncStream<Void>) async {
        for await _ in signals {
            let next = ContinuousClock.now + Self.interval
            do {
                let sockets = try resetFlows().flatMap(Self.sockets)
                if !sockets.isEmpty { end(sockets, await network.namespacePaths) }
            } catch {
                logger.error("open flows were not looked at", metadata: ["error": "\(error)"])
            }
            try? await Task.sleep(until: next)
        }
    }

    /// Has every flow judged by the generation in force. Returns those that are reset.
    private func resetFlows() throws(DatapathError) -> [OpenFlow] {
        let generation = try datapath.generation()
        var found: [OpenFlow] = []
        for map in [MapCatalog.flows, MapCatalog.halfFlows] {
            for (key, flow) in try datapath.entries(map) {
                let open = OpenFlow(key, flow)
                guard flow.generation != generation || open.has(MARTLET_FLOW_WAS_RESET),
                    try datapath.recheck(key)?.has(MARTLET_FLOW_WAS_RESET) == true
                else { continue }
                found.append(open)
            }
        }
        return found
    }

    /// The two sockets of a TCP flow, as each end sees itself and the other. One may be outside of any pod.
    static func sockets(of open: OpenFlow) -> [TCPSocket] {
        guard open.key.protocol == TransportProtocol.tcp.rawValue else { return [] }
        let flow = open.flow
        let isTranslated = flow.frontend_port != 0 && !open.has(MARTLET_FLOW_BY_SOCKET)
        return [
            TCPSocket(
                local: open.source,
                localPort: flow.client_port == 0 ? open.sourcePort : UInt16(bigEndian: flow.client_port),
                remote: isTranslated ? IPAddress(flow.frontend) : open.destination,
                remotePort: isTranslated ? UInt16(bigEndian: flow.frontend_port) : open.destinationPort),
            TCPSocket(
                local: open.destination, localPort: open.destinationPort, remote: open.source,
                remotePort: open.sourcePort),
        ]
    }

    private func end(_ sockets: [TCPSocket], _ paths: [IPAddress: String]) {
        let byNamespace = Dictionary(grouping: sockets.filter { paths[$0.local] != nil }) { paths[$0.local] ?? "" }
        var ended = 0
        for (path, sockets) in byNamespace {
            do throws(NetlinkError) {
                let connection = try NetworkNamespace(path: path).connect(.socketDiagnosis)
                defer { connection.close() }
                for socket in sockets where try connection.destroy(socket) { ended += 1 }
            } catch {
                logger.error(
                    "connections are not ended at once, but with their next packet",
                    metadata: ["namespace": "\(path)", "connections": "\(sockets.count)", "error": "\(error)"])
            }
        }
        if ended > 0 { logger.notice("connections ended by a change of policy", metadata: ["sockets": "\(ended)"]) }
    }
}
