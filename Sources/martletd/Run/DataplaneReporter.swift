import APIClient
import Agent
import Controllers
import JSONText
import KubeObjects
import Logging
import ServiceLifecycle

/// Keeps this node's NodeDataplane true, and writes an Event about each object that is not enforced. What is written
/// and when is `ReportSchedule`'s to say.
struct DataplaneReporter: ServiceLifecycle.Service {
    static let lookInterval = Duration.milliseconds(200)
    /// How soon an object that somebody deleted or changed is true again.
    static let presenceInterval = Duration.seconds(5)
    private static let component = "martlet-agent"

    let agent: Agent
    let nodeName: String
    let client: any APIClient
    let logger: Logger

    private struct State {
        var schedule = ReportSchedule()
        /// The object's resourceVersion as this daemon left it.
        var version: String?
        /// What an Event was written about.
        var told: Set<NotEnforced> = []
        var nextPresence = Duration.zero
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            let clock = ControllerClock.system
            let recorder = EventRecorder(
                client: client, clock: clock, component: Self.component, host: nodeName)
            var state = State()
            while !Task.isCancelled {
                let report = await agent.dataplane
                await look(report, &state, clock)
                await tell(report, &state, recorder)
                try? await Task.sleep(for: Self.lookInterval)
            }
        }
    }

    private var reference: ObjectReference { ObjectReference(.nodeDataplanes, name: nodeName) }

    private func look(_ report: DataplaneReport, _ state: inout State, _ clock: ControllerClock) async {
        let now = clock.now()
        if now >= state.nextPresence {
            state.nextPresence = now + Self.presenceInterval
            do throws(APIError) {
                let present = try await client.get(reference, subresource: "")
                if present[path: "metadata", "resourceVersion"]?.string != state.version { state.schedule.lost() }
            } catch {
                if error.isNotFound { state.schedule.lost() }
            }
        }
        guard state.schedule.isDue(report, now: now) else { return }
        let present = try? await client.get(reference, subresource: "")
        let since = present?.transition(of: "Enforced", to: report.condition.isTrue ? "True" : "False")
        do throws(APIError) {
            let written = try await write(report.status(transition: since ?? clock.timestamp))
            state.version = written[path: "metadata", "resourceVersion"]?.string
            state.schedule.tried(report, succeeded: true, now: now)
        } catch {
            // Until the node is registered nobody owns the report.
            if !error.isNotFound {
                logger.warning("the node's report was not written", metadata: ["why": "\(error.message)"])
            }
            state.schedule.tried(report, succeeded: false, now: now)
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
    private func tell(_ report: DataplaneReport, _ state: inout State, _ recorder: EventRecorder) async {
        let present = Set(report.notEnforced.prefix(DataplaneReport.notEnforcedMax))
        state.told.formIntersection(present)
        for entry in present.subtracting(state.told) {
            state.told.insert(entry)
            let object = ObjectReference(entry.resource, namespace: entry.key.namespace, name: entry.key.name)
            guard let body = try? await client.get(object, subresource: "") else { continue }
            let instead = entry.enforcedVersion.map { "; version \($0) stays in force" } ?? ""
            await recorder.record(
                body, isWarning: true, reason: "NotEnforced", "node \(nodeName): \(entry.message)\(instead)")
        }
    }
}
