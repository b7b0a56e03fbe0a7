import Glibc
import JSONText

/// Two network namespaces and a router between them, without Martlet; with `setServices`, the router translates by an
/// nftables map, as a node with kube-proxy's nftables mode would.
struct Plain {
    let prefix: String

    var client: String { "nsenter --net=/run/netns/\(prefix)-a -- " }
    var server: String { "nsenter --net=/run/netns/\(prefix)-b -- " }
    let clientAddress = "10.201.0.2"
    let address = "10.202.0.2"
    let service = "10.96.0.1"

    init(_ id: String, _ name: String) { prefix = "\(id)-\(name)" }

    func make() throws {
        try Shell.run(
            """
            set -e
            for n in a r b; do ip netns add \(prefix)-$n; ip -n \(prefix)-$n link set lo up; done
            ip -n \(prefix)-r link add ra type veth peer name eth0 netns \(prefix)-a
            ip -n \(prefix)-r link add rb type veth peer name eth0 netns \(prefix)-b
            ip -n \(prefix)-r address add 10.201.0.1/24 dev ra; ip -n \(prefix)-r address add 10.202.0.1/24 dev rb
            ip -n \(prefix)-a address add 10.201.0.2/24 dev eth0; ip -n \(prefix)-b address add 10.202.0.2/24 dev eth0
            for l in ra rb; do ip -n \(prefix)-r link set $l up; done
            for n in a b; do ip -n \(prefix)-$n link set eth0 up; done
            ip -n \(prefix)-a route add default via 10.201.0.1; ip -n \(prefix)-b route add default via 10.202.0.1
            nsenter --net=/run/netns/\(prefix)-r -- sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'
            """)
    }

    /// The rule set of that many Services, the measured one first.
    func setServices(_ count: Int) throws {
        let port = Manifests.port
        let elements = (0..<count).map { index in
            "10.\(96 + index / 62_500).\(index / 250 % 250).\(index % 250 + 1) . \(port) : \(address) . \(port)"
        }
        try apply(
            """
              map services { type ipv4_addr . inet_service : ipv4_addr . inet_service
                elements = { \(elements.joined(separator: ", ")) } }
              chain dial { type nat hook prerouting priority dstnat; dnat ip to ip daddr . tcp dport map @services; }
            """)
    }

    /// The router filters by a NetworkPolicy of namespace `bench`, as a policy engine on nftables would. Nil: nothing
    /// is filtered, nor tracked.
    func setPolicy(_ policy: JSONValue?, asSet: Bool) throws {
        let addresses = ["client": [clientAddress], "server": [address]]
        try apply(policy.map { FilterRules($0, addresses: addresses).chain(asSet: asSet) } ?? "")
    }

    /// Makes this the router's one table. Throws where nft is not there.
    private func apply(_ table: String) throws {
        guard !Shell.line("command -v nft").isEmpty else {
            throw BenchError("nft is not installed; apt-get install nftables")
        }
        let path = "/tmp/\(prefix).nft"
        try Shell.write("table ip bench\ndelete table ip bench\ntable ip bench {\n\(table)\n}\n", to: path)
        defer { unlink(path) }
        try Shell.run("nsenter --net=/run/netns/\(prefix)-r -- nft -f \(path)")
    }

    /// Removes every namespace that a run of this id made.
    static func removeAll(_ id: String) {
        let names = "ip netns list | awk -v id='\(id)-' 'index($1, id) == 1 { print $1 }'"
        _ = try? Shell.run("for n in $(\(names)); do ip netns delete $n; done")
    }
}
