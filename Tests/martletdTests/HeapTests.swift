import CLinux
import Glibc
import Testing

/// What goes back to the kernel of a heap with holes.
@Suite struct HeapTests {
    private static let blockBytes = 2 << 10
    private static let idleBytesMax = 2 << 20
    private static let unchanged: Int32 = 1

    private static func filled(_ bytes: Int) -> [UnsafeMutableRawPointer] {
        (0..<bytes / blockBytes).compactMap { _ in
            let block = malloc(blockBytes)
            if let block { memset(block, 1, blockBytes) }
            return block
        }
    }

    /// Frees all but each 500th, so that the heap does not end lower.
    private static func makeHoles(_ blocks: [UnsafeMutableRawPointer]) -> [UnsafeMutableRawPointer] {
        for (index, block) in blocks.enumerated() where index % 500 != 0 { free(block) }
        return stride(from: 0, to: blocks.count, by: 500).map { blocks[$0] }
    }

    private static func residentBytes() throws -> Int {
        let file = try #require(fopen("/proc/self/statm", "r"))
        defer { fclose(file) }
        var text = [CChar](repeating: 0, count: 128)
        try #require(fgets(&text, Int32(text.count), file) != nil)
        let words = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }.split(separator: UInt8(ascii: " "))
        return try #require(Int(String(decoding: words[1], as: UTF8.self))) * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    @Test func whatAPeakHeldGoesBackAlsoAfterATrimAtThePeak() throws {
        let held = Self.filled(96 << 20)
        let passing = Self.makeHoles(Self.filled(48 << 20))
        #expect(clinux_trim_heap(Self.idleBytesMax, Self.unchanged) == 1)
        let peak = try Self.residentBytes()
        // Nothing grows from here on.
        let rest = Self.makeHoles(held)
        #expect(clinux_trim_heap(Self.idleBytesMax, Self.unchanged) == 1)
        #expect(try Self.residentBytes() < peak - 64 << 20)
        // What is left are holes smaller than a page: they are not asked for again.
        #expect(clinux_trim_heap(Self.idleBytesMax, Self.unchanged) == 0)
        for block in passing + rest { free(block) }
    }
}
