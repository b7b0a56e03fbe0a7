import Glibc
import Logging
import Synchronization
import TestKit
import Testing

@testable import Store

@Suite struct StoreKillTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// Acknowledgements go to a file through the page cache, which outlives the process.
    @Test(.timeLimit(.minutes(5))) func killedInMidWriteItHasEveryAcknowledgedWrite() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        var random = SeededGenerator(seed: seed)
        let path = directory.path
        var acknowledged: [String: Int64] = [:]
        var round = 0
        while acknowledged.count < 10_000 {
            round += 1
            let plan = KillPlan(
                path: path, round: round, killAfter: Int.random(in: 200...1_500, using: &random),
                pauseMicroseconds: UInt32.random(in: 0...3_000, using: &random))
            await #expect(processExitsWith: .signal(SIGKILL), "seed \(seed), round \(round)") {
                [plan = plan as KillPlan] in
                try await plan.writeUntilKilled()
            }
            for line in String(decoding: try FileBytes.read("\(path)/acknowledged"), as: UTF8.self).split(
                separator: "\n")
            // A line that the kill cut short is no acknowledgement.
            where line.hasSuffix(".") {
                let parts = line.dropLast().split(separator: " ")
                if parts.count == 2, let revision = Int64(parts[1]) { acknowledged[String(parts[0])] = revision }
            }
            let store = try Store.open(directory)
            let lost = acknowledged.filter { store.get($0.key)?.revision != $0.value }
            #expect(lost.isEmpty, "seed \(seed), round \(round): \(lost.count) lost, as \(lost.first?.key ?? "")")
            store.close()
            try #require(lost.isEmpty && !acknowledged.isEmpty)
        }
    }
}

/// What the child does: 32 writers; after `killAfter` acknowledgements, and a pause within some commit, the end.
struct KillPlan: Codable, Sendable {
    let path: String
    let round: Int
    let killAfter: Int
    let pauseMicroseconds: UInt32

    func writeUntilKilled() async throws {
        let store = try Store(directory: "\(path)/state", logger: Logger(label: "child"))
        let descriptor = open("\(path)/acknowledged", O_WRONLY | O_CREAT | O_APPEND, 0o600)
        let count = Counter()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<32 {
                group.addTask {
                    for index in 0... {
                        let key = "/\(round)/\(writer)/\(index)"
                        let revision = try await store.put(key, String(repeating: "v", count: index % 700))
                        let line = "\(key) \(revision).\n"
                        guard write(descriptor, line, line.utf8.count) == line.utf8.count else { exit(3) }
                        if count.increment() == killAfter {
                            usleep(pauseMicroseconds)
                            kill(getpid(), SIGKILL)
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}

private final class Counter: Sendable {
    private let value = Mutex(0)

    func increment() -> Int {
        value.withLock { value in
            value += 1
            return value
        }
    }
}

enum FileBytes {
    static func read(_ path: String) throws -> [UInt8] {
        guard let file = fopen(path, "r") else { throw StoreError.system("fopen", path) }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count == 0 { return bytes }
            bytes += buffer[..<count]
        }
    }
}
