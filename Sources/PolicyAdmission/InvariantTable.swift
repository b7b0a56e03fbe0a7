package import KubeObjects
import NetTypes
package import PolicyCompiler

/// An invariant that does not hold, and a flow that shows it.
package struct BrokenInvariant: Hashable, Sendable, CustomStringConvertible {
    package let name: String
    package let statement: String
    package let witness: ReachWitness
    /// What lets the flow out of its pod and into the other, in words.
    package let because: String

    package var description: String {
        "NetworkInvariant \(name) (\(statement)): \(witness.sender) reaches \(witness.to) on \(witness.portText), "
            + because
    }
}

/// The invariants over one compiler's state: which hold, which do not. Not bounded by itself: a few, written by hand.
package struct InvariantTable: Sendable {
    private struct Entry: Sendable {
        let invariant: NetworkInvariant
        let question: ReachQuestion
        var broken: BrokenInvariant?
    }

    private var entries: [String: Entry] = [:]

    package init() {}

    package var isEmpty: Bool { entries.isEmpty }

    /// By name; nil: it holds.
    package var states: [String: BrokenInvariant?] { entries.mapValues(\.broken) }

    /// Takes an invariant, or takes one away. In force with the compiler's next `apply`; `check` after that.
    /// - Returns: whether that changes anything.
    package mutating func set(_ name: String, _ invariant: NetworkInvariant?, _ policy: inout PolicyCompiler) -> Bool {
        if entries[name]?.invariant == invariant { return false }
        let old = entries.removeValue(forKey: name)
        if let invariant {
            let from = policy.hold(Self.condition(invariant.from))
            let to = policy.hold(Self.condition(invariant.to))
            let ports = invariant.ports.map { PortSpan($0.transport.rawValue, $0.ports) }
            let question = ReachQuestion(
                from: from, isFromInverted: invariant.statement == .only, to: to,
                ports: ports.isEmpty ? PortSpan.everything : ports)
            entries[name] = Entry(invariant: invariant, question: question)
        }
        if let old {
            policy.letGo(old.question.from)
            policy.letGo(old.question.to)
        }
        return true
    }

    /// Looks again: at those that hold as far as `touched` classes go (nil: everywhere), at `fresh` ones everywhere,
    /// and so at broken ones whose witness is none any more.
    /// - Returns: those that held and do not any more; fresh ones are not among them.
    package mutating func check(_ policy: PolicyCompiler, touched: Set<UInt32>?, fresh: Set<String> = [])
        -> [BrokenInvariant]
    {
        var broke: [BrokenInvariant] = []
        for (name, entry) in entries.sorted(by: { $0.key < $1.key }) {
            let isWhole = fresh.contains(name) || entry.broken != nil
            let standing = entry.broken.flatMap { policy.reach(entry.question, as: $0.witness) }
            let witness = standing ?? policy.reach(entry.question, touched: isWhole ? nil : touched)
            let now = witness.map { (witness: ReachWitness) -> BrokenInvariant in
                let (out, into) = (Self.text(witness.egressRule, policy), Self.text(witness.ingressRule, policy))
                return BrokenInvariant(
                    name: name, statement: Self.text(entry.invariant), witness: witness,
                    because: witness.isFromOutside ? "in \(into)" : "out \(out), in \(into)")
            }
            if let now, entry.broken == nil, !fresh.contains(name) { broke.append(now) }
            entries[name]?.broken = now
        }
        return broke
    }

    // MARK: Texts

    private static func condition(_ pods: NetworkInvariant.Pods) -> PodCondition {
        PodCondition(.namespaces(pods.namespaces), pods.pods)
    }

    private static func text(_ rule: UInt32, _ policy: PolicyCompiler) -> String {
        guard let info = policy.rule(rule) else { return "as no policy selects it" }
        return "by \(info.policy) \(info.direction.rawValue)" + (info.index.map { " rule \($0)" } ?? "")
    }

    private static func text(_ invariant: NetworkInvariant) -> String {
        let (from, to) = (text(invariant.from), text(invariant.to))
        let ports = invariant.ports.isEmpty ? "any port" : invariant.ports.map(text).joined(separator: ", ")
        switch invariant.statement {
        case .never: return "no pod of \(from) reaches \(to) on \(ports)"
        case .only: return "only pods of \(from) reach \(to) on \(ports)"
        }
    }

    private static func text(_ pods: NetworkInvariant.Pods) -> String {
        "{namespaces \(pods.namespaces), pods \(pods.pods)}"
    }

    private static func text(_ port: NetworkInvariant.Port) -> String {
        if port.ports == .all { return port.transport.kubernetesName }
        let (low, high) = (port.ports.low, port.ports.high)
        return "\(port.transport.kubernetesName) \(low == high ? "\(low)" : "\(low)-\(high)")"
    }
}

extension ReachWitness {
    var isFromOutside: Bool {
        switch from {
        case .address: true
        case .pod: false
        }
    }

    var sender: String { isFromOutside ? "\(from), which no pod has," : "\(from)" }

    /// `TCP 5432`, the lowest; `TCP, any port`; `ICMP`.
    package var portText: String {
        guard let known = TransportProtocol(rawValue: transport) else { return transport == 1 ? "ICMP" : "ICMPv6" }
        if ports == .all { return "\(known.kubernetesName), any port" }
        // Nothing listens on port 0.
        return "\(known.kubernetesName) \(ports.low == 0 ? min(1, ports.high) : ports.low)"
    }
}
