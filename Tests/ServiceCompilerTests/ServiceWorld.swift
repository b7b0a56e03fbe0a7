import KubeObjects
import MapLayout
import NetTypes
import ServiceCompiler

/// A compiler with the maps its deltas fill.
struct ServiceWorld {
    var compiler: ServiceCompiler
    var maps = MemoryServiceMaps()
    var journal: [String: String] = [:]

    init(_ compiler: ServiceCompiler = ServiceCompiler(services: 4096, backends: 4096)) {
        self.compiler = compiler
    }

    @discardableResult
    mutating func apply(_ changes: ServiceChange...) -> ServiceDelta { apply(changes) }

    @discardableResult
    mutating func apply(_ changes: [ServiceChange]) -> ServiceDelta {
        let delta = compiler.apply(changes)
        take(delta)
        compiler.release(delta.retired)
        return delta
    }

    mutating func take(_ delta: ServiceDelta) {
        for operation in delta.operations { maps.perform(operation) }
        for entry in delta.journal { journal[entry.key] = entry.value }
    }

    func lookup(_ address: String, _ port: UInt16, _ transport: TransportProtocol = .tcp) -> [String]? {
        IPAddress(address).flatMap { maps.lookup(Frontend($0, port, transport)) }?.map(\.description)
    }
}

func service(
    _ name: String, _ addresses: [String],
    _ ports: [ServicePort] = [ServicePort(name: "", transport: .tcp, port: 80, targetPort: .number(8080))]
) -> Service {
    Service(
        metadata: ObjectMeta(namespace: "n", name: name), clusterIPs: addresses.compactMap { IPAddress($0) },
        ports: ports, selector: ["app": name])
}

func slice(
    _ name: String, of service: String, _ endpoints: [SliceEndpoint],
    _ ports: [SlicePort] = [SlicePort(name: "", transport: .tcp, port: 8080)], family: IPFamily = .v4
) -> EndpointSlice {
    EndpointSlice(
        metadata: ObjectMeta(namespace: "n", name: name, labels: ["kubernetes.io/service-name": service]),
        family: family, endpoints: endpoints, ports: ports)
}

func endpoint(_ address: String, ready: Bool = true, serving: Bool? = nil, terminating: Bool = false) -> SliceEndpoint {
    SliceEndpoint(
        addresses: [IPAddress(address)].compactMap { $0 }, isReady: ready, isServing: serving ?? ready,
        isTerminating: terminating)
}
