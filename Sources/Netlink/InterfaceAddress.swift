package import NetTypes

/// An address of a device.
package struct InterfaceAddress: Sendable, Hashable {
    package var link: UInt32
    package var address: IPAddress
    /// Bits of the address' own family.
    package var prefixLength: Int

    package init(link: UInt32, address: IPAddress, prefixLength: Int? = nil) {
        self.link = link
        self.address = address
        self.prefixLength = prefixLength ?? address.family.addressBits
    }

    init(message: NetlinkMessage) throws(NetlinkError) {
        let payload = message.payload[...]
        guard payload.count >= 8, let index = payload.native(UInt32.self, at: 4),
            let length = payload.native(UInt8.self, at: 1)
        else { throw NetlinkError(.malformed, "an address message is cut off") }
        let attributes = try Attributes(payload.dropFirst(8))
        let local = try attributes.address(AddressAttribute.local)
        let peer = try attributes.address(AddressAttribute.address)
        guard let address = local ?? peer else {
            throw NetlinkError(.malformed, "an address message of link \(index) holds no address")
        }
        guard Int(length) <= address.family.addressBits else {
            throw NetlinkError(.malformed, "\(address) has a prefix of \(length) bits")
        }
        self.init(link: index, address: address, prefixLength: Int(length))
    }

    /// `struct ifaddrmsg` and attributes.
    private var payload: PayloadWriter {
        let v4 = address.isV4
        var header: [UInt8] = [v4 ? AddressFamily.v4 : AddressFamily.v6, UInt8(prefixLength), 0, 0]
        header.append(native: link)
        var payload = PayloadWriter(header: header)
        payload.put(AddressAttribute.local, address: address)
        payload.put(AddressAttribute.address, address: address)
        return payload
    }

    /// Adds it without duplicate address detection, which would leave it unusable for a second; what is there stays.
    func addRequest(prefixRoute: Bool) -> NetlinkMessage {
        var payload = payload
        var flags = address.isV4 ? 0 : AddressAttribute.flagNoDAD
        if !prefixRoute { flags |= AddressAttribute.flagNoPrefixRoute }
        if flags != 0 { payload.put(AddressAttribute.flags, number: flags) }
        return NetlinkMessage(
            type: MessageType.newAddress, flags: MessageFlag.create | MessageFlag.replace, payload: payload.bytes)
    }

    func deleteRequest() -> NetlinkMessage {
        NetlinkMessage(type: MessageType.deleteAddress, flags: 0, payload: payload.bytes)
    }

    static func dump() -> NetlinkMessage {
        NetlinkMessage(type: MessageType.getAddress, flags: MessageFlag.dump, payload: Array(repeating: 0, count: 8))
    }
}
