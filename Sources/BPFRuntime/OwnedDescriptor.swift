import Glibc

/// A file descriptor that is closed with its owner.
final class OwnedDescriptor: Sendable {
    let raw: Int32

    init(_ raw: Int32) {
        self.raw = raw
    }

    deinit { close(raw) }
}
