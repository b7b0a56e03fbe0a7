/// What has been written into a bit matrix, so that a bit is cleared in every row before it means something else.
struct RowModel: Sendable {
    private(set) var rows: [UInt32: [UInt64]] = [:]
    /// Rows of an earlier daemon that no class has claimed yet.
    private var inForce: Set<UInt32> = []
    static let words = 64

    /// The bits that are set, ascending.
    static func bits(_ row: [UInt64]) -> [UInt32] {
        row.indices.flatMap { word in
            (0..<64).filter { row[word] & (1 << UInt64($0)) != 0 }.map { UInt32(word * 64 + $0) }
        }
    }

    /// Adds bits to a row that is in use. Bits that are dying stay until they are cleared: rules in force name them.
    mutating func add(_ row: UInt32, bits: [UInt32], _ out: inout [UInt32: [UInt64]]) {
        var wanted = rows[row] ?? [UInt64](repeating: 0, count: Self.words)
        for bit in bits { wanted[Int(bit / 64)] |= 1 << UInt64(bit % 64) }
        guard rows[row] != wanted else { return }
        rows[row] = wanted
        out[row] = wanted
    }

    /// A row that is in force in the kernel: its bits stay until they are cleared, because rules in force name them.
    mutating func reserve(_ row: UInt32, inForce words: [UInt64]) {
        guard words.count == Self.words else { return }
        rows[row] = words
        inForce.insert(row)
    }

    /// Sets the row of a class that nothing refers to yet. It is written even where it is empty: the array may hold
    /// what the index meant before.
    mutating func set(_ row: UInt32, bits: [UInt32], _ out: inout [UInt32: [UInt64]]) {
        if inForce.remove(row) != nil {
            add(row, bits: bits, &out)
            out[row] = rows[row]
            return
        }
        var wanted = [UInt64](repeating: 0, count: Self.words)
        for bit in bits { wanted[Int(bit / 64)] |= 1 << UInt64(bit % 64) }
        rows[row] = wanted
        out[row] = wanted
    }

    mutating func clear(_ bit: UInt32, _ out: inout [UInt32: [UInt64]]) {
        let word = Int(bit / 64)
        let mask: UInt64 = 1 << UInt64(bit % 64)
        for (row, words) in rows where words[word] & mask != 0 {
            rows[row]?[word] = words[word] & ~mask
            out[row] = rows[row]
        }
    }

    mutating func forget(_ row: UInt32) {
        rows[row] = nil
        inForce.remove(row)
    }
}
