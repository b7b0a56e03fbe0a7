import NetTypes

/// Pods' addresses beside the pods' own blocks, with the number of pods that have each: kept from change to change, as
/// what lies outside of the pods is asked with every write.
struct StrayAddresses: Sendable {
    private var holders: [IPAddress: Int] = [:]
    /// Those that the last batch left without a pod.
    private var left: Set<IPAddress> = []
    /// Whether the last batch moved the blocks themselves.
    private var isNew = false

    var isEmpty: Bool { holders.isEmpty }
    var addresses: Set<IPAddress> { Set(holders.keys) }

    /// Whether there may be addresses of no pod, beside the blocks, that were none before the last batch.
    var outsideGrew: Bool { isNew || !left.isEmpty }

    func contains(_ address: IPAddress) -> Bool { holders[address] != nil }

    mutating func beginBatch() {
        isNew = false
        left.removeAll()
    }

    /// A pod has the address.
    mutating func add(_ address: IPAddress) {
        holders[address, default: 0] += 1
        left.remove(address)
    }

    /// A pod has it no longer.
    mutating func remove(_ address: IPAddress) {
        guard let count = holders[address] else { return }
        holders[address] = count > 1 ? count - 1 : nil
        if count == 1 { left.insert(address) }
    }

    /// Other blocks: to be filled anew.
    mutating func reset() {
        holders.removeAll()
        isNew = true
    }
}
