package import APIClient
package import Informers
import JSONText
package import Logging

/// What every controller is given.
package struct ControllerContext: Sendable {
    package let client: any APIClient
    /// Kinds that are followed once for all.
    package let cluster: ClusterInformers
    package let clock: ControllerClock
    package let logger: Logger

    package init(
        client: any APIClient, cluster: ClusterInformers, clock: ControllerClock = .system, logger: Logger
    ) {
        self.client = client
        self.cluster = cluster
        self.clock = clock
        self.logger = logger
    }
}

extension APIClient {
    /// Creates the object unless it is there; whether it was created.
    func createUnlessPresent(_ object: ObjectReference, _ body: JSONValue) async throws(APIError) -> Bool {
        do throws(APIError) {
            _ = try await create(object, subresource: "", body)
            return true
        } catch  where error.reason == "AlreadyExists" {
            return false
        }
    }

    /// Deletes the object with this uid; one that is gone, or another of the name, is left alone.
    func deleteIfPresent(_ object: ObjectReference, uid: String, propagation: String? = nil) async throws(APIError) {
        let options: JSONValue = .members([
            "apiVersion": "v1", "kind": "DeleteOptions",
            "preconditions": uid.isEmpty ? nil : ["uid": .string(uid)],
            "propagationPolicy": propagation.map { .string($0) },
        ])
        do throws(APIError) {
            _ = try await delete(object, options: options)
        } catch  where error.isNotFound || error.isConflict {
            return
        }
    }

    func mergePatch(_ object: ObjectReference, subresource: String = "", _ patch: JSONValue) async throws(APIError)
        -> JSONValue
    {
        try await self.patch(
            object, subresource: subresource, type: .merge, fieldManager: "martlet", force: false, patch)
    }
}
