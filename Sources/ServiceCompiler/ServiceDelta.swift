package import KubeObjects
package import MapLayout
package import NetTypes

/// What a client dials.
package struct Frontend: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let address: IPAddress
    package let port: UInt16
    package let transport: TransportProtocol

    package init(_ address: IPAddress, _ port: UInt16, _ transport: TransportProtocol) {
        self.address = address
        self.port = port
        self.transport = transport
    }

    package var description: String {
        "\(address.isV4 ? "\(address)" : "[\(address)]"):\(port)/\(transport.kubernetesName)"
    }

    package static func < (left: Self, right: Self) -> Bool {
        (left.address, left.port, left.transport) < (right.address, right.port, right.transport)
    }
}

/// Where a connection goes.
package struct Backend: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let address: IPAddress
    package let port: UInt16

    package init(_ address: IPAddress, _ port: UInt16) {
        self.address = address
        self.port = port
    }

    package var description: String { address.isV4 ? "\(address):\(port)" : "[\(address)]:\(port)" }

    package static func < (left: Self, right: Self) -> Bool {
        (left.address, left.port) < (right.address, right.port)
    }
}

package enum ServiceChange: Sendable {
    case service(Service)
    case serviceRemoved(ObjectKey)
    case slice(EndpointSlice)
    case sliceRemoved(ObjectKey)
}

/// Free one grace period after the delta was written; then handed to `ServiceCompiler.release`.
package enum RetiredService: Hashable, Sendable {
    case number(UInt32)
    case backends(Extent)
}

/// What changed, as writes in order: fresh backends, the extents that point to them, frontends that come, frontends
/// that go. A service's extent is swung by one store, so a packet sees the old backends or the new ones.
package struct ServiceDelta: Sendable, Equatable {
    package var operations: [MapOperation] = []
    package var retired: [RetiredService] = []
    /// To be persisted before anything is written.
    package var journal: [JournalEntry] = []
    package var problems: [ServiceError] = []

    package init() {}
}

/// What could not be compiled: the Service, and what does not fit.
package struct ServiceError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        case noServiceFree
        case noBackendFree
        /// Another Service has the same address, port and protocol.
        case frontendTaken
        /// An SCTP packet's checksum covers its ports: they cannot be translated.
        case portTranslated
    }

    package let code: Code
    package let service: ObjectKey
    package let message: String
    package let cause: String?

    package init(_ code: Code, _ service: ObjectKey, _ message: String, cause: String? = nil) {
        self.code = code
        self.service = service
        self.message = message
        self.cause = cause
    }

    package var description: String { "\(service): \(message)" + (cause.map { " (\($0))" } ?? "") }
}
