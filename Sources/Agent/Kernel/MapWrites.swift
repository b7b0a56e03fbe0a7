import CMartletABI
import MapLayout
import PolicyCompiler
import Synchronization

/// How many values were written to the kernel's maps, and how much the changes touched that asked for them: what a
/// change costs is in proportion to what it touches, never to the cluster's size.
package final class MapWrites: Sendable {
    struct Counts: Sendable, Equatable {
        /// Values stored in arrays, keys put and removed, and generations published. A value that a generation switches
        /// counts once for each slot that it is written to.
        var writes = 0
        /// Endpoints that came, went or got another class.
        var endpoints = 0
        /// Classes that came or got other lists.
        var classes = 0
        /// Rules of new extents.
        var rules = 0
        /// Blocks' networks that came, went or got another class.
        var networks = 0
    }

    /// Arrays of which one operation writes several values, with the bytes of a value.
    private static let runs: [MapIdentity: Int] = [
        MapCatalog.rules.identity: MemoryLayout<martlet_rule>.stride,
        MapCatalog.backends.identity: MemoryLayout<martlet_backend>.stride,
    ]

    private let state = Mutex(Counts())

    package init() {}

    var counts: Counts { state.withLock { $0 } }

    func wrote(_ values: Int = 1) { state.withLock { $0.writes += values } }

    func stored(_ map: MapIdentity, bytes: Int) { wrote(Self.runs[map].map { max(1, bytes / $0) } ?? 1) }

    func removed(endpoints: Int) { state.withLock { $0.endpoints += endpoints } }

    func touched(by delta: PolicyDelta) {
        state.withLock {
            $0.endpoints += delta.bornEndpoints.count + delta.endpointClasses.count
            $0.classes += Set(delta.bornClasses.keys).union(delta.classLists.keys).union(delta.classRows.keys).count
            $0.rules += delta.rules.values.reduce(0) { $0 + $1.count }
            $0.networks += delta.bornNetworks.count + delta.networkClasses.count + delta.networksGone.count
        }
    }

    /// In Prometheus' text format.
    package var metrics: String {
        let counts = counts
        return """
            # HELP martlet_map_writes_total Values written to kernel maps by the compile path.
            # TYPE martlet_map_writes_total counter
            martlet_map_writes_total \(counts.writes)
            # HELP martlet_touched_total What changes touched: endpoints, classes, rules, networks.
            # TYPE martlet_touched_total counter
            martlet_touched_total{what="endpoints"} \(counts.endpoints)
            martlet_touched_total{what="classes"} \(counts.classes)
            martlet_touched_total{what="rules"} \(counts.rules)
            martlet_touched_total{what="networks"} \(counts.networks)

            """
    }
}
