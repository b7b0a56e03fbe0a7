import APIMachinery
import JSONText
import NetTypes

/// Cluster addresses in the life of a Service.
extension APICore {
    static func cidrs(_ texts: [String]) throws(ServerError) -> [CIDR] {
        var found: [CIDR] = []
        for text in texts {
            guard let cidr = CIDR(text) else {
                throw ServerError(.configuration, "the Service range \"\(text)\" is no CIDR")
            }
            guard !found.contains(where: { $0.family == cidr.family }) else {
                throw ServerError(.configuration, "two Service ranges of one family: \(texts)")
            }
            found.append(cidr)
        }
        return found
    }

    /// Takes what the stored Services have as used. Repairs whatever a lost write left behind.
    func repairServiceAddresses() {
        var used: [IPAddress] = []
        var ports: [Int] = []
        cache.table(StorageName.services).objects.forEach { _, object in
            let service = object.tree()
            used += ServiceAddresses.addresses(of: service)
            ports += NodePorts.ports(of: service)
            return true
        }
        addresses.reset(to: used)
        nodePorts.reset(to: ports)
    }

    /// What was taken for a write, to be given back should it fail.
    struct Reservation: Sendable {
        var addresses: [IPAddress] = []
        var ports: [Int] = []
    }

    /// Gives a Service the addresses and node ports that it asks for.
    func reserve(for object: inout JSONValue, old: JSONValue?, _ context: RequestContext) throws(APIStatus)
        -> Reservation
    {
        guard context.kind.plural == "services", context.info.subresource.isEmpty else { return Reservation() }
        var taken = Reservation()
        do {
            try reserveAddresses(&object, old, &taken)
            try reservePorts(&object, old, &taken)
            return taken
        } catch {
            release(taken)
            throw error
        }
    }

    func release(_ taken: Reservation) {
        addresses.release(taken.addresses)
        nodePorts.release(taken.ports)
    }

    /// Frees what a stored Service had and its successor has not.
    func releaseLeft(old: JSONValue, new: JSONValue?, _ context: RequestContext) {
        guard context.kind.plural == "services" else { return }
        let kept = Set(new.map(ServiceAddresses.addresses) ?? [])
        addresses.release(ServiceAddresses.addresses(of: old).filter { !kept.contains($0) })
        let keptPorts = Set(new.map(NodePorts.ports) ?? [])
        nodePorts.release(NodePorts.ports(of: old).filter { !keptPorts.contains($0) })
    }

    private func reserveAddresses(_ object: inout JSONValue, _ old: JSONValue?, _ taken: inout Reservation)
        throws(APIStatus)
    {
        var given: [(ServiceAddressing.Request, IPAddress)] = []
        for request in ServiceAddressing.plan(&object, old: old, ranges: ranges) {
            do throws(ServiceAddresses.Refusal) {
                if let address = request.address {
                    try addresses.reserve(address)
                    given.append((request, address))
                } else {
                    given.append((request, try addresses.reserveNext(request.family)))
                }
                taken.addresses += given.suffix(1).map(\.1)
            } catch {
                guard let address = request.address else {
                    throw .internalError("failed to allocate a serviceIP: \(error.text)")
                }
                throw ServiceAddressing.refusal(object, address, error.text)
            }
        }
        ServiceAddressing.assign(&object, given)
    }

    private func reservePorts(_ object: inout JSONValue, _ old: JSONValue?, _ taken: inout Reservation)
        throws(APIStatus)
    {
        let held = Set(old.map(NodePorts.ports) ?? [])
        var entered = held
        for (index, port) in (object[path: "spec", "ports"]?.array ?? []).enumerated() {
            guard let number = port["nodePort"]?.integer.map(Int.init), number != 0, entered.insert(number).inserted
            else { continue }
            switch nodePorts.reserve(number) {
            case .taken: throw ServiceAddressing.refusal(object, port: index, ranges: ranges, isTaken: true)
            case .outside: throw ServiceAddressing.refusal(object, port: index, ranges: ranges, isTaken: false)
            case .reserved: taken.ports.append(number)
            }
        }
        var ports = object[path: "spec", "ports"]?.array ?? []
        for index in ServiceAddressing.wantedNodePorts(object) {
            guard let number = nodePorts.reserveNext() else {
                throw .internalError("failed to allocate a nodePort: range is full")
            }
            taken.ports.append(number)
            ports[index]["nodePort"] = .integer(Int64(number))
        }
        if !ports.isEmpty { object["spec"]?["ports"] = .array(ports) }
        try reserveHealthPort(&object, held, &taken)
    }

    /// A load balancer that keeps to local endpoints asks each node by a port of its own whether it has any.
    private func reserveHealthPort(_ object: inout JSONValue, _ held: Set<Int>, _ taken: inout Reservation)
        throws(APIStatus)
    {
        guard object[path: "spec", "type"]?.string == "LoadBalancer",
            object[path: "spec", "externalTrafficPolicy"]?.string == "Local"
        else { return }
        let given = object[path: "spec", "healthCheckNodePort"]?.integer.map(Int.init) ?? 0
        if given != 0 {
            if held.contains(given) { return }
            guard case .reserved = nodePorts.reserve(given) else {
                throw .internalError(
                    "failed to allocate requested HealthCheck NodePort \(given): it is taken, or out of range")
            }
            taken.ports.append(given)
            return
        }
        guard let number = nodePorts.reserveNext() else {
            throw .internalError("failed to allocate a HealthCheck NodePort: range is full")
        }
        taken.ports.append(number)
        object["spec"]?["healthCheckNodePort"] = .integer(Int64(number))
    }
}

extension ServiceAddresses.Refusal {
    fileprivate var text: String {
        switch self {
        case .taken: "provided IP is already allocated"
        case .outside(let range):
            "the provided IP is not in the valid range. The range of valid IPs is \(range)"
        case .noRange(let family): "\(family.kubernetesName) is not configured on this cluster"
        case .exhausted(let range): "range is full: \(range)"
        }
    }
}
