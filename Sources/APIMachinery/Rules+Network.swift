package import JSONText
import KubeObjects
import NetTypes

/// EndpointSlices (`discovery.k8s.io`).
package enum EndpointSliceRules: KindRules {
    static let endpointsMax = 1000
    static let addressesMax = 100
    static let portsMax = 20_000

    package static func applyDefaults(_ object: inout JSONValue) {
        guard case .array(let ports)? = object["ports"] else { return }
        object["ports"] = .array(
            ports.map { port in
                var port = port
                if port["name"] == nil { port["name"] = "" }
                if port["protocol"] == nil { port["protocol"] = "TCP" }
                return port
            })
    }

    package static func prepareForCreate(_ object: inout JSONValue) { dropTopology(&object) }
    package static func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, subresource: String) {
        dropTopology(&object)
    }

    /// The field of the beta version that new objects no longer carry.
    private static func dropTopology(_ object: inout JSONValue) {
        guard case .array(let endpoints)? = object["endpoints"] else { return }
        object["endpoints"] = .array(
            endpoints.map { endpoint in
                var endpoint = endpoint
                endpoint["deprecatedTopology"] = nil
                return endpoint
            })
    }

    package static func generationChanged(_ object: JSONValue, old: JSONValue) -> Bool? {
        ["addressType", "endpoints", "ports"].contains { object[$0] != old[$0] }
            || object["metadata"]?["labels"] != old["metadata"]?["labels"]
    }

    package static func validateCreate(_ object: JSONValue, _ context: ValidationContext) -> [FieldError] {
        var errors: [FieldError] = []
        let type = object.text("addressType")
        let types = ["FQDN", "IPv4", "IPv6"]
        if type.isEmpty {
            errors.append(.required("addressType"))
        } else if !types.contains(type) {
            errors.append(.notSupported("addressType", type, types))
        }
        let endpoints = object["endpoints"]?.elements ?? []
        if endpoints.count > endpointsMax {
            errors.append(.tooMany("endpoints", endpoints.count, countMax: endpointsMax))
            return errors
        }
        for (index, endpoint) in endpoints.enumerated() {
            errors += self.endpoint(endpoint, type: type, FieldPath("endpoints")[index])
        }
        return errors + ports(object["ports"]?.elements ?? [])
    }

    private static func endpoint(_ endpoint: JSONValue, type: String, _ path: FieldPath) -> [FieldError] {
        var errors: [FieldError] = []
        let addresses = endpoint["addresses"]?.elements ?? []
        if addresses.isEmpty {
            errors.append(.required(path["addresses"], "must contain at least 1 address"))
        } else if addresses.count > addressesMax {
            errors.append(.tooMany(path["addresses"], addresses.count, countMax: addressesMax))
        }
        for (index, value) in addresses.prefix(addressesMax).enumerated() {
            errors += address(value.string ?? "", type: type, path["addresses"], index)
        }
        if let node = endpoint["nodeName"]?.string, let fault = Names.subdomainFault(node) {
            errors.append(.invalid(path["nodeName"], .string(node), fault))
        }
        if let host = endpoint["hostname"]?.string, let fault = Names.labelFault(host) {
            errors.append(.invalid(path["hostname"], .string(host), fault))
        }
        var zones = Set<String>()
        for (index, zone) in (endpoint["hints"]?["forZones"]?.elements ?? []).enumerated() {
            let name = zone.text("name")
            let at = path["hints"]["forZones"][index]["name"]
            if !zones.insert(name).inserted {
                errors.append(.duplicate(path["hints"]["forZones"][index], .string(name)))
            }
            errors +=
                name.isEmpty ? [.required(at)] : Names.labelValueFaults(name).map { .invalid(at, .string(name), $0) }
        }
        return errors
    }

    private static func address(_ text: String, type: String, _ path: FieldPath, _ index: Int) -> [FieldError] {
        switch type {
        case "IPv4", "IPv6":
            guard let parsed = IPAddress(text) else {
                return [.invalid(path[index], .string(text), Addresses.addressFault)]
            }
            let isV4 = parsed.isV4 && !text.contains(":")
            if type == "IPv4", !isV4 { return [.invalid(path, .string(text), "must be an IPv4 address")] }
            if type == "IPv6", isV4 { return [.invalid(path, .string(text), "must be an IPv6 address")] }
            return special(parsed, text, path[index])
        case "FQDN": return Names.subdomainFault(text).map { [.invalid(path[index], .string(text), $0)] } ?? []
        default: return []
        }
    }

    /// Addresses that no endpoint may have.
    static func special(_ address: IPAddress, _ text: String, _ path: FieldPath) -> [FieldError] {
        func inside(_ block: String) -> Bool { CIDR(block)?.contains(address) ?? false }
        if address == .unspecifiedV4 || address == .unspecifiedV6 {
            return [.invalid(path, .string(text), "may not be unspecified (\(address))")]
        }
        if inside("127.0.0.0/8") || inside("::1/128") {
            return [.invalid(path, .string(text), "may not be in the loopback range (127.0.0.0/8, ::1/128)")]
        }
        if inside("169.254.0.0/16") || inside("fe80::/10") {
            return [.invalid(path, .string(text), "may not be in the link-local range (169.254.0.0/16, fe80::/10)")]
        }
        if inside("224.0.0.0/24") || inside("ff02::/16") {
            return [
                .invalid(path, .string(text), "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")
            ]
        }
        return []
    }

    private static func ports(_ ports: [JSONValue]) -> [FieldError] {
        var errors: [FieldError] = []
        if ports.count > portsMax { return [.tooMany("ports", ports.count, countMax: portsMax)] }
        var names = Set<String>()
        for (index, port) in ports.enumerated() {
            let path = FieldPath("ports")[index]
            let name = port.text("name")
            if !name.isEmpty {
                errors += Names.labelFault(name).map { [.invalid(path["name"], .string(name), $0)] } ?? []
            }
            if !names.insert(name).inserted { errors.append(.duplicate(path["name"], .string(name))) }
            if let transport = port["protocol"]?.string, !["SCTP", "TCP", "UDP"].contains(transport) {
                errors.append(.notSupported(path["protocol"], transport, ["SCTP", "TCP", "UDP"]))
            }
            if let number = port["port"]?.integer, !(0...65_535).contains(number) {
                errors.append(.invalid(path["port"], .integer(number), "must be between 1 and 65535, inclusive"))
            }
            if let application = port["appProtocol"]?.string {
                errors += Names.qualifiedNameFaults(application).map {
                    .invalid(path["appProtocol"], .string(application), $0)
                }
            }
        }
        return errors
    }

    package static func validateUpdate(_ object: JSONValue, old: JSONValue, _ context: ValidationContext)
        -> [FieldError]
    {
        var errors = validateCreate(object, context)
        if object["addressType"] != old["addressType"] {
            errors.append(.invalid("addressType", object["addressType"] ?? .null, "field is immutable"))
            errors.removeAll { $0.field.hasPrefix("endpoints") }
        }
        return errors
    }

    package static var table: TableColumns { TableColumns(["Name", "AddressType", "Ports", "Endpoints", "Age"]) }
    package static func tableCells(_ object: JSONValue, now: Timestamp) -> [JSONValue] {
        let ports = (object["ports"]?.elements ?? []).map { port in
            port["port"]?.integer.map(String.init) ?? (port.text("name").isEmpty ? "*" : port.text("name"))
        }
        let addresses = (object["endpoints"]?.elements ?? []).flatMap {
            ($0["addresses"]?.elements ?? []).compactMap(\.string)
        }
        return [
            .string(object.name), .string(object.text("addressType")), .string(short(ports, "<unset>")),
            .string(short(addresses, "<unset>")), .string(TableText.age(object, now)),
        ]
    }

    private static func short(_ items: [String], _ none: String) -> String {
        if items.isEmpty { return none }
        let shown = items.prefix(3).joined(separator: ",")
        return items.count > 3 ? "\(shown) + \(items.count - 3) more..." : shown
    }
}

/// NetworkPolicies (`networking.k8s.io`).
package enum NetworkPolicyRules: KindRules {
    package static func applyDefaults(_ object: inout JSONValue) {
        guard object["spec"] != nil else { return }
        for direction in ["ingress", "egress"] {
            guard case .array(let rules)? = object["spec"]?[direction] else { continue }
            object["spec"]?[direction] = .array(rules.map(withProtocols))
        }
        if object["spec"]?["policyTypes"] == nil {
            let egress = object["spec"]?["egress"] != nil
            object["spec"]?["policyTypes"] = egress ? ["Ingress", "Egress"] : ["Ingress"]
        }
    }

    private static func withProtocols(_ rule: JSONValue) -> JSONValue {
        guard case .array(let ports)? = rule["ports"] else { return rule }
        var rule = rule
        rule["ports"] = .array(
            ports.map { port in
                var port = port
                if port["protocol"] == nil { port["protocol"] = "TCP" }
                return port
            })
        return rule
    }

    package static func generationChanged(_ object: JSONValue, old: JSONValue) -> Bool? {
        object["spec"] != old["spec"]
    }

    package static func validateCreate(_ object: JSONValue, _ context: ValidationContext) -> [FieldError] {
        let spec = object["spec"] ?? .object([:])
        let path: FieldPath = "spec"
        var errors = ChangeMode.validate(object)
        errors += LabelSelectorRules.validate(spec["podSelector"], path["podSelector"])
        for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
            for (index, rule) in (spec[direction]?.elements ?? []).enumerated() {
                let at = path[direction][index]
                for (number, port) in (rule["ports"]?.elements ?? []).enumerated() {
                    errors += self.port(port, at["ports"][number])
                }
                for (number, peer) in (rule[peers]?.elements ?? []).enumerated() {
                    errors += self.peer(peer, at[peers][number])
                }
            }
        }
        let types = spec["policyTypes"]?.elements.compactMap(\.string) ?? []
        if types.count > 2 {
            errors.append(
                .invalid(
                    path["policyTypes"], .array(types.map { .string($0) }), "may not specify more than two policyTypes")
            )
            return errors
        }
        for (index, type) in types.enumerated() where type != "Ingress" && type != "Egress" {
            errors.append(.notSupported(path["policyTypes"][index], type, ["Ingress", "Egress"]))
        }
        return errors
    }

    private static func port(_ port: JSONValue, _ path: FieldPath) -> [FieldError] {
        var errors: [FieldError] = []
        if let transport = port["protocol"]?.string, !["SCTP", "TCP", "UDP"].contains(transport) {
            errors.append(.notSupported(path["protocol"], transport, ["SCTP", "TCP", "UDP"]))
        }
        let endPort = port["endPort"]?.integer
        switch port["port"] {
        case .integer(let number)?:
            if !(1...65_535).contains(number) {
                errors.append(.invalid(path["port"], .integer(number), "must be between 1 and 65535, inclusive"))
            }
            if let endPort {
                if endPort < number {
                    errors.append(
                        .invalid(path["endPort"], .integer(number), "must be greater than or equal to `port`"))
                }
                if !(1...65_535).contains(endPort) {
                    errors.append(
                        .invalid(path["endPort"], .integer(endPort), "must be between 1 and 65535, inclusive"))
                }
            }
        case .string(let name)?:
            if let endPort {
                errors.append(
                    .invalid(path["endPort"], .integer(endPort), "may not be specified when `port` is non-numeric"))
            }
            errors += Names.portNameFaults(name).map { .invalid(path["port"], .string(name), $0) }
        default:
            if let endPort {
                errors.append(
                    .invalid(path["endPort"], .integer(endPort), "may not be specified when `port` is not specified"))
            }
        }
        return errors
    }

    private static func peer(_ peer: JSONValue, _ path: FieldPath) -> [FieldError] {
        var errors: [FieldError] = []
        errors += LabelSelectorRules.validate(peer["podSelector"], path["podSelector"])
        errors += LabelSelectorRules.validate(peer["namespaceSelector"], path["namespaceSelector"])
        let hasSelector = peer["podSelector"] != nil || peer["namespaceSelector"] != nil
        if let block = peer["ipBlock"] {
            errors += ipBlock(block, path["ipBlock"])
            if hasSelector { errors.append(.forbidden(path, "may not specify both ipBlock and another peer")) }
        } else if !hasSelector {
            errors.append(.required(path, "must specify a peer"))
        }
        return errors
    }

    private static func ipBlock(_ block: JSONValue, _ path: FieldPath) -> [FieldError] {
        let text = block.text("cidr")
        guard !text.isEmpty else { return [.required(path["cidr"])] }
        var errors = Addresses.cidrFaults(text, path["cidr"])
        guard let cidr = CIDR(text) else { return errors }
        for (index, value) in (block["except"]?.elements ?? []).enumerated() {
            let except = value.string ?? ""
            let at = path["except"][index]
            let faults = Addresses.cidrFaults(except, at)
            errors += faults
            guard faults.isEmpty, let inner = CIDR(except) else { continue }
            if !cidr.contains(inner) || cidr.prefixLength >= inner.prefixLength {
                errors.append(.invalid(at, value, "must be a strict subset of `cidr`"))
            }
        }
        return errors
    }

    package static var table: TableColumns { TableColumns(["Name", "Pod-Selector", "Age"]) }
    package static func tableCells(_ object: JSONValue, now: Timestamp) -> [JSONValue] {
        [
            .string(object.name), .string(LabelSelectorRules.text(object["spec"]?["podSelector"])),
            .string(TableText.age(object, now)),
        ]
    }
}
