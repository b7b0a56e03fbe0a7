import Glibc
import Logging
import Synchronization

@testable import Store

/// A directory of one test's own, removed at the end of it.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/mt-store-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw StoreError.system("mkdtemp", "/tmp") }
        path = String(cString: made)
    }

    deinit { Self.remove(path) }

    private static func remove(_ path: String) {
        if let directory = opendir(path) {
            while let entry = readdir(directory) {
                let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                }
                if name != ".", name != ".." { remove("\(path)/\(name)") }
            }
            closedir(directory)
        }
        _ = Glibc.remove(path)
    }
}

/// A clock that a test moves.
final class ManualSeconds: Sendable {
    private let seconds = Mutex(Int64(1_000))
    var now: Int64 { seconds.withLock { $0 } }
    func advance(by more: Int64) { seconds.withLock { $0 += more } }
}

extension Store {
    static func open(
        _ directory: TemporaryDirectory, _ options: StoreOptions = StoreOptions(),
        logger: Logger = Logger(label: "test")
    ) throws -> Store {
        try Store(directory: directory.path + "/state", options: options, logger: logger)
    }

    func put(_ key: String, _ text: String, _ expected: StoreExpectation = .anything) async throws -> Int64 {
        try await commit([.put(key: key, value: Array(text.utf8), expected: expected)]).revision
    }

    func text(_ key: String) -> String? { get(key).map { String(decoding: $0.value, as: UTF8.self) } }

    func keys(_ prefix: String) throws -> [String] { try list(prefix: prefix).entries.map(\.key) }
}

/// The error's code, nil where the body throws nothing of the store's.
func code(_ body: () async throws -> Void) async -> StoreError.Code? {
    do {
        try await body()
        return nil
    } catch {
        return (error as? StoreError)?.code
    }
}

/// Keeps the lines of a log, each with its level.
struct LogLines: LogHandler {
    private let lines = Lines()
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.debug
    var all: [String] { lines.all.withLock { $0 } }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        lines.all.withLock { $0.append("\(event.level) \(event.message)") }
    }

    private final class Lines: Sendable {
        let all = Mutex<[String]>([])
    }
}
