package import KubeObjects
import MapLayout
package import NetTypes

/// Whether any pod of one set reaches any pod of another.
package struct ReachQuestion: Hashable, Sendable {
    /// Numbers that `PolicyCompiler.hold` gave.
    package let from: UInt32
    package let to: UInt32
    /// Asks about everybody else in place of `from`: the pods that it does not hold for, and addresses of no pod.
    package let isFromInverted: Bool
    package let ports: [PortSpan]

    package init(from: UInt32, isFromInverted: Bool = false, to: UInt32, ports: [PortSpan] = PortSpan.everything) {
        self.from = from
        self.isFromInverted = isFromInverted
        self.to = to
        self.ports = ports
    }
}

/// A flow that gets through, and the rules that let it; 0 where no policy selects the pod in that direction.
package struct ReachWitness: Hashable, Sendable {
    package let from: ReachEnd
    package let to: ReachEnd
    package let transport: UInt8
    /// Of the protocol, ports that get through by these rules; the first is the lowest that gets through at all.
    package let ports: PortRange
    package let egressRule: UInt32
    package let ingressRule: UInt32
}

/// Reachability between sets of pods, read from the compiled lists: by classes, so that the work grows with what
/// policies tell apart and not with pairs of pods. Only where blocks lie over the pods do single addresses count.
extension PolicyCompiler {
    /// Keeps a condition alive that no policy names, so that each class is inside or outside of it; with the next
    /// `apply`. Returns its number.
    package mutating func hold(_ condition: PodCondition) -> UInt32 { conditions.acquire(condition) }

    /// Ends a `hold`, with the next `apply`.
    package mutating func letGo(_ held: UInt32) { conditions.release(held) }

    /// Classes by index whose lists, rows or members a batch changed; with those of `pods`, which the batch named.
    package func classes(touchedBy delta: PolicyDelta, pods: [ObjectKey]) -> Set<UInt32> {
        var found = Set(delta.bornClasses.keys).union(delta.classLists.keys).union(delta.classRows.keys)
        found.formUnion(delta.endpointClasses.values.map { $0 & 0xffff })
        found.formUnion(delta.bornEndpoints.values.map { $0 & 0xffff })
        found.formUnion(pods.compactMap { memberOf[$0].flatMap(classIndex) })
        return found
    }

    /// The first flow found that the question asks about; nil where nothing gets through. A pod is no peer of itself.
    /// - Parameter touched: only pairs with one of these classes are looked at; nil: all.
    package func reach(_ question: ReachQuestion, touched: Set<UInt32>? = nil) -> ReachWitness? {
        let inside = classes.classes(with: question.from)
        let sources = question.isFromInverted ? classes.classes.keys.filter { !inside.contains($0) } : Array(inside)
        let targets = classes.classes(with: question.to)
        let touchedTargets = touched.map(targets.intersection) ?? targets
        // Pairs with a touched class: touched receivers with everyone, and touched senders with the others.
        var witness = reach(from: sources, to: touchedTargets, question.ports)
        if let touched, witness == nil {
            witness = reach(
                from: sources.filter(touched.contains), to: targets.subtracting(touchedTargets), question.ports)
        }
        guard witness == nil, question.isFromInverted else { return witness }
        // A pod's address beside the pods' own blocks is outside once the pod has gone.
        return reachFromOutside(to: strays.outsideGrew ? targets : touchedTargets, question.ports)
    }

    /// What a question found before, as it is now; nil where those two ends do not answer it any more, though others
    /// may.
    package func reach(_ question: ReachQuestion, as witness: ReachWitness) -> ReachWitness? {
        guard case .pod(let to) = witness.to, let target = memberOf[to].flatMap(classIndex),
            let receiver = place(of: witness.to), classes.classes(with: question.to).contains(target)
        else { return nil }
        guard case .pod(let from) = witness.from else { return reachFromOutside(to: [target], question.ports) }
        guard let source = memberOf[from].flatMap(classIndex), let sender = place(of: witness.from),
            classes.classes(with: question.from).contains(source) != question.isFromInverted
        else { return nil }
        for pass in passes(from: sender, to: receiver) {
            guard let span = question.ports.lazy.compactMap(pass.span.common).first else { continue }
            return ReachWitness(
                from: witness.from, to: witness.to, transport: span.transport, ports: span.ports,
                egressRule: pass.egressRule, ingressRule: pass.ingressRule)
        }
        return nil
    }

    /// Of most pairs the rows say at once that nothing passes: pods are looked at only for the others.
    private func reach(
        from sources: some Sequence<UInt32>, to targets: Set<UInt32>, _ ports: [PortSpan]
    ) -> ReachWitness? {
        let open = targets.sorted().compactMap { index -> (index: UInt32, bits: [UInt32]?)? in
            let bits = Self.admittedBits(lists.content(of: index)?.ingress ?? .open)
            return bits?.isEmpty == true ? nil : (index, bits)
        }
        if open.isEmpty { return nil }
        var receivers: [UInt32: [Side]] = [:]
        for source in sources.sorted() {
            let row = rows.rows[source] ?? []
            var senders: [Side]?
            for target in open where target.bits.map({ Self.has(row, anyOf: $0) }) ?? true {
                let mine = senders ?? sides(source, \.egress)
                senders = mine
                let theirs = receivers[target.index] ?? sides(target.index, \.ingress)
                receivers[target.index] = theirs
                for receiver in theirs {
                    for sender in mine {
                        if let witness = flow(from: sender, to: receiver, ports) { return witness }
                    }
                }
            }
        }
        return nil
    }

    private static func has(_ row: [UInt64], anyOf bits: [UInt32]) -> Bool {
        bits.contains { bit in
            let word = Int(bit / 64)
            return word < row.count && row[word] >> UInt64(bit % 64) & 1 == 1
        }
    }

    /// Bits of which a peer needs one to get anything past the list; nil where that does not decide.
    private static func admittedBits(_ list: ListContent) -> [UInt32]? {
        if list.flags.contains(.closed) { return [] }
        guard list.flags.contains(.isolated) else { return nil }
        var bits: Set<UInt32> = []
        for rule in list.rules where rule.action == .allow {
            guard case .selector(let bit) = rule.peer else { return nil }
            bits.insert(bit)
        }
        return Array(bits)
    }

    // MARK: One side

    /// Pods that no rule tells apart: of one class and, where blocks lie over the pods, in the same blocks.
    struct Side: Sendable {
        let index: UInt32
        let row: [UInt64]
        let blocks: Set<UInt32>
        /// Nil: of either.
        let family: IPFamily?
        let list: ListContent
        /// One, and another where there is one: a pod is no peer of itself.
        let members: [ObjectKey]

        init(_ place: Place, index: UInt32, row: [UInt64], list: ListContent, members: [ObjectKey]) {
            self.index = index
            self.row = row
            blocks = place.blocks
            family = place.family
            self.list = list
            self.members = members
        }
    }

    private func sides(_ index: UInt32, _ direction: (ListPair) -> ListContent) -> [Side] {
        guard let entry = classes.classes[index], !entry.members.isEmpty else { return [] }
        let contents = lists.content(of: index).map { ListPair(ingress: $0.ingress, egress: $0.egress) }
        let list = contents.map(direction) ?? .open
        let row = rows.rows[index] ?? []
        func side(_ place: Place, _ members: some Sequence<UInt32>) -> Side {
            Side(
                place, index: index, row: row, list: list, members: members.prefix(2).compactMap { pods[$0]?.key })
        }
        guard blocksCoverPods else { return [side(Place(blocks: [], family: nil), members(of: entry))] }
        var groups: [Place: [UInt32]] = [:]
        for member in members(of: entry).sorted() {
            let addresses = pods[member]?.addresses ?? []
            for address in addresses {
                let place = Place(blocks: blocks.bits(over: address), family: address.family)
                groups[place, default: []].append(member)
            }
            if addresses.isEmpty { groups[Place(blocks: [], family: nil), default: []].append(member) }
        }
        return groups.map { side($0.key, $0.value) }
    }

    struct Place: Hashable, Sendable {
        let blocks: Set<UInt32>
        let family: IPFamily?
    }

    private struct ListPair {
        let ingress: ListContent
        let egress: ListContent
    }

    // MARK: One pair

    private func flow(from sender: Side, to receiver: Side, _ ports: [PortSpan]) -> ReachWitness? {
        if let mine = sender.family, let other = receiver.family, mine != other { return nil }
        let incoming = passed(receiver.list, peer: sender, ports)
        if incoming.isEmpty { return nil }
        let pair = sender.members.lazy.flatMap { from in receiver.members.lazy.map { (from, $0) } }.first { $0 != $1 }
        guard let (from, to) = pair else { return nil }
        let outgoing = passed(sender.list, peer: receiver, incoming.map(\.span))
        var found: ReachWitness?
        for (span, egressRule) in outgoing {
            for (allowed, ingressRule) in incoming {
                guard let common = span.common(with: allowed) else { continue }
                let witness = ReachWitness(
                    from: .pod(from), to: .pod(to), transport: common.transport, ports: common.ports,
                    egressRule: egressRule,
                    ingressRule: ingressRule)
                guard let best = found, (best.transport, best.ports.low) <= (witness.transport, witness.ports.low)
                else {
                    found = witness
                    continue
                }
            }
        }
        return found
    }

    func passed(_ list: ListContent, peer: Side, _ wanted: [PortSpan]) -> [(span: PortSpan, rule: UInt32)] {
        passed(list, peer: peer, wanted) { _, _, _ in }
    }

    /// What of `wanted` a list lets through to or from a peer, and by which rule: the order of the lookup in the kernel
    /// (`PolicyMaps.judge`), over spans of ports at once. `refuse` is told the rest, with the rule and whether it is
    /// isolation that refuses.
    func passed(
        _ list: ListContent, peer: Side, _ wanted: [PortSpan],
        refuse: (_ span: PortSpan, _ rule: UInt32, _ isIsolation: Bool) -> Void
    ) -> [(span: PortSpan, rule: UInt32)] {
        if list.flags.contains(.closed) {
            for span in wanted { refuse(span, 0, false) }
            return []
        }
        var undecided = wanted
        /// Decided by Pass: taken up again in the next tier.
        var skipped: [PortSpan] = []
        var allowed: [(span: PortSpan, rule: UInt32)] = []
        var tier = RuleTier.admin
        for rule in list.rules {
            if rule.tier != tier {
                undecided += skipped
                skipped = []
                tier = rule.tier
            }
            if tier > .networkPolicy, list.flags.contains(.isolated) { break }
            guard !undecided.isEmpty, matches(rule.peer, peer) else { continue }
            var rest: [PortSpan] = []
            for span in undecided {
                guard let common = span.common(with: rule) else {
                    rest.append(span)
                    continue
                }
                rest += span.without(common)
                switch rule.action {
                case .allow: allowed.append((common, rule.ruleID))
                case .deny: refuse(common, rule.ruleID, false)
                case .pass: skipped.append(common)
                }
            }
            undecided = rest
        }
        if list.flags.contains(.isolated) {
            for span in undecided + skipped { refuse(span, list.isolationRuleID, true) }
            return allowed
        }
        return allowed + (undecided + skipped).map { ($0, 0) }
    }

    private func matches(_ peer: RuleEntry.Peer, _ side: Side) -> Bool {
        switch peer {
        case .any: return true
        case .block(let bit): return side.blocks.contains(bit)
        case .selector(let bit):
            let word = Int(bit / 64)
            return side.row.indices.contains(word) && side.row[word] >> UInt64(bit % 64) & 1 == 1
        }
    }
}

extension BlockTable {
    /// Bits of the blocks that an address is in.
    func bits(over address: IPAddress) -> Set<UInt32> {
        let network = CIDR(address)
        return Set(blocks.lazy.filter { $0.value.contains(network) }.map(\.key))
    }
}
