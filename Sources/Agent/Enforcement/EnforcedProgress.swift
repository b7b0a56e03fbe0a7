package import APIClient

/// Up to which revision all that the node reads of the API is in force.
///
/// Each kind has a watch of its own, and a watch says how far it is. What a kind reached counts when a compile has
/// taken all its changes up to there, and is in force when nothing of a compile waits for a generation any more. The
/// slowest kind decides: a newer revision of another kind proves nothing of it.
package struct EnforcedProgress: Sendable {
    private let kinds: [APIResource]
    /// Told of, with changes that are not compiled yet.
    private var noticed: [APIResource: Int64] = [:]
    private var compiled: [APIResource: Int64] = [:]
    private var lastCompiledChange: Int64?
    /// Everything up to this revision is in force; nil before the first full compile.
    package private(set) var proven: Int64?
    /// The revision of the newest object of these kinds that is in force with everything before it. Unlike `proven` it
    /// stands still while nothing that the node reads changes.
    package private(set) var reported: Int64?

    package init(kinds: [APIResource]) { self.kinds = kinds }

    package mutating func notice(_ progress: [APIResource: Int64]) { noticed.merge(progress) { max($0, $1) } }

    /// Every change that was noticed has been handed to the kernel's writer, or waits there for a generation.
    /// - Parameter lastChange: the newest revision of an object that the compile saw; nil: nothing was to be compiled.
    package mutating func compile(lastChange: Int64?) {
        compiled.merge(noticed) { max($0, $1) }
        noticed = [:]
        if let lastChange { lastCompiledChange = max(lastCompiledChange ?? lastChange, lastChange) }
    }

    /// All that was compiled is in force.
    package mutating func settle() {
        let reached = kinds.compactMap { compiled[$0] }
        guard reached.count == kinds.count, let least = reached.min() else { return }
        proven = max(proven ?? least, least)
        let seen = min(least, lastCompiledChange ?? least)
        reported = max(reported ?? seen, seen)
    }

    /// Kinds that are not in force up to a revision.
    package func behind(_ revision: Int64) -> [APIResource] { kinds.filter { compiled[$0] ?? 0 < revision } }
}
