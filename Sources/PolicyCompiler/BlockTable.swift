import KubeObjects
import MapLayout
import NetTypes

/// Addresses as a policy names them.
enum BlockCondition: Hashable, Sendable {
    case block(AddressBlock)
    /// The addresses of pods in the block that give the name the number.
    case named(AddressBlock, NamedPortValue)
    /// The addresses of the nodes with these labels.
    case nodes(LabelSelector)

    /// Whether the addresses depend on other objects.
    var isVariable: Bool {
        switch self {
        case .block: false
        case .named, .nodes: true
        }
    }

    /// The same text for the same condition, over restarts.
    var text: String {
        switch self {
        case .block(let block): block.description
        case .named(let block, let port):
            "\(block); port \(port.name)/\(port.transport.kubernetesName)=\(port.number)"
        case .nodes(let selector): "nodes \(selector)"
        }
    }

    /// What rules name: ports by name make several conditions of one block.
    var peer: OrderedPeer {
        switch self {
        case .block(let block), .named(let block, _): .block(block)
        case .nodes(let selector): .nodes(selector)
        }
    }
}

/// Live blocks (a bit each), the networks that their borders make, and the networks' classes. For every live block,
/// its CIDR and its exceptions are keys of the trie, so an address is in a block exactly where the longest network that
/// holds the address is.
///
/// A network that finds no number or no class is as if it were none: its addresses count as those of the network around
/// it, so that only the blocks between the two are at fault (`faults`).
struct BlockTable: Sendable {
    struct Block: Sendable {
        let condition: BlockCondition
        var users = 1
        var hosts: Set<IPAddress> = []

        func contains(_ network: CIDR) -> Bool {
            switch condition {
            case .block(let block): block.cidr.contains(network) && !block.except.contains { $0.contains(network) }
            case .named, .nodes:
                network.prefixLength == network.family.addressBits && hosts.contains(network.address)
            }
        }

        /// Where its addresses lie.
        var spans: [CIDR] {
            switch condition {
            case .block(let block), .named(let block, _): [block.cidr]
            case .nodes: hosts.map { CIDR($0) }
            }
        }

        var borders: [CIDR] {
            var found: [CIDR]
            switch condition {
            case .block(let block): found = [block.cidr] + block.except
            case .named, .nodes: found = hosts.sorted().map { CIDR($0) }
            }
            // The trie counts over 128 bits: a short IPv6 prefix would swallow IPv4, which it does not mean.
            if found.contains(where: \.coversMappedV4) { found.append(BlockTable.allV4) }
            return found
        }
    }

    struct Network: Sendable {
        let number: UInt32
        var users: Int
        /// Grows each time the network comes back before its key has left the trie.
        var life: UInt32
        /// Retired, or the key has left the trie already.
        var isLeaving = false
    }

    static let allV4 = CIDR(IPAddress.unspecifiedV4, prefixLength: 0) ?? CIDR(IPAddress.unspecifiedV4)

    private(set) var blocks: [UInt32: Block] = [:]
    /// Bits of the blocks whose addresses depend on other objects.
    private(set) var variable: Set<UInt32> = []
    private var bitOf: [BlockCondition: UInt32] = [:]
    private(set) var networks: [CIDR: Network] = [:]
    private var cidrOf: [UInt32: CIDR] = [:]
    var partition: Partition
    private var bits: IDAllocator
    private var numbers: IDAllocator
    var rows = RowModel()
    private(set) var fresh: Set<UInt32> = []
    private(set) var dying: Set<UInt32> = []
    private(set) var dirty: Set<CIDR> = []
    private var born: [NetworkBirth] = []
    private var journal: [JournalEntry] = []
    private var retired: [RetiredNumber] = []
    private var adoptableBits: [String: UInt32] = [:]
    private var adoptableNumbers: [CIDR: UInt32] = [:]
    /// What the kernel uses and the journal does not know.
    private var strangeBits: Set<UInt32> = []
    /// Numbers of the journal under which the kernel has no network.
    private var unwritten: Set<UInt32> = []
    /// Networks that found no number, with how many borders are there.
    private(set) var numberless: [CIDR: Int] = [:]
    /// Numbers of networks that found no class, with the class id that they have in its place.
    private(set) var classless: [UInt32: UInt32] = [:]
    /// Peers whose bits do not say who is in them, for want of room.
    private(set) var faults: [OrderedPeer: BlockFault] = [:]
    /// The bits of those.
    private(set) var faultyBits: Set<UInt32> = []
    /// What this batch makes of the classes, where room is short.
    var forecast: ClassForecast?
    /// Whether networks found room or lost it since the last `review`.
    private var needsReview = false

    init(_ limits: PolicyLimits) {
        bits = IDAllocator(0..<limits.blocks)
        numbers = IDAllocator(1..<limits.networks)
        partition = Partition(indices: 1..<limits.cidrClasses)
    }

    var freeBits: Int { bits.freeCount }
    var freeNetworks: Int { numbers.freeCount }
    func isLive(_ condition: BlockCondition) -> Bool { bitOf[condition] != nil }
    /// Whether one that is not live needs no other bit, or a network no other number: one of a former run waits for it.
    func isAwaited(_ condition: BlockCondition) -> Bool {
        !adoptableBits.isEmpty && adoptableBits[condition.text] != nil
    }
    func isAwaited(_ network: CIDR) -> Bool { adoptableNumbers[network] != nil }

    /// - Parameter hosts: the addresses of a block that is not live and depends on other objects.
    mutating func acquire(_ condition: BlockCondition, hosts: Set<IPAddress>) -> UInt32? {
        if let bit = bitOf[condition] {
            blocks[bit]?.users += 1
            dying.remove(bit)
            return bit
        }
        guard let bit = adoptableBits.removeValue(forKey: condition.text) ?? bits.allocate() else { return nil }
        bitOf[condition] = bit
        let block = Block(condition: condition, hosts: hosts)
        blocks[bit] = block
        toggle(bit)
        fresh.insert(bit)
        if condition.isVariable { variable.insert(bit) }
        journal.append(JournalEntry("block/\(bit)", condition.text))
        for border in block.borders { use(border) }
        return bit
    }

    mutating func release(_ bit: UInt32) {
        guard let users = blocks[bit]?.users else { return }
        blocks[bit]?.users = users - 1
        if users == 1 { dying.insert(bit) }
    }

    /// Sets the addresses behind a block that depends on pods or nodes.
    mutating func setHosts(_ hosts: Set<IPAddress>, of bit: UInt32) {
        guard let old = blocks[bit], old.hosts != hosts else { return }
        toggle(bit)
        blocks[bit]?.hosts = hosts
        toggle(bit)
        for border in blocks[bit]?.borders ?? [] { use(border) }
        for border in old.borders { unuse(border) }
        for host in old.hosts.symmetricDifference(hosts) { dirty.insert(CIDR(host)) }
    }

    private mutating func use(_ cidr: CIDR) {
        if networks[cidr] != nil {
            networks[cidr]?.users += 1
            networks[cidr]?.isLeaving = false
        } else if let users = numberless[cidr] {
            numberless[cidr] = users + 1
        } else if !enter(cidr, users: 1) {
            numberless[cidr] = 1
            needsReview = true
        }
    }

    /// False where no number is free.
    private mutating func enter(_ cidr: CIDR, users: Int) -> Bool {
        let adopted = adoptableNumbers.removeValue(forKey: cidr)
        guard let number = adopted ?? numbers.allocate() else { return false }
        networks[cidr] = Network(number: number, users: users, life: 0)
        cidrOf[number] = cidr
        // The slots of a network that is in the trie already are kept: it is its own parent.
        let standing = adopted.flatMap { unwritten.contains($0) ? nil : $0 }
        born.append(NetworkBirth(cidr: cidr, number: number, parent: standing ?? parent(of: cidr)))
        journal.append(JournalEntry("net/\(number)", cidr.description))
        dirty.insert(cidr)
        if forecast != nil {
            let mark = mark(of: cidr)
            forecast?.insert(cidr, mark)
        }
        return true
    }

    private mutating func unuse(_ cidr: CIDR) {
        if let users = numberless[cidr] {
            numberless[cidr] = users > 1 ? users - 1 : nil
            needsReview = true
            return
        }
        guard var network = networks[cidr] else { return }
        network.users -= 1
        if network.users == 0 {
            network.isLeaving = true
            network.life += 1
            retired.append(.networkKey(cidr, number: network.number, life: network.life))
        }
        networks[cidr] = network
    }

    /// What found no number before finds one where there is room.
    private mutating func enterNumberless() {
        guard freeNetworks > 0 else { return }
        for (cidr, users) in numberless.sorted(by: { $0.key < $1.key }) {
            guard enter(cidr, users: users) else { return }
            numberless[cidr] = nil
            needsReview = true
        }
    }

    /// The number of the next shorter network that holds this one; 0 where there is none.
    private func parent(of cidr: CIDR) -> UInt32 {
        for shorter in cidr.surrounding {
            if let network = networks[shorter] { return network.number }
            if let number = adoptableNumbers[shorter], !unwritten.contains(number) { return number }
        }
        return 0
    }

    private func signature(of cidr: CIDR) -> [UInt32] {
        blocks.filter { !dying.contains($0.key) && $0.value.contains(cidr) }.keys.sorted()
    }

    /// Enters what `acquire`, `release` and `setHosts` collected into the delta.
    mutating func commit(into delta: inout PolicyDelta) {
        enterNumberless()
        let changed = fresh.symmetricDifference(dying)
        let isQuiet = changed.isEmpty && dirty.isEmpty && (classless.isEmpty || partition.freeCount == 0)
        let pending = isQuiet ? [:] : pendingSignatures(changed)
        dropDying()
        let change = partition.commit(pending: pending, fresh: fresh, dying: dying)
        let newNumbers = Set(born.map(\.number))
        for number in change.placed {
            classless[number] = nil
            delta.networkClasses[number] = classID(of: number)
        }
        lend(change.overflowed, &delta)
        // Networks in no block at birth still need their value where the parent's differs.
        for number in newNumbers where delta.networkClasses[number] == nil {
            delta.networkClasses[number] = classID(of: number)
        }
        let newClasses = Set(change.newClasses)
        for index in change.newClasses + change.resigned {
            guard let entry = partition.classes[index] else { continue }
            if newClasses.contains(index) {
                rows.set(index, bits: entry.signature, &delta.blockRows)
            } else {
                rows.add(index, bits: entry.signature, &delta.blockRows)
            }
            journal.append(
                JournalEntry("cidrclass/\(index)", JournalText.classEntry(id: entry.id, signature: entry.signature)))
        }
        for index in change.retired {
            delta.retired.append(.cidrClassIndex(index))
            journal.append(JournalEntry("cidrclass/\(index)", nil))
        }
        delta.bornNetworks += born
        delta.retired += retired
        delta.journal += journal
        (fresh, dying, dirty, born, journal, retired) = ([], [], [], [], [], [])
        forecast = nil
        if !isQuiet || needsReview { review() }
    }

    private func pendingSignatures(_ changed: Set<UInt32>) -> [UInt32: [UInt32]] {
        var pending: [UInt32: [UInt32]] = [:]
        for (cidr, network) in networks {
            let touched =
                dirty.contains(cidr) || classless[network.number] != nil
                || changed.contains { blocks[$0]?.contains(cidr) == true }
            if touched { pending[network.number] = signature(of: cidr) }
        }
        return pending
    }

    /// Networks without a class have that of the network around them, as it is now.
    private mutating func lend(_ overflowed: [UInt32], _ delta: inout PolicyDelta) {
        // No class id: what was in force is not known to be this.
        for number in overflowed where classless[number] == nil { classless[number] = .max }
        for (number, lent) in classless {
            guard let cidr = cidrOf[number] else { continue }
            let id = around(cidr).map { classID(of: $0.number) } ?? 0
            if id == lent { continue }
            classless[number] = id
            delta.networkClasses[number] = id
        }
    }

    /// The next shorter network that has a class, among those in the trie.
    private func around(_ cidr: CIDR) -> Network? {
        cidr.surrounding.lazy.compactMap { networks[$0] }.first { classless[$0.number] == nil }
    }

    /// Looks which blocks do not hold what they should.
    private mutating func review() {
        needsReview = false
        faults = [:]
        for cidr in numberless.keys {
            for peer in peers(telling: cidr) { faults[peer, default: BlockFault()].numberless += 1 }
        }
        for cidr in classless.keys.compactMap({ cidrOf[$0] }) {
            for peer in peers(telling: cidr) { faults[peer, default: BlockFault()].classless += 1 }
        }
        let bits = faults.isEmpty ? [] : blocks.filter { faults[$0.value.condition.peer] != nil }.map(\.key)
        faultyBits = Set(bits)
    }

    /// Peers that tell a network from the one around it.
    private func peers(telling cidr: CIDR) -> Set<OrderedPeer> {
        let outer = around(cidr).flatMap { cidrOf[$0.number] }
        let telling = blocks.values.filter { block in
            block.contains(cidr) != (outer.map(block.contains) ?? false)
        }
        return Set(telling.map(\.condition.peer))
    }

    private mutating func dropDying() {
        for bit in dying.sorted() {
            guard let block = blocks[bit] else { continue }
            for border in block.borders { unuse(border) }
            blocks[bit] = nil
            variable.remove(bit)
            bitOf[block.condition] = nil
            retired.append(.block(bit))
            journal.append(JournalEntry("block/\(bit)", nil))
        }
    }

    private func classID(of number: UInt32) -> UInt32 {
        classless[number] ?? partition.classOf[number].flatMap { partition.classes[$0]?.id } ?? 0
    }

    // MARK: After a grace period

    mutating func freeBit(_ bit: UInt32, _ delta: inout PolicyDelta) {
        rows.clear(bit, &delta.blockRows)
        bits.free(bit)
    }

    mutating func freeClass(_ index: UInt32) {
        rows.forget(index)
        partition.free(index)
    }

    mutating func removeKey(_ cidr: CIDR, number: UInt32, life: UInt32, _ delta: inout PolicyDelta) {
        guard let network = networks[cidr], network.number == number, network.isLeaving, network.life == life else {
            return
        }
        networks[cidr] = nil
        cidrOf[number] = nil
        delta.networksGone.append(cidr)
        delta.retired.append(.networkNumber(number))
        delta.journal.append(JournalEntry("net/\(number)", nil))
        partition.remove(number)
        if classless.removeValue(forKey: number) != nil { needsReview = true }
    }

    mutating func freeNumber(_ number: UInt32) { numbers.free(number) }

    // MARK: After a restart

    mutating func adoptBit(_ bit: UInt32, text: String) {
        if adoptableBits[text] == nil, bits.reserve(bit) { adoptableBits[text] = bit }
    }

    mutating func adoptNumber(_ number: UInt32, _ cidr: CIDR) {
        if adoptableNumbers[cidr] == nil, numbers.reserve(number) { adoptableNumbers[cidr] = number }
    }

    /// Takes what the kernel has in force: nothing of it is written over before the first flip.
    mutating func reserve(inForce image: MapImage) {
        unwritten = Set(adoptableNumbers.filter { image.numberOfNetwork[$0.key] != $0.value }.values)
        for (cidr, number) in image.numberOfNetwork {
            if adoptableNumbers[cidr] == nil, numbers.reserve(number) { adoptableNumbers[cidr] = number }
            let id = image.networkClasses[number] ?? 0
            partition.reserve(inForce: id)
            guard id & 0xffff != 0, let row = image.blockRows[id & 0xffff] else { continue }
            rows.reserve(id & 0xffff, inForce: row)
            for bit in RowModel.bits(row) { reserve(inForce: bit) }
        }
    }

    mutating func reserve(inForce bit: UInt32) {
        if bits.reserve(bit) { strangeBits.insert(bit) }
    }

    /// Gives back what nobody wanted. A network that stays in the trie until the next generation stands has its class
    /// there like any other.
    mutating func dropAdoptable(_ delta: inout PolicyDelta) {
        for (cidr, number) in adoptableNumbers.sorted(by: { $0.value < $1.value }) {
            if unwritten.contains(number) {
                retired.append(.networkNumber(number))
                journal.append(JournalEntry("net/\(number)", nil))
                continue
            }
            networks[cidr] = Network(number: number, users: 0, life: 1, isLeaving: true)
            cidrOf[number] = cidr
            dirty.insert(cidr)
            // Its own parent: its slots are kept.
            born.append(NetworkBirth(cidr: cidr, number: number, parent: number))
            retired.append(.networkKey(cidr, number: number, life: 1))
        }
        commit(into: &delta)
        retired += strangeBits.sorted().map { .block($0) }
        for bit in adoptableBits.values.sorted() {
            delta.retired.append(.block(bit))
            delta.journal.append(JournalEntry("block/\(bit)", nil))
        }
        for index in partition.dropAdoptable() {
            delta.retired.append(.cidrClassIndex(index))
            delta.journal.append(JournalEntry("cidrclass/\(index)", nil))
        }
        delta.retired += retired
        (adoptableBits, adoptableNumbers, strangeBits, unwritten, retired) = ([:], [:], [], [], [])
    }
}
