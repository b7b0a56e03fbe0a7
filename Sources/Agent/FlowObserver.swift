import BPFRuntime
import DaemonAPI
import Flows
import JSONText
import KubeObjects
import MapLayout

/// Takes the kernel's events in, names them while the names hold, and answers `flows`.
actor FlowObserver {
    /// Records that wait for one slow follower; more are dropped and told.
    static let followerRecordsMax = SocketLimits.queuedRepliesMax
    static let recordsDefault = 100

    private let engine: Engine
    private var log = FlowLog()
    private let anchor = ClockAnchor(
        monotonicNanoseconds: UInt64(SystemClock.monotonicNanoseconds),
        unixNanoseconds: UInt64(SystemClock.unixNanoseconds))
    private var followers: [Int: AsyncStream<FlowRecord>.Continuation] = [:]
    private var nextFollower = 0

    init(engine: Engine) { self.engine = engine }

    /// Until the stream ends or the task is cancelled.
    func run(_ events: EventStream) async throws {
        for await batch in events {
            let names = await engine.flowNames
            let records = log.ingest(batch.events, lost: batch.lostEvents, anchor: anchor, names: names)
            for follower in followers.values { for record in records { follower.yield(record) } }
        }
    }

    var summary: JSONValue { log.summary }
    var totals: FlowTotals { log.totals }

    /// `flows`: the filter's members, `limit`, and `follow`, which goes on with what comes.
    func answer(_ params: JSONValue, _ items: ReplyItems) async throws -> JSONValue? {
        let filter: FlowFilter
        do throws(FlowError) {
            filter = try FlowFilter(json: params)
        } catch {
            throw DaemonError(.decodingFailure, error.description)
        }
        let limit = params["limit"]?.integer.flatMap { Int(exactly: $0) } ?? Self.recordsDefault
        let recent = log.history.latest(matching: filter, limit: max(0, limit))
        guard params["follow"]?.bool == true else {
            return ["items": .array(recent.map(\.json)), "log": log.summary]
        }
        let (stream, continuation) = AsyncStream.makeStream(
            of: FlowRecord.self, bufferingPolicy: .bufferingOldest(Self.followerRecordsMax))
        let follower = nextFollower
        nextFollower += 1
        followers[follower] = continuation
        defer {
            followers[follower] = nil
            continuation.finish()
        }
        for record in recent { try await items.send(record.json) }
        var last = recent.last?.sequence ?? 0
        for await record in stream where filter.matches(record) && record.sequence > last {
            last = record.sequence
            try await items.send(record.json)
        }
        return nil
    }
}

/// The names of one instant.
struct EngineNames: FlowNames {
    let pods: [UInt32: (incarnation: UInt32, key: ObjectKey)]
    let rules: @Sendable (UInt32) -> FlowRule?
    let revisions: [UInt32: Int64]
    let services: @Sendable (MapImage.Frontend) -> ObjectKey?

    func pod(endpoint number: UInt32, incarnation: UInt32) -> ObjectKey? {
        guard let pod = pods[number], pod.incarnation == incarnation else { return nil }
        return pod.key
    }

    func rule(_ id: UInt32) -> FlowRule? { rules(id) }
    func revision(generation: UInt32) -> String? { revisions[generation].map(String.init) }
    func service(_ frontend: MapImage.Frontend) -> ObjectKey? { services(frontend) }
}
