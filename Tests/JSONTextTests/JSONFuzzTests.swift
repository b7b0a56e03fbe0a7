import JSONText
import Testing

/// Seeded: the same seed makes the same inputs.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

@Suite struct JSONFuzzTests {
    private func tree(_ random: inout SplitMix, depth: Int) -> JSONValue {
        switch Int.random(in: 0..<(depth > 0 ? 8 : 6), using: &random) {
        case 0: return .null
        case 1: return .bool(Bool.random(using: &random))
        case 2: return .integer(Int64.random(in: .min ... .max, using: &random))
        case 3:
            let number = Double(bitPattern: UInt64.random(in: 0...UInt64.max, using: &random))
            return number.isFinite && number.rounded() != number ? .number(number) : .number(0.5)
        case 4, 5:
            let length = Int.random(in: 0..<12, using: &random)
            let scalars = (0..<length).map { _ in
                Unicode.Scalar(UInt32.random(in: 0..<0x3000, using: &random)) ?? "x"
            }
            return .string(String(String.UnicodeScalarView(scalars)))
        case 6:
            return .array(
                (0..<Int.random(in: 0..<5, using: &random)).map { _ in tree(&random, depth: depth - 1) })
        default:
            var members: [String: JSONValue] = [:]
            for index in 0..<Int.random(in: 0..<5, using: &random) {
                members["k\(index)\u{7F}"] = tree(&random, depth: depth - 1)
            }
            return .object(members)
        }
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func whatIsPrintedReadsBackEqual(seed: UInt64) throws {
        var random = SplitMix(state: seed)
        for _ in 0..<500 {
            let value = tree(&random, depth: 5)
            #expect(try JSONValue(parsing: value.compactBytes) == value, "seed \(seed)")
            #expect(try JSONValue(parsing: value.prettyText) == value, "seed \(seed)")
        }
    }

    /// Damaged texts are parsed or refused with an offset inside the text; what is parsed prints to a text that parses.
    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func damagedTextNeverCrashes(seed: UInt64) throws {
        var random = SplitMix(state: seed &* 977)
        var refused = 0
        for _ in 0..<1500 {
            var bytes = tree(&random, depth: 4).compactBytes
            for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: index)
                default:
                    bytes.insert(contentsOf: Array("{[\"\\u,:]}".utf8).shuffled(using: &random).prefix(2), at: index)
                }
            }
            do throws(JSONError) {
                let value = try JSONValue(parsing: bytes)
                #expect(throws: Never.self) { try JSONValue(parsing: value.compactBytes) }
            } catch {
                refused += 1
                #expect((0...bytes.count).contains(error.offset), "seed \(seed)")
            }
        }
        #expect(refused > 500)
    }
}
