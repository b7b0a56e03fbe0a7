package import MapLayout
import NetTypes

extension PolicyCompiler {
    /// Takes the numbers of a former run: all entries of its journal whose value was not forgotten, by key.
    package init(limits: PolicyLimits = PolicyLimits(), journal: [String: String]) {
        self.init(limits: limits)
        for (key, value) in journal.sorted(by: { $0.key < $1.key }) {
            let parts = key.split(separator: "/")
            guard parts.count == 2 else { continue }
            if key == "counter/incarnations" {
                let counts = value.split(separator: " ").compactMap { UInt32($0) }
                guard counts.count == 2 else { continue }
                (classes.incarnations, blocks.partition.incarnations) = (counts[0], counts[1])
                journalled = value
                continue
            }
            guard let number = UInt32(parts[1]) else { continue }
            switch parts[0] {
            case "condition": conditions.adopt(id: number, text: value)
            case "class":
                if let entry = JournalText.readClass(value) { classes.adopt(id: entry.id, signature: entry.signature) }
            case "cidrclass":
                if let entry = JournalText.readClass(value) {
                    blocks.partition.adopt(id: entry.id, signature: entry.signature)
                }
            case "block": blocks.adoptBit(number, text: value)
            case "net": if let cidr = CIDR(value) { blocks.adoptNumber(number, cidr) }
            case "list": lists.adopt(version: number, text: value)
            case "rule": rules.adopt(id: number, text: value)
            default: continue
            }
        }
    }

    /// Takes the numbers that the kernel has in force and the journal does not know (the former daemon was killed
    /// between the journal and the flip): they mean what they mean until the first generation of this daemon stands.
    /// Called before the first `apply`.
    package mutating func reserve(inForce image: MapImage) {
        for (index, lists) in image.listsInForce {
            classes.reserve(inForce: index)
            let row = image.classRows[index] ?? [UInt64](repeating: 0, count: RowModel.words)
            rows.reserve(index, inForce: row)
            for bit in RowModel.bits(row) { conditions.reserve(inForce: bit) }
            for list in [lists.ingress, lists.egress] {
                self.lists.reserve(inForce: list)
                for rule in image.rules(of: list) {
                    switch rule.peer {
                    case .any: continue
                    case .selector(let bit): conditions.reserve(inForce: bit)
                    case .block(let bit): blocks.reserve(inForce: bit)
                    }
                }
            }
        }
        blocks.reserve(inForce: image)
    }

    /// What stays in the trie for a while longer may take the room of what is wanted.
    private mutating func closeShortBlocks(_ delta: inout PolicyDelta) {
        var batch = Batch()
        judgeBlocks(&batch)
        if batch.subjects.isEmpty { return }
        commitClasses(&batch)
        delta.append(batch.delta)
    }

    /// After the first full batch: gives back the numbers that nothing wanted. The caller treats the delta like any
    /// other; what it retires is free one grace period later.
    package mutating func finishAdoption() -> PolicyDelta {
        var delta = PolicyDelta()
        conditions.dropAdoptable(&delta)
        for index in classes.dropAdoptable() {
            delta.retired.append(.classIndex(index))
            delta.journal.append(JournalEntry("class/\(index)", nil))
        }
        blocks.dropAdoptable(&delta)
        closeShortBlocks(&delta)
        lists.dropAdoptable(&delta)
        rules.dropAdoptable(&delta.journal)
        return delta
    }
}

extension MapImage {
    /// The lists of the classes that an endpoint which packets can find is in, by class index.
    var listsInForce: [UInt32: ClassLists] {
        var found: [UInt32: ClassLists] = [:]
        for number in Set(endpointOfAddress.values) {
            let index = (endpoints[number]?.classID ?? 0) & 0xffff
            if index != 0 { found[index] = classLists[index] ?? .open }
        }
        return found
    }
}
