import APIClient
import JSONText
import Logging

/// Lists and watches the pods that are bound to this node.
struct PodSource: Sendable {
    enum Change: Sendable {
        /// All pods there are.
        case listed([JSONValue])
        case changed(JSONValue)
        case removed(JSONValue)
    }

    let client: any APIClient
    let node: String
    let logger: Logger

    /// Until the task is cancelled; a broken watch begins again after a second.
    func run(_ deliver: @Sendable (Change) async -> Void) async {
        while !Task.isCancelled {
            do {
                try await follow(deliver)
            } catch {
                guard !Task.isCancelled else { return }
                logger.info("watch of pods begins again", metadata: ["reason": "\(error)"])
            }
            try? await Task.sleep(for: .seconds(1))
        }
    }

    private func follow(_ deliver: @Sendable (Change) async -> Void) async throws {
        let options = ListOptions(fieldSelector: "spec.nodeName=\(node)")
        let list = try await client.list(.pods, options)
        await deliver(.listed(list.items))
        let events = try await client.watch(.pods, options, from: list.resourceVersion)
        for try await event in events {
            switch event {
            case .added(let pod), .modified(let pod): await deliver(.changed(pod))
            case .deleted(let pod): await deliver(.removed(pod))
            case .bookmark, .together: continue
            }
        }
    }
}
