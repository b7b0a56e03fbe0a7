package import JSONText
package import KubeObjects
package import NetTypes
import PolicyCompiler

/// Flows as the daemon counted them (`traffic` of the local socket).
package struct SeenFlow: Hashable, Sendable {
    package enum Party: Hashable, Sendable, Comparable, CustomStringConvertible {
        /// Of a pair: a workload. Of an open connection: a pod.
        case name(ObjectKey)
        case address(IPAddress)

        init?(_ text: String) {
            if let address = IPAddress(text) {
                self = .address(address)
            } else if let slash = text.firstIndex(of: "/") {
                self = .name(ObjectKey(String(text[..<slash]), String(text[text.index(after: slash)...])))
            } else {
                return nil
            }
        }

        package var description: String {
            switch self {
            case .name(let key): "\(key)"
            case .address(let address): "\(address)"
            }
        }

        package static func < (left: Self, right: Self) -> Bool { left.description < right.description }
    }

    package let source: Party
    package let destination: Party
    /// IANA number.
    package let transport: UInt8
    package let port: UInt16
    package let isAllowed: Bool
    package let count: Int64
    /// RFC 3339; empty for open connections.
    package let last: String

    package init(
        source: Party, destination: Party, transport: UInt8, port: UInt16, isAllowed: Bool = true, count: Int64 = 1,
        last: String = ""
    ) {
        self.source = source
        self.destination = destination
        self.transport = transport
        self.port = port
        self.isAllowed = isAllowed
        self.count = count
        self.last = last
    }

    /// Nil for a row that is not understood.
    init?(_ row: JSONValue) {
        guard let source = row["source"]?.string.flatMap(Party.init),
            let destination = row["destination"]?.string.flatMap(Party.init),
            let transport = row["transport"]?.integer.flatMap(UInt8.init(exactly:)),
            let port = row["port"]?.integer.flatMap(UInt16.init(exactly:))
        else { return nil }
        self.init(
            source: source, destination: destination, transport: transport, port: port,
            isAllowed: row["allowed"]?.bool ?? true, count: row["flows"]?.integer ?? 1,
            last: row["last"]?.string ?? "")
    }

    package var portText: String { PortSpan(transport, PortRange(port)).text }

    package var json: JSONValue {
        [
            "source": .string("\(source)"), "destination": .string("\(destination)"), "port": .string(portText),
            "flows": .integer(count), "last": .string(last),
        ]
    }
}

package struct SeenTraffic: Sendable {
    /// Of the last hour, by workload.
    package let pairs: [SeenFlow]
    /// Open now, by pod.
    package let live: [SeenFlow]

    package init(pairs: [SeenFlow] = [], live: [SeenFlow] = []) {
        self.pairs = pairs
        self.live = live
    }

    /// The daemon's answer.
    package init(_ answer: JSONValue) {
        pairs = (answer["pairs"]?.array ?? []).compactMap { SeenFlow($0) }
        live = (answer["live"]?.array ?? []).compactMap { SeenFlow($0) }
    }
}

extension PolicyDiff {
    /// What the change does to flows that were seen.
    package struct Effect: Sendable {
        /// Open connections that it cuts.
        package let cutLive: [SeenFlow]
        /// Flows of the last hour, allowed then, that it would not let through any more.
        package let cut: [SeenFlow]
        /// Flows of the last hour, dropped then, that it would let through.
        package let opened: [SeenFlow]

        package var cutLiveCount: Int64 { cutLive.reduce(0) { $0 + $1.count } }
    }

    /// A flow between workloads counts where it does for some pods of theirs.
    package func effect(on traffic: SeenTraffic) -> Effect {
        Effect(
            cutLive: traffic.live.filter { changes($0, from: true) },
            cut: traffic.pairs.filter { $0.isAllowed && changes($0, from: true) },
            opened: traffic.pairs.filter { !$0.isAllowed && changes($0, from: false) })
    }

    /// Whether a flow that gets through before (or does not) does not afterwards (or does).
    private func changes(_ flow: SeenFlow, from isOpen: Bool) -> Bool {
        for source in ends(flow.source) {
            for destination in ends(flow.destination) where destination != source {
                guard let was = isOpenBefore(source, destination, flow), was.before == isOpen else { continue }
                if was.after != isOpen { return true }
            }
        }
        return false
    }

    private func isOpenBefore(
        _ source: ReachEnd, _ destination: ReachEnd, _ flow: SeenFlow
    ) -> (before: Bool, after: Bool)? {
        func isOpen(_ mesh: PolicyMesh) -> Bool? {
            guard let from = place(source, mesh), let to = place(destination, mesh) else { return nil }
            return mesh.compiler.passes(from: from, to: to).contains { $0.span.contains(flow.transport, flow.port) }
        }
        guard let was = isOpen(before), let will = isOpen(after) else { return nil }
        return (was, will)
    }

    private func place(_ end: ReachEnd, _ mesh: PolicyMesh) -> ReachPlace? {
        switch end {
        case .pod(let key): mesh.place(key)
        case .address(let address): mesh.place(address)
        }
    }

    private func ends(_ party: SeenFlow.Party) -> [ReachEnd] {
        switch party {
        case .address(let address): [.address(address)]
        case .name(let key): workloads[key]?.map { .pod($0) } ?? [.pod(key)]
        }
    }
}
