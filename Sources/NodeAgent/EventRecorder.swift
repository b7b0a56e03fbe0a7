import APIClient
import JSONText
import Logging

/// Writes Events about pods. They are queued, at most 256; the oldest give way. Repeats of one raise its count.
struct EventRecorder: Sendable {
    private struct Note: Sendable {
        var involved: JSONValue
        var namespace: String
        var name: String
        var type: String
        var reason: String
        var message: String
        var at: Timestamp
    }

    private let client: any APIClient
    private let node: String
    private let clock: @Sendable () -> Timestamp
    private let logger: Logger
    private let notes: AsyncStream<Note>
    private let queue: AsyncStream<Note>.Continuation

    init(client: any APIClient, node: String, clock: @escaping @Sendable () -> Timestamp, logger: Logger) {
        self.client = client
        self.node = node
        self.clock = clock
        self.logger = logger
        (notes, queue) = AsyncStream.makeStream(
            bufferingPolicy: .bufferingNewest(NodeAgentConfiguration.Limit.eventQueue))
    }

    func normal(_ pod: PodObject, _ reason: String, _ message: String, container: String? = nil) {
        record(pod, "Normal", reason, message, container: container)
    }

    func warning(_ pod: PodObject, _ reason: String, _ message: String, container: String? = nil) {
        record(pod, "Warning", reason, message, container: container)
    }

    private func record(_ pod: PodObject, _ type: String, _ reason: String, _ message: String, container: String?) {
        var involved: JSONValue = [
            "kind": "Pod", "apiVersion": "v1", "namespace": .string(pod.namespace), "name": .string(pod.name),
            "uid": .string(pod.uid),
        ]
        if let container {
            let list = pod.initContainers.contains { $0.name == container } ? "initContainers" : "containers"
            involved["fieldPath"] = .string("spec.\(list){\(container)}")
        }
        queue.yield(
            Note(
                involved: involved, namespace: pod.namespace, name: pod.name, type: type, reason: reason,
                message: String(message.prefix(1024)), at: clock()))
    }

    /// Sends what is queued until the task is cancelled.
    func run() async {
        var known: [String: (name: String, count: Int64)] = [:]
        for await note in notes {
            let key = [note.involved["uid"]?.string ?? "", note.reason, note.message].joined(separator: "\u{0}")
            do {
                if let earlier = known[key] {
                    try await raise(earlier.name, count: earlier.count + 1, note)
                    known[key] = (earlier.name, earlier.count + 1)
                    continue
                }
            } catch  where error.isNotFound {
                known[key] = nil
            } catch {
                logger.warning("event not written", metadata: ["error": "\(error.message)"])
                continue
            }
            if known.count >= NodeAgentConfiguration.Limit.eventQueue { known.removeAll() }
            let name = "\(note.name).\(String(UInt64(bitPattern: note.at.nanoseconds), radix: 16))"
            do {
                try await create(name, note)
                known[key] = (name, 1)
            } catch {
                logger.warning("event not written", metadata: ["error": "\(error.message)"])
            }
        }
    }

    private func create(_ name: String, _ note: Note) async throws(APIError) {
        let time = JSONValue.string(note.at.text)
        let event: JSONValue = [
            "apiVersion": "v1", "kind": "Event",
            "metadata": ["name": .string(name), "namespace": .string(note.namespace)],
            "involvedObject": note.involved, "reason": .string(note.reason), "message": .string(note.message),
            "type": .string(note.type), "count": 1, "firstTimestamp": time, "lastTimestamp": time,
            "source": ["component": "martlet-node", "host": .string(node)],
            "reportingComponent": "martlet-node", "reportingInstance": .string(node),
        ]
        let reference = ObjectReference(.events, namespace: note.namespace, name: name)
        _ = try await client.create(reference, subresource: "", event)
    }

    private func raise(_ name: String, count: Int64, _ note: Note) async throws(APIError) {
        let change: JSONValue = ["count": .integer(count), "lastTimestamp": .string(note.at.text)]
        let reference = ObjectReference(.events, namespace: note.namespace, name: name)
        _ = try await client.patch(
            reference, subresource: "", type: .merge, fieldManager: "martlet-node", force: false, change)
    }
}
