package import JSONText
package import NetTypes

/// What compilers and controllers need of a Node.
package struct Node: Hashable, Sendable {
    package var metadata: ObjectMeta
    package var podCIDRs: [CIDR]
    /// `status.addresses` of type InternalIP and ExternalIP.
    package var addresses: [IPAddress]
    package var isReady: Bool
    package var isUnschedulable: Bool

    package init(
        metadata: ObjectMeta, podCIDRs: [CIDR] = [], addresses: [IPAddress] = [], isReady: Bool = true,
        isUnschedulable: Bool = false
    ) {
        self.metadata = metadata
        self.podCIDRs = podCIDRs
        self.addresses = addresses
        self.isReady = isReady
        self.isUnschedulable = isUnschedulable
    }

    package var name: String { metadata.name }

    package init(_ object: JSONValue) throws(ObjectError) {
        let reader = FieldReader(object)
        self.init(metadata: try ObjectMeta(object: reader))
        isReady = false
        isUnschedulable = try reader["spec"]["unschedulable"].bool() ?? false
        for entry in try reader["spec"]["podCIDRs"].elements() {
            if let block = try entry.cidr() { podCIDRs.append(block) }
        }
        if podCIDRs.isEmpty, let block = try reader["spec"]["podCIDR"].cidr() { podCIDRs.append(block) }
        for entry in try reader["status"]["addresses"].elements() {
            let type = try entry["type"].string()
            guard type == "InternalIP" || type == "ExternalIP" else { continue }
            if let address = try entry["address"].address() { addresses.append(address) }
        }
        for condition in try reader["status"]["conditions"].elements() where try condition["type"].string() == "Ready" {
            isReady = try condition["status"].string() == "True"
        }
    }
}
