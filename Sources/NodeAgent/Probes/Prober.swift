import AsyncHTTPClient
import Glibc
import JSONText
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// Runs single probes and hooks. TCP and HTTP go out of the daemon's own network namespace, which is the node's.
final class Prober: Sendable {
    private let runtime: any ContainerRuntime
    /// Made for the first HTTP probe.
    private let http = Mutex<HTTPClient?>(nil)

    init(runtime: any ContainerRuntime) { self.runtime = runtime }

    /// Certificates are not checked and redirects not followed: a probe asks whether a server answers at all.
    private func client() -> HTTPClient {
        http.withLock { http in
            if let http { return http }
            var settings = HTTPClient.Configuration()
            settings.redirectConfiguration = .disallow
            settings.tlsConfiguration = .makeClientConfiguration()
            settings.tlsConfiguration?.certificateVerification = .none
            settings.connectionPool.idleTimeout = .seconds(1)
            let made = HTTPClient(eventLoopGroup: MultiThreadedEventLoopGroup.singleton, configuration: settings)
            http = made
            return made
        }
    }

    /// Ends the probes that are under way. What the client still waits for, ten seconds where a pod that has gone does
    /// not answer, it waits for alone.
    func shutdown() {
        let client = http.withLock { $0.take() }
        client?.shutdown { _ in }
    }

    /// nil on success, else why it failed.
    func probe(_ spec: ProbeSpec, container: ContainerSpec, id: String, addresses: [String]) async -> String? {
        await run(spec.json, timeout: spec.timeout, container: container, id: id, addresses: addresses)
    }

    /// Carries out `exec`, `httpGet`, `tcpSocket` or `sleep`; nil on success.
    func run(_ handler: JSONValue, timeout: Duration, container: ContainerSpec, id: String, addresses: [String]) async
        -> String?
    {
        if let command = handler[path: "exec", "command"]?.stringArray {
            return await exec(command, id: id, timeout: timeout)
        }
        if let request = handler["httpGet"] {
            return await get(request, container: container, addresses: addresses, timeout: timeout)
        }
        if let socket = handler["tcpSocket"] {
            return await connect(socket, container: container, addresses: addresses, timeout: timeout)
        }
        if let seconds = handler[path: "sleep", "seconds"]?.integer {
            try? await Task.sleep(for: min(.seconds(seconds), timeout))
            return nil
        }
        return "no handler"
    }

    private func exec(_ command: [String], id: String, timeout: Duration) async -> String? {
        do {
            let result = try await runtime.execSync(id, command: command, timeout: timeout)
            guard result.exitCode != 0 else { return nil }
            let text = String(decoding: result.output.prefix(512), as: UTF8.self)
            return text.isEmpty ? "exit code \(result.exitCode)" : text
        } catch {
            return error.message
        }
    }

    private func get(_ request: JSONValue, container: ContainerSpec, addresses: [String], timeout: Duration) async
        -> String?
    {
        guard let port = Self.port(request["port"], of: container) else { return "httpGet.port names no port" }
        guard let host = request["host"]?.string ?? addresses.first else { return "the pod has no address" }
        let scheme = request["scheme"]?.string == "HTTPS" ? "https" : "http"
        let path = request["path"]?.string ?? "/"
        let authority = host.contains(":") ? "[\(host)]" : host
        var call = HTTPClientRequest(url: "\(scheme)://\(authority):\(port)\(path.hasPrefix("/") ? path : "/" + path)")
        call.headers.add(name: "User-Agent", value: "martlet-probe")
        call.headers.add(name: "Connection", value: "close")
        for header in request["httpHeaders"]?.array ?? [] {
            guard let name = header["name"]?.string else { continue }
            call.headers.replaceOrAdd(name: name, value: header["value"]?.string ?? "")
        }
        do {
            let answer = try await client().execute(call, timeout: TimeAmount(timeout))
            let code = answer.status.code
            return (200..<400).contains(code) ? nil : "HTTP probe failed with statuscode: \(code)"
        } catch {
            return "Get \"\(call.url)\": \(Self.reason(error))"
        }
    }

    private func connect(_ socket: JSONValue, container: ContainerSpec, addresses: [String], timeout: Duration) async
        -> String?
    {
        guard let port = Self.port(socket["port"], of: container) else { return "tcpSocket.port names no port" }
        guard let host = socket["host"]?.string ?? addresses.first else { return "the pod has no address" }
        do {
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connectTimeout(TimeAmount(timeout)).connect(host: host, port: port).get()
            try? await channel.close()
            return nil
        } catch {
            return "dial tcp \(host):\(port): \(Self.reason(error))"
        }
    }

    /// What stood in the way, in the system's words where it was the system.
    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as IOError: String(cString: strerror(error.errnoCode))
        case let error as NIOConnectionError:
            error.connectionErrors.first.map { reason($0.error) } ?? "no address of that name"
        case is ChannelError: "no connection in time"
        case let error as HTTPClientError where error == .connectTimeout || error == .deadlineExceeded:
            "no answer in time"
        default: "\(error)"
        }
    }

    /// A number, or the name of one of the container's ports.
    static func port(_ value: JSONValue?, of container: ContainerSpec) -> Int? {
        if let number = value?.integer { return Int(number) }
        guard let name = value?.string else { return nil }
        if let number = Int(name) { return number }
        let port = (container.json["ports"]?.array ?? []).first { $0["name"]?.string == name }
        return port?["containerPort"]?.integer.map(Int.init)
    }
}
