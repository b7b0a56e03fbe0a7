import APIClient
import Agent
import Controllers
import Informers
import JSONText
import KubeObjects
import Logging
import ServiceLifecycle

/// Keeps this node's NodeDataplane true, and writes an Event about each object that is not enforced. It looks when the
/// agent signals a change or somebody touched the object; what is written and when is `ReportSchedule`'s to say.
actor DataplaneReporter: ServiceLifecycle.Service {
    private static let component = "martlet-agent"

    private let agent: Agent
    private let nodeName: String
    private let client: any APIClient
    private let logger: Logger
    /// The object as the API has it: nothing but its version is kept.
    private let own: Informer<Bool>
    private let feed = ChangeFeed()
    private let clock = ControllerClock.system
    private let recorder: EventRecorder

    private var schedule = ReportSchedule()
    /// The object's resourceVersion as this daemon left it.
    private var version: String?
    /// What an Event was written about.
    private var told: Set<NotEnforced> = []

    init(agent: Agent, nodeName: String, client: any APIClient, logger: Logger) {
        self.agent = agent
        self.nodeName = nodeName
        self.client = client
        self.logger = logger
        own = Informer(
            .nodeDataplanes, ListOptions(fieldSelector: "metadata.name=" + nodeName), client: client, logger: logger
        ) { _ in true }
        recorder = EventRecorder(client: client, clock: clock, component: Self.component, host: nodeName)
    }

    func run() async throws {
        own.report(to: feed)
        let key = key
        let loop = ControllerLoop<ObjectKey>(
            ControllerLoop.Plan(
                name: "node report", waitForSync: { await self.own.waitForSync() }, keys: { _ in [key] },
                allKeys: { [key] }, work: { _ in await self.look() }),
            feed: feed, clock: clock, logger: logger)
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { try await self.own.run() }
            group.addTask { await self.passSignals() }
            group.addTask { try await loop.run() }
        }
    }

    private nonisolated func passSignals() async {
        await cancelWhenGracefulShutdown {
            for await _ in self.agent.dataplaneSignals {
                self.feed.post(.nodeDataplanes, CollectionOfOne(self.key))
            }
        }
    }

    private nonisolated var key: ObjectKey { ObjectKey("", nodeName) }
    private nonisolated var reference: ObjectReference { ObjectReference(.nodeDataplanes, name: nodeName) }

    /// After how long another look is wanted; nil: after the next signal.
    private func look() async -> Duration? {
        let now = clock.now()
        if let pause = schedule.pause(now: now) { return pause }
        let report = await agent.dataplane
        await look(whetherItStands: own.cache.resourceVersion(of: key))
        guard schedule.isDue(report, now: now) else {
            await tell(report)
            return nil
        }
        let isWritten = await write(report)
        schedule.tried(report, succeeded: isWritten, now: now)
        await tell(report)
        return isWritten ? nil : ReportSchedule.interval
    }

    /// The cache may be behind a write of ours: the API is asked before somebody else is believed to have written.
    private func look(whetherItStands seen: String?) async {
        guard seen != version else { return }
        let present = try? await client.get(reference, subresource: "")
        if present?[path: "metadata", "resourceVersion"]?.string != version || version == nil { schedule.lost() }
    }

    private func write(_ report: DataplaneReport) async -> Bool {
        let present = try? await client.get(reference, subresource: "")
        let since = present?.transition(of: "Enforced", to: report.condition.isTrue ? "True" : "False")
        do throws(APIError) {
            let written = try await write(report.status(transition: since ?? clock.timestamp))
            version = written[path: "metadata", "resourceVersion"]?.string
            return true
        } catch {
            // Until the node is registered nobody owns the report.
            if !error.isNotFound {
                logger.warning("the node's report was not written", metadata: ["why": "\(error.message)"])
            }
            return false
        }
    }

    private func write(_ status: JSONValue) async throws(APIError) -> JSONValue {
        let head: JSONValue = [
            "apiVersion": .string(APIResource.nodeDataplanes.apiVersion),
            "kind": .string(APIResource.nodeDataplanes.kind), "metadata": ["name": .string(nodeName)],
        ]
        var body = head
        body["status"] = status
        do throws(APIError) {
            return try await apply(body)
        } catch  where error.isNotFound {
            let node = try await client.get(ObjectReference(.nodes, name: nodeName), subresource: "")
            var new = head
            new["metadata"]?["ownerReferences"] = [
                [
                    "apiVersion": "v1", "kind": "Node", "name": .string(nodeName),
                    "uid": node[path: "metadata", "uid"] ?? "",
                ]
            ]
            _ = try await client.create(reference, subresource: "", new)
            return try await apply(body)
        }
    }

    private func apply(_ body: JSONValue) async throws(APIError) -> JSONValue {
        try await client.patch(
            reference, subresource: "status", type: .apply, fieldManager: Self.component, force: true, body)
    }

    /// One Event about each object and version.
    private func tell(_ report: DataplaneReport) async {
        let present = Set(report.notEnforced.prefix(DataplaneReport.notEnforcedMax))
        told.formIntersection(present)
        for entry in present.subtracting(told) {
            told.insert(entry)
            let object = ObjectReference(entry.resource, namespace: entry.key.namespace, name: entry.key.name)
            guard let body = try? await client.get(object, subresource: "") else { continue }
            await recorder.record(
                body, isWarning: true, reason: "NotEnforced", "node \(nodeName): \(entry.sentence)")
        }
    }
}
