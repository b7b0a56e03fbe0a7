// Numbers of the kernel's interface: linux/netlink.h, linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h,
// linux/neighbour.h, linux/veth.h, linux/sock_diag.h and linux/inet_diag.h.

package enum NetlinkFamily: Int32, Sendable {
    /// Links, addresses, routes, neighbours.
    case route = 0
    /// Sockets.
    case socketDiagnosis = 4
}

enum MessageType {
    static let error: UInt16 = 2
    static let done: UInt16 = 3
    /// Of the family `socketDiagnosis`, as the next.
    static let socketByFamily: UInt16 = 20
    static let destroySocket: UInt16 = 21
    static let newLink: UInt16 = 16
    static let deleteLink: UInt16 = 17
    static let getLink: UInt16 = 18
    static let newAddress: UInt16 = 20
    static let deleteAddress: UInt16 = 21
    static let getAddress: UInt16 = 22
    static let newRoute: UInt16 = 24
    static let deleteRoute: UInt16 = 25
    static let getRoute: UInt16 = 26
    static let newNeighbour: UInt16 = 28
    static let deleteNeighbour: UInt16 = 29
    static let getNeighbour: UInt16 = 30
}

enum MessageFlag {
    static let request: UInt16 = 0x1
    static let multi: UInt16 = 0x2
    static let acknowledge: UInt16 = 0x4
    static let dumpInterrupted: UInt16 = 0x10
    static let dump: UInt16 = 0x300
    static let replace: UInt16 = 0x100
    static let exclusive: UInt16 = 0x200
    static let create: UInt16 = 0x400
    /// Of an error message: the request is not echoed in full, and attributes follow.
    static let capped: UInt16 = 0x100
    static let acknowledgeAttributes: UInt16 = 0x200
}

enum LinkAttribute {
    static let address: UInt16 = 1
    static let name: UInt16 = 3
    static let mtu: UInt16 = 4
    static let link: UInt16 = 5
    static let info: UInt16 = 18
    static let alias: UInt16 = 20
    static let namespaceFD: UInt16 = 28
    static let transmitQueues: UInt16 = 31
    static let receiveQueues: UInt16 = 32
    static let infoKind: UInt16 = 1
    static let infoData: UInt16 = 2
    static let vethPeer: UInt16 = 1
}

enum LinkFlag {
    static let up: UInt32 = 0x1
}

enum AddressAttribute {
    static let address: UInt16 = 1
    static let local: UInt16 = 2
    static let flags: UInt16 = 8
    static let flagNoDAD: UInt32 = 0x02
    static let flagNoPrefixRoute: UInt32 = 0x200
}

enum RouteAttribute {
    static let destination: UInt16 = 1
    static let outputInterface: UInt16 = 4
    static let gateway: UInt16 = 5
    static let priority: UInt16 = 6
    static let preferredSource: UInt16 = 7
    static let table: UInt16 = 15
    static let nextHopOnLink: UInt32 = 4
    static let typeUnicast: UInt8 = 1
    static let tableMain: UInt8 = 254
}

enum NeighbourAttribute {
    static let destination: UInt16 = 1
    static let linkLayerAddress: UInt16 = 2
    static let statePermanent: UInt16 = 0x80
}

enum AddressFamily {
    static let unspecified: UInt8 = 0
    static let v4: UInt8 = 2
    static let v6: UInt8 = 10
}
