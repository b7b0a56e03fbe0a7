package import CMartletABI
package import NetTypes

extension IPAddress {
    /// As it lies in kernel maps: 16 bytes in network order, IPv4 mapped.
    package var mapped: martlet_address {
        martlet_address(high: high.bigEndian, low: low.bigEndian)
    }

    package init(_ mapped: martlet_address) {
        self.init(high: UInt64(bigEndian: mapped.high), low: UInt64(bigEndian: mapped.low))
    }
}

extension martlet_network_key {
    /// The trie's key of a block; the prefix counts over 128 bits.
    package init(_ block: CIDR) {
        self.init()
        prefix_length = UInt32(block.mappedPrefixLength)
        withUnsafeMutableBytes(of: &address) { $0.copyBytes(from: block.address.networkBytes) }
    }

    /// Nil where the length is impossible: such a key was not written by us.
    package var block: CIDR? {
        let bytes = withUnsafeBytes(of: address) { Array($0) }
        guard let address = IPAddress(networkBytes: bytes) else { return nil }
        return CIDR(address, prefixLength: Int(prefix_length) - (128 - address.family.addressBits))
    }
}

extension martlet_frontend_key {
    /// - Parameter port: in host order.
    package init(address: IPAddress, port: UInt16, protocol: UInt8) {
        self.init()
        self.address = address.mapped
        self.port = port.bigEndian
        self.protocol = `protocol`
    }

    package var ipAddress: IPAddress { IPAddress(address) }
    /// In host order.
    package var hostPort: UInt16 { UInt16(bigEndian: port) }
}

extension martlet_backend {
    /// - Parameter port: in host order.
    package init(address: IPAddress, port: UInt16) {
        self.init()
        self.address = address.mapped
        self.port = port.bigEndian
    }

    package var ipAddress: IPAddress { IPAddress(address) }
    /// In host order.
    package var hostPort: UInt16 { UInt16(bigEndian: port) }
}

extension martlet_prefix {
    package init(_ block: CIDR) {
        let ones = IPAddress(high: .max, low: .max)
        self.init(address: block.address.mapped, mask: ones.masked(to: block.mappedPrefixLength).mapped)
    }
}
