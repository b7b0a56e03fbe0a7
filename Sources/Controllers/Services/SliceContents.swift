package import JSONText
package import KubeObjects
import NetTypes

/// What the slices of a Service have to hold: each ready, serving or terminating pod under its ports.
package struct SliceContents: Sendable {
    struct Group: Hashable, Sendable {
        let addressType: String
        let ports: [PlannedPort]
    }

    /// Endpoints in the order of the pods. Groups without endpoints are not there.
    private(set) var endpoints: [Group: [PlannedEndpoint]] = [:]
    /// Pods that were left out, and why; the Service has to be looked at again.
    private(set) var skipped: [String] = []

    init(_ service: SliceService, pods: [Pod], nodes: [String: SliceNode]) {
        for pod in pods where !pod.phase.isTerminal && !pod.addresses.isEmpty {
            let node = nodes[pod.nodeName]
            // Without its Node the pod's zone, and whether the node exists at all, is not known.
            if node == nil, !pod.nodeName.isEmpty, !service.publishesNotReadyAddresses {
                skipped.append("pod \(pod.key): node \(pod.nodeName) is not there")
                continue
            }
            let ports = Self.ports(of: service, for: pod)
            // Its ports are names that this pod does not have: nothing of it can be reached.
            if ports.isEmpty, !service.ports.isEmpty { continue }
            for addressType in service.addressTypes {
                let endpoint = Self.endpoint(for: pod, node, service, addressType)
                guard !endpoint.identity.addresses.isEmpty else { continue }
                endpoints[Group(addressType: addressType, ports: ports), default: []].append(endpoint)
            }
        }
    }

    /// The Service's ports as they are on this pod; a port by name that the pod does not have is left out.
    static func ports(of service: SliceService, for pod: Pod) -> [PlannedPort] {
        service.ports.compactMap { port -> PlannedPort? in
            let number: Int64
            switch port.target {
            case .string(let name):
                if let fixed = Int64(name) {
                    number = fixed
                } else {
                    guard let transport = TransportProtocol(kubernetesName: port.transport),
                        let found = pod.port(named: name, transport)
                    else { return nil }
                    number = Int64(found)
                }
            case .integer(let target) where target != 0: number = target
            case .null, .bool, .integer, .number, .array, .object, nil: number = port.port
            }
            return PlannedPort(
                name: port.name, transport: port.transport, number: number, appProtocol: port.appProtocol)
        }.sorted()
    }

    static func endpoint(for pod: Pod, _ node: SliceNode?, _ service: SliceService, _ addressType: String)
        -> PlannedEndpoint
    {
        let family: IPFamily = addressType == "IPv6" ? .v6 : .v4
        var endpoint = PlannedEndpoint(
            identity: .init(
                addresses: pod.addresses.first { $0.family == family }.map { ["\($0)"] } ?? [], kind: "Pod",
                namespace: pod.metadata.namespace, name: pod.metadata.name, uid: pod.metadata.uid))
        endpoint.isServing = pod.isReady
        endpoint.isTerminating = pod.metadata.isDeleting
        endpoint.isReady = service.publishesNotReadyAddresses || (pod.isReady && !pod.metadata.isDeleting)
        endpoint.nodeName = pod.nodeName
        endpoint.zone = node?.zone ?? ""
        if !pod.hostname.isEmpty, pod.subdomain == service.key.name, pod.metadata.namespace == service.key.namespace {
            endpoint.hostname = pod.hostname
        }
        return endpoint
    }

    /// One endpoint, as a slice has it; for comparison with data of others.
    package static func endpointObject(pod: Pod, node: SliceNode?, service: SliceService, addressType: String)
        -> JSONValue
    {
        endpoint(for: pod, node, service, addressType).object
    }

    /// The ports, as a slice has them.
    package static func portObjects(pod: Pod, service: SliceService) -> [JSONValue] {
        ports(of: service, for: pod).map(\.object)
    }
}
