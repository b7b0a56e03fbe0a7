import BPFRuntime
import Netlink
import Reconcile

/// Waits for the grace periods that an engine asks for, on threads of their own, as many as may run at once.
struct GraceKeepers {
    let engine: Engine
    let datapath: any Datapath

    /// Until the engine stops.
    /// - Parameter ended: called after each grace period, with what it set free given back.
    /// - Throws: the first error of the kernel's side, at once: what the engine then holds may not be in the maps.
    func run(ended: @escaping @Sendable () -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            var keepers: [AsyncStream<KernelPlanner.Ticket>.Continuation] = []
            for _ in 0..<KernelPlanner.gracePeriodsMax {
                let (tickets, continuation) = AsyncStream.makeStream(of: KernelPlanner.Ticket.self)
                let keeper = GraceKeeper(datapath: datapath, thread: try SerialThread())
                keepers.append(continuation)
                group.addTask {
                    for await ticket in tickets {
                        try await keeper.wait()
                        try await engine.graceElapsed(ticket)
                        ended()
                    }
                }
            }
            group.addTask { [keepers] in
                var turn = 0
                for await ticket in engine.graceTickets {
                    keepers[turn % keepers.count].yield(ticket)
                    turn += 1
                }
                for keeper in keepers { keeper.finish() }
            }
            // Not `waitForAll`, which tells an error only after all have ended.
            for try await _ in group {}
        }
    }
}

/// Blocks its own thread, and nobody else's, for a grace period.
private actor GraceKeeper {
    private let datapath: any Datapath
    private let thread: SerialThread

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    init(datapath: any Datapath, thread: SerialThread) {
        self.datapath = datapath
        self.thread = thread
    }

    func wait() throws { try datapath.gracePeriod() }
}
