import APIClient
import Logging
import NIOPosix

/// What every pod worker shares.
struct PodServices: Sendable {
    let configuration: NodeAgentConfiguration
    let runtime: any ContainerRuntime
    let client: any APIClient
    let events: EventRecorder
    let prober: Prober
    /// For calls that block: files and mounts.
    let threads: NIOThreadPool
    let background = BackgroundJobs()
    let clock: @Sendable () -> Timestamp
    let logger: Logger

    /// Runs blocking work off the cooperative threads.
    func blocking<Result: Sendable>(_ work: @escaping @Sendable () throws(NodeAgentError) -> Result)
        async throws(NodeAgentError) -> Result
    {
        do {
            return try await threads.runIfActive { try work() }
        } catch let error as NodeAgentError {
            throw error
        } catch {
            throw NodeAgentError(.system, "the pool for blocking calls is closed", cause: error)
        }
    }
}
