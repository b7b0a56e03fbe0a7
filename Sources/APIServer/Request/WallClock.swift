package import APIMachinery
import FoundationEssentials

/// The time of day, as a parameter: tests give their own.
package protocol WallClock: Sendable {
    /// UTC.
    var now: Timestamp { get }
}

extension WallClock {
    /// Seconds since 1970.
    var unixSeconds: Int64 { now.secondsSince1970 }
}

package struct SystemWallClock: WallClock {
    package init() {}

    package var now: Timestamp {
        let microseconds = Int64(Date().timeIntervalSince1970 * 1_000_000)
        return Timestamp(
            secondsSince1970: microseconds / 1_000_000, microseconds: Int32(microseconds % 1_000_000))
    }
}
