import TestKit
import Testing

@testable import Store

/// Values in memory, packed and not: what is read is what was written.
@Suite struct StoredValueTests {
    /// What a cluster's objects look like, with names of their own.
    private static func object(_ number: Int) -> [UInt8] {
        let managed =
            #"{"apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":{"f:status":{"f:phase":{},"f:podIP":{}}},"#
            + #""manager":"kubelet","operation":"Update","subresource":"status","time":"2026-02-03T04:05:06Z"}"#
        let metadata = #""resourceVersion":"\#(number)","managedFields":[\#(managed)],"name":"pod-\#(number)""#
        return Array(
            #"{"kind":"Pod","apiVersion":"v1","metadata":{\#(metadata)},"spec":{"nodeName":"far"}}"#.utf8)
    }

    private static func random(_ count: Int, _ generator: inout SeededGenerator) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }

    @Test("A packed value is read as it was written, whatever its bytes")
    func roundTrips() {
        var generator = SeededGenerator(seed: 41)
        var values = [[], [7], Self.object(1), Array(repeating: 0, count: 3 << 20)].map { $0 as [UInt8] }
        for count in [100, 127, 128, 129, 5_000, 70_000] { values.append(Self.random(count, &generator)) }
        for _ in 0..<200 {
            // Text with random parts: some of it packs.
            var mixed: [UInt8] = []
            for part in 0..<Int.random(in: 1...12, using: &generator) {
                mixed += Self.object(part)
                mixed += Self.random(Int.random(in: 0...300, using: &generator), &generator)
            }
            values.append(mixed)
        }
        var smaller = 0
        for bytes in values {
            let value = StoredValue(bytes)
            value.pack()
            #expect(value.bytes == bytes)
            #expect(value.count == bytes.count)
            #expect(value.bytesHeld <= bytes.count)
            value.pack()
            #expect(value.bytes == bytes)
            #expect(value == StoredValue(bytes))
            if value.bytesHeld < bytes.count { smaller += 1 }
        }
        #expect(smaller > 50)
    }

    @Test("An object takes less than a third packed; what is random, or short, stays as it is")
    func sizes() {
        let packed = StoredValue(Self.object(7))
        packed.pack()
        #expect(packed.bytesHeld < packed.count / 3)
        var generator = SeededGenerator(seed: 42)
        for bytes in [Self.random(4_000, &generator), Array(Self.object(7)[..<127])] {
            let value = StoredValue(bytes)
            value.pack()
            #expect(value.bytesHeld == bytes.count)
        }
    }

    @Test("The newest values stay as they are; the oldest of the others are taken, each once")
    func fresh() {
        let values = (0..<700).map { StoredValue(Self.object($0)) }
        var fresh = FreshValues(Array(values[..<300]))
        var taken = fresh.takeOld(atMost: 10, largest: .max)
        for value in values[300...] {
            fresh.add(value)
            taken += fresh.takeOld(atMost: 2, largest: .max)
        }
        #expect(taken.map(ObjectIdentifier.init) == values[..<444].map(ObjectIdentifier.init))
        #expect(fresh.takeOld(atMost: 100, largest: .max).isEmpty)
    }

    @Test("Of large values fewer stay as they are, and one that is taken is not held any longer")
    func large() throws {
        var generator = SeededGenerator(seed: 43)
        let size = FreshValues.keptBytesMax / 4
        let bytes = Self.random(size, &generator)
        var fresh = FreshValues()
        weak var first: StoredValue?
        do {
            let value = StoredValue(bytes)
            first = value
            fresh.add(value)
        }
        for _ in 0..<3 { fresh.add(StoredValue(bytes)) }
        #expect(fresh.takeOld(atMost: 100, largest: .max).isEmpty && first != nil)
        fresh.add(StoredValue(bytes))
        // Who has no time for it leaves it, and what comes after it.
        #expect(fresh.takeOld(atMost: 100, largest: size - 1).isEmpty && first != nil)
        #expect(fresh.takeOld(atMost: 100, largest: size).count == 1)
        #expect(first == nil)
    }

    @Test("A large value is packed by the maintenance, and holds up no commit")
    func largeInTheStore() async throws {
        let directory = try TemporaryDirectory()
        let store = try Store.open(directory)
        let large = Array(repeating: UInt8(ascii: "a"), count: FreshValues.keptBytesMax + 1)
        _ = try await store.commit([.put(key: "a", value: large)])
        _ = try await store.commit([.put(key: "b", value: Self.object(1))])
        #expect(store.get("a")?.content.bytesHeld == large.count)
        try await store.maintain()
        let held = try #require(store.get("a")?.content.bytesHeld)
        #expect(held < large.count / 100)
        #expect(store.get("a")?.value == large)
        #expect(store.get("b")?.content.bytesHeld == Self.object(1).count)
        store.close()
    }

    @Test("Reads, lists, watches, conflicts and a new opening see the same values, packed or not")
    func inTheStore() async throws {
        let directory = try TemporaryDirectory()
        let wanted = (0..<600).map(Self.object)
        func check(_ store: Store) throws {
            #expect(try store.list(prefix: "pods/").entries.map(\.value) == wanted)
            #expect(store.get("pods/0007")?.value == wanted[7])
        }
        func held(_ store: Store) throws -> Int {
            try store.list(prefix: "pods/").entries.reduce(0) { $0 + $1.content.bytesHeld }
        }
        func key(_ number: Int) -> String { "pods/" + String(String(number + 10_000).dropFirst()) }
        let plain = wanted.reduce(0) { $0 + $1.count }
        let store = try Store.open(directory)
        for (number, value) in wanted.enumerated() {
            _ = try await store.commit([.put(key: key(number), value: value, expected: .absent)])
        }
        // All but the newest are packed by the writes that came after them.
        #expect(try held(store) < plain * (FreshValues.keptMax + 1) / wanted.count + plain / 3)
        try check(store)
        // A batch of changes has a limit.
        let events = try store.changes(prefix: "pods/", after: 0).events
        #expect(!events.isEmpty && events.compactMap(\.entry?.value) == Array(wanted[..<events.count]))
        #expect(store.statistics.bytes == plain + 600 * 9)
        let error = await #expect(throws: StoreError.self) {
            _ = try await store.commit([.put(key: key(3), value: [], expected: .absent)])
        }
        #expect(error?.current?.value == wanted[3])
        store.close()

        let again = try Store.open(directory)
        #expect(try held(again) == plain)
        try await again.maintain()
        #expect(try held(again) < plain * (FreshValues.keptMax + 1) / wanted.count + plain / 3)
        try check(again)
        again.close()
    }
}
