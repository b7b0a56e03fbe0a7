package import NetTypes

/// What the maps say at one generation, as plain values: the kernel's side of `fsck`, of the dump of maps, of tests.
/// A flat array appears by those of its elements that something refers to, or that are not zero.
package struct MapImage: Sendable, Equatable {
    package struct Endpoint: Hashable, Sendable {
        /// Class id in the slot of the generation.
        package var classID: UInt32
        package var incarnation: UInt32
        /// `enum martlet_endpoint_flag`.
        package var flags: UInt32
        package var interface: UInt32
        package var mac: MACAddress?

        package init(classID: UInt32, incarnation: UInt32, flags: UInt32, interface: UInt32, mac: MACAddress?) {
            self.classID = classID
            self.incarnation = incarnation
            self.flags = flags
            self.interface = interface
            self.mac = mac
        }
    }

    package struct Frontend: Hashable, Sendable, Comparable {
        package let address: IPAddress
        package let port: UInt16
        package let transport: UInt8

        package init(address: IPAddress, port: UInt16, transport: UInt8) {
            self.address = address
            self.port = port
            self.transport = transport
        }

        package static func < (left: Self, right: Self) -> Bool {
            (left.address, left.port, left.transport) < (right.address, right.port, right.transport)
        }
    }

    package struct Service: Hashable, Sendable {
        package var extent: BackendExtent
        package var flags: UInt32

        package init(extent: BackendExtent, flags: UInt32) {
            self.extent = extent
            self.flags = flags
        }
    }

    package struct Backend: Hashable, Sendable, Comparable {
        package let address: IPAddress
        package let port: UInt16

        package init(address: IPAddress, port: UInt16) {
            self.address = address
            self.port = port
        }

        package static func < (left: Self, right: Self) -> Bool {
            (left.address, left.port) < (right.address, right.port)
        }
    }

    package var generation: UInt32 = 0
    package var controlFlags: UInt32 = 0
    // Identity.
    package var endpointOfAddress: [IPAddress: UInt32] = [:]
    package var endpoints: [UInt32: Endpoint] = [:]
    package var endpointOfNamespace: [UInt64: UInt32] = [:]
    package var numberOfNetwork: [CIDR: UInt32] = [:]
    /// Network number → CIDR class id.
    package var networkClasses: [UInt32: UInt32] = [:]
    // Policy, by class index, CIDR class index and rule index.
    package var classLists: [UInt32: ClassLists] = [:]
    package var classRows: [UInt32: [UInt64]] = [:]
    package var blockRows: [UInt32: [UInt64]] = [:]
    package var rules: [UInt32: RuleEntry] = [:]
    // Services.
    package var serviceOfFrontend: [Frontend: UInt32] = [:]
    package var services: [UInt32: Service] = [:]
    package var backends: [UInt32: Backend] = [:]
    /// What no writer of ours leaves: a tag of another key, a rule with an unknown action, an extent past the end.
    package var faults: [String] = []

    package init() {}

    /// The backends of a frontend, in the order of their extent; nil where there is no such frontend.
    package func backends(of frontend: Frontend) -> [Backend]? {
        guard let number = serviceOfFrontend[frontend] else { return nil }
        guard let service = services[number] else { return [] }
        return (service.extent.offset..<service.extent.offset + service.extent.count).compactMap { backends[$0] }
    }

    /// The rules of a list, in the order in which they are asked.
    package func rules(of list: ListEntry) -> [RuleEntry] {
        (list.extent.offset..<list.extent.end).compactMap { rules[$0] }
    }
}
