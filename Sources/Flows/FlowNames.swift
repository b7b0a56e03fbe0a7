package import KubeObjects
package import MapLayout

/// A rule as people know it.
package struct FlowRule: Hashable, Sendable {
    package let policy: ObjectKey
    /// `NetworkPolicy` unless it is another kind.
    package let kind: String
    package let direction: VerdictDirection
    /// Index in `spec.ingress` or `spec.egress`; nil for the isolation that the policy brings.
    package let index: Int?

    package init(policy: ObjectKey, kind: String = "NetworkPolicy", direction: VerdictDirection, index: Int?) {
        self.policy = policy
        self.kind = kind
        self.direction = direction
        self.index = index
    }

    /// `shop/allow-web ingress[0]`, `shop/allow-web ingress isolation`, `ClusterNetworkPolicy guard egress[1]`.
    package var text: String {
        let kind = kind == "NetworkPolicy" ? "" : "\(kind) "
        return "\(kind)\(policy) \(direction.name)\(index.map { "[\($0)]" } ?? " isolation")"
    }
}

/// What numbers in events stand for. Asked once, when an event comes in: what it answers then is what the event keeps,
/// whatever is deleted or renumbered later.
package protocol FlowNames {
    /// The pod that held an endpoint's number at that incarnation.
    func pod(endpoint number: UInt32, incarnation: UInt32) -> ObjectKey?
    func rule(_ id: UInt32) -> FlowRule?
    /// The API revision that a generation was compiled from.
    func revision(generation: UInt32) -> String?
    func service(_ frontend: MapImage.Frontend) -> ObjectKey?
}

/// Knows nothing.
package struct NoFlowNames: FlowNames {
    package init() {}
    package func pod(endpoint number: UInt32, incarnation: UInt32) -> ObjectKey? { nil }
    package func rule(_ id: UInt32) -> FlowRule? { nil }
    package func revision(generation: UInt32) -> String? { nil }
    package func service(_ frontend: MapImage.Frontend) -> ObjectKey? { nil }
}

/// Where the two clocks stood at one instant: events tell the monotonic one.
package struct ClockAnchor: Hashable, Sendable {
    package let monotonicNanoseconds: UInt64
    /// Since 1970, UTC.
    package let unixNanoseconds: UInt64

    package init(monotonicNanoseconds: UInt64, unixNanoseconds: UInt64) {
        self.monotonicNanoseconds = monotonicNanoseconds
        self.unixNanoseconds = unixNanoseconds
    }

    package func unixNanoseconds(at monotonic: UInt64) -> UInt64 {
        unixNanoseconds &+ monotonic &- monotonicNanoseconds
    }
}
