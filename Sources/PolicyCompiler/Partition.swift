import MapLayout

/// Members (cohorts of pods, networks) grouped into classes by signature: the sorted set of atoms (conditions, blocks)
/// that hold for them. A class id is an index with an incarnation above it (`martlet_class_layout`); index 0 is the
/// class of the empty signature and is always there.
///
/// A class keeps its id while its signature changes only by atoms that are just born or just dying, because no rule in
/// force names those; any other change moves the members to another class.
struct Partition: Sendable {
    struct Entry: Sendable {
        var signature: [UInt32]
        var members: Set<UInt32>
        let id: UInt32
        /// Of all members together.
        var weight = 0
    }

    /// What a commit changed.
    struct Change: Sendable {
        /// Members that are new or in another class than before.
        var placed: [UInt32] = []
        /// Indices.
        var newClasses: [UInt32] = []
        var resigned: [UInt32] = []
        var retired: [UInt32] = []
        /// Members for which no class was left.
        var overflowed: [UInt32] = []
    }

    private struct Group {
        let old: UInt32?
        let signature: [UInt32]
        /// Nil: all members of `old` that are in no other group.
        var members: [UInt32]?
        var weight: Int
    }

    private(set) var classes: [UInt32: Entry] = [0: Entry(signature: [], members: [], id: 0)]
    private(set) var classOf: [UInt32: UInt32] = [:]
    /// How much stands behind a member, where it is not 1.
    private var weights: [UInt32: Int] = [:]
    private var bySignature: [[UInt32]: UInt32] = [[]: 0]
    private var byAtom: [UInt32: Set<UInt32>] = [:]
    private var allocator: IDAllocator
    private var emptied: Set<UInt32> = []
    /// Counts up with each class made; its low 16 bits are the incarnation.
    var incarnations: UInt32 = 0
    /// Classes of the journal that have not been wanted yet.
    private(set) var adoptable: [[UInt32]: UInt32] = [:]
    /// Indices that the kernel uses and the journal does not know.
    private var strangers: Set<UInt32> = []

    init(indices: Range<UInt32>) {
        allocator = IDAllocator(indices)
    }

    var count: Int { classes.count - 1 }
    var freeCount: Int { allocator.freeCount }

    func classes(with atom: UInt32) -> Set<UInt32> { byAtom[atom] ?? [] }
    func signature(of member: UInt32) -> [UInt32] { classOf[member].flatMap { classes[$0]?.signature } ?? [] }

    mutating func free(_ index: UInt32) { allocator.free(index) }

    mutating func adopt(id: UInt32, signature: [UInt32]) {
        let index = id & 0xffff
        guard index != 0, adoptable[signature] == nil, allocator.reserve(index) else { return }
        adoptable[signature] = id
    }

    mutating func reserve(inForce id: UInt32) {
        if allocator.reserve(id & 0xffff) { strangers.insert(id & 0xffff) }
    }

    /// Gives back what the journal or the kernel held and nobody wanted.
    mutating func dropAdoptable() -> [UInt32] {
        let left = strangers.union(adoptable.values.map { $0 & 0xffff }).sorted()
        (adoptable, strangers) = ([:], [])
        return left
    }

    /// Takes a member out; a class that stays empty is retired by the next commit.
    mutating func remove(_ member: UInt32) {
        if let index = detach(member) { emptied.insert(index) }
        weights[member] = nil
    }

    /// Says how much stands behind a member: of a class that parts, what weighs most stays where it is.
    mutating func weigh(_ member: UInt32, _ weight: Int) {
        let change = weight - self.weight(of: member)
        if let index = classOf[member] { classes[index]?.weight += change }
        weights[member] = weight == 1 ? nil : weight
    }

    private func weight(of member: UInt32) -> Int { weights[member] ?? 1 }

    private mutating func retireIfEmpty(_ index: UInt32) -> Bool {
        guard index != 0, let entry = classes[index], entry.members.isEmpty else { return false }
        classes[index] = nil
        unindex(index, entry.signature)
        return true
    }

    private mutating func unindex(_ index: UInt32, _ signature: [UInt32]) {
        if bySignature[signature] == index { bySignature[signature] = nil }
        for atom in signature {
            byAtom[atom]?.remove(index)
            if byAtom[atom]?.isEmpty == true { byAtom[atom] = nil }
        }
    }

    private mutating func index(_ index: UInt32, _ signature: [UInt32]) {
        bySignature[signature] = index
        for atom in signature { byAtom[atom, default: []].insert(index) }
    }

    /// `pending`: new signatures of members that are new or whose signature changed. `fresh` and `dying`: atoms that no
    /// rule in force names. Dying atoms leave all signatures.
    mutating func commit(pending: [UInt32: [UInt32]], fresh: Set<UInt32>, dying: Set<UInt32>) -> Change {
        let groups = group(pending, dying)
        let free = fresh.union(dying)
        let keep = chooseOwners(groups, free)
        var change = Change()
        // First take the old signatures of all classes that are renamed out of the index, then enter the new ones.
        for (index, signature) in keep where classes[index]?.signature != signature {
            if let entry = classes[index] { unindex(index, entry.signature) }
        }
        for (index, signature) in keep where classes[index]?.signature != signature {
            classes[index]?.signature = signature
            self.index(index, signature)
            change.resigned.append(index)
        }
        for group in groups { place(group, keep, pending, &change) }
        for index in emptied.union(groups.compactMap(\.old)).sorted() where retireIfEmpty(index) {
            change.retired.append(index)
        }
        emptied = []
        change.resigned.removeAll { classes[$0] == nil }
        change.resigned.sort()
        return change
    }

    private func group(_ pending: [UInt32: [UInt32]], _ dying: Set<UInt32>) -> [Group] {
        struct GroupKey: Hashable {
            let old: UInt32?
            let signature: [UInt32]
        }
        var moving: [GroupKey: [UInt32]] = [:]
        var leaving: [UInt32: (members: Int, weight: Int)] = [:]
        for (member, signature) in pending {
            let old = classOf[member]
            moving[GroupKey(old: old, signature: signature), default: []].append(member)
            guard let old else { continue }
            leaving[old, default: (0, 0)].members += 1
            leaving[old, default: (0, 0)].weight += weight(of: member)
        }
        var groups = moving.map { key, members in
            Group(
                old: key.old, signature: key.signature, members: members.sorted(),
                weight: members.reduce(0) { $0 + weight(of: $1) })
        }
        var affected = Set(leaving.keys)
        for atom in dying { affected.formUnion(classes(with: atom)) }
        for index in affected {
            guard let entry = classes[index] else { continue }
            let gone = leaving[index] ?? (0, 0)
            guard entry.members.count > gone.members else { continue }
            let rest = entry.weight - gone.weight
            let signature = dying.isEmpty ? entry.signature : entry.signature.filter { !dying.contains($0) }
            if let same = groups.firstIndex(where: { $0.old == index && $0.signature == signature }) {
                groups[same].weight += rest
                groups[same].members = nil
            } else {
                groups.append(Group(old: index, signature: signature, members: nil, weight: rest))
            }
        }
        return groups.sorted { left, right in
            if left.weight != right.weight { return left.weight > right.weight }
            if left.old != right.old { return left.old ?? .max < right.old ?? .max }
            return left.signature.lexicographicallyPrecedes(right.signature)
        }
    }

    /// Which class keeps its id, under which signature: the largest groups first.
    private func chooseOwners(_ groups: [Group], _ free: Set<UInt32>) -> [UInt32: [UInt32]] {
        var keep: [UInt32: [UInt32]] = [0: []]
        var owned: Set<[UInt32]> = [[]]
        let affected = Set(groups.compactMap(\.old))
        for group in groups {
            guard let old = group.old, old != 0, keep[old] == nil, !owned.contains(group.signature),
                let entry = classes[old]
            else { continue }
            if let standing = bySignature[group.signature], standing != old, !affected.contains(standing) { continue }
            guard Set(entry.signature).symmetricDifference(group.signature).isSubset(of: free) else { continue }
            keep[old] = group.signature
            owned.insert(group.signature)
        }
        return keep
    }

    private mutating func place(
        _ group: Group, _ keep: [UInt32: [UInt32]], _ pending: [UInt32: [UInt32]], _ change: inout Change
    ) {
        if let old = group.old, keep[old] == group.signature, classes[old]?.signature == group.signature { return }
        let members = group.members ?? restMembers(of: group, pending)
        guard let target = target(for: group.signature, &change) else {
            for member in members {
                detach(member)
                change.overflowed.append(member)
            }
            return
        }
        for member in members {
            detach(member)
            classOf[member] = target
            let weight = weight(of: member)
            classes[target]?.members.insert(member)
            classes[target]?.weight += weight
        }
        change.placed += members
    }

    /// The members of a group that was not spelled out: pending ones with this signature, and those not pending.
    private func restMembers(of group: Group, _ pending: [UInt32: [UInt32]]) -> [UInt32] {
        guard let old = group.old, let entry = classes[old] else { return [] }
        return entry.members.filter { member in pending[member].map { $0 == group.signature } ?? true }.sorted()
    }

    /// Returns the class that the member was in.
    @discardableResult
    private mutating func detach(_ member: UInt32) -> UInt32? {
        guard let old = classOf.removeValue(forKey: member) else { return nil }
        let weight = weight(of: member)
        classes[old]?.members.remove(member)
        classes[old]?.weight -= weight
        return old
    }

    private mutating func target(for signature: [UInt32], _ change: inout Change) -> UInt32? {
        if let standing = bySignature[signature] { return standing }
        let id: UInt32
        if let adopted = adoptable.removeValue(forKey: signature) {
            id = adopted
        } else {
            guard let index = allocator.allocate() else { return nil }
            incarnations &+= 1
            id = index | (incarnations & 0xffff) << 16
        }
        let index = id & 0xffff
        classes[index] = Entry(signature: signature, members: [], id: id)
        self.index(index, signature)
        change.newClasses.append(index)
        return index
    }
}
