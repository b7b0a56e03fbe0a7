import BPFRuntime
import Glibc
import MapLayout
import RouteCompiler

/// Where programs of ours have to run besides pods' links.
struct WantedHooks: Sendable {
    let uplinks: [UInt32]
    /// Nil where `connect` is switched off.
    let connectCgroup: String?
}

/// What has to run where: the part of `fsck` that `status` looks at each time.
extension Engine {
    /// Programs on their hooks, closed filters behind pods' programs, and namespaces' entries for `connect`.
    func hookDifferences(_ wanted: WantedHooks, repair: Bool) throws -> [Difference] {
        try compareHooks(wanted, repair) + compareNamespaces(repair)
    }

    private func compareNamespaces(_ repair: Bool) throws -> [Difference] {
        let held = Dictionary(
            try datapath.entries(MapCatalog.podNamespaces).map { ($0.key, $0.value) }, uniquingKeysWith: { $1 })
        var result: [Difference?] = []
        for cookie in Set(namespaces.keys).union(held.keys) {
            let (wanted, found) = (namespaces[cookie], held[cookie])
            // An ADD under way has its namespace registered without an endpoint.
            if wanted == nil, found == 0 { continue }
            let owner = wanted.flatMap { routes.record(number: $0) }.map { "\($0.owner)" } ?? "nobody"
            result.append(
                try difference(
                    "pod_netns", "network namespace \(cookie) of \(owner)", wanted: wanted, found: found, repair: repair
                ) { () throws(DatapathError) in
                    if let wanted {
                        try writer.put(MapCatalog.podNamespaces, cookie, wanted)
                    } else {
                        try writer.remove(MapCatalog.podNamespaces, cookie)
                    }
                })
        }
        return result.compactMap { $0 }
    }

    /// Each hook runs this build's program, and the closed filter stands behind every pod's.
    private func compareHooks(_ wanted: WantedHooks, _ repair: Bool) throws -> [Difference] {
        let ids = Dictionary(try datapath.inventory().programs.map { ($0.name, $0.id) }, uniquingKeysWith: { $1 })
        let held = Dictionary(
            try datapath.attachments().map { (Hook($0.kind, $0.program, $0.interface), $0.programID) },
            uniquingKeysWith: { $1 })
        var result: [Difference?] = []
        func compare(_ hook: Hook, on place: String, _ attach: () throws(DatapathError) -> Void) throws {
            result.append(
                try difference(
                    "hooks", "\(hook.program) on \(place)", wanted: ids[hook.program], found: held[hook], repair: repair
                ) { () throws(DatapathError) in
                    try attach()
                    _ = try datapath.takeOver()
                })
        }
        for record in routes.records.sorted(by: { $0.number < $1.number }) {
            guard let interface = record.link?.interface else { continue }
            let place = "\(Self.linkName(interface)) of \(record.owner)"
            let isClosed = try datapath.isClosed(interface: interface)
            result.append(
                try difference(
                    "hooks", "closed filter on \(place)", wanted: true, found: isClosed ? true : nil, repair: repair
                ) { () throws(DatapathError) in try datapath.closePod(interface: interface) })
            for program in ["from_pod", "to_pod"] {
                try compare(Hook(.pod, program, interface), on: place) { () throws(DatapathError) in
                    try datapath.attachPod(interface: interface)
                }
            }
        }
        for uplink in wanted.uplinks {
            for program in ["from_network", "to_network"] {
                try compare(Hook(.uplink, program, uplink), on: Self.linkName(uplink)) { () throws(DatapathError) in
                    try datapath.attachUplink(interface: uplink)
                }
            }
        }
        guard let cgroup = wanted.connectCgroup else { return result.compactMap { $0 } }
        for hook in ConnectHook.allCases {
            try compare(Hook(.connect, hook.program, 0), on: cgroup) { () throws(DatapathError) in
                try datapath.attachConnect(cgroup: cgroup)
            }
        }
        return result.compactMap { $0 }
    }

    /// As the calling thread's network namespace knows it, which is the node's.
    private static func linkName(_ interface: UInt32) -> String {
        var name = [CChar](repeating: 0, count: Int(IF_NAMESIZE))
        guard if_indextoname(interface, &name) != nil else { return "interface \(interface)" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private struct Hook: Hashable {
        let kind: Attachment.Kind
        let program: String
        let interface: UInt32

        init(_ kind: Attachment.Kind, _ program: String, _ interface: UInt32) {
            self.kind = kind
            self.program = program
            self.interface = interface
        }
    }
}
