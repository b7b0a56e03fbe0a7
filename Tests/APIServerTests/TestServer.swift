import APIMachinery
import Glibc
import JSONText
import Logging
import Store
import Synchronization
import Testing

@testable import APIServer

/// A core over a store of its own in a fresh directory, which goes with it.
final class TestServer: Sendable {
    let directory: String
    let store: Store
    let core: APICore
    let clock: TestClock

    private let isOwner: Bool

    /// - Parameter directory: state to go on with; nil for a fresh one.
    init(
        directory given: String? = nil, storing: StoreOptions = APICore.storeOptions,
        configure: (inout APICoreOptions) -> Void = { _ in }
    ) throws {
        isOwner = given == nil
        directory = try given ?? Self.makeDirectory()
        clock = TestClock()
        var options = APICoreOptions()
        options.clock = clock
        options.logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        configure(&options)
        store = try Store(directory: "\(directory)/store", options: storing, logger: options.logger)
        core = try APICore(store: store, keyDirectory: "\(directory)/pki", options: options)
    }

    deinit {
        store.close()
        if isOwner { Self.remove(directory) }
    }

    static func makeDirectory() throws -> String {
        var template = Array("/tmp/mt-api-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.map { mkdtemp($0) != nil } ?? false
        }
        guard made else { throw APIStatus.badRequest("mkdtemp failed with errno \(errno)") }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Removes a directory of files and of directories of files.
    static func remove(_ path: String) {
        if let directory = opendir(path) {
            while let entry = readdir(directory) {
                let name = withUnsafePointer(to: entry.pointee.d_name) { pointer in
                    pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                if name != ".", name != ".." { remove("\(path)/\(name)") }
            }
            closedir(directory)
            rmdir(path)
        } else {
            unlink(path)
        }
    }

    struct Answer: Sendable {
        let status: Int
        let headers: [(name: String, value: String)]
        let text: String
        var json: JSONValue { (try? JSONValue(parsing: text)) ?? .null }
        var reason: String { json["reason"]?.string ?? "" }
    }

    @discardableResult
    func call(
        _ method: String, _ target: String, _ body: JSONValue? = nil, accept: String = "application/json",
        content: String = "application/json", user: UserInfo? = .master("admin"),
        headers: [(name: String, value: String)] = []
    ) async -> Answer {
        await send(
            method, target, body?.compactBytes ?? [], accept: accept, content: content, user: user, headers: headers)
    }

    func send(
        _ method: String, _ target: String, _ body: [UInt8], accept: String = "application/json",
        content: String = "application/json", user: UserInfo? = .master("admin"),
        headers: [(name: String, value: String)] = []
    ) async -> Answer {
        let all = [("accept", accept), ("content-type", content), ("user-agent", "test/1")] + headers
        let response = await core.respond(
            APIRequest(method: method, target: target, headers: all, body: body, user: user))
        guard case .bytes(let bytes) = response.body else {
            return Answer(status: response.status, headers: response.headers, text: "")
        }
        return Answer(
            status: response.status, headers: response.headers, text: String(decoding: bytes, as: UTF8.self))
    }

    /// The server's tables on a disk of the test's own.
    static func storing(_ syncFile: @escaping @Sendable (Int32) -> Int32) -> StoreOptions {
        var options = APICore.storeOptions
        options.syncFile = syncFile
        return options
    }

    /// A namespace with its service account `default`.
    func makeNamespace(_ name: String) async {
        await call(
            "POST", "/api/v1/namespaces",
            ["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(name)]])
        await call(
            "POST", "/api/v1/namespaces/\(name)/serviceaccounts",
            ["apiVersion": "v1", "kind": "ServiceAccount", "metadata": ["name": "default"]])
    }

    static func configMap(_ name: String, _ data: [String: String] = ["a": "1"], labels: [String: String] = [:])
        -> JSONValue
    {
        [
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": ["name": .string(name), "labels": .object(labels.mapValues { .string($0) })],
            "data": .object(data.mapValues { .string($0) }),
        ]
    }

    /// Opens a watch and gives its lines one by one.
    func watch(_ target: String, user: UserInfo = .master("admin"), accept: String = "application/json")
        async throws -> WatchLines
    {
        let response = await core.respond(
            APIRequest(method: "GET", target: target, headers: [("accept", accept)], user: user))
        guard case .stream(let stream) = response.body else {
            Issue.record("no stream: \(response)")
            throw APIStatus.badRequest("no stream")
        }
        return WatchLines(stream: stream)
    }
}

/// A time that a test sets.
final class TestClock: WallClock {
    private let seconds = Mutex<Int64>(1_800_000_000)
    var now: Timestamp { Timestamp(secondsSince1970: seconds.withLock { $0 }) }
    func advance(_ by: Int64) { seconds.withLock { $0 += by } }
}

/// The lines of a watch, parsed.
final class WatchLines: Sendable {
    let stream: any ByteStream
    private let waiting = Mutex<[JSONValue]>([])

    init(stream: any ByteStream) { self.stream = stream }

    /// The next event; nil at the end.
    func next() async -> JSONValue? {
        while true {
            // Not `nil` in a conditional: it would be JSON's null.
            if let first = waiting.withLock({ lines in lines.first.map { _ in lines.removeFirst() } }) { return first }
            guard let bytes = await stream.next() else { return nil }
            let lines = bytes.split(separator: UInt8(ascii: "\n")).compactMap { try? JSONValue(parsing: Array($0)) }
            waiting.withLock { $0 += lines }
        }
    }

    func nextPair() async -> String {
        guard let event = await next() else { return "end" }
        return "\(event["type"]?.string ?? "") \(event["object"]?.name ?? "")"
    }
}
