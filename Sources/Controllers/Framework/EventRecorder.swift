package import APIClient
package import JSONText
import KubeObjects
import Synchronization

/// Writes Events about objects: what a controller decided, for whoever asks `kubectl describe`. The same message about
/// the same object is one Event that counts. Losing one is harmless, so failures are not repeated.
package final class EventRecorder: Sendable {
    /// Events that are remembered for counting; beyond it the memory starts anew.
    static let rememberedMax = 1_024

    private struct Key: Hashable {
        let uid: String
        let reason: String
        let message: String
    }

    private let client: any APIClient
    private let clock: ControllerClock
    private let component: String
    private let host: String
    private let remembered = Mutex<[Key: (name: String, count: Int64)]>([:])

    package init(client: any APIClient, clock: ControllerClock, component: String, host: String = "") {
        self.client = client
        self.clock = clock
        self.component = component
        self.host = host
    }

    /// `object` is the whole object that the event is about.
    package func record(_ object: JSONValue, isWarning: Bool, reason: String, _ message: String) async {
        let namespace = object.objectNamespace.isEmpty ? "default" : object.objectNamespace
        let key = Key(uid: object.objectUID, reason: reason, message: message)
        let known = remembered.withLock { remembered -> (name: String, count: Int64)? in
            guard let entry = remembered[key] else { return nil }
            remembered[key] = (entry.name, entry.count + 1)
            return (entry.name, entry.count + 1)
        }
        if let known {
            let patch: JSONValue = ["count": .integer(known.count), "lastTimestamp": .string(clock.timestamp)]
            let reference = ObjectReference(.events, namespace: namespace, name: known.name)
            let patched = try? await client.patch(
                reference, subresource: "", type: .merge, fieldManager: component, force: false, patch)
            if patched != nil { return }
        }
        let name = "\(object.objectName).\(String(UInt64(clock.unixMicroseconds()) &* 1_000, radix: 16))"
        let body = event(object, namespace, name, isWarning: isWarning, reason: reason, message)
        let reference = ObjectReference(.events, namespace: namespace, name: name)
        guard (try? await client.create(reference, subresource: "", body)) != nil else { return }
        remembered.withLock { remembered in
            if remembered.count >= Self.rememberedMax { remembered = [:] }
            remembered[key] = (name, 1)
        }
    }

    private func event(
        _ object: JSONValue, _ namespace: String, _ name: String, isWarning: Bool, reason: String, _ message: String
    ) -> JSONValue {
        [
            "apiVersion": "v1", "kind": "Event",
            "metadata": ["name": .string(name), "namespace": .string(namespace)],
            "involvedObject": .members([
                "apiVersion": object["apiVersion"], "kind": object["kind"], "name": .string(object.objectName),
                "namespace": .nonEmpty(object.objectNamespace), "uid": .nonEmpty(object.objectUID),
                "resourceVersion": object[path: "metadata", "resourceVersion"],
            ]),
            "type": isWarning ? "Warning" : "Normal", "reason": .string(reason), "message": .string(message),
            "count": 1, "firstTimestamp": .string(clock.timestamp), "lastTimestamp": .string(clock.timestamp),
            "source": .members(["component": .string(component), "host": .nonEmpty(host)]),
            "reportingComponent": .string(component), "reportingInstance": .string(host),
        ]
    }
}
