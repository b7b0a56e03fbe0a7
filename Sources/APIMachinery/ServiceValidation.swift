import JSONText
import NetTypes

/// The fields of a Service's `spec`.
struct ServiceValidation {
    let spec: JSONValue
    let ranges: ServiceRanges
    private let path: FieldPath = "spec"

    init(_ spec: JSONValue, _ ranges: ServiceRanges) {
        self.spec = spec
        self.ranges = ranges
    }

    private static let types = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]
    private static let affinitySecondsMax: Int64 = 86_400

    private var type: String { spec.text("type") }
    private var isHeadless: Bool { spec.text("clusterIP") == "None" || spec["clusterIPs"]?[0] == "None" }
    private var isExternal: Bool {
        type == "NodePort" || type == "LoadBalancer" || (type == "ClusterIP" && spec["externalIPs"] != nil)
    }

    var errors: [FieldError] {
        var errors: [FieldError] = []
        if !Self.types.contains(type) {
            errors.append(.notSupported(path["type"], type, Self.types))
        }
        errors += MetadataRules.labels(spec["selector"], path["selector"])
        errors += ports
        errors += sessionAffinity
        errors += type == "ExternalName" ? externalName : addresses
        errors += external
        errors += traffic
        return errors
    }

    // MARK: Ports

    private var ports: [FieldError] {
        let ports = spec["ports"]?.elements ?? []
        var errors: [FieldError] = []
        if ports.isEmpty, !isHeadless, type != "ExternalName" { errors.append(.required(path["ports"])) }
        var names = Set<String>()
        var pairs = Set<String>()
        var nodePorts = Set<String>()
        for (index, port) in ports.enumerated() {
            let at = path["ports"][index]
            errors += self.port(port, isSingle: ports.count == 1, at)
            let name = port.text("name")
            if !name.isEmpty, !names.insert(name).inserted { errors.append(.duplicate(at["name"], .string(name))) }
            if !pairs.insert("\(port.text("protocol"))/\(port["port"]?.integer ?? 0)").inserted {
                errors.append(
                    .duplicate(at, ["Port": port["port"] ?? 0, "Protocol": .string(port.text("protocol"))]))
            }
            guard let nodePort = port["nodePort"]?.integer, nodePort != 0 else { continue }
            if type == "ClusterIP" || type == "ExternalName" {
                errors.append(.forbidden(at["nodePort"], "may not be used when `type` is '\(type)'"))
            } else if !nodePorts.insert("\(port.text("protocol"))/\(nodePort)").inserted {
                errors.append(.duplicate(at["nodePort"], .integer(nodePort)))
            }
        }
        return errors
    }

    private func port(_ port: JSONValue, isSingle: Bool, _ at: FieldPath) -> [FieldError] {
        var errors: [FieldError] = []
        let name = port.text("name")
        if name.isEmpty {
            if !isSingle { errors.append(.required(at["name"])) }
        } else if let fault = Names.labelFault(name) {
            errors.append(.invalid(at["name"], .string(name), fault))
        }
        let number = port["port"]?.integer ?? 0
        if !(1...65_535).contains(number) {
            errors.append(.invalid(at["port"], .integer(number), "must be between 1 and 65535, inclusive"))
        }
        let transport = port.text("protocol")
        if transport.isEmpty {
            errors.append(.required(at["protocol"]))
        } else if !["SCTP", "TCP", "UDP"].contains(transport) {
            errors.append(.notSupported(at["protocol"], transport, ["SCTP", "TCP", "UDP"]))
        }
        errors += Self.portReference(port["targetPort"], at["targetPort"])
        if let application = port["appProtocol"]?.string {
            errors += Names.qualifiedNameFaults(application).map {
                .invalid(at["appProtocol"], .string(application), $0)
            }
        }
        return errors
    }

    /// A number or a name of a container's port.
    static func portReference(_ value: JSONValue?, _ at: FieldPath) -> [FieldError] {
        switch value {
        case .integer(let number)?:
            guard !(1...65_535).contains(number) else { return [] }
            return [.invalid(at, .integer(number), "must be between 1 and 65535, inclusive")]
        case .string(let name)?: return Names.portNameFaults(name).map { .invalid(at, .string(name), $0) }
        default: return []
        }
    }

    // MARK: Affinity

    private var sessionAffinity: [FieldError] {
        let affinity = spec.text("sessionAffinity")
        let at = path["sessionAffinityConfig"]
        switch affinity {
        case "": return [.required(path["sessionAffinity"])]
        case "None":
            return spec["sessionAffinityConfig"] == nil
                ? [] : [.forbidden(at, "must not be set when session affinity is None")]
        case "ClientIP":
            guard let seconds = spec["sessionAffinityConfig"]?["clientIP"]?["timeoutSeconds"]?.integer else {
                return [.required(at, "when session affinity type is ClientIP")]
            }
            guard !(1...Self.affinitySecondsMax).contains(seconds) else { return [] }
            return [
                .invalid(
                    at["clientIP"]["timeoutSeconds"], .integer(seconds),
                    "must be greater than 0 and less than \(Self.affinitySecondsMax)")
            ]
        default: return [.notSupported(path["sessionAffinity"], affinity, ["ClientIP", "None"])]
        }
    }

    // MARK: Addresses

    private var externalName: [FieldError] {
        var errors: [FieldError] = []
        if spec["clusterIPs"] != nil || !spec.text("clusterIP").isEmpty {
            errors.append(.forbidden(path["clusterIPs"], "may not be set for ExternalName services"))
        }
        for field in ["ipFamilies", "ipFamilyPolicy"] where spec[field] != nil {
            errors.append(.forbidden(path[field], "may not be set for ExternalName services"))
        }
        var name = spec.text("externalName")
        if name.hasSuffix(".") { name.removeLast() }
        if name.isEmpty {
            errors.append(.required(path["externalName"]))
        } else if let fault = Names.subdomainFault(name) {
            errors.append(.invalid(path["externalName"], .string(name), fault))
        }
        return errors
    }

    private var addresses: [FieldError] {
        var errors: [FieldError] = []
        let policies = ["PreferDualStack", "RequireDualStack", "SingleStack"]
        let policy = spec["ipFamilyPolicy"]?.string
        if let policy, !policies.contains(policy) {
            errors.append(.notSupported(path["ipFamilyPolicy"], policy, policies))
        }
        errors += families
        let ips = spec["clusterIPs"]?.elements.compactMap(\.string) ?? []
        if ips.count > 2 {
            errors.append(
                .invalid(path["clusterIPs"], spec["clusterIPs"] ?? .null, "may only hold up to 2 values"))
        }
        if let first = ips.first, !spec.text("clusterIP").isEmpty, first != spec.text("clusterIP") {
            errors.append(
                .invalid(path["clusterIPs"], spec["clusterIPs"] ?? .null, "first value must match `clusterIP`"))
        }
        let given = ips.isEmpty && !spec.text("clusterIP").isEmpty ? [spec.text("clusterIP")] : ips
        errors += clusterIPs(given)
        let multiple = (spec["ipFamilies"]?.elements.count ?? 0) > 1 || given.count > 1
        if multiple, policy == nil || policy == "SingleStack" {
            errors.append(
                .invalid(
                    path["ipFamilyPolicy"], .string(policy ?? "SingleStack"),
                    "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified"))
        }
        if policy == "RequireDualStack", ranges.clusterIPs.count == 1 {
            errors.append(
                .invalid(
                    path["ipFamilyPolicy"], "RequireDualStack",
                    "this cluster is not configured for dual-stack services"))
        }
        return errors
    }

    private func clusterIPs(_ ips: [String]) -> [FieldError] {
        var errors: [FieldError] = []
        let families = spec["ipFamilies"]?.elements.compactMap(\.string) ?? []
        for (index, ip) in ips.enumerated() where !ip.isEmpty {
            let at = path["clusterIPs"][index]
            if ip == "None" {
                if ips.count > 1 {
                    errors.append(.invalid(at, .string(ip), "may only be set as the sole value"))
                }
                continue
            }
            let faults = Addresses.addressFaults(ip, at)
            errors += faults
            guard faults.isEmpty, let address = IPAddress(ip), index < families.count else { continue }
            if address.family.kubernetesName != families[index] {
                errors.append(
                    .invalid(
                        at, .string(ip), "expected an \(families[index]) value as indicated by `ipFamilies[\(index)]`"))
            }
        }
        return errors
    }

    private var families: [FieldError] {
        var errors: [FieldError] = []
        var seen = Set<String>()
        let families = spec["ipFamilies"]?.elements.compactMap(\.string) ?? []
        if families.count > 2 {
            errors.append(.invalid(path["ipFamilies"], spec["ipFamilies"] ?? .null, "may only hold up to 2 values"))
        }
        for (index, family) in families.enumerated() {
            let at = path["ipFamilies"][index]
            if !["IPv4", "IPv6"].contains(family) {
                errors.append(.notSupported(at, family, ["IPv4", "IPv6"]))
            } else if !seen.insert(family).inserted {
                errors.append(.duplicate(at, .string(family)))
            } else if !ranges.clusterIPs.isEmpty, !ranges.families.contains(family), !isHeadless {
                errors.append(.invalid(at, .string(family), "not configured on this cluster"))
            }
        }
        return errors
    }

    // MARK: From outside

    private var external: [FieldError] {
        var errors: [FieldError] = []
        for (index, value) in (spec["externalIPs"]?.elements ?? []).enumerated() {
            let at = path["externalIPs"][index]
            let text = value.string ?? ""
            let faults = Addresses.addressFaults(text, at)
            errors += faults
            if faults.isEmpty, let address = IPAddress(text) { errors += EndpointSliceRules.special(address, text, at) }
        }
        let ranges = spec["loadBalancerSourceRanges"]?.elements ?? []
        let at = path["LoadBalancerSourceRanges"]
        if !ranges.isEmpty, type != "LoadBalancer" {
            errors.append(.forbidden(at, "may only be used when `type` is 'LoadBalancer'"))
        } else {
            for (index, value) in ranges.enumerated() { errors += Addresses.cidrFaults(value.string ?? "", at[index]) }
        }
        if let name = spec["loadBalancerClass"]?.string {
            if type != "LoadBalancer" {
                errors.append(
                    .forbidden(path["loadBalancerClass"], "may only be used when `type` is 'LoadBalancer'"))
            } else {
                errors += Names.qualifiedNameFaults(name).map { .invalid(path["loadBalancerClass"], .string(name), $0) }
            }
        }
        if spec["allocateLoadBalancerNodePorts"] != nil, type != "LoadBalancer" {
            errors.append(
                .forbidden(
                    path["allocateLoadBalancerNodePorts"], "may only be used when `type` is 'LoadBalancer'"))
        }
        return errors
    }

    private var traffic: [FieldError] {
        var errors: [FieldError] = []
        let policies = ["Cluster", "Local"]
        let external = spec["externalTrafficPolicy"]?.string
        if let external {
            if !isExternal {
                errors.append(
                    .invalid(
                        path["externalTrafficPolicy"], .string(external),
                        "may only be set for externally-accessible services"))
            } else if !policies.contains(external) {
                errors.append(.notSupported(path["externalTrafficPolicy"], external, policies))
            }
        }
        if let port = spec["healthCheckNodePort"]?.integer, port != 0,
            type != "LoadBalancer" || external != "Local"
        {
            errors.append(
                .invalid(
                    path["healthCheckNodePort"], .integer(port),
                    "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"))
        }
        if let within = spec["internalTrafficPolicy"]?.string, !policies.contains(within) {
            errors.append(.notSupported(path["internalTrafficPolicy"], within, policies))
        }
        let spreads = ["PreferClose", "PreferSameZone", "PreferSameNode"]
        if let spread = spec["trafficDistribution"]?.string, !spreads.contains(spread) {
            errors.append(.notSupported(path["trafficDistribution"], spread, spreads))
        }
        return errors
    }
}
