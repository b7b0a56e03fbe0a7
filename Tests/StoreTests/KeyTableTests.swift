import TestKit
import Testing

@testable import Store

@Suite struct KeyTableTests {
    private func entry(_ key: String, _ value: [UInt8] = []) -> StoreEntry {
        StoreEntry(key: key, value: value, createRevision: 1, sequence: LogSequence(revision: 1, ordinal: 0))
    }

    @Test func itAgreesWithASortedDictionary() {
        let seed = UInt64.random(in: 0 ... .max)
        var random = SeededGenerator(seed: seed)
        var table = KeyTable()
        var oracle: [String: StoreEntry] = [:]
        for step in 0..<6_000 {
            let key = "/\(Int.random(in: 0..<40, using: &random))/\(Int.random(in: 0..<60, using: &random))"
            if Int.random(in: 0..<3, using: &random) == 0 {
                table.remove(key)
                oracle[key] = nil
            } else {
                let new = entry(key, [UInt8](repeating: 1, count: step % 7))
                table.put(new)
                oracle[key] = new
            }
        }
        let sorted = oracle.values.sorted { $0.key < $1.key }
        #expect(table.list(prefix: "", after: nil, limit: .max).entries == sorted, "seed \(seed)")
        #expect(table.count == oracle.count)
        #expect(table.bytes == sorted.reduce(0) { $0 + $1.key.utf8.count + $1.value.count })
        for prefix in ["/", "/1", "/17/", "/17/4", "/9", "/99", "0", "~"] {
            let matching = sorted.filter { $0.key.hasPrefix(prefix) }
            for after in [nil, "/17/3", "/2", matching.last?.key] {
                let rest = matching.filter { after == nil || $0.key > after ?? "" }
                let found = table.list(prefix: prefix, after: after, limit: 5)
                #expect(found.entries == Array(rest.prefix(5)), "seed \(seed), \(prefix) after \(after ?? "-")")
                #expect(found.remaining == max(rest.count - 5, 0), "seed \(seed), \(prefix) after \(after ?? "-")")
            }
        }
        for key in oracle.keys { #expect(table.entry(key) == oracle[key]) }
    }

    @Test func aCopyKeepsItsState() {
        var table = KeyTable()
        for index in 0..<1_000 { table.put(entry("/\(index)")) }
        let copy = table
        table.remove("/5")
        table.put(entry("/7", [1]))
        #expect(copy.entry("/5") != nil)
        #expect(copy.entry("/7")?.value == [])
        #expect(copy.count == 1_000)
    }
}
