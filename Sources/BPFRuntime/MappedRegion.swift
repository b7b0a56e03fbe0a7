import CLibbpf
import Glibc
import Synchronization

/// The memory of an array map, shared with the kernel. Our threads take turns; programs read meanwhile, word by word.
final class MappedRegion: Sendable {
    let byteCount: Int
    private let name: String
    private let memory: Mutex<UnsafeMutableRawPointer>

    /// - Parameter byteCount: values times their size; the mapping is rounded up to pages.
    init(map descriptor: Int32, name: String, byteCount: Int) throws(DatapathError) {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let length = (byteCount + page - 1) / page * page
        guard let base = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), base != MAP_FAILED else {
            throw SystemCall.error("mmap", "map \(name): \(length) bytes; it has to be an array with BPF_F_MMAPABLE")
        }
        self.byteCount = byteCount
        self.name = name
        memory = Mutex(base)
        self.length = length
    }

    private let length: Int

    /// An index that was kept across a restart may be past the end of a smaller map: that is said, and no crash.
    private func check(_ offset: Int, _ count: Int) throws(DatapathError) {
        if offset >= 0, count >= 0, offset <= byteCount - count { return }
        throw DatapathError(.layout, "map \(name): \(count) bytes at \(offset) of \(byteCount)")
    }

    deinit {
        _ = memory.withLock { munmap($0, length) }
    }

    func read(_ range: Range<Int>) throws(DatapathError) -> [UInt8] {
        try check(range.lowerBound, range.count)
        return memory.withLock { base in
            [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
                martlet_load_words(buffer.baseAddress, base + range.lowerBound, range.count)
                count = range.count
            }
        }
    }

    func write(at offset: Int, _ bytes: [UInt8]) throws(DatapathError) {
        try check(offset, bytes.count)
        memory.withLock { base in
            bytes.withUnsafeBytes { martlet_store_words(base + offset, $0.baseAddress, $0.count) }
        }
    }

    /// - Precondition: the word is aligned.
    func storeRelease(at offset: Int, _ word: UInt32) throws(DatapathError) {
        precondition(offset % 4 == 0, "a word that is published is aligned")
        try check(offset, 4)
        memory.withLock { martlet_store_release($0 + offset, word) }
    }
}
