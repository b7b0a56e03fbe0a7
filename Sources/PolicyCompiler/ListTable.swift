import KubeObjects
import MapLayout
import NetTypes

/// What a list says; lists that say the same are one extent and one version.
struct ListContent: Hashable, Sendable {
    var rules: [RuleEntry]
    var flags: ListFlags
    var isolationRuleID: UInt32

    static let open = ListContent(rules: [], flags: [], isolationRuleID: 0)
    static let closed = ListContent(rules: [], flags: .closed, isolationRuleID: 0)

    /// A fingerprint that is the same over restarts (two FNV-1a sums of 64 bits).
    var digest: String {
        var sums: (UInt64, UInt64) = (0xcbf2_9ce4_8422_2325, 0x6c62_272e_07bb_0142)
        func add(_ value: UInt64) {
            sums.0 = (sums.0 ^ value) &* 0x0000_0100_0000_01b3
            sums.1 = (sums.1 ^ (value &* 0x9e37_79b9_7f4a_7c15)) &* 0x0000_0100_0000_01b3
        }
        add(UInt64(flags.rawValue))
        add(UInt64(isolationRuleID))
        for rule in rules {
            switch rule.peer {
            case .any: add(0)
            case .selector(let bit): add(1 << 32 | UInt64(bit))
            case .block(let bit): add(2 << 32 | UInt64(bit))
            }
            add(UInt64(rule.ruleID))
            add(UInt64(rule.ports.low) << 16 | UInt64(rule.ports.high))
            add(UInt64(rule.transport) << 16 | UInt64(rule.action.rawValue) << 8 | UInt64(rule.tier.rawValue))
        }
        return String(sums.0, radix: 16) + "-" + String(sums.1, radix: 16)
    }
}

/// The rule array: extents by content, and which lists each class uses.
struct ListTable: Sendable {
    private struct Entry: Sendable {
        let list: ListEntry
        var users: Int
    }

    private var entries: [ListContent: Entry] = [:]
    private var contents: [UInt32: (ingress: ListContent, egress: ListContent)] = [:]
    private(set) var lists: [UInt32: ClassLists] = [:]
    private var extents: ExtentAllocator
    /// How many entries have how many rules.
    private var lengths: [Int: Int] = [:]
    /// 0 is the open list, 1 the closed one.
    private(set) var versions: UInt32 = 1
    private var adoptable: [String: ListEntry] = [:]
    /// Extents that the kernel uses and the journal does not know.
    private var strangers: Set<Extent> = []

    init(_ limits: PolicyLimits) {
        extents = ExtentAllocator(capacity: limits.rules)
    }

    var freeRules: Int { extents.freeCount }
    /// Rules of the longest list.
    var longest: Int { lengths.keys.max() ?? 0 }

    func content(of index: UInt32) -> (ingress: ListContent, egress: ListContent)? { contents[index] }

    /// Gives a class its lists. Returns nil where nothing changed. Where no extent is free, the list is closed and
    /// `full` is set.
    mutating func set(
        _ index: UInt32, ingress: ListContent, egress: ListContent, _ delta: inout PolicyDelta, full: inout Bool
    ) -> ClassLists? {
        let old = contents[index]
        if let old, old.ingress == ingress, old.egress == egress { return nil }
        let held = (acquire(ingress, &delta), acquire(egress, &delta))
        if let old {
            release(old.ingress, &delta)
            release(old.egress, &delta)
        }
        full = held.0 == nil || held.1 == nil
        // What found no room counts as closed, so that it is asked for again.
        contents[index] = (held.0 == nil ? .closed : ingress, held.1 == nil ? .closed : egress)
        let lists = ClassLists(ingress: held.0 ?? .closed, egress: held.1 ?? .closed)
        if lists == self.lists[index] { return nil }
        self.lists[index] = lists
        return lists
    }

    mutating func remove(_ index: UInt32, _ delta: inout PolicyDelta) {
        lists[index] = nil
        guard let old = contents.removeValue(forKey: index) else { return }
        release(old.ingress, &delta)
        release(old.egress, &delta)
    }

    /// Nil where no extent is free.
    private mutating func acquire(_ content: ListContent, _ delta: inout PolicyDelta) -> ListEntry? {
        if content == .open { return .open }
        if content == .closed { return .closed }
        if let entry = entries[content] {
            entries[content]?.users += 1
            return entry.list
        }
        let list: ListEntry
        if let adopted = adoptable.removeValue(forKey: content.digest) {
            list = ListEntry(
                extent: adopted.extent, flags: content.flags, version: adopted.version,
                isolationRuleID: content.isolationRuleID)
        } else {
            guard let extent = extents.allocate(UInt32(content.rules.count)) else { return nil }
            versions += 1
            list = ListEntry(
                extent: extent, flags: content.flags, version: versions, isolationRuleID: content.isolationRuleID)
        }
        entries[content] = Entry(list: list, users: 1)
        lengths[content.rules.count, default: 0] += 1
        if !content.rules.isEmpty { delta.rules[list.extent.offset] = content.rules }
        delta.journal.append(
            JournalEntry(
                "list/\(list.version)", "\(list.extent.offset) \(list.extent.count) \(content.digest)"))
        return list
    }

    private mutating func release(_ content: ListContent, _ delta: inout PolicyDelta) {
        guard var entry = entries[content] else { return }
        entry.users -= 1
        entries[content] = entry.users > 0 ? entry : nil
        guard entry.users == 0 else { return }
        let alike = (lengths[content.rules.count] ?? 0) - 1
        lengths[content.rules.count] = alike > 0 ? alike : nil
        delta.retired.append(.rules(entry.list.extent))
        delta.journal.append(JournalEntry("list/\(entry.list.version)", nil))
    }

    mutating func free(_ extent: Extent) { extents.free(extent) }

    // MARK: After a restart

    mutating func adopt(version: UInt32, text: String) {
        let parts = text.split(separator: " ")
        guard parts.count == 3, let offset = UInt32(parts[0]), let count = UInt32(parts[1]) else { return }
        versions = max(versions, version)
        let extent = Extent(offset: offset, count: count)
        guard adoptable[String(parts[2])] == nil, extents.reserve(extent) else { return }
        adoptable[String(parts[2])] = ListEntry(extent: extent, flags: [], version: version, isolationRuleID: 0)
    }

    mutating func reserve(inForce list: ListEntry) {
        versions = max(versions, list.version)
        if list.extent.count > 0, extents.reserve(list.extent) { strangers.insert(list.extent) }
    }

    mutating func dropAdoptable(_ delta: inout PolicyDelta) {
        delta.retired += strangers.sorted().map { .rules($0) }
        strangers = []
        for list in adoptable.values.sorted(by: { $0.version < $1.version }) {
            delta.retired.append(.rules(list.extent))
            delta.journal.append(JournalEntry("list/\(list.version)", nil))
        }
        adoptable = [:]
    }
}
