import MapLayout
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
        lists.dropAdoptable(&delta)
        rules.dropAdoptable(&delta.journal)
        return delta
    }
}
