import APIClient
import APIMachinery
import APIServer
import FoundationEssentials
import Glibc
import JSONText
import Logging
import Store

/// `api/exchanges.json`: the API server alone, over a store in a fresh directory.
enum ExchangeRunner {
    /// A group passes where at least so many of its cases in a hundred do, those documented not counted.
    static let passingPercent = 90
    /// Cases in which this server answers otherwise on purpose, and why.
    static let documented: [String: String] = [
        "watch/initial": "the recorded server refuses sendInitialEvents with 500, this one serves it",
        "create/pod/162-spec.containers.0.securityContext":
            "the recorded server runs without --allow-privileged, this one allows privileged containers",
    ]
    static let startTimeout = Duration.seconds(30)

    static func run(_ file: JSONValue, overHTTPS: Bool) async throws -> FileResult {
        guard overHTTPS else {
            return try await withCore { core in await play(file, CoreTransport(core: core)) }
        }
        return try await withStore { store, directory, options in
            var configuration = APIServerConfiguration(
                stateDirectory: directory, listen: [.address(host: "127.0.0.1", port: 0)])
            configuration.core = options
            return try await overSockets(file, APIServerService(store: store, configuration: configuration))
        }
    }

    /// A server in this process, without sockets, for the time of `body`.
    static func withCore<Value: Sendable>(_ body: (APICore) async throws -> Value) async throws -> Value {
        try await withStore { store, directory, options in
            let core = try APICore(store: store, keyDirectory: "\(directory)/pki", options: options)
            try await core.bootstrap(endpoints: [], port: 6443)
            return try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await core.run() }
                let value = try await body(core)
                group.cancelAll()
                return value
            }
        }
    }

    private static func withStore<Value>(
        _ body: (Store, _ directory: String, APICoreOptions) async throws -> Value
    ) async throws -> Value {
        let directory = FileManager.default.temporaryDirectory.path + "/mt-conformance-\(getpid())"
        try? FileManager.default.removeItem(atPath: directory)
        try APIServerService.prepare(stateDirectory: directory)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let logger = Logger(label: "martlet.conformance", factory: { _ in SwiftLogNoOpLogHandler() })
        let store = try Store(directory: "\(directory)/store", options: APICore.storeOptions, logger: logger)
        defer { store.close() }
        var options = APICoreOptions()
        options.logger = logger
        options.clock = StandingClock()
        return try await body(store, directory, options)
    }

    private static func overSockets(_ file: JSONValue, _ service: APIServerService) async throws -> FileResult {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await service.run() }
            let deadline = ContinuousClock.now + startTimeout
            while service.ports.isEmpty, ContinuousClock.now < deadline {
                try await Task.sleep(for: .milliseconds(10))
            }
            let text = try service.kubeconfig(server: "https://127.0.0.1:\(service.ports.first ?? 0)")
            let transport = try HTTPSTransport(try Kubeconfig(yaml: text).access())
            let result = await play(file, transport)
            await transport.shutDown()
            group.cancelAll()
            // A cancelled server may report its cancellation.
            while let ended = await group.nextResult() { _ = ended }
            return result
        }
    }

    private static func play(_ file: JSONValue, _ transport: any ExchangeTransport) async -> FileResult {
        let player = ExchangePlayer(transport: transport)
        let run = String(UInt32.random(in: 0..<1 << 24) | 1 << 24, radix: 16).dropFirst()
        var result = FileResult()
        var tally = GroupTally()
        for (index, entry) in (file["cases"]?.array ?? []).enumerated() {
            let id = entry["id"]?.string ?? "?"
            let number = String(String(10_000 + index).dropFirst())
            let faults = await player.play(entry, namespace: "y\(run)\(number)")
            result.count(id, faults)
            tally.count(entry["group"]?.string ?? "?", id, hasPassed: faults.isEmpty)
        }
        result.notes = tally.lines
        result.isWithinBounds = tally.isWithinBounds
        return result
    }
}

/// Passed and failed cases by group.
struct GroupTally {
    private var groups: [String: (passed: Int, failed: [String])] = [:]

    mutating func count(_ group: String, _ id: String, hasPassed: Bool) {
        if hasPassed {
            groups[group, default: (0, [])].passed += 1
        } else {
            groups[group, default: (0, [])].failed.append(id)
        }
    }

    private func falls(_ group: (passed: Int, failed: [String])) -> Bool {
        let undocumented = group.failed.count { ExchangeRunner.documented[$0] == nil }
        return group.passed * 100 < (group.passed + undocumented) * ExchangeRunner.passingPercent
    }

    /// Whether no group falls under the bound.
    var isWithinBounds: Bool { !groups.values.contains(where: falls) }

    var lines: [String] {
        groups.sorted { $0.key < $1.key }.flatMap { name, group -> [String] in
            let remark = falls(group) ? " (under \(ExchangeRunner.passingPercent) in a hundred)" : ""
            let failed = group.failed.map { id in
                "  failed: \(id)" + (ExchangeRunner.documented[id].map { " (\($0))" } ?? "")
            }
            return ["\(name): \(group.passed) passed, \(group.failed.count) failed\(remark)"] + failed
        }
    }
}

/// The time at which it was made. Entries of `managedFields` are ordered by whole seconds, and each recorded case took
/// less than one; a slow machine takes more.
private struct StandingClock: WallClock {
    let now = SystemWallClock().now
}
