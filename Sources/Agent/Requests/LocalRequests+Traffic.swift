import BPFRuntime
import JSONText
import KubeObjects
import MapLayout
import NetTypes

/// `traffic`: what `policy diff`, `suggest` and `graph` know of flows.
extension LocalRequests {
    /// Pairs of pods with open connections that are handed out; more are counted in `liveLeftOut`.
    static let livePairsMax = 10_000

    /// `pairs`: the last hour by workload pair, family and port. `live`: flows open now by pod pair, family, port and
    /// `onChange`, the mode of both ends' policies when they were judged last (null: no policy). Flows that policy is
    /// not asked about are in neither.
    func traffic() async throws -> JSONValue {
        let seconds = UInt64(SystemClock.unixNanoseconds) / 1_000_000_000
        let now = UInt64(SystemClock.monotonicNanoseconds)
        var flows = LiveFlows()
        for (key, flow) in try datapath.entries(MapCatalog.flows) { flows.add(OpenFlow(key, flow), at: now) }
        let (shown, leftOut) = flows.widest(Self.livePairsMax)
        var live: [JSONValue] = []
        for (connection, count) in shown {
            live.append([
                "source": .string(await name(connection.source)),
                "destination": .string(await name(connection.destination)),
                "family": .string(connection.destination.family.kubernetesName),
                "transport": .integer(Int64(connection.transport)), "port": .integer(Int64(connection.port)),
                "flows": .integer(Int64(count)),
                "onChange": connection.changeMode.map { .string($0.rawValue) } ?? .null,
            ])
        }
        var answer = await observer.traffic(at: seconds)
        answer["live"] = .array(live)
        answer["liveLeftOut"] = .integer(Int64(leftOut))
        return answer
    }

    private func name(_ address: IPAddress) async -> String {
        await engine.pod(at: address)?.description ?? address.description
    }
}
