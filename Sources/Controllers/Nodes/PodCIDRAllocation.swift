package import NetTypes

/// Cuts a cluster's pod blocks into one per node. Pure; what is taken is passed in.
package struct PodCIDRAllocation: Sendable {
    /// At most one of each family.
    package let clusterCIDRs: [CIDR]
    package let nodePrefixLengthV4: Int
    package let nodePrefixLengthV6: Int

    package init(clusterCIDRs: [CIDR], nodePrefixLengthV4: Int = 24, nodePrefixLengthV6: Int = 64) {
        self.clusterCIDRs = clusterCIDRs
        self.nodePrefixLengthV4 = nodePrefixLengthV4
        self.nodePrefixLengthV6 = nodePrefixLengthV6
    }

    /// The lowest block of each family that overlaps none of `used`; nil where a family has none left.
    package func allocate(used: [CIDR]) -> [CIDR]? {
        var result: [CIDR] = []
        for cluster in clusterCIDRs {
            guard let block = free(in: cluster, used.filter { $0.family == cluster.family }) else { return nil }
            result.append(block)
        }
        return result
    }

    private func free(in cluster: CIDR, _ used: [CIDR]) -> CIDR? {
        let length = max(
            cluster.family == .v4 ? nodePrefixLengthV4 : nodePrefixLengthV6, cluster.prefixLength)
        let step = UInt128(1) << UInt128(cluster.family.addressBits - length)
        let blocks = UInt128(1) << UInt128(min(length - cluster.prefixLength, 32))
        let start = UInt128(cluster.address.high) << 64 | UInt128(cluster.address.low)
        // Blocks that are taken push the search on, so it ends after one more than there are.
        var index = UInt128(0)
        while index < blocks {
            let number = start + index * step
            let address = IPAddress(
                high: UInt64(truncatingIfNeeded: number >> 64), low: UInt64(truncatingIfNeeded: number))
            guard let block = CIDR(address, prefixLength: length) else { return nil }
            if !used.contains(where: block.overlaps) { return block }
            index += 1
        }
        return nil
    }
}
