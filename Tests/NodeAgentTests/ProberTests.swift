import Glibc
import JSONText
import Testing

@testable import NodeAgent

@Suite struct ProberTests {
    /// Listens on 127.0.0.1 with a queue that is full, and so says nothing to who connects: like a pod that has gone.
    private final class SilentServer {
        let port: UInt16
        private var sockets: [Int32] = []

        init() throws {
            let length = socklen_t(MemoryLayout<sockaddr_in>.size)
            func call(
                _ function: (Int32, UnsafePointer<sockaddr>?, socklen_t) -> Int32, _ socket: Int32,
                _ address: sockaddr_in
            ) -> Int32 {
                withUnsafePointer(to: address) { pointer in
                    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { function(socket, $0, length) }
                }
            }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue)
            let server = socket(AF_INET, type, 0)
            sockets.append(server)
            try #require(call(bind, server, address) == 0 && listen(server, 0) == 0)
            var size = length
            let named = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(server, $0, &size) }
            }
            try #require(named == 0)
            port = UInt16(bigEndian: address.sin_port)
            for _ in 0..<3 {
                let client = socket(AF_INET, type, 0)
                sockets.append(client)
                _ = call(connect, client, address)
            }
        }

        deinit { for socket in sockets { close(socket) } }
    }

    @Test func aServerThatSaysNothingHoldsUpNeitherItsProbeNorTheEnd() async throws {
        let server = try SilentServer()
        let prober = Prober(runtime: CRIRuntime(connection: try RuntimeConnection(socket: "/nowhere")))
        let clock = ContinuousClock()
        let start = clock.now
        let fault = await prober.run(
            ["httpGet": ["host": "127.0.0.1", "port": .integer(Int64(server.port))]], timeout: .milliseconds(100),
            container: ContainerSpec([:]), id: "", addresses: [])
        #expect(fault?.hasSuffix("no answer in time") == true, "\(fault ?? "it answered")")
        prober.shutdown()
        // The connection is tried for ten seconds.
        #expect(clock.now - start < .seconds(5))
        withExtendedLifetime(server) {}
    }
}
