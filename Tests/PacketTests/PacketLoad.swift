import CMartletABI
import Glibc
import Synchronization
import TestKit
import Testing

@testable import BPFRuntime

/// A thread that runs packets through the hooks until it is told to stop. The packets are dropped, if all is well, and
/// so leave no flow: each run is a fresh one. Nothing else may run packets meanwhile.
final class PacketLoad: Sendable {
    struct Hook {
        let program: String
        let source: String
        var destination = "10.244.1.11"
        var port: UInt16 = 80
    }

    /// By hook.
    let runs: Mutex<[Int]>
    /// Packets that were not dropped, by hook, as the kernel counts.
    private let passes: Mutex<[Int]>
    let failure = Mutex<String?>(nil)
    private let hooks: [Hook]
    /// Packets of one call.
    private let batch: Int
    private let isOver = Atomic(false)
    private let isCounting = Atomic(false)
    private let datapath: KernelDatapath

    init(_ datapath: KernelDatapath, _ hooks: [Hook], batch: Int = 5_000) {
        self.datapath = datapath
        self.hooks = hooks
        self.batch = batch
        runs = Mutex([Int](repeating: 0, count: hooks.count))
        passes = Mutex([Int](repeating: 0, count: hooks.count))
    }

    private func input(_ hook: Hook) -> TestRunInput {
        var input = TestRunInput(data: PacketBytes.tcp(hook.source, 40_000, hook.destination, hook.port).bytes)
        input.repeats = batch
        if hook.program == "to_pod" {
            input.context = [UInt8](repeating: 0, count: 192)
            input.context[36] = 5
            input.context[40] = 1
        }
        return input
    }

    private func work() {
        let inputs = hooks.map { input($0) }
        do {
            while !isOver.load(ordering: .relaxed) {
                for (index, hook) in hooks.enumerated() {
                    while isCounting.load(ordering: .acquiring) { sched_yield() }
                    try runs.withLock { runs in
                        let before = try drops()
                        _ = try datapath.testRun(hook.program, inputs[index])
                        let dropped = try drops() - before
                        passes.withLock { $0[index] += batch - dropped }
                        runs[index] += batch
                    }
                }
            }
        } catch { failure.withLock { $0 = "\(error)" } }
    }

    /// Of all reasons.
    private func drops() throws(DatapathError) -> Int {
        let first = Int(MARTLET_COUNTER_DROPS.rawValue)
        return Int(try datapath.counters()[first..<first + Int(MARTLET_DROP_REASONS.rawValue)].reduce(0, +))
    }

    /// How many packets got through up to now, by hook; no batch is under way meanwhile.
    func passed() -> [Int] {
        isCounting.store(true, ordering: .releasing)
        defer { isCounting.store(false, ordering: .releasing) }
        return runs.withLock { _ in passes.withLock { $0 } }
    }

    /// How many packets got through while `body` ran, by hook.
    func passed(_ body: () async throws -> Void) async throws -> [Int] {
        let before = passed()
        try await body()
        return zip(passed(), before).map { $0 - $1 }
    }

    /// Returns when each hook has run two more batches, the second of which began after the call.
    func advance() throws {
        let before = runs.withLock { $0 }
        let deadline = ContinuousClock.now + .seconds(30)
        while runs.withLock({ zip($0, before).contains { $0 < $1 + 2 * batch } }) {
            try #require(failure.withLock { $0 } == nil && ContinuousClock.now < deadline, "no packets run")
            sched_yield()
        }
    }

    /// Starts the thread; whoever starts it ends it by `stop`.
    func start() throws -> pthread_t {
        var thread = pthread_t()
        let work = Unmanaged.passRetained(self)
        let code = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<PacketLoad>.fromOpaque(context).takeRetainedValue().work()
                return nil
            }, work.toOpaque())
        try #require(code == 0)
        return thread
    }

    func stop(_ thread: pthread_t) {
        isOver.store(true, ordering: .relaxed)
        pthread_join(thread, nil)
    }

    /// Runs `body` while packets run on another thread.
    func during(_ body: () async throws -> Void) async throws {
        let thread = try start()
        defer { stop(thread) }
        try await body()
    }
}
