import KubeObjects
import MapLayout

/// Live conditions on pods. A condition has a number of its own (never reused); one that is a peer of some rule also
/// has a bit of the class rows.
struct ConditionTable: Sendable {
    struct Entry: Sendable {
        let condition: PodCondition
        /// Rules and policies that use it, as subject or as peer.
        var users = 0
        var peerUsers = 0
        var bit: UInt32?
    }

    private(set) var entries: [UInt32: Entry] = [:]
    private var idOf: [PodCondition: UInt32] = [:]
    private var index: [Anchor: [UInt32]] = [:]
    private var nextID: UInt32 = 1
    private var bits: IDAllocator
    private(set) var fresh: Set<UInt32> = []
    private var maybeDying: Set<UInt32> = []
    /// Conditions that live on and are a peer for the first time.
    private(set) var newPeers: Set<UInt32> = []
    private var maybeUnpeered: Set<UInt32> = []
    private var adoptable: [String: (id: UInt32, bit: UInt32?)] = [:]
    /// Bits that the kernel uses and the journal does not know.
    private var strangers: Set<UInt32> = []

    init(_ limits: PolicyLimits) {
        bits = IDAllocator(0..<limits.selectors)
    }

    var freeBits: Int { bits.freeCount }
    /// Whether it needs no other: one of a former run waits for it, too.
    func hasBit(_ condition: PodCondition) -> Bool {
        if idOf[condition].flatMap({ entries[$0]?.bit }) != nil { return true }
        return !adoptable.isEmpty && adoptable[condition.text]?.bit != nil
    }
    func bit(of id: UInt32) -> UInt32? { entries[id]?.bit }
    func id(of condition: PodCondition) -> UInt32? { idOf[condition] }

    /// A use as subject.
    mutating func acquire(_ condition: PodCondition) -> UInt32 {
        if let id = idOf[condition] {
            entries[id]?.users += 1
            return id
        }
        let adopted = adoptable.removeValue(forKey: condition.text)
        let id = adopted?.id ?? nextID
        if adopted == nil { nextID += 1 }
        entries[id] = Entry(condition: condition, users: 1, bit: adopted?.bit)
        if adopted?.bit != nil { maybeUnpeered.insert(id) }
        idOf[condition] = id
        for anchor in condition.anchors { index[anchor, default: []].append(id) }
        fresh.insert(id)
        return id
    }

    /// A use as peer; nil where no bit is free.
    mutating func acquirePeer(_ condition: PodCondition) -> (id: UInt32, bit: UInt32)? {
        let id = acquire(condition)
        guard var entry = entries[id] else { return nil }
        if entry.bit == nil {
            guard let bit = bits.allocate() else {
                release(id)
                return nil
            }
            entry.bit = bit
            newPeers.insert(id)
        }
        entry.peerUsers += 1
        entries[id] = entry
        return entry.bit.map { (id, $0) }
    }

    mutating func release(_ id: UInt32) {
        entries[id]?.users -= 1
        maybeDying.insert(id)
    }

    mutating func releasePeer(_ id: UInt32) {
        entries[id]?.peerUsers -= 1
        maybeUnpeered.insert(id)
        release(id)
    }

    /// Conditions that nothing uses any more.
    var dying: Set<UInt32> { maybeDying.filter { entries[$0]?.users == 0 } }

    /// Numbers of the conditions that hold for a pod, sorted.
    func signature(of pod: PolicyPod, namespaceLabels: [String: String], except dying: Set<UInt32>) -> [UInt32] {
        var found: [UInt32] = []
        func look(_ anchor: Anchor) {
            for id in index[anchor] ?? [] where !dying.contains(id) {
                if entries[id]?.condition.matches(pod, namespaceLabels: namespaceLabels) == true { found.append(id) }
            }
        }
        for namespace in ["", pod.key.namespace] {
            look(Anchor(namespace: namespace, key: "", value: ""))
            for (key, value) in pod.labels { look(Anchor(namespace: namespace, key: key, value: value)) }
        }
        found.sort()
        return found
    }

    /// Ends a batch: forgets dying conditions, retires bits that are no peer any more, journals.
    mutating func commit(dying: Set<UInt32>, into delta: inout PolicyDelta) {
        for id in maybeUnpeered.sorted() {
            guard var entry = entries[id], entry.peerUsers == 0, let bit = entry.bit else { continue }
            entry.bit = nil
            entries[id] = entry
            delta.retired.append(.selector(bit))
            newPeers.insert(id)
        }
        for id in fresh.union(newPeers).subtracting(dying).sorted() {
            guard let entry = entries[id] else { continue }
            let bit = entry.bit.map(String.init) ?? "-"
            delta.journal.append(JournalEntry("condition/\(id)", "\(bit) \(entry.condition.text)"))
        }
        for id in dying.sorted() {
            guard let entry = entries.removeValue(forKey: id) else { continue }
            idOf[entry.condition] = nil
            for anchor in entry.condition.anchors {
                index[anchor]?.removeAll { $0 == id }
                if index[anchor]?.isEmpty == true { index[anchor] = nil }
            }
            delta.journal.append(JournalEntry("condition/\(id)", nil))
        }
        (fresh, maybeDying, newPeers, maybeUnpeered) = ([], [], [], [])
    }

    mutating func freeBit(_ bit: UInt32) { bits.free(bit) }

    // MARK: After a restart

    mutating func adopt(id: UInt32, text: String) {
        guard let space = text.firstIndex(of: " ") else { return }
        nextID = max(nextID, id + 1)
        let name = String(text[text.index(after: space)...])
        let bit = UInt32(text[..<space])
        if let bit, !bits.reserve(bit) { return }
        adoptable[name] = (id, bit)
    }

    mutating func reserve(inForce bit: UInt32) {
        if bits.reserve(bit) { strangers.insert(bit) }
    }

    mutating func dropAdoptable(_ delta: inout PolicyDelta) {
        delta.retired += strangers.sorted().map { .selector($0) }
        strangers = []
        for (id, bit) in adoptable.values.sorted(by: { $0.id < $1.id }) {
            if let bit { delta.retired.append(.selector(bit)) }
            delta.journal.append(JournalEntry("condition/\(id)", nil))
        }
        adoptable = [:]
    }
}
