import CLibbpf
import Glibc
import Synchronization

/// The memory of an array map, shared with the kernel. Our threads take turns; programs read meanwhile, word by word.
final class MappedRegion: Sendable {
    let byteCount: Int
    private let memory: Mutex<UnsafeMutableRawPointer>

    /// - Parameter byteCount: values times their size; the mapping is rounded up to pages.
    init(map descriptor: Int32, name: String, byteCount: Int) throws(DatapathError) {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let length = (byteCount + page - 1) / page * page
        guard let base = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), base != MAP_FAILED else {
            throw SystemCall.error("mmap", "map \(name): \(length) bytes; it has to be an array with BPF_F_MMAPABLE")
        }
        self.byteCount = byteCount
        memory = Mutex(base)
        self.length = length
    }

    private let length: Int

    deinit {
        _ = memory.withLock { munmap($0, length) }
    }

    func read(_ range: Range<Int>) -> [UInt8] {
        precondition(range.lowerBound >= 0 && range.upperBound <= byteCount, "a read lies within the map")
        return memory.withLock { base in
            [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
                martlet_load_words(buffer.baseAddress, base + range.lowerBound, range.count)
                count = range.count
            }
        }
    }

    func write(at offset: Int, _ bytes: [UInt8]) {
        precondition(offset >= 0 && offset + bytes.count <= byteCount, "a write lies within the map")
        memory.withLock { base in
            bytes.withUnsafeBytes { martlet_store_words(base + offset, $0.baseAddress, $0.count) }
        }
    }

    func storeRelease(at offset: Int, _ word: UInt32) {
        precondition(offset >= 0 && offset + 4 <= byteCount && offset % 4 == 0, "a word is aligned within the map")
        memory.withLock { martlet_store_release($0 + offset, word) }
    }
}
