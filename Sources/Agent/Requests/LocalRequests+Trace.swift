import APIClient
import DaemonAPI
import Flows
import JSONText
import KubeObjects

/// `trace`: when the last versions of a policy took which step on this node.
extension LocalRequests {
    /// `policy`: as for `wait`. Answers `policy`, `kind` and `versions`, each with its `steps`: `time` in RFC 3339, and
    /// `sincePrevious` in seconds, both null where they are not known.
    func trace(_ params: JSONValue) async throws -> JSONValue {
        let reference = try Self.policy(named: params["policy"]?.string ?? "")
        let key = ObjectKey(reference.namespace, reference.name)
        let versions = engine.steps.versions(of: StepLog.Name(reference.resource, key))
        if versions.isEmpty {
            throw DaemonError(
                .notFound, "no version of policy \(key) was timed",
                cause: "what was there when the daemon started is not; the last \(StepLog.policiesMax) policies that "
                    + "changed since are remembered")
        }
        return [
            "policy": .string(key.description), "kind": .string(reference.resource.kind),
            "versions": .array(versions.map(Self.json)),
        ]
    }

    private static func json(_ version: StepLog.Version) -> JSONValue {
        let steps = ObjectStep.allCases.map { step -> JSONValue in
            let time = version.times[step.rawValue]
            let previous = step == .stored ? nil : version.times[step.rawValue - 1]
            var since: JSONValue = .null
            if let time, let previous { since = .number(Double(time - previous) / 1e9) }
            return [
                "step": .string(step.name),
                "time": time.map { .string(TimeText.of(unixNanoseconds: UInt64(max(0, $0)))) } ?? .null,
                "sincePrevious": since,
            ]
        }
        return [
            "version": .string(version.resourceVersion), "steps": .array(steps),
            "generation": version.generation.map { .integer(Int64($0)) } ?? .null,
        ]
    }
}
