import Controllers
import NodeAgent
import PodNetwork
import ServiceLifecycle
import Synchronization

/// Asks the container runtime and the pod network whether pods can run here, and remembers the answer.
final class ReadinessWatch: Service {
    /// Until the node is Ready the answer is wanted at once; afterwards a change may take a second.
    private static let eagerInterval = Duration.milliseconds(50)
    private static let calmInterval = Duration.seconds(1)

    private let node: NodeAgent
    private let network: PodNetworking
    private let answer = Mutex(
        NodeReadiness(isReady: false, reason: "KubeletNotReady", message: "the node agent is starting"))

    init(node: NodeAgent, network: PodNetworking) {
        self.node = node
        self.network = network
    }

    var current: NodeReadiness { get async { answer.withLock { $0 } } }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                let now = await self.look()
                self.answer.withLock { $0 = now }
                try? await Task.sleep(for: now.isReady ? Self.calmInterval : Self.eagerInterval)
            }
        }
    }

    /// The runtime's name and version, asked once each time that it comes up.
    private let runtime = Mutex("")

    private func runtimeVersion() async -> String {
        let known = runtime.withLock { $0 }
        if !known.isEmpty { return known }
        guard let answer = try? await node.runtimeVersion() else { return "" }
        let text = "\(answer.name)://\(answer.version)"
        runtime.withLock { $0 = text }
        return text
    }

    private func look() async -> NodeReadiness {
        do {
            try await network.status()
        } catch {
            return NodeReadiness(isReady: false, reason: "NetworkPluginNotReady", message: "\(error)")
        }
        let unmet = await node.unmetConditions()
        guard unmet.isEmpty else {
            runtime.withLock { $0 = "" }
            return NodeReadiness(
                isReady: false, reason: "ContainerRuntimeNotReady", message: unmet.joined(separator: "; "))
        }
        return NodeReadiness(
            isReady: true, reason: "KubeletReady", message: "martlet is ready to run pods",
            runtimeVersion: await runtimeVersion())
    }
}
