/// One copy of each set of labels. Replicas carry the same ones, and the daemon keeps them of each Pod: a dictionary of
/// its own for every one of those is several hundred bytes.
package struct LabelSets: Sendable {
    /// Sets that are remembered; with more all are forgotten, and sharing begins anew.
    static let remembered = 4_096
    private var known: Set<[String: String]> = []

    package init() {}

    /// The labels, in the storage of an equal set that was seen lately.
    package mutating func shared(_ labels: [String: String]) -> [String: String] {
        if known.count >= Self.remembered, !known.contains(labels) { known = [] }
        return known.insert(labels).memberAfterInsert
    }
}
