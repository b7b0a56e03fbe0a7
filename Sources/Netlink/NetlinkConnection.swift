package import NetTypes

/// Requests and their answers over one socket; blocking, and not to be shared between threads.
package final class NetlinkConnection {
    /// How often a dump is read anew when it changed underneath.
    static let dumpAttemptsMax = 8

    private let socket: any NetlinkSocket
    private var sequence: UInt32 = 0

    package init(socket: any NetlinkSocket) { self.socket = socket }

    /// A connection to the namespace of the calling thread.
    package convenience init(_ family: NetlinkFamily = .route) throws(NetlinkError) {
        self.init(socket: try KernelNetlinkSocket(family))
    }

    package func close() { socket.close() }

    /// Sends a request, and waits until the kernel has done it. Throws `refused` with the kernel's errno and words.
    func perform(_ request: NetlinkMessage, _ what: @autoclosure () -> String) throws(NetlinkError) {
        let number = try send(request, extraFlags: MessageFlag.acknowledge)
        while true {
            for message in try receive(number) where message.type == MessageType.error {
                return try Self.check(message, what())
            }
        }
    }

    /// The one message that answers a get request; nil where there is no such thing.
    func get(_ request: NetlinkMessage, answer: UInt16, _ what: String) throws(NetlinkError) -> NetlinkMessage? {
        let number = try send(request, extraFlags: 0)
        while true {
            for message in try receive(number) {
                if message.type == answer { return message }
                guard message.type == MessageType.error else { continue }
                do {
                    try Self.check(message, what)
                } catch {
                    if error.isMissing { return nil }
                    throw error
                }
            }
        }
    }

    /// All messages of a dump; read anew where the kernel says that it was interrupted by a change.
    func dump(_ request: NetlinkMessage, answer: UInt16, _ what: String) throws(NetlinkError) -> [NetlinkMessage] {
        for _ in 0..<Self.dumpAttemptsMax {
            if let messages = try dumpOnce(request, answer: answer, what) { return messages }
        }
        throw NetlinkError(.unstableDump, "\(what): changed during each of \(Self.dumpAttemptsMax) readings")
    }

    private func dumpOnce(_ request: NetlinkMessage, answer: UInt16, _ what: String) throws(NetlinkError)
        -> [NetlinkMessage]?
    {
        let number = try send(request, extraFlags: 0)
        var found: [NetlinkMessage] = []
        var interrupted = false
        while true {
            for message in try receive(number) {
                if message.flags & MessageFlag.dumpInterrupted != 0 { interrupted = true }
                switch message.type {
                case MessageType.done: return interrupted ? nil : found
                case MessageType.error: try Self.check(message, what)
                case answer: found.append(message)
                default: throw NetlinkError(.malformed, "\(what): message type \(message.type) in a dump")
                }
            }
        }
    }

    private func send(_ request: NetlinkMessage, extraFlags: UInt16) throws(NetlinkError) -> UInt32 {
        sequence &+= 1
        var request = request
        request.flags |= MessageFlag.request | extraFlags
        request.sequence = sequence
        try socket.send(request.bytes)
        return sequence
    }

    /// The messages of the next datagram that answer request `number`; others are left-overs of a request that failed.
    private func receive(_ number: UInt32) throws(NetlinkError) -> [NetlinkMessage] {
        let messages = try NetlinkMessage.parse(try socket.receive())
        return messages.filter { $0.sequence == number && ($0.port == socket.port || $0.port == 0) }
    }

    private static func check(_ message: NetlinkMessage, _ what: String) throws(NetlinkError) {
        guard let outcome = try message.outcome() else { return }
        let words = outcome.words.isEmpty ? what : "\(what): \(outcome.words)"
        throw NetlinkError(.refused, words, errno: outcome.errno)
    }
}

// Links.
extension NetlinkConnection {
    package func links() throws(NetlinkError) -> [Link] {
        var links: [Link] = []
        for message in try dump(LinkRequest.dump(), answer: MessageType.newLink, "list links") {
            links.append(try Link(message: message))
        }
        return links
    }

    /// Nil where there is none of that name.
    package func link(named name: String) throws(NetlinkError) -> Link? {
        guard let message = try get(LinkRequest.get(name: name), answer: MessageType.newLink, "get link \(name)") else {
            return nil
        }
        return try Link(message: message)
    }

    /// Makes a pair, both ends down. `peerNamespace`: nil makes the other end in this namespace too.
    package func createVeth(_ pair: VethPair, peerNamespace: NetworkNamespace? = nil) throws(NetlinkError) {
        let request = LinkRequest.createVeth(pair, peerNamespace: peerNamespace?.descriptor ?? -1)
        try perform(request, "create veth \(pair.name) with peer \(pair.peerName)")
    }

    package func deleteLink(index: UInt32) throws(NetlinkError) {
        try perform(LinkRequest.delete(index: index), "delete link \(index)")
    }

    package func setLink(index: UInt32, up: Bool) throws(NetlinkError) {
        try perform(LinkRequest.setUp(index: index, up: up), "set link \(index) \(up ? "up" : "down")")
    }

    package func setLink(index: UInt32, alias: String) throws(NetlinkError) {
        try perform(LinkRequest.setAlias(index: index, alias: alias), "set the alias of link \(index)")
    }

    package func setLink(index: UInt32, mtu: Int) throws(NetlinkError) {
        try perform(LinkRequest.setMTU(index: index, mtu: mtu), "set the MTU of link \(index) to \(mtu)")
    }
}

// Addresses, routes, neighbours.
extension NetlinkConnection {
    package func addresses() throws(NetlinkError) -> [InterfaceAddress] {
        var addresses: [InterfaceAddress] = []
        for message in try dump(InterfaceAddress.dump(), answer: MessageType.newAddress, "list addresses") {
            addresses.append(try InterfaceAddress(message: message))
        }
        return addresses
    }

    /// `prefixRoute`: the kernel adds a route to the prefix.
    package func add(_ address: InterfaceAddress, prefixRoute: Bool = true) throws(NetlinkError) {
        try perform(
            address.addRequest(prefixRoute: prefixRoute),
            "add address \(address.address)/\(address.prefixLength) to link \(address.link)")
    }

    package func delete(_ address: InterfaceAddress) throws(NetlinkError) {
        try perform(address.deleteRequest(), "delete address \(address.address) of link \(address.link)")
    }

    /// Unicast routes of the main table.
    package func routes(_ family: IPFamily) throws(NetlinkError) -> [Route] {
        var routes: [Route] = []
        for message in try dump(Route.dump(family), answer: MessageType.newRoute, "list routes") {
            let route = try Route(message: message)
            if route.table == UInt32(RouteAttribute.tableMain), route.type == RouteAttribute.typeUnicast {
                routes.append(route)
            }
        }
        return routes
    }

    package func add(_ route: Route) throws(NetlinkError) {
        try perform(route.addRequest(), "add route to \(route.destination) through link \(route.link)")
    }

    package func delete(_ route: Route) throws(NetlinkError) {
        try perform(route.deleteRequest(), "delete route to \(route.destination) through link \(route.link)")
    }

    package func neighbours() throws(NetlinkError) -> [Neighbour] {
        var neighbours: [Neighbour] = []
        for message in try dump(Neighbour.dump(), answer: MessageType.newNeighbour, "list neighbours") {
            neighbours.append(try Neighbour(message: message))
        }
        return neighbours
    }

    package func add(_ neighbour: Neighbour) throws(NetlinkError) {
        try perform(neighbour.addRequest(), "add neighbour \(neighbour.address) to link \(neighbour.link)")
    }

    package func delete(_ neighbour: Neighbour) throws(NetlinkError) {
        try perform(neighbour.deleteRequest(), "delete neighbour \(neighbour.address) of link \(neighbour.link)")
    }
}
