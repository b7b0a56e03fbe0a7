import APIClient
import BenchReport
import Glibc
import JSONText

/// The ways that are compared, with a server at the end of each.
struct Ways {
    /// From where a way is dialled, and whom.
    struct Way {
        let name: String
        /// As results name it.
        let text: String
        let client: String
        let address: String
        var port = Manifests.port
    }

    /// By round.
    struct Result {
        var roundTrip: [Double] = []
        var connect: [Double] = []
        var rate: [Double] = []
    }

    let all: [Way]
    /// The namespaces behind an nftables rule set; nil where the machine has no nft.
    let filtered: Plain?
    private let own: String
    private let id: String
    private let servers: [Shell.Running]

    /// Makes namespaces and servers. `end` takes them away.
    static func make(_ session: Session) async throws -> Ways {
        let node = session.node
        let pod = try await session.inside("client")
        let serverPod = try await session.inside("server")
        let plain = Plain(node.id, "plain")
        Plain.removeAll(node.id)
        try plain.make()
        var ways = [Way(name: "plain", text: "plain routing", client: plain.client, address: plain.address)]
        var filtered: Plain? = Plain(node.id, "nft")
        do {
            try filtered?.make()
            try filtered?.setServices(1)
        } catch {
            session.fail(.network, error)
            filtered = nil
        }
        if let filtered {
            ways.append(
                Way(name: "nft", text: "nftables Service", client: filtered.client, address: filtered.service))
        }
        let client = try node.client()
        let service = try await client.get(
            ObjectReference(.services, namespace: "bench", name: "measured"), subresource: "")
        await client.shutDown()
        guard let cluster = service[path: "spec", "clusterIP"]?.string else { throw BenchError("no cluster address") }
        ways += [
            Way(name: "pod", text: "pod to pod", client: pod, address: try node.address(of: "server")),
            Way(
                name: "socket", text: "ClusterIP at the socket", client: try node.asMember(pod), address: cluster,
                port: Manifests.portAtSocket),
            Way(
                name: "packet", text: "ClusterIP per packet", client: pod, address: cluster,
                port: Manifests.portPerPacket),
        ]
        let ends =
            [plain.server, filtered?.server].compactMap(\.self).map { ($0, Manifests.port) }
            + Manifests.ports.map { (serverPod, $0) }
        let servers = try ends.map { prefix, port in
            try Shell.Running("exec \(prefix)taskset -c 0 \(session.own) serve --port \(port)")
        }
        return Ways(all: ways, filtered: filtered, own: session.own, id: node.id, servers: servers)
    }

    func end() {
        for server in servers { server.end() }
        Plain.removeAll(id)
    }

    /// Each round measures every way, in turn; the client on one core, the servers on the other.
    func measure(rounds: Int) throws -> [String: Result] {
        var results: [String: Result] = [:]
        for way in all { try waitUntilReady(way) }
        for round in 0..<rounds {
            // Another way is the first of each round: what one leaves behind is not always the same other's load.
            for index in all.indices {
                let way = all[(index + round) % all.count]
                let dial = "taskset -c 1 \(own) ask --address \(way.address) --port \(way.port)"
                let line = try Shell.run("\(way.client)\(dial)")
                let values = line.split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
                guard values.count == 3 else { throw BenchError("\(way.name): \(line)") }
                results[way.name, default: Result()].roundTrip.append(values[0])
                results[way.name, default: Result()].connect.append(values[1])
                results[way.name, default: Result()].rate.append(values[2])
            }
        }
        return results
    }

    private func waitUntilReady(_ way: Way) throws {
        let dial = "\(way.client)\(own) ask --address \(way.address) --port \(way.port) --milliseconds 5"
        if Shell.poll(seconds: 10, { try Shell.run(dial) }) == nil {
            throw BenchError("\(way.name): \(way.address) does not answer: \(try Shell.run(dial))")
        }
    }
}
