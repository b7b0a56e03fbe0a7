import APIClient
import DaemonAPI
import JSONText
import KubeObjects
import PolicyCompiler
import Reconcile

/// `wait`: answers when a policy is in force as the API has it now.
extension LocalRequests {
    private static let waitSecondsMax: Int64 = 50
    private static let lookInterval = Duration.milliseconds(5)

    /// `policy`: `NAMESPACE/NAME`; `timeoutSeconds`: at most 50. The version is read from the API first, so that a
    /// write that was acknowledged before is never taken for the one before it. Answers `policy`, `version`
    /// and `generation`.
    func wait(_ params: JSONValue) async throws -> JSONValue {
        let parts = (params["policy"]?.string ?? "").split(separator: "/").map(String.init)
        guard parts.count == 2 else {
            throw DaemonError(.invalidConfiguration, "a policy is named NAMESPACE/NAME")
        }
        let key = ObjectKey(parts[0], parts[1])
        let wanted: String
        do {
            let reference = ObjectReference(.networkPolicies, namespace: key.namespace, name: key.name)
            wanted = try await client.get(reference, subresource: "")[path: "metadata", "resourceVersion"]?.string ?? ""
        } catch {
            throw DaemonError(.notFound, "there is no policy \(key)", cause: "\(error)")
        }
        let seconds = min(params["timeoutSeconds"]?.integer ?? 30, Self.waitSecondsMax)
        let deadline = ContinuousClock.now + .seconds(seconds)
        while await !isCompiled(key, wanted) {
            if let problem = await engine.problems.first(where: { $0.object == key }) {
                throw DaemonError(.stateMismatch, "\(problem)")
            }
            guard ContinuousClock.now < deadline else {
                let found = await engine.compiledVersion(of: key) ?? "none"
                throw DaemonError(
                    .stateMismatch,
                    "version \(wanted) of policy \(key) is not in force after \(seconds) s; compiled is \(found)")
            }
            try await Task.sleep(for: Self.lookInterval)
        }
        await engine.waitUntilInForce()
        return [
            "policy": .string(key.description), "version": .string(wanted),
            "generation": .integer(Int64(await engine.planner.generation)),
        ]
    }

    /// The wanted version or a later one.
    private func isCompiled(_ key: ObjectKey, _ wanted: String) async -> Bool {
        guard let found = await engine.compiledVersion(of: key) else { return false }
        guard let number = Int64(found), let least = Int64(wanted) else { return found == wanted }
        return number >= least
    }
}
