import Glibc
import Logging
import Synchronization
import Testing

@testable import Store

@Suite struct StoreFaultTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private var file: String { "\(directory.path)/state/state.db" }

    @Test func whatWasAcknowledgedIsThereAfterReopening() async throws {
        var store = try Store.open(directory)
        _ = try await store.commit([.put(key: "/a", value: []), .put(key: "/b", value: [0, 255])])
        _ = try await store.commit([.delete(key: "/a")])
        let before = try store.list(prefix: "").entries
        store.close()
        store = try Store.open(directory)
        #expect(try store.list(prefix: "").entries == before)
        #expect(try await store.put("/c", "x") == 3)
    }

    @Test func aSecondOpenerIsRefused() async throws {
        let store = try Store.open(directory)
        #expect(await code { _ = try Store.open(directory) } == .inUse)
        store.close()
        _ = try Store.open(directory)
    }

    /// A descriptor that is closed twice may be somebody else's the second time.
    @Test func anOpeningThatIsRefusedClosesNothingOfOthers() async throws {
        let path = directory.path + "/lock"
        let held = try StateLock(path: path)
        let isOver = Atomic(false)
        async let lost = { () -> Int in
            var lost = 0
            while !isOver.load(ordering: .relaxed) {
                if close(open("/dev/null", O_RDONLY | O_CLOEXEC)) != 0 { lost += 1 }
            }
            return lost
        }()
        var refused = 0
        for _ in 0..<20_000 where (try? StateLock(path: path)) == nil { refused += 1 }
        isOver.store(true, ordering: .relaxed)
        #expect(await lost == 0)
        #expect(refused == 20_000)
        held.release()
    }

    @Test(arguments: [0, 4_096 * 2 + 5]) func aDamagedFileIsSaidAndLeftAsItIs(offset: Int) async throws {
        let store = try Store.open(directory)
        for index in 0..<500 { _ = try await store.put("/\(index)", String(repeating: "x", count: 100)) }
        try await store.log.checkpoint()
        store.close()
        let damage = [UInt8](repeating: 0xa5, count: 3_000)
        let descriptor = open(file, O_WRONLY)
        #expect(pwrite(descriptor, damage, damage.count, off_t(offset)) == damage.count)
        close(descriptor)
        let before = try FileBytes.read(file)
        #expect(await code { _ = try Store.open(directory) } == .corrupt)
        #expect(try FileBytes.read(file) == before)
    }

    @Test func anotherProgramsFileIsNotTaken() async throws {
        mkdir("\(directory.path)/state", 0o700)
        let descriptor = open(file, O_WRONLY | O_CREAT, 0o600)
        #expect(write(descriptor, "hello", 5) == 5)
        close(descriptor)
        #expect(await code { _ = try Store.open(directory) } == .corrupt)
        #expect(try FileBytes.read(file) == Array("hello".utf8))
    }

    /// Mounts a file system of this size where the store is to be. Returns the place.
    private func smallDisk(_ size: String) throws -> String {
        try #require(getuid() == 0, "mounting a small file system needs root")
        let mountPoint = "\(directory.path)/state"
        mkdir(mountPoint, 0o700)
        try #require(mount("tmpfs", mountPoint, "tmpfs", 0, "size=\(size)") == 0)
        return mountPoint
    }

    @Test func aFullDiskRefusesTheWriteAndLosesNothing() async throws {
        let mountPoint = try smallDisk("1m")
        defer { umount2(mountPoint, CInt(MNT_DETACH)) }
        let value = String(repeating: "x", count: 20_000)
        let lines = LogLines()
        var store = try Store.open(directory, logger: Logger(label: "test", factory: { _ in lines }))
        var written = 0
        var refusal: StoreError.Code?
        while refusal == nil, written < 100 {
            refusal = await code { _ = try await store.put("/\(written)", value) }
            if refusal == nil { written += 1 }
        }
        #expect(refusal == .diskFull)
        #expect(try store.keys("/").count == written)
        #expect(store.get("/\(written)") == nil)
        for _ in 0..<3 { #expect(await code { _ = try await store.put("/more", value) } == .diskFull) }
        #expect(lines.all == ["error the disk is full: writes are refused until there is room"])
        try #require(mount("tmpfs", mountPoint, "tmpfs", UInt(MS_REMOUNT), "size=8m") == 0)
        _ = try await store.put("/\(written)", value)
        #expect(lines.all.dropFirst() == ["notice the disk has room again: writes are taken"])
        store.close()
        store = try Store.open(directory)
        #expect(try store.keys("/").count == written + 1)
        store.close()
    }

    /// The writer copies a long log back by itself; what it has written before holds where there is no room for that.
    @Test func aCheckpointThatFailsTakesNothingBack() async throws {
        let mountPoint = try smallDisk("90m")
        defer { umount2(mountPoint, CInt(MNT_DETACH)) }
        let store = try Store.open(directory)
        let value = String(repeating: "x", count: 4 << 20)
        var written: Int64 = 0
        while store.log.ahead.bytes <= StoreLog.walBytesMax {
            #expect(try await store.put("/\(written)", value) == written + 1)
            written += 1
        }
        // What room there was the copy has taken.
        #expect(store.log.ahead.uncopiedBytes == store.log.ahead.bytes)
        #expect(await code { _ = try await store.put("/more", value) } == .diskFull)
        try #require(mount("tmpfs", mountPoint, "tmpfs", UInt(MS_REMOUNT), "size=200m") == 0)
        #expect(try await store.put("/more", value) == written + 1)
        store.close()
        let again = try Store.open(directory)
        #expect(try again.keys("/").count == Int(written) + 1)
        again.close()
    }

    @Test func aBackupIsAStoreAtOneRevisionAndRestoresBeyondIt() async throws {
        let store = try Store.open(directory)
        for index in 0..<100 { _ = try await store.put("/\(index)", "x") }
        let backup = "\(directory.path)/backup"
        async let more: Void = {
            for index in 0..<100 { _ = try await store.put("/later/\(index)", "x") }
        }()
        let revision = try await store.backup(to: backup)
        try await more
        let target = "\(directory.path)/restored"
        try await Store.restore(from: backup, to: target)
        let restored = try Store(directory: target, logger: Logger(label: "test"))
        #expect(try restored.keys("/").count == Int(revision))
        #expect(restored.revision == revision + Store.restoreRevisionGap)
        #expect(restored.get("/7")?.revision == 8)
        #expect(await code { _ = try restored.watch(prefix: "/", after: revision) } == .tooOld)
        #expect(await code { try await store.backup(to: backup) } == .inUse)
        #expect(await code { try await Store.restore(from: backup, to: target) } == .inUse)
    }

    @Test func anOpenStoreIsCopiedFromOutsideWhileItIsWritten() async throws {
        let store = try Store.open(directory)
        for index in 0..<100 { _ = try await store.put("/\(index)", "x") }
        let backup = "\(directory.path)/backup"
        async let more: Void = {
            for index in 0..<200 { _ = try await store.put("/later/\(index)", "x") }
        }()
        let revision = try await Store.backup(of: "\(directory.path)/state", to: backup)
        try await more
        #expect(revision >= 100)
        let target = "\(directory.path)/restored"
        try await Store.restore(from: backup, to: target)
        let restored = try Store(directory: target, logger: Logger(label: "test"))
        #expect(try restored.keys("/").count == Int(revision))
        #expect(restored.revision == revision + Store.restoreRevisionGap)
        #expect(await code { try await Store.backup(of: "\(directory.path)/state", to: backup) } == .inUse)
        #expect(await code { try await Store.backup(of: "\(directory.path)/none", to: "\(backup)2") } == .system)
    }
}
