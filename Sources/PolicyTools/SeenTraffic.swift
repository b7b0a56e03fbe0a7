package import JSONText
package import KubeObjects
package import NetTypes
import PolicyCompiler

/// Flows as the daemon counted them (`traffic` of the local socket).
package struct SeenFlow: Hashable, Sendable {
    package let source: FlowParty
    package let destination: FlowParty
    package let family: IPFamily
    /// IANA number.
    package let transport: UInt8
    package let port: UInt16
    package let isAllowed: Bool
    package let count: Int64
    /// RFC 3339; empty for open connections.
    package let last: String
    /// Of an open connection: the strictest `on-change` of both ends' policies when it was judged last; nil for none.
    package let changeMode: ChangeMode?

    package init(
        source: FlowParty, destination: FlowParty, family: IPFamily = .v4, transport: UInt8, port: UInt16,
        isAllowed: Bool = true, count: Int64 = 1, last: String = "", changeMode: ChangeMode? = nil
    ) {
        self.source = source
        self.destination = destination
        self.family = family
        self.transport = transport
        self.port = port
        self.isAllowed = isAllowed
        self.count = count
        self.last = last
        self.changeMode = changeMode
    }

    /// Nil for a row that is not understood.
    init?(_ row: JSONValue) {
        guard let source = row["source"]?.string.flatMap(FlowParty.init),
            let destination = row["destination"]?.string.flatMap(FlowParty.init),
            let family = row["family"]?.string.flatMap(IPFamily.init(kubernetesName:)),
            let transport = row["transport"]?.integer.flatMap(UInt8.init(exactly:)),
            let port = row["port"]?.integer.flatMap(UInt16.init(exactly:))
        else { return nil }
        self.init(
            source: source, destination: destination, family: family, transport: transport, port: port,
            isAllowed: row["allowed"]?.bool ?? true, count: row["flows"]?.integer ?? 1,
            last: row["last"]?.string ?? "", changeMode: row["onChange"]?.string.flatMap(ChangeMode.init(rawValue:)))
    }

    package var portText: String { PortSpan(transport, PortRange(port)).text }

    package var json: JSONValue {
        [
            "source": .string("\(source)"), "destination": .string("\(destination)"),
            "family": .string(family.kubernetesName), "port": .string(portText),
            "flows": .integer(count), "last": .string(last),
        ]
    }
}

package struct SeenTraffic: Sendable {
    /// Of the last hour, by workload.
    package let pairs: [SeenFlow]
    /// Open now, by pod.
    package let live: [SeenFlow]
    /// What is missing, in words.
    package let notes: [String]

    package init(pairs: [SeenFlow] = [], live: [SeenFlow] = []) {
        self.pairs = pairs
        self.live = live
        notes = []
    }

    /// The daemon's answer.
    package init(_ answer: JSONValue) {
        let (pairs, live) = (answer["pairs"]?.array ?? [], answer["live"]?.array ?? [])
        self.pairs = pairs.compactMap { SeenFlow($0) }
        self.live = live.compactMap { SeenFlow($0) }
        var notes: [String] = []
        if let count = answer["liveLeftOut"]?.integer, count > 0 {
            notes.append("of the pairs with open connections \(count) are not looked at, those with the fewest")
        }
        let unread = pairs.count + live.count - self.pairs.count - self.live.count
        if unread > 0 {
            notes.append(
                "\(unread) rows of the daemon's answer are not understood: use the martlet of the daemon's version")
        }
        self.notes = notes
    }
}
