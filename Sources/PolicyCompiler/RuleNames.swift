import KubeObjects
import MapLayout

/// Ids that events report, and what they stand for. Ids only grow; what a retired one stood for is kept a while,
/// because events that name it are still on their way.
struct RuleNames: Sendable {
    private struct Name: Hashable {
        let policy: ObjectKey
        let tier: RuleTier
        let direction: RuleInfo.Direction
        let index: Int?

        var text: String {
            "\(tier.rawValue) \(direction.rawValue) \(index.map(String.init) ?? "-") \(policy)"
        }
    }

    static let retiredMax = 4096
    /// MARTLET_RULE_FIRST.
    static let first: UInt32 = 16

    private var idOf: [Name: UInt32] = [:]
    private var infos: [UInt32: RuleInfo] = [:]
    private var retired: [UInt32] = []
    private var next = Self.first
    private var adoptable: [String: UInt32] = [:]

    func info(_ id: UInt32) -> RuleInfo? { infos[id] }

    mutating func id(
        _ policy: OrderedPolicy, _ direction: RuleInfo.Direction, _ index: Int?, ruleName: String = "",
        _ journal: inout [JournalEntry]
    ) -> UInt32 {
        let name = Name(policy: policy.key, tier: policy.tier, direction: direction, index: index)
        let info = RuleInfo(
            policy: policy.key, tier: policy.tier, direction: direction, index: index, ruleName: ruleName,
            resourceVersion: policy.resourceVersion)
        let id: UInt32
        if let known = idOf[name] {
            id = known
        } else {
            let adopted = adoptable.removeValue(forKey: name.text)
            id = adopted ?? next
            if adopted == nil { next += 1 }
            idOf[name] = id
            journal.append(JournalEntry("rule/\(id)", name.text))
        }
        infos[id] = info
        return id
    }

    /// Drops the names of a policy that are not in `kept`.
    mutating func retire(_ ids: Set<UInt32>, except kept: Set<UInt32>, _ journal: inout [JournalEntry]) {
        for id in ids.subtracting(kept).sorted() {
            guard let info = infos[id] else { continue }
            idOf[Name(policy: info.policy, tier: info.tier, direction: info.direction, index: info.index)] = nil
            retired.append(id)
            journal.append(JournalEntry("rule/\(id)", nil))
        }
        while retired.count > Self.retiredMax { infos[retired.removeFirst()] = nil }
    }

    mutating func adopt(id: UInt32, text: String) {
        next = max(next, id + 1)
        adoptable[text] = id
    }

    mutating func dropAdoptable(_ journal: inout [JournalEntry]) {
        for id in adoptable.values.sorted() { journal.append(JournalEntry("rule/\(id)", nil)) }
        adoptable = [:]
    }
}
