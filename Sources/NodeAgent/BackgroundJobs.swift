/// Work that outlives its asker, run by the agent; at most 256 pieces wait, and the newest are turned away.
struct BackgroundJobs: Sendable {
    typealias Job = @Sendable () async -> Void

    private let jobs: AsyncStream<Job>
    private let queue: AsyncStream<Job>.Continuation

    init() {
        (jobs, queue) = AsyncStream.makeStream(
            bufferingPolicy: .bufferingOldest(NodeAgentConfiguration.Limit.eventQueue))
    }

    func add(_ job: @escaping Job) { queue.yield(job) }

    /// Until the task is cancelled.
    func run() async {
        let jobs = jobs
        await withDiscardingTaskGroup { group in
            for await job in jobs { group.addTask { await job() } }
        }
    }
}
