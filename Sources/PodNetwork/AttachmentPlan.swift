import DaemonAPI
import NetTypes
import Netlink

/// The steps of an ADD. Each has an undo that may run whether the step was done, half done or never begun, and may run
/// again.
package enum AttachmentStep: Sendable, Hashable, CaseIterable {
    /// The record is on disk, its addresses taken. Undo: erased, the addresses freed.
    case record
    /// Both ends exist, down. Undo: removed.
    case links
    /// Closed filters and programs are on the node's end, before it is up. Undo: detached.
    case datapath
    /// The pod's end is as it should be. It goes with the links.
    case podSide
    /// The node's end is as it should be, with routes and neighbours. It goes with the links.
    case hostSide
    /// The endpoint is in the kernel in its own generation. Undo: forgotten.
    case publish
    /// The record says so. It goes with the record.
    case commit
}

/// What to do for a verb, in order; pure.
package enum AttachmentPlan {
    /// The steps of an ADD whose owner is known.
    package static let add: [AttachmentStep] = [.record, .links, .datapath, .podSide, .hostSide, .publish, .commit]

    /// The steps to undo after those up to `failed` were begun; all of them where none is named (DEL, a half-made
    /// attachment found at start). The endpoint goes first, so that nothing is sent to an address that leaves; the
    /// record last, so that a crash in between leaves a record of what is still there.
    package static func undo(after failed: AttachmentStep? = nil) -> [AttachmentStep] {
        let begun = failed.flatMap { add.firstIndex(of: $0) }.map { add[...$0] } ?? add[...]
        return begun.reversed().filter(\.hasUndo)
    }
}

extension AttachmentStep {
    package var hasUndo: Bool {
        switch self {
        case .record, .links, .datapath, .publish: true
        case .podSide, .hostSide, .commit: false
        }
    }
}
