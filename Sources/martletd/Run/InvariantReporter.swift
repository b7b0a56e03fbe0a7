import APIClient
import Controllers
import JSONText
import Logging
import ServiceLifecycle

/// Writes into each NetworkInvariant's status whether it holds (condition `Holds`), when that changes, and an Event for
/// each override. A write that fails is tried again with the next look.
struct InvariantReporter: ServiceLifecycle.Service {
    static let interval = Duration.milliseconds(500)
    private static let component = "martlet-admission"

    let judge: DatapathJudge
    let client: any APIClient
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            let clock = ControllerClock.system
            let recorder = EventRecorder(client: client, clock: clock, component: Self.component)
            var written: [String: String?] = [:]
            while !Task.isCancelled {
                let states = judge.invariants
                written = written.filter { states[$0.key] != nil }
                for (name, broken) in states.sorted(by: { $0.key < $1.key }) {
                    if let known = written[name], known == broken, await isWritten(name) { continue }
                    if await write(name, broken, clock.timestamp) { written[name] = .some(broken) }
                }
                for override in judge.takeOverrides() { await record(override, recorder) }
                try? await Task.sleep(for: Self.interval)
            }
        }
    }

    /// Whether the object still has its condition: it may be another one of that name.
    private func isWritten(_ name: String) async -> Bool {
        let object = try? await client.get(ObjectReference(.networkInvariants, name: name), subresource: "")
        return object?[path: "status", "conditions"]?.array?.isEmpty == false
    }

    private func write(_ name: String, _ broken: String?, _ now: String) async -> Bool {
        let body: JSONValue = [
            "apiVersion": .string(APIResource.networkInvariants.apiVersion),
            "kind": .string(APIResource.networkInvariants.kind), "metadata": ["name": .string(name)],
            "status": [
                "conditions": [
                    [
                        "type": "Holds", "status": broken == nil ? "True" : "False",
                        "reason": broken == nil ? "NoFlowFound" : "FlowFound",
                        "message": .string(broken ?? "no flow breaks it"), "lastTransitionTime": .string(now),
                    ]
                ]
            ],
        ]
        do {
            _ = try await client.patch(
                ObjectReference(.networkInvariants, name: name), subresource: "status", type: .apply,
                fieldManager: Self.component, force: true, body)
            return true
        } catch {
            if !error.isNotFound {
                logger.warning(
                    "an invariant's status was not written", metadata: ["name": "\(name)", "why": "\(error)"])
            }
            return false
        }
    }

    private func record(_ override: DatapathJudge.Override, _ recorder: EventRecorder) async {
        let reference = ObjectReference(.networkInvariants, name: override.invariant)
        guard let object = try? await client.get(reference, subresource: "") else { return }
        await recorder.record(object, isWarning: true, reason: "InvariantOverridden", override.message)
    }
}
