/// Where the parts of a node of its own are; all follows from its run id.
struct NodeLayout: Sendable {
    static let root = "/run/martlet"
    /// The node's devices and addresses; every run has them, each in namespaces of its own.
    static let uplink = "uplink0"
    static let nodeAddresses = ["10.98.0.1", "fd98::1"]
    static let uplinkAddresses = [("10.97.0.2", 24), ("fd97::2", 64)]
    static let lanLink = "lan0"
    static let lanAddresses = [("10.97.0.1", 24), ("fd97::1", 64)]
    /// What plays the outside, in the second namespace.
    static let outsideAddresses = ["203.0.113.10", "2001:db8::10"]

    let id: String

    /// Throws `badName` where `id` is not 1 to 16 lower-case letters, digits and inner hyphens.
    init(id: String) throws(NodeError) {
        let bytes = Array(id.utf8)
        let allowed = bytes.allSatisfy {
            ($0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "z")) || ($0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9"))
                || $0 == UInt8(ascii: "-")
        }
        guard allowed, (1...16).contains(bytes.count), bytes.first != UInt8(ascii: "-"),
            bytes.last != UInt8(ascii: "-")
        else {
            throw NodeError(.badName, "run id \"\(id)\" is not 1 to 16 lower-case letters, digits and inner hyphens")
        }
        self.id = id
    }

    var name: String { "martlet-\(id)" }
    var directory: String { "\(Self.root)/\(id)" }
    var lock: String { "\(directory)/lock" }
    var processes: String { "\(directory)/processes" }
    var state: String { "\(directory)/state" }
    var bpffs: String { "\(directory)/bpf" }
    var kubeconfig: String { "\(directory)/admin.kubeconfig" }
    var socket: String { "\(directory)/martletd.sock" }
    var staticPods: String { "\(directory)/static-pods" }
    var containerdDirectory: String { "\(directory)/containerd" }
    var containerdSocket: String { "\(containerdDirectory)/containerd.sock" }
    var containerdConfiguration: String { "\(containerdDirectory)/config.toml" }
    var pluginDirectory: String { "\(directory)/cni/bin" }
    var networkDirectory: String { "\(directory)/cni/net.d" }
    var images: String { "\(directory)/images" }
    var namespace: String { "/run/netns/\(name)" }
    var lanNamespace: String { "/run/netns/\(name)-lan" }

    func log(_ part: String) -> String { "\(directory)/\(part).log" }
}
