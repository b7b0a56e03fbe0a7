package import CMartletABI
package import KubeObjects
package import NetTypes

/// Whose endpoint it is.
package enum EndpointOwner: Hashable, Sendable, CustomStringConvertible {
    /// `uid` as whoever attached it says; empty where it says none.
    case pod(ObjectKey, uid: String)
    /// No Pod object: matched by `ipBlock` alone.
    case unmanaged

    package var pod: ObjectKey? {
        switch self {
        case .pod(let key, _): key
        case .unmanaged: nil
        }
    }

    package var description: String {
        switch self {
        case .pod(let key, _): key.description
        case .unmanaged: "unmanaged"
        }
    }
}

/// The node's end of a pod's link.
package struct LocalLink: Hashable, Sendable {
    package let interface: UInt32
    /// Of the pod's own interface.
    package let podMAC: MACAddress

    package init(interface: UInt32, podMAC: MACAddress) {
        self.interface = interface
        self.podMAC = podMAC
    }
}

/// A pod of this node, as it was attached. Local pods compile from this, not from `status.podIPs`.
package struct LocalAttachment: Hashable, Sendable {
    /// Unique among attachments: container id and interface.
    package let id: String
    package let owner: EndpointOwner
    package let addresses: [IPAddress]
    package let link: LocalLink

    package init(id: String, owner: EndpointOwner, addresses: [IPAddress], link: LocalLink) {
        self.id = id
        self.owner = owner
        self.addresses = addresses
        self.link = link
    }
}

/// One endpoint of the kernel's table.
package struct EndpointRecord: Hashable, Sendable {
    /// Index in the endpoint array; never 0.
    package let number: UInt32
    /// Unique among all endpoints there ever were: a flow of a former holder of the number is not taken for this one's.
    package let incarnation: UInt32
    package let owner: EndpointOwner
    package let addresses: [IPAddress]
    /// Nil for pods of other nodes.
    package let link: LocalLink?

    /// The kernel's entry, with one class in all four slots.
    package func entry(class classID: UInt32, closed: Bool) -> martlet_endpoint {
        var entry = martlet_endpoint()
        entry.class_id = (classID, classID, classID, classID)
        entry.incarnation = incarnation
        entry.flags = MARTLET_ENDPOINT_LIVE.rawValue
        if closed { entry.flags |= MARTLET_ENDPOINT_CLOSED.rawValue }
        if owner == .unmanaged { entry.flags |= MARTLET_ENDPOINT_UNMANAGED.rawValue }
        if let link {
            entry.flags |= MARTLET_ENDPOINT_LOCAL.rawValue
            entry.ifindex = link.interface
            withUnsafeMutableBytes(of: &entry.mac) { $0.copyBytes(from: link.podMAC.bytes) }
        }
        return entry
    }
}
