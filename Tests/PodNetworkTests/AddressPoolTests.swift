import NetTypes
import PodNetwork
import Testing

struct AddressPoolTests {
    static let second: Int64 = 1_000_000_000

    static func pool(_ text: String, reserved: Set<IPAddress> = []) throws -> AddressPool {
        AddressPool(try #require(CIDR(text)), reserved: reserved)
    }

    @Test func neverUsedAddressesGoFirstInOrder() throws {
        var pool = try Self.pool("10.1.0.0/29", reserved: [try #require(IPAddress("10.1.0.2"))])
        let first = try pool.take(now: 0)
        pool.release(first, at: 0)
        let rest = try (0..<4).map { _ in try pool.take(now: 100 * Self.second).description }
        #expect(first.description == "10.1.0.1" && rest == ["10.1.0.3", "10.1.0.4", "10.1.0.5", "10.1.0.6"])
        // Network, broadcast and the node's own address are never given; the freed one comes last.
        #expect(try pool.take(now: 100 * Self.second) == first)
        #expect(throws: PodNetworkError.self) { try pool.take(now: 100 * Self.second) }
        #expect(pool.available == 0 && pool.inUse == 5)
    }

    @Test func theLeastRecentlyFreedGoesFirstAndNeverWithinItsRest() throws {
        var pool = try Self.pool("10.1.0.0/29")
        let all = try (0..<6).map { _ in try pool.take(now: 0) }
        pool.release(all[3], at: 10 * Self.second)
        pool.release(all[0], at: 20 * Self.second)
        pool.release(all[5], at: 15 * Self.second)
        #expect(throws: PodNetworkError.self) { try pool.take(now: 40 * Self.second - 1) }
        #expect(try pool.take(now: 40 * Self.second) == all[3])
        #expect(throws: PodNetworkError.self) { try pool.take(now: 40 * Self.second) }
        #expect(try pool.take(now: 90 * Self.second) == all[5])
        #expect(try pool.take(now: 90 * Self.second) == all[0])
    }

    @Test func aPoolBuiltAnewFromWhatWasKnownGivesTheSame() throws {
        var pool = try Self.pool("fd01::/64")
        let taken = try (0..<20).map { _ in try pool.take(now: 0) }
        for (index, address) in taken.enumerated() where index % 3 == 0 { pool.release(address, at: Int64(index)) }
        var rebuilt = try Self.pool("fd01::/64")
        for entry in pool.freed.reversed() { rebuilt.adopt(freed: entry) }
        for (index, address) in taken.enumerated() where index % 3 != 0 { rebuilt.adopt(used: address) }
        #expect(rebuilt.freed == pool.freed && rebuilt.inUse == pool.inUse)
        #expect(try rebuilt.take(now: 0) == pool.take(now: 0))
    }

    @Test func noAddressIsGivenTwiceOverManyRounds() throws {
        var pool = try Self.pool("10.2.0.0/26")
        var used: [IPAddress] = []
        var now: Int64 = 0
        var freedAt: [IPAddress: Int64] = [:]
        for round in 0..<5_000 {
            now += Self.second
            if used.count > 20, round % 2 == 0 {
                let address = used.remove(at: round % used.count)
                pool.release(address, at: now)
                freedAt[address] = now
            } else if let address = try? pool.take(now: now) {
                #expect(!used.contains(address))
                if let at = freedAt[address] { #expect(now - at >= AddressPool.quarantineNanoseconds) }
                used.append(address)
            }
        }
        #expect(pool.inUse == used.count)
    }
}
