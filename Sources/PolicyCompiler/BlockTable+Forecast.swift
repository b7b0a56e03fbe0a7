import NetTypes

/// Networks of a block that found no room, as far as the block tells them from the network around them.
struct BlockFault: Hashable, Sendable {
    var numberless = 0
    var classless = 0
}

/// How many CIDR classes there will be, before a batch is committed: the networks by what holds them. Each network has
/// the sum (XOR) of the marks of its blocks; as many different sums, as many classes. Marks are 64 bits wide; should
/// two sums be the same by chance, the count is too low, and the commit finds out.
struct ClassForecast: Sendable {
    private var marks: [CIDR: UInt64] = [:]
    private var networks: [UInt64: Int] = [:]

    /// Without that of the networks in no block.
    var classCount: Int { networks.count - (networks[0] == nil ? 0 : 1) }

    func knows(_ cidr: CIDR) -> Bool { marks[cidr] != nil }

    /// A block's mark (SplitMix64).
    static func mark(_ bit: UInt64) -> UInt64 {
        var mixed = (bit &+ 1) &* 0x9e37_79b9_7f4a_7c15
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    mutating func insert(_ cidr: CIDR, _ mark: UInt64) {
        marks[cidr] = mark
        networks[mark, default: 0] += 1
    }

    /// Takes a block in, or out again.
    mutating func toggle(_ block: BlockTable.Block, _ mark: UInt64) {
        for (cidr, old) in marks where block.contains(cidr) {
            marks[cidr] = old ^ mark
            let rest = (networks[old] ?? 0) - 1
            networks[old] = rest > 0 ? rest : nil
            networks[old ^ mark, default: 0] += 1
        }
    }
}

/// Whether classes are left for blocks that are not live yet. A class more for each network is the most that they can
/// take: only where that is not free are they counted. Blocks that go with the batch count still: the classes that they
/// leave are free one grace period later.
extension BlockTable {
    /// Classes that may be given out: those of a former run wait for the same networks.
    private var freeClasses: Int { partition.freeCount + partition.adoptable.count }

    /// Keeps the count up until the batch ends, as more than one policy may ask.
    mutating func beginForecast() {
        guard forecast == nil, networks.count + numberless.count > freeClasses else { return }
        forecast = madeForecast()
    }

    /// How many classes the blocks need more than are there, and how many are free for them; nil where they fit.
    func classShortage(of wanted: [Block]) -> (needed: Int, free: Int)? {
        let borders = Set(wanted.flatMap(\.borders))
        if networks.count + numberless.count + borders.count <= freeClasses { return nil }
        var forecast = forecast ?? madeForecast()
        // One that has lost its last member takes none any more.
        let standing = partition.classes.count { $0.key != 0 && !$0.value.members.isEmpty }
        let promised = max(0, forecast.classCount - standing)
        for cidr in borders where !forecast.knows(cidr) { forecast.insert(cidr, mark(of: cidr)) }
        // Bits end where these numbers begin.
        for (place, block) in wanted.enumerated() {
            forecast.toggle(block, ClassForecast.mark(1 << 32 + UInt64(place)))
        }
        let needed = max(0, forecast.classCount - standing)
        guard needed > freeClasses else { return nil }
        return (needed - promised, max(0, freeClasses - promised))
    }

    /// A block comes, or goes to come with other addresses.
    mutating func toggle(_ bit: UInt32) {
        guard forecast != nil, let block = blocks[bit] else { return }
        forecast?.toggle(block, ClassForecast.mark(UInt64(bit)))
    }

    /// The sum of the marks of the blocks that hold a network.
    func mark(of cidr: CIDR) -> UInt64 {
        blocks.reduce(0) { $1.value.contains(cidr) ? $0 ^ ClassForecast.mark(UInt64($1.key)) : $0 }
    }

    private func madeForecast() -> ClassForecast {
        let marks = partition.classes.mapValues { entry in
            entry.signature.reduce(0) { $0 ^ ClassForecast.mark(UInt64($1)) }
        }
        var made = ClassForecast()
        for (cidr, network) in networks {
            guard let index = partition.classOf[network.number], !dirty.contains(cidr) else {
                made.insert(cidr, mark(of: cidr))
                continue
            }
            let mark = fresh.reduce(marks[index] ?? 0) { sum, bit in
                blocks[bit]?.contains(cidr) == true ? sum ^ ClassForecast.mark(UInt64(bit)) : sum
            }
            made.insert(cidr, mark)
        }
        return made
    }
}

extension CIDR {
    /// Whether the prefix, read over 128 bits, holds the v4-mapped addresses.
    var coversMappedV4: Bool {
        family == .v6 && prefixLength <= 96 && IPAddress.unspecifiedV4.masked(to: prefixLength) == address
    }

    /// The shorter prefixes that hold this one over 128 bits, the longest first.
    var surrounding: some Sequence<CIDR> {
        (0..<mappedPrefixLength).reversed().lazy.compactMap { length in
            let address = address.masked(to: length)
            return CIDR(address, prefixLength: address.isV4 ? length - 96 : length)
        }
    }
}
