/// The versions of the CNI specification that the plugin speaks.
package enum CNIVersion: String, Sendable, CaseIterable, Comparable {
    case v040 = "0.4.0"
    case v100 = "1.0.0"
    case v110 = "1.1.0"

    package static let newest = CNIVersion.v110

    /// GC and STATUS came with 1.1.0.
    package var hasCollect: Bool { self >= .v110 }

    package static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }

    private var rank: Int {
        switch self {
        case .v040: 0
        case .v100: 1
        case .v110: 2
        }
    }
}
