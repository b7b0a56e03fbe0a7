package import NetTypes

/// A unicast route.
package struct Route: Sendable, Hashable {
    /// `rtm_protocol` of the routes that Martlet makes, so that they can be told from others.
    package static let ownProtocol: UInt8 = 109

    package enum Scope: UInt8, Sendable {
        case universe = 0
        case link = 253
        case host = 254
        case nowhere = 255
    }

    package var destination: CIDR
    package var gateway: IPAddress?
    /// The device; 0 where the kernel names none (a multipath route, say).
    package var link: UInt32
    package var preferredSource: IPAddress?
    package var scope: Scope
    /// The gateway is taken as reachable through `link` though no route covers it.
    package var isOnLink: Bool
    package var metric: UInt32?
    package var table: UInt32
    package var origin: UInt8
    /// `RTN_*`: 1 is unicast.
    package var type: UInt8

    package init(
        to destination: CIDR, via gateway: IPAddress? = nil, link: UInt32, preferredSource: IPAddress? = nil,
        isOnLink: Bool = false, metric: UInt32? = nil
    ) {
        self.destination = destination
        self.gateway = gateway
        self.link = link
        self.preferredSource = preferredSource
        self.isOnLink = isOnLink
        self.metric = metric
        scope = gateway == nil && destination.family == .v4 ? .link : .universe
        table = UInt32(RouteAttribute.tableMain)
        origin = Self.ownProtocol
        type = RouteAttribute.typeUnicast
    }

    /// Everything of a family.
    package static func everything(_ family: IPFamily) -> CIDR {
        switch family {
        case .v4: CIDR(.unspecifiedV4).truncated
        case .v6: CIDR(.unspecifiedV6).truncated
        }
    }

    init(message: NetlinkMessage) throws(NetlinkError) {
        let payload = message.payload[...]
        guard payload.count >= 12, let flags = payload.native(UInt32.self, at: 8) else {
            throw NetlinkError(.malformed, "a route message is cut off")
        }
        let header = Array(payload.prefix(8))
        let attributes = try Attributes(payload.dropFirst(12))
        let family: IPFamily = header[0] == AddressFamily.v4 ? .v4 : .v6
        let address = try attributes.address(RouteAttribute.destination)
        let any = family == .v4 ? IPAddress.unspecifiedV4 : .unspecifiedV6
        guard let destination = CIDR(address ?? any, prefixLength: Int(header[1])) else {
            throw NetlinkError(.malformed, "a route's destination has \(header[1]) bits")
        }
        self.destination = destination
        gateway = try attributes.address(RouteAttribute.gateway)
        link = attributes.number(RouteAttribute.outputInterface) ?? 0
        preferredSource = try attributes.address(RouteAttribute.preferredSource)
        scope = Scope(rawValue: header[6]) ?? .universe
        isOnLink = flags & RouteAttribute.nextHopOnLink != 0
        metric = attributes.number(RouteAttribute.priority)
        table = attributes.number(RouteAttribute.table) ?? UInt32(header[4])
        origin = header[5]
        type = header[7]
    }

    private var payload: PayloadWriter {
        var header: [UInt8] = [
            destination.family == .v4 ? AddressFamily.v4 : AddressFamily.v6, UInt8(destination.prefixLength), 0, 0,
            RouteAttribute.tableMain, origin, scope.rawValue, type,
        ]
        header.append(native: isOnLink ? RouteAttribute.nextHopOnLink : 0)
        var payload = PayloadWriter(header: header)
        if destination.prefixLength > 0 { payload.put(RouteAttribute.destination, address: destination.address) }
        if let gateway { payload.put(RouteAttribute.gateway, address: gateway) }
        if link != 0 { payload.put(RouteAttribute.outputInterface, number: link) }
        if let preferredSource { payload.put(RouteAttribute.preferredSource, address: preferredSource) }
        if let metric { payload.put(RouteAttribute.priority, number: metric) }
        return payload
    }

    /// Adds the route, or replaces the one with the same destination and metric.
    func addRequest() -> NetlinkMessage {
        NetlinkMessage(
            type: MessageType.newRoute, flags: MessageFlag.create | MessageFlag.replace, payload: payload.bytes)
    }

    func deleteRequest() -> NetlinkMessage {
        NetlinkMessage(type: MessageType.deleteRoute, flags: 0, payload: payload.bytes)
    }

    static func dump(_ family: IPFamily) -> NetlinkMessage {
        var header = [UInt8](repeating: 0, count: 12)
        header[0] = family == .v4 ? AddressFamily.v4 : AddressFamily.v6
        return NetlinkMessage(type: MessageType.getRoute, flags: MessageFlag.dump, payload: header)
    }
}

extension CIDR {
    fileprivate var truncated: CIDR { CIDR(address, prefixLength: 0) ?? self }
}
