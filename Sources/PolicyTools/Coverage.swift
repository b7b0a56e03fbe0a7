import KubeObjects
import NetTypes

/// What follows from the text of selectors, blocks and rules alone, whatever pods there are. `covers` is never wrong
/// where it says yes; it may miss a case.
extension LabelSelector.Requirement {
    /// Whatever satisfies `other` satisfies this.
    func follows(from other: Self) -> Bool {
        guard key == other.key else { return false }
        switch (operation, other.operation) {
        case (.isIn, .isIn): return Set(other.values).isSubset(of: values)
        case (.isNotIn, .isNotIn): return Set(values).isSubset(of: other.values)
        case (.isNotIn, .isIn): return Set(values).isDisjoint(with: other.values)
        case (.isNotIn, .doesNotExist), (.exists, .isIn), (.exists, .exists), (.doesNotExist, .doesNotExist):
            return true
        case (.isIn, .isNotIn), (.isIn, .exists), (.isIn, .doesNotExist), (.isNotIn, .exists), (.exists, .isNotIn),
            (.exists, .doesNotExist), (.doesNotExist, .isIn), (.doesNotExist, .isNotIn), (.doesNotExist, .exists):
            return false
        }
    }
}

extension LabelSelector {
    func covers(_ other: LabelSelector) -> Bool {
        requirements.allSatisfy { mine in other.requirements.contains { mine.follows(from: $0) } }
    }

    /// The key whose requirements no label can satisfy together; nil where there is none.
    var contradiction: String? {
        for (key, wanted) in Dictionary(grouping: requirements, by: \.key).sorted(by: { $0.key < $1.key }) {
            let isAbsent = wanted.contains { $0.operation == .doesNotExist }
            let isPresent = wanted.contains { $0.operation == .isIn || $0.operation == .exists }
            if isAbsent, isPresent { return key }
            let lists = wanted.filter { $0.operation == .isIn }.map { Set($0.values) }
            guard let first = lists.first else { continue }
            let left = lists.dropFirst().reduce(first) { $0.intersection($1) }
            let excluded = wanted.filter { $0.operation == .isNotIn }.flatMap(\.values)
            if left.subtracting(excluded).isEmpty { return key }
        }
        return nil
    }
}

extension AddressBlock {
    func covers(_ other: AddressBlock) -> Bool {
        cidr.contains(other.cidr)
            && except.allSatisfy { hole in
                !hole.overlaps(other.cidr) || Self.isFull(hole, by: other.except)
                    || (hole.contains(other.cidr) && Self.isFull(other.cidr, by: other.except))
            }
    }

    /// The exceptions leave no address.
    var isEmpty: Bool { Self.isFull(cidr, by: except) }

    /// The addresses of `network` that this block has too; nil where it has none of them.
    func part(in network: CIDR) -> AddressBlock? {
        guard cidr.overlaps(network) else { return nil }
        let part = AddressBlock(cidr.contains(network) ? network : cidr, except: except)
        return part.isEmpty ? nil : part
    }

    /// `parts` together hold every address of `whole`. Halves what a part lies in: at most its length times the parts.
    static func isFull(_ whole: CIDR, by parts: [CIDR]) -> Bool {
        if parts.contains(where: { $0.contains(whole) }) { return true }
        let inside = parts.filter { whole.contains($0) }
        guard !inside.isEmpty, let lower = CIDR(whole.address, prefixLength: whole.prefixLength + 1),
            let upper = CIDR(whole.last, prefixLength: whole.prefixLength + 1)
        else { return false }
        return isFull(lower, by: inside) && isFull(upper, by: inside)
    }
}

extension PolicyPeer {
    /// For peers of policies in one namespace.
    func covers(_ other: PolicyPeer) -> Bool {
        switch (self, other) {
        case (.block(let mine), .block(let theirs)): return mine.covers(theirs)
        case (.pods(let spaces, let pods), .pods(let otherSpaces, let otherPods)):
            guard pods.covers(otherPods) else { return false }
            switch (spaces, otherSpaces) {
            case (nil, nil): return true
            case (nil, .some): return false
            case (.some(let selector), nil): return selector.isEverything
            case (.some(let selector), .some(let theirs)): return selector.covers(theirs)
            }
        case (.block, .pods), (.pods, .block): return false
        }
    }
}

extension PolicyPort {
    func covers(_ other: PolicyPort) -> Bool {
        guard transport == other.transport else { return false }
        switch (target, other.target) {
        case (.all, _): return true
        case (.range(let mine), .range(let theirs)): return mine.low <= theirs.low && theirs.high <= mine.high
        case (.named(let mine), .named(let theirs)): return mine == theirs
        case (.range, .all), (.range, .named), (.named, .all), (.named, .range): return false
        }
    }

    /// Some port is surely both: a name is compared with names alone.
    func meets(_ other: PolicyPort) -> Bool {
        if covers(other) || other.covers(self) { return true }
        guard transport == other.transport, case .range(let mine) = target, case .range(let theirs) = other.target
        else { return false }
        return mine.low <= theirs.high && theirs.low <= mine.high
    }
}

extension PolicyRule {
    func coversPorts(_ other: PolicyRule) -> Bool {
        ports.isEmpty
            || (!other.ports.isEmpty && other.ports.allSatisfy { port in ports.contains { $0.covers(port) } })
    }

    func meetsPorts(_ other: PolicyRule) -> Bool {
        ports.isEmpty || other.ports.isEmpty
            || ports.contains { port in other.ports.contains { $0.meets(port) } }
    }

    /// Some peer may be asked on this port.
    func lets(_ transport: TransportProtocol, _ port: UInt16) -> Bool {
        ports.isEmpty || ports.contains { $0.covers(PolicyPort(transport, .range(PortRange(port)))) }
    }
}

extension ClusterPolicyPeer {
    /// For peers of cluster policies. Blocks match pods by their addresses: two that hold everything are asked by
    /// `coverEverything`.
    func covers(_ other: ClusterPolicyPeer) -> Bool {
        switch (self, other) {
        case (.pods(let spaces, let pods), .pods(let otherSpaces, let otherPods)):
            spaces.covers(otherSpaces) && pods.covers(otherPods)
        case (.nodes(let mine), .nodes(let theirs)): mine.covers(theirs)
        case (.network(let mine), .network(let theirs)): mine.contains(theirs)
        case (.pods, _), (.nodes, _), (.network, _): false
        }
    }

    /// Of a NetworkPolicy in a namespace with these labels.
    func covers(_ other: PolicyPeer, namespace labels: [String: String]) -> Bool {
        switch (self, other) {
        case (.pods(let spaces, let pods), .pods(let otherSpaces, let otherPods)):
            (otherSpaces.map(spaces.covers) ?? spaces.matches(labels)) && pods.covers(otherPods)
        case (.network(let cidr), .block(let block)): cidr.contains(block.cidr)
        case (.pods, .block), (.network, .pods), (.nodes, _): false
        }
    }
}

extension ClusterPolicyRule {
    func coversPorts(_ others: [PolicyPort]) -> Bool {
        ports.isEmpty || (!others.isEmpty && others.allSatisfy { port in ports.contains { $0.covers(port) } })
    }
}
