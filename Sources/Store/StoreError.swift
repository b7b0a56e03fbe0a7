/// What the store refuses, and why.
package struct StoreError: Error, Sendable, CustomStringConvertible {
    package enum Code: Sendable {
        /// An expectation did not hold; `current` is what is there.
        case conflict
        /// The revision asked for is compacted, or a watcher was too slow: list again.
        case tooOld
        /// The revision asked for has not been written yet.
        case future
        /// A request that is against the store's rules (a key twice, too many operations, a value too long).
        case invalid
        /// The device has no room. Nothing was written; reads go on, and so do writes once there is room.
        case diskFull
        /// The state has reached `StoreOptions.stateBytesMax`; deletes still succeed.
        case stateFull
        /// The file is damaged, or is no store. It is left as it is.
        case corrupt
        /// Another process has the state open.
        case inUse
        /// More transactions wait than `Store.pendingTransactionsMax`.
        case overloaded
        /// The store was closed, or a write failed so that only a new opening can tell what is on the disk.
        case closed
        /// The system refused something; `message` has the call and its error.
        case system
    }

    package let code: Code
    package let message: String
    package let cause: (any Error)?
    /// For `conflict`: what stands under the key; nil where nothing does.
    package let current: StoreEntry?

    package init(_ code: Code, _ message: String, cause: (any Error)? = nil, current: StoreEntry? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
        self.current = current
    }

    package var description: String { cause.map { "\(message): \($0)" } ?? message }
}
