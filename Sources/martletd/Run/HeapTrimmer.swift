import CLinux
import Logging
import Netlink
import ServiceLifecycle

/// Gives back what the heap kept of a passing need: the first compile of a large cluster takes several times what
/// stays. Walks over the heap on a thread of its own.
actor HeapTrimmer: Service {
    private static let interval = Duration.seconds(5)
    /// Rounds after which the heap is looked into although it has not grown: what was freed may be more.
    private static let roundsUnchangedMax = 12
    /// Less is not worth the walk over the heap.
    private static let idleBytesMax = 2 << 20

    private let thread: SerialThread
    private let logger: Logger

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    init(thread: SerialThread, logger: Logger) {
        self.thread = thread
        self.logger = logger
    }

    /// To be called before the daemon fills its heap.
    static func setUp() { _ = clinux_set_up_heap() }

    func run() async throws {
        await cancelWhenGracefulShutdown { await self.trimUntilCancelled() }
    }

    private func trimUntilCancelled() async {
        var isSaid = false
        var round = 0
        while (try? await Task.sleep(for: Self.interval)) != nil {
            round += 1
            let code = clinux_trim_heap(Self.idleBytesMax, round % Self.roundsUnchangedMax == 0 ? 1 : 0)
            if code < 0, !isSaid {
                logger.warning("the heap cannot be measured", metadata: ["errno": "\(-code)"])
                isSaid = true
            }
        }
    }
}
