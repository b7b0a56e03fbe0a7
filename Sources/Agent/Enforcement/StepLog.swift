package import APIClient
package import KubeObjects

/// What becomes of a version of an object, in this order.
package enum ObjectStep: Int, CaseIterable, Sendable {
    /// Committed by the API's store.
    case stored
    /// In the cache of this node's informer.
    case informed
    /// Turned into map entries.
    case compiled
    /// The entries are in the maps.
    case written
    /// The generation that holds them is published: packets are judged by it.
    case visible

    package var name: String { "\(self)" }
}

/// The steps of the objects that this node compiles: times in nanoseconds since 1970 of the last versions of policies,
/// and for all kinds how long each step took. Pure: whoever calls gives the time.
package struct StepLog: Sendable {
    /// Policies that are remembered; the one that changed longest ago goes first.
    package static let policiesMax = 512
    /// Versions of one policy.
    package static let versionsMax = 4
    /// Versions under way at once; what comes beyond is not timed.
    package static let openMax = 8_192

    /// What goes through the planner, and what is written at once.
    package enum Lane: Sendable {
        case policy
        case services
    }

    package struct Name: Hashable, Sendable {
        package let resource: APIResource
        package let key: ObjectKey

        package init(_ resource: APIResource, _ key: ObjectKey) {
            self.resource = resource
            self.key = key
        }
    }

    package struct Version: Sendable, Hashable {
        package let resourceVersion: String
        /// By step; nil where it is not known, or did not happen yet.
        package var times: [Int64?]
        /// The generation that made it visible.
        package var generation: UInt32?
    }

    private struct Open {
        let name: Name
        let lane: Lane
        var version: Version
    }

    private var open: [Open] = []
    private var finished: [Name: [Version]] = [:]
    /// Longest ago first.
    private var order: [Name] = []
    package private(set) var histogram = StepHistogram()

    package init() {}

    /// A compile is about to take this version.
    package mutating func begin(_ name: Name, _ resourceVersion: String, _ lane: Lane, stored: Int64?, informed: Int64)
    {
        let known = finished[name]?.last ?? open.last { $0.name == name }?.version
        guard open.count < Self.openMax, known?.resourceVersion != resourceVersion else { return }
        open.append(
            Open(
                name: name, lane: lane,
                version: Version(resourceVersion: resourceVersion, times: [stored, informed, nil, nil, nil])))
    }

    /// All of the lane that got this far take the step.
    package mutating func compiled(_ lane: Lane, at time: Int64) { mark(.compiled, after: .informed, lane, time) }
    package mutating func written(_ lane: Lane, at time: Int64) { mark(.written, after: .compiled, lane, time) }

    private mutating func mark(_ step: ObjectStep, after previous: ObjectStep, _ lane: Lane, _ time: Int64) {
        for index in open.indices where open[index].lane == lane {
            guard open[index].version.times[previous.rawValue] != nil, open[index].version.times[step.rawValue] == nil
            else { continue }
            open[index].version.times[step.rawValue] = time
        }
    }

    /// All of the lane that are compiled are what packets are judged by.
    package mutating func visible(_ lane: Lane, generation: UInt32, at time: Int64) {
        if open.isEmpty { return }
        written(lane, at: time)
        let done = open.filter { $0.lane == lane && $0.version.times[ObjectStep.written.rawValue] != nil }
        if done.isEmpty { return }
        open.removeAll { $0.lane == lane && $0.version.times[ObjectStep.written.rawValue] != nil }
        for var entry in done {
            entry.version.times[ObjectStep.visible.rawValue] = time
            entry.version.generation = generation
            histogram.observe(entry.version.times)
            if entry.name.resource == .networkPolicies || entry.name.resource == .clusterNetworkPolicies {
                keep(entry.name, entry.version)
            }
        }
    }

    private mutating func keep(_ name: Name, _ version: Version) {
        order.removeAll { $0 == name }
        order.append(name)
        if order.count > Self.policiesMax { finished[order.removeFirst()] = nil }
        finished[name, default: []].append(version)
        if finished[name]?.count ?? 0 > Self.versionsMax { finished[name]?.removeFirst() }
    }

    /// Versions of a policy that were timed, oldest first; the last may be under way.
    package func versions(of name: Name) -> [Version] {
        (finished[name] ?? []) + open.filter { $0.name == name }.map(\.version)
    }
}

/// How long steps take, in Prometheus' sense of a histogram.
package struct StepHistogram: Sendable {
    /// Upper bounds in nanoseconds, beside the label that stands for them.
    static let bounds: [(nanoseconds: Int64, label: String)] = [
        (100_000, "0.0001"), (250_000, "0.00025"), (500_000, "0.0005"), (1_000_000, "0.001"), (2_500_000, "0.0025"),
        (5_000_000, "0.005"), (10_000_000, "0.01"), (25_000_000, "0.025"), (50_000_000, "0.05"), (100_000_000, "0.1"),
        (250_000_000, "0.25"), (1_000_000_000, "1"), (5_000_000_000, "5"),
    ]

    private struct Series: Sendable {
        /// Not cumulative; the last is what lies beyond all bounds.
        var counts = [UInt64](repeating: 0, count: StepHistogram.bounds.count + 1)
        var sumNanoseconds: Int64 = 0
    }

    /// By step, from the step before; `stored` stands for the whole way.
    private var series = [Series](repeating: Series(), count: ObjectStep.allCases.count)

    package init() {}

    /// - Parameter times: by step; a step whose neighbour is not known is not counted.
    mutating func observe(_ times: [Int64?]) {
        for step in ObjectStep.allCases.dropFirst() {
            guard let end = times[step.rawValue], let start = times[step.rawValue - 1] else { continue }
            count(step, end - start)
        }
        if let start = times[ObjectStep.stored.rawValue], let end = times[ObjectStep.visible.rawValue] {
            count(.stored, end - start)
        }
    }

    private mutating func count(_ step: ObjectStep, _ nanoseconds: Int64) {
        // Two clocks' readings apart: what comes out below zero is none.
        let value = max(0, nanoseconds)
        let bucket = Self.bounds.firstIndex { value <= $0.nanoseconds } ?? Self.bounds.count
        series[step.rawValue].counts[bucket] += 1
        series[step.rawValue].sumNanoseconds += value
    }

    /// Exposition format 0.0.4.
    package var text: String {
        let name = "martlet_object_step_seconds"
        var out = "# HELP \(name) Time of a step of an object's way into the kernel since the step before; "
        out += "step=\"total\" from stored to visible.\n# TYPE \(name) histogram\n"
        for step in ObjectStep.allCases {
            let label = step == .stored ? "total" : step.name
            var sum: UInt64 = 0
            for (index, bound) in Self.bounds.enumerated() {
                sum += series[step.rawValue].counts[index]
                out += "\(name)_bucket{step=\"\(label)\",le=\"\(bound.label)\"} \(sum)\n"
            }
            sum += series[step.rawValue].counts[Self.bounds.count]
            out += "\(name)_bucket{step=\"\(label)\",le=\"+Inf\"} \(sum)\n"
            out += "\(name)_sum{step=\"\(label)\"} \(Double(series[step.rawValue].sumNanoseconds) / 1e9)\n"
            out += "\(name)_count{step=\"\(label)\"} \(sum)\n"
        }
        return out
    }
}
