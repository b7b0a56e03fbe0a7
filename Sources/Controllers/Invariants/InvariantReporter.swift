import APIClient
import Controllers
import JSONText
import Logging
import PolicyAdmission
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
            while !Task.isCancelled {
                let states = judge.invariants
                await report(states, clock.timestamp)
                for override in judge.takeOverrides() { await record(override, recorder) }
                try? await Task.sleep(for: Self.interval)
            }
        }
    }

    /// Writes those conditions that the objects do not have. What stands there decides, not what was written: it may be
    /// another object of that name, or another daemon's word.
    private func report(_ states: [String: String?], _ now: String) async {
        guard let objects = try? await client.list(.networkInvariants, ListOptions()).items else { return }
        for object in objects {
            guard let name = object[path: "metadata", "name"]?.string,
                let word = InvariantCondition(of: object, states[name])
            else { continue }
            let present = object.condition("Holds")
            if present?["status"]?.string == word.status, present?["message"]?.string == word.message { continue }
            await write(
                name,
                [
                    "type": "Holds", "status": .string(word.status), "reason": .string(word.reason),
                    "message": .string(word.message),
                    "lastTransitionTime": .string(object.transition(of: "Holds", to: word.status) ?? now),
                ])
        }
    }

    private func write(_ name: String, _ condition: JSONValue) async {
        let body: JSONValue = [
            "apiVersion": .string(APIResource.networkInvariants.apiVersion),
            "kind": .string(APIResource.networkInvariants.kind), "metadata": ["name": .string(name)],
            "status": ["conditions": [condition]],
        ]
        do {
            _ = try await client.patch(
                ObjectReference(.networkInvariants, name: name), subresource: "status", type: .apply,
                fieldManager: Self.component, force: true, body)
        } catch {
            if error.isNotFound { return }
            logger.warning("an invariant's status was not written", metadata: ["name": "\(name)", "why": "\(error)"])
        }
    }

    private func record(_ override: DatapathJudge.Override, _ recorder: EventRecorder) async {
        let reference = ObjectReference(.networkInvariants, name: override.invariant)
        guard let object = try? await client.get(reference, subresource: "") else { return }
        await recorder.record(object, isWarning: true, reason: "InvariantOverridden", override.message)
    }
}

extension JSONValue {
    /// The condition of a type in an object's status.
    func condition(_ type: String) -> JSONValue? {
        self[path: "status", "conditions"]?.array?.first { $0["type"]?.string == type }
    }

    /// Since when a condition has this status; nil where it has another one.
    func transition(of type: String, to status: String) -> String? {
        guard let condition = condition(type), condition["status"]?.string == status else { return nil }
        return condition["lastTransitionTime"]?.string
    }
}
