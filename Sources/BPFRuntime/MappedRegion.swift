import CLibbpf
import Glibc
import MapLayout
import Synchronization

/// The memory of an array map, shared with the kernel. Our threads take turns; programs read meanwhile, word by word.
///
/// The map's whole range of addresses is set aside, and the map itself is mapped window by window, where it is used:
/// mapped pages count as resident whether something is in them or not, and of a map that is sized for a large cluster
/// most never has anything. A read of more than a window looks for what is there, and keeps no window.
final class MappedRegion: Sendable {
    /// Bytes of a window: small against a map, large against the cost of a call. A multiple of the page's size.
    private static let windowBytes = 128 << 10

    private struct State {
        let base: UnsafeMutableRawPointer
        var isMapped: [Bool]
    }

    let byteCount: Int
    private let name: String
    private let descriptor: Int32
    /// `byteCount` in whole pages: what may be mapped.
    private let length: Int
    private let state: Mutex<State>

    /// - Parameters:
    ///   - descriptor: the map's; it has to stay open for as long as the region is used.
    ///   - byteCount: values times their size.
    init(map descriptor: Int32, name: String, byteCount: Int) throws(DatapathError) {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        length = (byteCount + page - 1) / page * page
        self.byteCount = byteCount
        self.name = name
        self.descriptor = descriptor
        guard let base = mmap(nil, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), base != MAP_FAILED else {
            throw SystemCall.error("mmap", "map \(name): no \(length) bytes of addresses")
        }
        let windows = (length + Self.windowBytes - 1) / Self.windowBytes
        state = Mutex(State(base: base, isMapped: Array(repeating: false, count: windows)))
        try state.withLock { state throws(DatapathError) in try map(0, &state) }
    }

    deinit {
        _ = state.withLock { munmap($0.base, length) }
    }

    func read(_ range: Range<Int>) throws(DatapathError) -> [UInt8] {
        try check(range.lowerBound, range.count)
        return try state.withLock { state throws(DatapathError) in
            let added = windows(range).filter { !state.isMapped[$0] }
            defer { if range.count > Self.windowBytes { release(added, &state) } }
            for window in added { try map(window, &state) }
            return [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
                martlet_load_words(buffer.baseAddress, state.base + range.lowerBound, range.count)
                count = range.count
            }
        }
    }

    func write(at offset: Int, _ bytes: [UInt8]) throws(DatapathError) {
        try withMemory(at: offset, bytes.count) { target in
            bytes.withUnsafeBytes { martlet_store_words(target, $0.baseAddress, $0.count) }
        }
    }

    /// - Precondition: the words are aligned.
    func write(_ words: [MapWord]) throws(DatapathError) {
        for word in words { try check(word.offset, 4) }
        try state.withLock { state throws(DatapathError) in
            for word in words {
                let window = word.offset / Self.windowBytes
                if !state.isMapped[window] { try map(window, &state) }
                martlet_store_word(state.base + word.offset, word.value)
            }
        }
    }

    /// - Precondition: the word is aligned.
    func storeRelease(at offset: Int, _ word: UInt32) throws(DatapathError) {
        precondition(offset % 4 == 0, "a word that is published is aligned")
        try withMemory(at: offset, 4) { martlet_store_release($0, word) }
    }

    /// Memory of the map that stays mapped.
    private func withMemory(
        at offset: Int, _ count: Int, _ body: (UnsafeMutableRawPointer) -> Void
    ) throws(DatapathError) {
        try check(offset, count)
        try state.withLock { state throws(DatapathError) in
            for window in windows(offset..<offset + count) where !state.isMapped[window] { try map(window, &state) }
            body(state.base + offset)
        }
    }

    /// An index that was kept across a restart may be past the end of a smaller map: that is said, and no crash.
    private func check(_ offset: Int, _ count: Int) throws(DatapathError) {
        if offset >= 0, count >= 0, offset <= byteCount - count { return }
        throw DatapathError(.layout, "map \(name): \(count) bytes at \(offset) of \(byteCount)")
    }

    // MARK: Windows

    private func windows(_ bytes: Range<Int>) -> Range<Int> {
        bytes.isEmpty ? 0..<0 : bytes.lowerBound / Self.windowBytes..<(bytes.upperBound - 1) / Self.windowBytes + 1
    }

    /// Offset of a window and its length: the last one ends with the map.
    private func extent(_ window: Int) -> (start: Int, count: Int) {
        let start = window * Self.windowBytes
        return (start, min(Self.windowBytes, length - start))
    }

    private func map(_ window: Int, _ state: inout State) throws(DatapathError) {
        let (start, count) = extent(window)
        let found = mmap(
            state.base + start, count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, descriptor, start)
        guard found != MAP_FAILED else {
            let error = SystemCall.error(
                "mmap", "map \(name): \(count) bytes at \(start); it has to be an array with BPF_F_MMAPABLE")
            // The kernel may have taken the addresses back before it failed: nobody else may get them.
            release([window], &state)
            throw error
        }
        state.isMapped[window] = true
    }

    /// Gives windows' pages up; their addresses stay set aside. Where that fails they stay mapped.
    private func release(_ windows: [Int], _ state: inout State) {
        for window in windows {
            let (start, count) = extent(window)
            let found = mmap(
                state.base + start, count, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)
            if found != MAP_FAILED { state.isMapped[window] = false }
        }
    }
}
