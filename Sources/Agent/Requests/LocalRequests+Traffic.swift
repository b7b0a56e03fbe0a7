import BPFRuntime
import CMartletABI
import JSONText
import KubeObjects
import MapLayout
import NetTypes

/// `traffic`: what `policy diff`, `suggest` and `graph` know of flows.
extension LocalRequests {
    /// Pairs of pods with open connections that are handed out; more are counted in `liveLeftOut`.
    static let livePairsMax = 10_000

    /// `pairs`: the last hour by workload pair and port. `live`: flows open now by pod pair and port. Flows that policy
    /// is not asked about are in neither.
    func traffic() async throws -> JSONValue {
        let seconds = UInt64(SystemClock.unixNanoseconds) / 1_000_000_000
        let (live, leftOut) = try await liveFlows()
        var answer = await observer.traffic(at: seconds)
        answer["live"] = .array(live)
        answer["liveLeftOut"] = .integer(Int64(leftOut))
        return answer
    }

    private struct Connection: Hashable {
        let source: IPAddress
        let destination: IPAddress
        let transport: UInt8
        let port: UInt16
    }

    private func liveFlows() async throws -> (rows: [JSONValue], leftOut: Int) {
        let now = UInt64(SystemClock.monotonicNanoseconds)
        var counts: [Connection: Int] = [:]
        for (key, flow) in try datapath.entries(MapCatalog.flows) {
            let open = OpenFlow(key, flow)
            guard open.isLive(at: now), Self.isOpen(flow), !Self.isUnjudged(flow) else { continue }
            let connection = Connection(
                source: open.source, destination: open.destination, transport: key.protocol,
                port: open.destinationPort)
            counts[connection, default: 0] += 1
        }
        let shown = counts.sorted { $0.value > $1.value }.prefix(Self.livePairsMax)
        var rows: [JSONValue] = []
        for (connection, count) in shown {
            rows.append([
                "source": .string(await name(connection.source)),
                "destination": .string(await name(connection.destination)),
                "transport": .integer(Int64(connection.transport)), "port": .integer(Int64(connection.port)),
                "flows": .integer(Int64(count)),
            ])
        }
        return (rows, counts.count - shown.count)
    }

    /// Not on its way out: a connection that closes has nothing left to cut.
    private static func isOpen(_ flow: martlet_flow) -> Bool {
        [MARTLET_STATE_NEW.rawValue, MARTLET_STATE_ESTABLISHED.rawValue].contains(UInt32(flow.state))
    }

    /// A pod with its own node or with itself: policy is not asked.
    private static func isUnjudged(_ flow: martlet_flow) -> Bool {
        let rules = [MARTLET_RULE_NODE.rawValue, MARTLET_RULE_SELF.rawValue]
        return rules.contains(flow.rule_id.0) || rules.contains(flow.rule_id.1)
    }

    private func name(_ address: IPAddress) async -> String {
        await engine.pod(at: address)?.description ?? address.description
    }
}
