package import APIClient
package import JSONText
package import Logging
import ServiceLifecycle

/// Who decides on invariants, as far as it is asked for what to tell.
package protocol InvariantSource: Sendable {
    /// After whatever the others answer may have changed, and after each write of an invariant, its status too; several
    /// changes may be one signal. The first comes once they answer for all that is stored. For one reader.
    var signals: AsyncStream<Void> { get }
    /// Broken invariants by name with their witness; nil: it holds.
    var invariants: [String: String?] { get }
    /// Gives each override once.
    func takeOverrides() -> [InvariantReporter.Override]
}

/// Writes into each NetworkInvariant's status whether it holds (condition `Holds`), when that changes, and an Event for
/// each override. It looks when there is a signal, and again where a write fails.
package struct InvariantReporter: ServiceLifecycle.Service {
    static let retryInterval = Duration.seconds(1)
    private static let component = "martlet-admission"

    /// A write that broke an invariant and was let through.
    package struct Override: Sendable {
        let invariant: String
        let message: String

        package init(invariant: String, message: String) {
            self.invariant = invariant
            self.message = message
        }
    }

    let source: any InvariantSource
    let client: any APIClient
    let logger: Logger
    let clock: ControllerClock

    package init(
        source: any InvariantSource, client: any APIClient, logger: Logger, clock: ControllerClock = .system
    ) {
        self.source = source
        self.client = client
        self.logger = logger
        self.clock = clock
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            let recorder = EventRecorder(client: client, clock: clock, component: Self.component)
            for await _ in source.signals {
                while await !look(recorder), !Task.isCancelled { try? await clock.sleep(Self.retryInterval) }
            }
        }
    }

    /// False where not all was written.
    private func look(_ recorder: EventRecorder) async -> Bool {
        let states = source.invariants
        let isComplete = await report(states)
        for override in source.takeOverrides() { await record(override, recorder) }
        return isComplete
    }

    /// Writes those conditions that the objects do not have. What stands there decides, not what was written: it may be
    /// another object of that name, or another daemon's word.
    private func report(_ states: [String: String?]) async -> Bool {
        guard let objects = try? await client.list(.networkInvariants, ListOptions()).items else { return false }
        var isComplete = true
        for object in objects {
            guard let name = object[path: "metadata", "name"]?.string,
                let word = InvariantCondition(of: object, states[name])
            else { continue }
            let present = object.condition("Holds")
            if present?["status"]?.string == word.status, present?["message"]?.string == word.message { continue }
            let since = object.transition(of: "Holds", to: word.status) ?? clock.timestamp
            let isWritten = await write(
                name,
                [
                    "type": "Holds", "status": .string(word.status), "reason": .string(word.reason),
                    "message": .string(word.message), "lastTransitionTime": .string(since),
                ])
            if !isWritten { isComplete = false }
        }
        return isComplete
    }

    private func write(_ name: String, _ condition: JSONValue) async -> Bool {
        let body: JSONValue = [
            "apiVersion": .string(APIResource.networkInvariants.apiVersion),
            "kind": .string(APIResource.networkInvariants.kind), "metadata": ["name": .string(name)],
            "status": ["conditions": [condition]],
        ]
        do {
            _ = try await client.patch(
                ObjectReference(.networkInvariants, name: name), subresource: "status", type: .apply,
                fieldManager: Self.component, force: true, body)
            return true
        } catch {
            if error.isNotFound { return true }
            logger.warning("an invariant's status was not written", metadata: ["name": "\(name)", "why": "\(error)"])
            return false
        }
    }

    private func record(_ override: Override, _ recorder: EventRecorder) async {
        let reference = ObjectReference(.networkInvariants, name: override.invariant)
        guard let object = try? await client.get(reference, subresource: "") else { return }
        await recorder.record(object, isWarning: true, reason: "InvariantOverridden", override.message)
    }
}

extension JSONValue {
    /// The condition of a type in an object's status.
    package func condition(_ type: String) -> JSONValue? {
        self[path: "status", "conditions"]?.array?.first { $0["type"]?.string == type }
    }

    /// Since when a condition has this status; nil where it has another one.
    package func transition(of type: String, to status: String) -> String? {
        guard let condition = condition(type), condition["status"]?.string == status else { return nil }
        return condition["lastTransitionTime"]?.string
    }
}
