package import JSONText
import NetTypes

/// Namespaces.
package enum NamespaceRules: KindRules {
    package static func applyDefaults(_ object: inout JSONValue) {
        let name = object.name
        guard !name.isEmpty else { return }
        if object["metadata"]?["labels"] == nil { object["metadata"]?["labels"] = .object([:]) }
        object["metadata"]?["labels"]?["kubernetes.io/metadata.name"] = .string(name)
    }

    package static func prepareForCreate(_ object: inout JSONValue) {
        object["status"] = ["phase": "Active"]
        if object["metadata"]?["labels"]?["kubernetes.io/metadata.name"] == nil { applyDefaults(&object) }
        let finalizers = object["spec"]?["finalizers"]?.elements ?? []
        if !finalizers.contains("kubernetes") { object["spec"] = ["finalizers": .array(finalizers + ["kubernetes"])] }
    }

    package static func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, subresource: String) {
        switch subresource {
        case "status": object["spec"] = old["spec"]
        case "finalize": object["status"] = old["status"]
        default:
            object["spec"] = old["spec"]
            object["status"] = old["status"]
        }
    }

    package static func validateCreate(_ object: JSONValue, _ context: ValidationContext) -> [FieldError] {
        finalizers(object).flatMap { MetadataRules.finalizer($0, "spec.finalizers") }
    }

    package static func validateUpdate(_ object: JSONValue, old: JSONValue, _ context: ValidationContext)
        -> [FieldError]
    {
        guard context.subresource == "finalize" else { return [] }
        return finalizers(object).enumerated().flatMap { index, name in
            MetadataRules.finalizer(name, FieldPath("spec.finalizers")[index])
        }
    }

    private static func finalizers(_ object: JSONValue) -> [String] {
        (object["spec"]?["finalizers"]?.elements ?? []).compactMap(\.string)
    }

    package static func resetFields(subresource: String) -> [[String]] {
        switch subresource {
        case "status": [["spec"]]
        case "finalize": [["status"]]
        default: [["status"]]
        }
    }

    package static func nameFault(_ name: String, generated: Bool) -> String? {
        Names.labelFault(name, generated: generated)
    }

    package static func selectableFields(_ object: JSONValue) -> [String: String] {
        ["status.phase": object["status"]?.text("phase") ?? ""]
    }
    package static var selectableFieldNames: [String] { ["status.phase"] }

    package static var table: TableColumns { TableColumns(["Name", "Status", "Age"]) }
    package static func tableCells(_ object: JSONValue, now: Timestamp) -> [JSONValue] {
        [
            .string(object.name), .string(object["status"]?.text("phase") ?? ""),
            .string(TableText.age(object, now)),
        ]
    }
}

/// Nodes.
package enum NodeRules: SpecAndStatusRules {
    package static func applyDefaults(_ object: inout JSONValue) {
        if let cidr = object["spec"]?["podCIDR"], object["spec"]?["podCIDRs"] == nil {
            object["spec"]?["podCIDRs"] = .array([cidr])
        }
        if let first = object["spec"]?["podCIDRs"]?[0], object["spec"]?["podCIDR"] == nil {
            object["spec"]?["podCIDR"] = first
        }
        guard let capacity = object["status"]?["capacity"] else { return }
        if object["status"]?["allocatable"] == nil { object["status"]?["allocatable"] = capacity }
    }

    package static func validateCreate(_ object: JSONValue, _ context: ValidationContext) -> [FieldError] {
        let spec = object["spec"] ?? .object([:])
        var errors: [FieldError] = []
        let cidrs = spec["podCIDRs"]?.elements.compactMap(\.string) ?? []
        var families: [IPFamily] = []
        for (index, text) in cidrs.enumerated() {
            let path = FieldPath("spec.podCIDRs")[index]
            errors += Addresses.cidrFaults(text, path)
            if let cidr = CIDR(text) { families.append(cidr.family) }
        }
        if cidrs.count > 2 || Set(families).count < families.count {
            errors.append(
                .invalid(
                    "spec.podCIDRs", .array(cidrs.map { .string($0) }),
                    "may specify no more than one CIDR for each IP family"))
        }
        errors += taints(spec["taints"]?.elements ?? [])
        return errors
    }

    private static func taints(_ taints: [JSONValue]) -> [FieldError] {
        var errors: [FieldError] = []
        var seen = Set<String>()
        for (index, taint) in taints.enumerated() {
            let path = FieldPath("metadata.taints")[index]
            let key = taint.text("key")
            let effect = taint.text("effect")
            errors += Names.qualifiedNameFaults(key).map { .invalid(path["key"], .string(key), $0) }
            errors += Names.labelValueFaults(taint.text("value")).map {
                .invalid(path["value"], .string(taint.text("value")), $0)
            }
            if effect.isEmpty {
                errors.append(.required(path["effect"]))
            } else if !["NoSchedule", "PreferNoSchedule", "NoExecute"].contains(effect) {
                errors.append(
                    .notSupported(path["effect"], effect, ["NoSchedule", "PreferNoSchedule", "NoExecute"]))
            }
            if !seen.insert("\(key):\(effect)").inserted {
                errors.append(.duplicate(path, taint, "taints must be unique by key and effect pair"))
            }
        }
        return errors
    }

    package static func validateUpdate(_ object: JSONValue, old: JSONValue, _ context: ValidationContext)
        -> [FieldError]
    {
        var errors = validateCreate(object, context)
        for field in ["podCIDR", "podCIDRs"] {
            guard let before = old["spec"]?[field], object["spec"]?[field] != before else { continue }
            errors.append(
                .forbidden(
                    FieldPath("spec")[field], "node updates may not change podCIDR except from \"\" to valid"))
        }
        if let before = old["spec"]?["providerID"], object["spec"]?["providerID"] != before {
            errors.append(
                .forbidden("spec.providerID", "node updates may not change providerID except from \"\" to valid"))
        }
        return errors
    }

    package static func selectableFields(_ object: JSONValue) -> [String: String] {
        ["spec.unschedulable": object["spec"]?["unschedulable"] == true ? "true" : "false"]
    }
    package static var selectableFieldNames: [String] { ["spec.unschedulable"] }

    package static var table: TableColumns {
        TableColumns(
            ["Name", "Status", "Roles", "Age", "Version"],
            wide: ["Internal-IP", "External-IP", "OS-Image", "Kernel-Version", "Container-Runtime"])
    }

    package static func tableCells(_ object: JSONValue, now: Timestamp) -> [JSONValue] {
        var states: [String] = []
        for condition in object["status"]?["conditions"]?.elements ?? [] where condition.text("type") == "Ready" {
            states.append(condition.text("status") == "True" ? "Ready" : "NotReady")
        }
        if states.isEmpty { states.append("Unknown") }
        if object["spec"]?["unschedulable"] == true { states.append("SchedulingDisabled") }
        let info = object["status"]?["nodeInfo"] ?? .object([:])
        func known(_ field: String) -> JSONValue {
            info.text(field).isEmpty ? "<unknown>" : .string(info.text(field))
        }
        return [
            .string(object.name), .string(states.joined(separator: ",")), TableText.orNone(roles(object)),
            .string(TableText.age(object, now)), .string(info.text("kubeletVersion")),
            address(object, "InternalIP"), address(object, "ExternalIP"), known("osImage"), known("kernelVersion"),
            known("containerRuntimeVersion"),
        ]
    }

    private static func roles(_ object: JSONValue) -> String {
        var roles: [String] = []
        for (key, value) in object["metadata"]?["labels"]?.members ?? [:] {
            if key.hasPrefix("node-role.kubernetes.io/"), key.count > 24 {
                roles.append(String(key.dropFirst(24)))
            } else if key == "kubernetes.io/role", let role = value.string, !role.isEmpty {
                roles.append(role)
            }
        }
        return Set(roles).sorted().joined(separator: ",")
    }

    private static func address(_ object: JSONValue, _ type: String) -> JSONValue {
        let addresses = object["status"]?["addresses"]?.elements ?? []
        return TableText.orNone(addresses.first { $0.text("type") == type }?.text("address"))
    }
}

/// Addresses in objects.
package enum Addresses {
    static let addressFault = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
    static let cidrFault = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"

    /// Strict: no v4-mapped address, no host bits.
    static func cidrFaults(_ text: String, _ path: FieldPath) -> [FieldError] {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = IPAddress(String(parts[0])), let bits = Int(parts[1]),
            String(bits) == parts[1]
        else {
            return [.invalid(path, .string(text), cidrFault)]
        }
        let mapped = address.isV4 && parts[0].contains(":")
        guard bits >= 0, bits <= (mapped ? 128 : address.family.addressBits) else {
            return [.invalid(path, .string(text), cidrFault)]
        }
        if mapped { return [.invalid(path, .string(text), "must not have an IPv4-mapped IPv6 address")] }
        guard address.masked(bits) == address else {
            return [.invalid(path, .string(text), "must not have bits set beyond the prefix length")]
        }
        return []
    }

    static func addressFaults(_ text: String, _ path: FieldPath) -> [FieldError] {
        guard let address = IPAddress(text) else { return [.invalid(path, .string(text), addressFault)] }
        if address.isV4, text.contains(":") {
            return [.invalid(path, .string(text), "must not be an IPv4-mapped IPv6 address")]
        }
        return []
    }
}

extension IPAddress {
    /// The network of this address with a prefix of `bits`, counted in its own family.
    func masked(_ bits: Int) -> IPAddress { masked(to: bits + (128 - family.addressBits)) }
}
