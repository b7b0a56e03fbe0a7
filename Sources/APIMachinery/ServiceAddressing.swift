package import JSONText
package import NetTypes

/// Which cluster addresses and node ports a Service wants. The server keeps the ledger; this says what to enter.
package enum ServiceAddressing {
    /// One address to be taken from a range.
    package struct Request: Sendable, Hashable {
        /// Place in `clusterIPs`.
        package let index: Int
        package let family: IPFamily
        /// What the client asked for; nil for any.
        package let address: IPAddress?
    }

    /// Whether the Service has cluster addresses of its own.
    package static func hasClusterIP(_ service: JSONValue) -> Bool {
        let spec = service["spec"]
        return spec?.text("type") != "ExternalName" && spec?.text("clusterIP") != "None"
    }

    /// Fills policy and families (after `finishCreate` or `finishUpdate`, before storing) and says which addresses
    /// are to be taken. `old` is the stored Service, or nil.
    package static func plan(_ service: inout JSONValue, old: JSONValue?, ranges: ServiceRanges) -> [Request] {
        guard var spec = service["spec"], spec.text("type") != "ExternalName", !ranges.clusterIPs.isEmpty else {
            return []
        }
        if spec["clusterIPs"] == nil, !spec.text("clusterIP").isEmpty {
            spec["clusterIPs"] = .array([.string(spec.text("clusterIP"))])
        }
        let ips = spec["clusterIPs"]?.elements.compactMap(\.string) ?? []
        let isHeadless = ips.first == "None"
        var families = spec["ipFamilies"]?.elements.compactMap(\.string) ?? []
        for (index, ip) in ips.enumerated() where index >= families.count {
            if let address = IPAddress(ip) { families.append(address.family.kubernetesName) }
        }
        let isFree = isHeadless && spec["selector"] == nil
        if spec["ipFamilyPolicy"] == nil { spec["ipFamilyPolicy"] = isFree ? "RequireDualStack" : "SingleStack" }
        if families.isEmpty { families.append(ranges.families[0]) }
        let wantsTwo = spec.text("ipFamilyPolicy") != "SingleStack"
        if wantsTwo, families.count == 1, isFree || ranges.clusterIPs.count == 2 {
            families.append(families[0] == "IPv4" ? "IPv6" : "IPv4")
        }
        if !wantsTwo { families = Array(families.prefix(1)) }
        spec["ipFamilies"] = .array(families.map { .string($0) })
        if isHeadless {
            spec["clusterIP"] = "None"
            service["spec"] = spec
            return []
        }
        let kept = old.map(hasClusterIP) == true ? old?["spec"]?["clusterIPs"]?.elements.compactMap(\.string) ?? [] : []
        let given = wantsTwo ? ips : Array(ips.prefix(1))
        spec["clusterIPs"] = .array(given.map { .string($0) })
        service["spec"] = spec
        return families.enumerated().compactMap { index, family in
            if index < given.count, index < kept.count, given[index] == kept[index] { return nil }
            return Request(
                index: index, family: family == "IPv6" ? .v6 : .v4,
                address: index < given.count ? IPAddress(given[index]) : nil)
        }
    }

    /// Enters taken addresses.
    package static func assign(_ service: inout JSONValue, _ addresses: [(Request, IPAddress)]) {
        var ips = service["spec"]?["clusterIPs"]?.elements ?? []
        for (request, address) in addresses.sorted(by: { $0.0.index < $1.0.index }) {
            if request.index < ips.count {
                ips[request.index] = .string("\(address)")
            } else {
                ips.append(.string("\(address)"))
            }
        }
        guard !ips.isEmpty else { return }
        service["spec"]?["clusterIPs"] = .array(ips)
        service["spec"]?["clusterIP"] = ips[0]
    }

    /// The refusal of an address that was asked for.
    package static func refusal(_ service: JSONValue, _ address: IPAddress, _ why: String) -> APIStatus {
        let ips = service["spec"]?["clusterIPs"] ?? .null
        return .invalid(
            group: "", kind: "Service", name: service.name,
            [.invalid("spec.clusterIPs", ips, "failed to allocate IP \(address): \(why)")])
    }

    /// Indices of ports that want a node port of any number.
    package static func wantedNodePorts(_ service: JSONValue) -> [Int] {
        let spec = service["spec"] ?? .object([:])
        let type = spec.text("type")
        guard type == "NodePort" || (type == "LoadBalancer" && spec["allocateLoadBalancerNodePorts"] != false) else {
            return []
        }
        return (spec["ports"]?.elements ?? []).enumerated().compactMap {
            ($1["nodePort"]?.integer ?? 0) == 0 ? $0 : nil
        }
    }

    /// The refusal of a node port outside of the range or taken.
    package static func refusal(_ service: JSONValue, port index: Int, ranges: ServiceRanges, isTaken: Bool)
        -> APIStatus
    {
        let number = service["spec"]?["ports"]?[index]?["nodePort"] ?? .null
        let range = "\(ranges.nodePorts.lowerBound)-\(ranges.nodePorts.upperBound)"
        let why =
            isTaken
            ? "provided port is already allocated"
            : "provided port is not in the valid range. The range of valid ports is \(range)"
        return .invalid(
            group: "", kind: "Service", name: service.name,
            [.invalid(FieldPath("spec.ports")[index]["nodePort"], number, why)])
    }

    // MARK: Updates

    /// What was given to the Service stays its own where the client left it out.
    static func keepAllocated(_ service: inout JSONValue, old: JSONValue) {
        guard var spec = service["spec"], let before = old["spec"], spec.text("type") != "ExternalName",
            before.text("type") != "ExternalName"
        else { return }
        if spec.text("clusterIP").isEmpty, spec["clusterIPs"] == nil {
            spec["clusterIP"] = before["clusterIP"]
            spec["clusterIPs"] = before["clusterIPs"]
        } else if spec["clusterIPs"] == nil, spec["clusterIP"] == before["clusterIP"] {
            spec["clusterIPs"] = before["clusterIPs"]
        } else if spec.text("clusterIP").isEmpty {
            spec["clusterIP"] = spec["clusterIPs"]?[0]
        } else if spec["clusterIPs"] == before["clusterIPs"], spec["clusterIP"] != before["clusterIP"] {
            // A client that knows only the singular field asks for another address.
            spec["clusterIPs"] = spec["clusterIP"].map { .array([$0]) }
        }
        if spec["ipFamilyPolicy"] == nil { spec["ipFamilyPolicy"] = before["ipFamilyPolicy"] }
        if spec["ipFamilies"] == nil { spec["ipFamilies"] = before["ipFamilies"] }
        if spec.text("ipFamilyPolicy") == "SingleStack", before.text("ipFamilyPolicy") != "SingleStack" {
            for field in ["clusterIPs", "ipFamilies"] where spec[field] == before[field] {
                spec[field] = spec[field].map { .array(Array($0.elements.prefix(1))) }
            }
        }
        let takesPorts = ["NodePort", "LoadBalancer"]
        if takesPorts.contains(spec.text("type")), takesPorts.contains(before.text("type")) {
            spec["ports"] = .array(withNodePorts(spec["ports"]?.elements ?? [], before["ports"]?.elements ?? []))
            if spec["healthCheckNodePort"] == nil { spec["healthCheckNodePort"] = before["healthCheckNodePort"] }
        }
        service["spec"] = spec
    }

    private static func withNodePorts(_ ports: [JSONValue], _ old: [JSONValue]) -> [JSONValue] {
        let given = Set(ports.compactMap { $0["nodePort"] })
        return ports.map { port in
            guard port["nodePort"] == nil,
                let before = old.first(where: { $0["port"] == port["port"] && $0["protocol"] == port["protocol"] }),
                let number = before["nodePort"], !given.contains(number)
            else { return port }
            var port = port
            port["nodePort"] = number
            return port
        }
    }

    static func updateFaults(_ spec: JSONValue, old: JSONValue) -> [FieldError] {
        guard spec.text("type") != "ExternalName", old.text("type") != "ExternalName" else { return [] }
        var errors: [FieldError] = []
        let ips = spec["clusterIPs"]?.elements ?? []
        let before = old["clusterIPs"]?.elements ?? []
        if let first = before.first, ips.first != first {
            errors.append(.invalid("spec.clusterIPs[0]", .array(ips), "may not change once set"))
        }
        if ips.count > 1, before.count > 1, ips[1] != before[1] {
            errors.append(.invalid("spec.clusterIPs[1]", .array(ips), "may not change once set"))
        }
        let families = spec["ipFamilies"]?.elements ?? []
        let familiesBefore = old["ipFamilies"]?.elements ?? []
        if let first = familiesBefore.first, families.first != first {
            errors.append(.invalid("spec.ipFamilies[0]", .array(families), "may not change once set"))
        }
        return errors
    }
}
