package import JSONText
package import NetTypes

/// Where Services get their addresses and ports from.
package struct ServiceRanges: Sendable {
    /// The first is the cluster's main family; one or two.
    package var clusterIPs: [CIDR]
    package var nodePorts: ClosedRange<Int64>

    package init(clusterIPs: [CIDR] = [], nodePorts: ClosedRange<Int64> = 30_000...32_767) {
        self.clusterIPs = clusterIPs
        self.nodePorts = nodePorts
    }

    var families: [String] { clusterIPs.map(\.family.kubernetesName) }
}

/// Services. Addresses are given out by the server after `finishCreate`; `ServiceAddressing` says which are wanted.
package enum ServiceRules: KindRules {
    package static func nameFault(_ name: String, generated: Bool) -> String? {
        Names.labelFault(name, generated: generated)
    }

    package static func applyDefaults(_ object: inout JSONValue) {
        guard var spec = object["spec"] else { return }
        if spec.text("sessionAffinity").isEmpty { spec["sessionAffinity"] = "None" }
        if spec.text("sessionAffinity") == "None" { spec["sessionAffinityConfig"] = nil }
        if spec.text("sessionAffinity") == "ClientIP",
            spec["sessionAffinityConfig"]?["clientIP"]?["timeoutSeconds"] == nil
        {
            spec["sessionAffinityConfig"] = ["clientIP": ["timeoutSeconds": 10_800]]
        }
        if spec.text("type").isEmpty { spec["type"] = "ClusterIP" }
        let type = spec.text("type")
        if case .array(let ports)? = spec["ports"] { spec["ports"] = .array(ports.map(withDefaults)) }
        let isExternal = type == "NodePort" || type == "LoadBalancer"
        if isExternal || (type == "ClusterIP" && spec["externalIPs"] != nil), spec["externalTrafficPolicy"] == nil {
            spec["externalTrafficPolicy"] = "Cluster"
        }
        if type != "ExternalName", spec["internalTrafficPolicy"] == nil { spec["internalTrafficPolicy"] = "Cluster" }
        if type == "LoadBalancer", spec["allocateLoadBalancerNodePorts"] == nil {
            spec["allocateLoadBalancerNodePorts"] = true
        }
        object["spec"] = spec
    }

    private static func withDefaults(_ port: JSONValue) -> JSONValue {
        var port = port
        if port.text("protocol").isEmpty { port["protocol"] = "TCP" }
        if port["targetPort"] == nil || port["targetPort"] == 0 || port["targetPort"] == "" {
            port["targetPort"] = port["port"]
        }
        return port
    }

    package static func prepareForCreate(_ object: inout JSONValue) {
        object["status"] = ["loadBalancer": .object([:])]
        dropTypeDependent(&object, old: nil)
    }

    package static func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, subresource: String) {
        if subresource == "status" {
            object["spec"] = old["spec"]
        } else {
            object["status"] = old["status"]
            ServiceAddressing.keepAllocated(&object, old: old)
            dropTypeDependent(&object, old: old)
        }
    }

    /// Fields that the type no longer needs and that the client left as they were go away with it.
    private static func dropTypeDependent(_ object: inout JSONValue, old: JSONValue?) {
        guard let old, var spec = object["spec"], let before = old["spec"] else { return }
        let type = spec.text("type")
        func needsNodePort(_ spec: JSONValue) -> Bool {
            spec.text("type") == "NodePort"
                || (spec.text("type") == "LoadBalancer" && spec["allocateLoadBalancerNodePorts"] != false)
        }
        if needsNodePort(before), !needsNodePort(spec) {
            let taken = Set((before["ports"]?.elements ?? []).compactMap { $0["nodePort"] })
            spec["ports"] = .array(
                (spec["ports"]?.elements ?? []).map { port in
                    guard let number = port["nodePort"], taken.contains(number) else { return port }
                    var port = port
                    port["nodePort"] = nil
                    return port
                })
        }
        func drop(_ field: String, unless needed: Bool) {
            if !needed, spec[field] == before[field] { spec[field] = nil }
        }
        drop("externalTrafficPolicy", unless: type != "ClusterIP" || spec["externalIPs"] != nil)
        drop("healthCheckNodePort", unless: type == "LoadBalancer" && spec.text("externalTrafficPolicy") == "Local")
        drop("allocateLoadBalancerNodePorts", unless: type == "LoadBalancer")
        drop("loadBalancerClass", unless: type == "LoadBalancer")
        if type == "ExternalName" {
            for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"] {
                drop(field, unless: before.text("type") == "ExternalName")
            }
        }
        if before.text("type") == "ExternalName", type != "ExternalName" { drop("externalName", unless: false) }
        object["spec"] = spec
    }

    package static func resetFields(subresource: String) -> [[String]] {
        subresource == "status" ? [["spec"]] : [["status"]]
    }

    package static func selectableFields(_ object: JSONValue) -> [String: String] {
        ["spec.clusterIP": object["spec"]?.text("clusterIP") ?? "", "spec.type": object["spec"]?.text("type") ?? ""]
    }
    package static var selectableFieldNames: [String] { ["spec.clusterIP", "spec.type"] }

    package static func validateCreate(_ object: JSONValue, _ context: ValidationContext) -> [FieldError] {
        ServiceValidation(object["spec"] ?? .object([:]), context.services).errors
    }

    package static func validateUpdate(_ object: JSONValue, old: JSONValue, _ context: ValidationContext)
        -> [FieldError]
    {
        if context.subresource == "status" { return status(object) }
        let spec = object["spec"] ?? .object([:])
        var errors = ServiceValidation(spec, context.services).errors
        errors += ServiceAddressing.updateFaults(spec, old: old["spec"] ?? .object([:]))
        if let before = old["spec"]?["loadBalancerClass"], old["spec"]?.text("type") == "LoadBalancer",
            spec.text("type") == "LoadBalancer", spec["loadBalancerClass"] != before
        {
            errors.append(
                .invalid("spec.loadBalancerClass", spec["loadBalancerClass"] ?? .null, "may not change once set"))
        }
        return errors
    }

    private static func status(_ object: JSONValue) -> [FieldError] {
        let path: FieldPath = "status.loadBalancer.ingress"
        let ingress = object["status"]?["loadBalancer"]?["ingress"]?.elements ?? []
        guard !ingress.isEmpty else { return [] }
        if object["spec"]?.text("type") != "LoadBalancer" {
            return [.forbidden(path, "may only be used when `spec.type` is 'LoadBalancer'")]
        }
        var errors: [FieldError] = []
        for (index, entry) in ingress.enumerated() {
            if let ip = entry["ip"]?.string { errors += Addresses.addressFaults(ip, path[index]["ip"]) }
            if let host = entry["hostname"]?.string, let fault = Names.subdomainFault(host) {
                errors.append(.invalid(path[index]["hostname"], .string(host), fault))
            }
        }
        return errors
    }

    package static var table: TableColumns {
        TableColumns(["Name", "Type", "Cluster-IP", "External-IP", "Port(s)", "Age"], wide: ["Selector"])
    }

    package static func tableCells(_ object: JSONValue, now: Timestamp) -> [JSONValue] {
        let spec = object["spec"] ?? .object([:])
        let ports = (spec["ports"]?.elements ?? []).map { port in
            let node = port["nodePort"]?.integer.map { ":\($0)" } ?? ""
            return "\(port["port"]?.integer ?? 0)\(node)/\(port.text("protocol"))"
        }
        let selector = TableText.labels(spec["selector"])
        return [
            .string(object.name), .string(spec.text("type")),
            TableText.orNone(spec["clusterIPs"]?[0]?.string ?? spec.text("clusterIP")),
            .string(externalAddress(object, spec)), TableText.orNone(ports.joined(separator: ",")),
            .string(TableText.age(object, now)), TableText.orNone(selector),
        ]
    }

    private static func externalAddress(_ object: JSONValue, _ spec: JSONValue) -> String {
        let given = (spec["externalIPs"]?.elements ?? []).compactMap(\.string)
        switch spec.text("type") {
        case "ExternalName": return spec.text("externalName")
        case "LoadBalancer":
            let ingress = (object["status"]?["loadBalancer"]?["ingress"]?.elements ?? []).map {
                $0["ip"]?.string ?? $0.text("hostname")
            }
            let all = Set(ingress).sorted() + given
            return all.isEmpty ? "<pending>" : all.joined(separator: ",")
        default: return given.isEmpty ? "<none>" : given.joined(separator: ",")
        }
    }
}
