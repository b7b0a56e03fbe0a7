import BPFRuntime
import DaemonAPI
import Flows
import Informers
import JSONText
import KubeObjects
import MapLayout
import NetTypes

/// Takes the kernel's events in, names them while the names hold, and answers `flows`.
actor FlowObserver {
    /// Records that wait for one slow follower; more are dropped and told.
    static let followerRecordsMax = SocketLimits.queuedRepliesMax
    static let recordsDefault = 100

    /// One `flows --follow`.
    private struct Follower {
        let filter: FlowFilter
        let continuation: AsyncStream<Notice>.Continuation
        /// Records that found no room since the last that did.
        var missed: Int64 = 0

        mutating func take(_ record: FlowRecord) {
            guard filter.matches(record) else { return }
            switch continuation.yield(Notice(record: record, missed: missed)) {
            case .enqueued: missed = 0
            case .dropped: missed += 1
            case .terminated: break
            @unknown default: break
            }
        }
    }

    private struct Notice: Sendable {
        let record: FlowRecord
        /// How many records were left out before it.
        let missed: Int64
    }

    private let engine: Engine
    private let informers: ClusterInformers
    private let nodeAddresses: [IPAddress]
    private var dryRuns: DryRunJudge?
    private var log = FlowLog()
    private let anchor = ClockAnchor(
        monotonicNanoseconds: UInt64(SystemClock.monotonicNanoseconds),
        unixNanoseconds: UInt64(SystemClock.unixNanoseconds))
    private var followers: [Int: Follower] = [:]
    private var nextFollower = 0
    private var ledger = TrafficLedger()
    private let file: TrafficFile

    init(engine: Engine, informers: ClusterInformers, nodeAddresses: [IPAddress], file: TrafficFile) {
        self.engine = engine
        self.informers = informers
        self.nodeAddresses = nodeAddresses
        self.file = file
    }

    /// Until the stream ends or the task is cancelled.
    func run(_ events: EventStream) async {
        for await batch in events {
            let names = await engine.flowNames
            let dryRuns = await judge()
            let records = log.ingest(
                batch.events, lost: batch.lostEvents, anchor: anchor, names: names, trial: dryRuns.trial)
            for record in records { ledger.add(record, workload: names.workload) }
            for key in followers.keys { for record in records { followers[key]?.take(record) } }
        }
    }

    /// With the objects as they are now.
    private func judge() async -> DryRunJudge {
        let snapshot = informers.snapshot()
        if let dryRuns, dryRuns.versions == DryRunJudge.Versions(snapshot) { return dryRuns.with(snapshot) }
        let fresh = DryRunJudge(snapshot, podCIDRs: await engine.podCIDRs, nodeAddresses: nodeAddresses)
        dryRuns = fresh
        return fresh
    }

    /// Takes up what an earlier daemon counted in the last hour.
    func load() async {
        let earlier = await file.load()
        ledger.append(earlier, at: UInt64(SystemClock.unixNanoseconds) / 1_000_000_000)
    }

    /// Writes the ledger where something came in since the last time.
    func save() async throws {
        guard ledger.isDirty else { return }
        try await file.save(ledger.json(at: UInt64(SystemClock.unixNanoseconds) / 1_000_000_000))
    }

    /// Flows of the hour that ends with `seconds` (since 1970), by workload pair and port.
    func traffic(at seconds: UInt64) -> JSONValue {
        [
            "pairs": .array(ledger.rows(at: seconds)), "capacity": .integer(Int64(ledger.capacity)),
            "evicted": .integer(Int64(clamping: ledger.evicted)),
        ]
    }

    var summary: JSONValue { log.summary }
    var totals: FlowTotals { log.totals }

    /// `flows`: the filter's members, `limit`, and `follow`, which goes on with what comes. A follower that is too slow
    /// gets an item `{"missed": N}` where N records that its filter matches were left out.
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
            of: Notice.self, bufferingPolicy: .bufferingOldest(Self.followerRecordsMax))
        let follower = nextFollower
        nextFollower += 1
        followers[follower] = Follower(filter: filter, continuation: continuation)
        defer {
            followers[follower] = nil
            continuation.finish()
        }
        for record in recent { try await items.send(record.json) }
        var last = recent.last?.sequence ?? 0
        for await notice in stream where notice.record.sequence > last {
            last = notice.record.sequence
            if notice.missed > 0 { try await items.send(["missed": .integer(notice.missed)]) }
            try await items.send(notice.record.json)
        }
        return nil
    }
}

/// The names of one instant.
struct EngineNames: FlowNames {
    let pods: [UInt32: (incarnation: UInt32, key: ObjectKey)]
    /// Of every pod that has an endpoint.
    let workloads: [ObjectKey: ObjectKey]
    let rules: @Sendable (UInt32) -> FlowRule?
    let revisions: [UInt32: Int64]
    let services: @Sendable (MapImage.Frontend) -> ObjectKey?

    func pod(endpoint number: UInt32, incarnation: UInt32) -> ObjectKey? {
        guard let pod = pods[number], pod.incarnation == incarnation else { return nil }
        return pod.key
    }

    func workload(_ pod: ObjectKey) -> ObjectKey? { workloads[pod] }
    func rule(_ id: UInt32) -> FlowRule? { rules(id) }
    func revision(generation: UInt32) -> String? { revisions[generation].map(String.init) }
    func service(_ frontend: MapImage.Frontend) -> ObjectKey? { services(frontend) }
}
