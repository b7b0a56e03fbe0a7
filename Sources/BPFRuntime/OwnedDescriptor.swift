import Glibc

/// A file descriptor that is closed with its owner. Bind the owner to a name before passing `raw` on: a temporary is
/// gone before the call is made.
final class OwnedDescriptor: Sendable {
    let raw: Int32

    init(_ raw: Int32) {
        self.raw = raw
    }

    deinit { close(raw) }
}
