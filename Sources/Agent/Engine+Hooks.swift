import BPFRuntime
import MapLayout
import RouteCompiler

/// Where programs of ours have to run besides pods' links.
struct WantedHooks: Sendable {
    let uplinks: [UInt32]
    /// Nil where `connect` is switched off.
    let connectCgroup: String?
}

/// Hooks and namespace cookies against what `fsck` finds.
extension Engine {
    func compareNamespaces(_ image: MapImage, _ repair: Bool) throws -> [Difference] {
        var result: [Difference?] = []
        for cookie in Set(namespaces.keys).union(image.endpointOfNamespace.keys) {
            let wanted = namespaces[cookie]
            let found = image.endpointOfNamespace[cookie]
            // An ADD under way has its namespace registered without an endpoint.
            if wanted == nil, found == 0 { continue }
            result.append(
                try difference("pod_netns", cookie, wanted: wanted, found: found, repair: repair) {
                    () throws(DatapathError) in
                    if let wanted {
                        try datapath.put(MapCatalog.podNamespaces, cookie, wanted)
                    } else {
                        try datapath.remove(MapCatalog.podNamespaces, cookie)
                    }
                })
        }
        return result.compactMap { $0 }
    }

    /// Each hook runs this build's program, and the closed filter stands behind every pod's.
    func compareHooks(_ wanted: WantedHooks, _ repair: Bool) throws -> [Difference] {
        let ids = Dictionary(try datapath.inventory().programs.map { ($0.name, $0.id) }, uniquingKeysWith: { $1 })
        let held = Dictionary(
            try datapath.attachments().map { (Hook($0.kind, $0.program, $0.interface), $0.programID) },
            uniquingKeysWith: { $1 })
        var result: [Difference?] = []
        func compare(_ hook: Hook, _ attach: () throws(DatapathError) -> Void) throws {
            result.append(
                try difference("hooks", hook, wanted: ids[hook.program], found: held[hook], repair: repair) {
                    () throws(DatapathError) in
                    try attach()
                    _ = try datapath.takeOver()
                })
        }
        for interface in routes.records.compactMap({ $0.link?.interface }).sorted() {
            result.append(
                try difference(
                    "closed filters", interface, wanted: true, found: datapath.isClosed(interface: interface),
                    repair: repair
                ) { () throws(DatapathError) in try datapath.closePod(interface: interface) })
            for program in ["from_pod", "to_pod"] {
                try compare(Hook(.pod, program, interface)) { () throws(DatapathError) in
                    try datapath.attachPod(interface: interface)
                }
            }
        }
        for uplink in wanted.uplinks {
            for program in ["from_network", "to_network"] {
                try compare(Hook(.uplink, program, uplink)) { () throws(DatapathError) in
                    try datapath.attachUplink(interface: uplink)
                }
            }
        }
        guard let cgroup = wanted.connectCgroup else { return result.compactMap { $0 } }
        for hook in ConnectHook.allCases {
            try compare(Hook(.connect, hook.program, 0)) { () throws(DatapathError) in
                try datapath.attachConnect(cgroup: cgroup)
            }
        }
        return result.compactMap { $0 }
    }

    private struct Hook: Hashable, CustomStringConvertible {
        let kind: Attachment.Kind
        let program: String
        let interface: UInt32

        init(_ kind: Attachment.Kind, _ program: String, _ interface: UInt32) {
            self.kind = kind
            self.program = program
            self.interface = interface
        }

        var description: String { interface == 0 ? program : "\(program) of interface \(interface)" }
    }
}
