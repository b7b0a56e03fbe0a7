package import NetTypes

/// A network device.
package struct Link: Sendable, Hashable {
    package var index: UInt32
    package var name: String
    /// Nil for devices without an Ethernet address.
    package var mac: MACAddress?
    package var mtu: Int
    package var isUp: Bool
    /// `veth`, `vxlan` …; empty for devices without one.
    package var kind: String
    /// Free text kept by the kernel; marks what is ours.
    package var alias: String
    /// A veth's other end, counted in the namespace where that end lives; nil for other devices.
    package var peerIndex: UInt32?

    init(message: NetlinkMessage) throws(NetlinkError) {
        let payload = message.payload[...]
        guard let index = payload.native(Int32.self, at: 4), index > 0, let flags = payload.native(UInt32.self, at: 8),
            payload.count >= 16
        else { throw NetlinkError(.malformed, "a link message is cut off") }
        let attributes = try Attributes(payload.dropFirst(16))
        guard let name = attributes.text(LinkAttribute.name) else {
            throw NetlinkError(.malformed, "link \(index) has no name")
        }
        self.index = UInt32(index)
        self.name = name
        mac = attributes[LinkAttribute.address].flatMap { MACAddress(bytes: Array($0)) }
        mtu = Int(attributes.number(LinkAttribute.mtu) ?? 0)
        isUp = flags & LinkFlag.up != 0
        kind = try attributes.nested(LinkAttribute.info)?.text(LinkAttribute.infoKind) ?? ""
        alias = attributes.text(LinkAttribute.alias) ?? ""
        peerIndex = kind == "veth" ? attributes.number(LinkAttribute.link) : nil
    }
}

/// A veth pair to be made: one end here, the other in another namespace under its final name.
package struct VethPair: Sendable, Hashable {
    package var name: String
    package var mac: MACAddress?
    package var peerName: String
    package var peerMAC: MACAddress?
    package var mtu: Int

    package init(name: String, mac: MACAddress? = nil, peerName: String, peerMAC: MACAddress? = nil, mtu: Int) {
        self.name = name
        self.mac = mac
        self.peerName = peerName
        self.peerMAC = peerMAC
        self.mtu = mtu
    }
}

/// Requests about links.
package enum LinkRequest {
    /// `struct ifinfomsg`.
    static func header(index: UInt32 = 0, flags: UInt32 = 0, change: UInt32 = 0) -> [UInt8] {
        var bytes: [UInt8] = [AddressFamily.unspecified, 0, 0, 0]
        bytes.append(native: Int32(bitPattern: index))
        bytes.append(native: flags)
        bytes.append(native: change)
        return bytes
    }

    static func dump() -> NetlinkMessage {
        NetlinkMessage(type: MessageType.getLink, flags: MessageFlag.dump, payload: header())
    }

    static func get(name: String) -> NetlinkMessage {
        var payload = PayloadWriter(header: header())
        payload.put(LinkAttribute.name, text: name)
        return NetlinkMessage(type: MessageType.getLink, flags: 0, payload: payload.bytes)
    }

    /// `peerNamespace`: a descriptor of the namespace of the other end; negative for this one.
    static func createVeth(_ pair: VethPair, peerNamespace: Int32) -> NetlinkMessage {
        var peer = PayloadWriter(header: header())
        peer.put(LinkAttribute.name, text: pair.peerName)
        if let mac = pair.peerMAC { peer.put(LinkAttribute.address, bytes: mac.bytes) }
        peer.put(LinkAttribute.mtu, number: UInt32(pair.mtu))
        peer.put(LinkAttribute.transmitQueues, number: UInt32(1))
        peer.put(LinkAttribute.receiveQueues, number: UInt32(1))
        if peerNamespace >= 0 { peer.put(LinkAttribute.namespaceFD, number: peerNamespace) }
        var data = PayloadWriter()
        data.put(LinkAttribute.vethPeer, nested: peer)
        var info = PayloadWriter()
        info.put(LinkAttribute.infoKind, bytes: Array("veth".utf8))
        info.put(LinkAttribute.infoData, nested: data)
        var payload = PayloadWriter(header: header())
        payload.put(LinkAttribute.name, text: pair.name)
        if let mac = pair.mac { payload.put(LinkAttribute.address, bytes: mac.bytes) }
        payload.put(LinkAttribute.mtu, number: UInt32(pair.mtu))
        payload.put(LinkAttribute.transmitQueues, number: UInt32(1))
        payload.put(LinkAttribute.receiveQueues, number: UInt32(1))
        payload.put(LinkAttribute.info, nested: info)
        return NetlinkMessage(
            type: MessageType.newLink, flags: MessageFlag.create | MessageFlag.exclusive, payload: payload.bytes)
    }

    static func delete(index: UInt32) -> NetlinkMessage {
        NetlinkMessage(type: MessageType.deleteLink, flags: 0, payload: header(index: index))
    }

    static func setUp(index: UInt32, up: Bool) -> NetlinkMessage {
        let payload = header(index: index, flags: up ? LinkFlag.up : 0, change: LinkFlag.up)
        return NetlinkMessage(type: MessageType.newLink, flags: 0, payload: payload)
    }

    static func setAlias(index: UInt32, alias: String) -> NetlinkMessage {
        var payload = PayloadWriter(header: header(index: index))
        payload.put(LinkAttribute.alias, bytes: Array(alias.utf8))
        return NetlinkMessage(type: MessageType.newLink, flags: 0, payload: payload.bytes)
    }

    static func setMTU(index: UInt32, mtu: Int) -> NetlinkMessage {
        var payload = PayloadWriter(header: header(index: index))
        payload.put(LinkAttribute.mtu, number: UInt32(mtu))
        return NetlinkMessage(type: MessageType.newLink, flags: 0, payload: payload.bytes)
    }
}
