package import NetTypes

/// An entry of the ARP or neighbour discovery table.
package struct Neighbour: Sendable, Hashable {
    package var link: UInt32
    package var address: IPAddress
    package var mac: MACAddress?
    /// Never expires and is never asked for.
    package var isPermanent: Bool

    package init(link: UInt32, address: IPAddress, mac: MACAddress) {
        self.link = link
        self.address = address
        self.mac = mac
        isPermanent = true
    }

    init(message: NetlinkMessage) throws(NetlinkError) {
        let payload = message.payload[...]
        guard payload.count >= 12, let index = payload.native(Int32.self, at: 4), index > 0,
            let state = payload.native(UInt16.self, at: 8)
        else { throw NetlinkError(.malformed, "a neighbour message is cut off") }
        let attributes = try Attributes(payload.dropFirst(12))
        guard let address = try attributes.address(NeighbourAttribute.destination) else {
            throw NetlinkError(.malformed, "a neighbour of link \(index) has no address")
        }
        link = UInt32(index)
        self.address = address
        mac = attributes[NeighbourAttribute.linkLayerAddress].flatMap { MACAddress(bytes: Array($0)) }
        isPermanent = state & NeighbourAttribute.statePermanent != 0
    }

    private var payload: PayloadWriter {
        var header: [UInt8] = [address.isV4 ? AddressFamily.v4 : AddressFamily.v6, 0, 0, 0]
        header.append(native: Int32(bitPattern: link))
        header.append(native: NeighbourAttribute.statePermanent)
        header.append(contentsOf: [0, 0])
        var payload = PayloadWriter(header: header)
        payload.put(NeighbourAttribute.destination, address: address)
        if let mac { payload.put(NeighbourAttribute.linkLayerAddress, bytes: mac.bytes) }
        return payload
    }

    func addRequest() -> NetlinkMessage {
        NetlinkMessage(
            type: MessageType.newNeighbour, flags: MessageFlag.create | MessageFlag.replace, payload: payload.bytes)
    }

    func deleteRequest() -> NetlinkMessage {
        NetlinkMessage(type: MessageType.deleteNeighbour, flags: 0, payload: payload.bytes)
    }

    static func dump() -> NetlinkMessage {
        NetlinkMessage(
            type: MessageType.getNeighbour, flags: MessageFlag.dump, payload: Array(repeating: 0, count: 12))
    }
}
