/// When each node was last heard of, by the times of whoever looks: a node's own clock may be wrong. Pure.
struct NodeSigns: Sendable {
    /// Kubernetes' node-monitor-grace-period: so long a node may be silent, four renewals of its Lease.
    static let grace = Duration.seconds(40)

    /// What a living node changes all the time.
    struct Sign: Hashable, Sendable {
        /// `renewTime` of its Lease; nil where there is none.
        let renewed: String?
        /// `lastHeartbeatTime` of its condition Ready; nil where it has none.
        let reported: String?
    }

    private var heard: [String: (sign: Sign, at: Duration)] = [:]

    /// How long the node may still be silent; nil where it has been for too long. One that is looked at for the first
    /// time has the whole grace before it.
    /// - Parameter now: monotonic, since any moment.
    mutating func look(_ node: String, _ sign: Sign, now: Duration) -> Duration? {
        guard let last = heard[node], last.sign == sign else {
            heard[node] = (sign, now)
            return Self.grace
        }
        let rest = last.at + Self.grace - now
        return rest > .zero ? rest : nil
    }

    var known: [String] { heard.keys.sorted() }
    func lastHeard(_ node: String) -> Duration? { heard[node]?.at }

    mutating func forget(_ node: String) { heard[node] = nil }
}
