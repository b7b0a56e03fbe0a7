import Glibc
import Synchronization

/// A disk on which syncs wait, or fail, as long as a test wants it.
package final class HeldDisk: Sendable {
    private struct State {
        var isHeld = false
        var fails = false
        var syncs = 0
    }

    private let state = Mutex(State())

    package init() {}

    /// Syncs that were asked for.
    package var syncs: Int { state.withLock(\.syncs) }

    package func hold() { state.withLock { $0.isHeld = true } }
    package func letGo(failing: Bool = false) { state.withLock { ($0.isHeld, $0.fails) = (false, failing) } }

    /// In the place of `fdatasync`.
    package func sync(_ file: Int32) -> Int32 {
        state.withLock { $0.syncs += 1 }
        while state.withLock(\.isHeld) { usleep(200) }
        if state.withLock(\.fails) {
            errno = EIO
            return -1
        }
        return fdatasync(file)
    }
}
