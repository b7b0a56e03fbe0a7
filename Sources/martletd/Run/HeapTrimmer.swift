import CLinux
import Logging
import ServiceLifecycle

/// Gives back what the heap kept of a passing need: the first compile of a large cluster takes several times what
/// stays.
struct HeapTrimmer: Service {
    private static let interval = Duration.seconds(10)
    /// Less is not worth the walk over the heap.
    private static let idleBytesMax = 16 << 20

    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while (try? await Task.sleep(for: Self.interval)) != nil {
                let code = clinux_trim_heap(Self.idleBytesMax)
                guard code < 0 else { continue }
                logger.warning("the heap cannot be measured", metadata: ["errno": "\(-code)"])
                try? await Task.sleep(for: .seconds(3600))
            }
        }
    }
}
