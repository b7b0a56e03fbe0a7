import JSONText
package import KubeObjects
import NetTypes

/// Where pods ask for names: the pods behind the cluster's DNS Service, or an address.
package struct NameServer: Sendable {
    private enum Place: Sendable {
        case pods(namespace: String, labels: LabelSelector)
        case address(IPAddress)
    }

    /// An end that answers questions, and on which UDP port.
    struct Target: Sendable {
        /// Nil: an address that is no pod's.
        let pod: Pod?
        /// Empty where it is not known, as of pods from files.
        let addresses: [IPAddress]
        let port: UInt16
    }

    /// What was found of it among objects that were read.
    struct Found: Sendable {
        /// Not empty.
        let targets: [Target]
        /// None of its pods was read: one stands for them that has nothing but what is asked for.
        let isAssumed: Bool
        /// As `--dns` takes it.
        let name: String
        /// How a policy names it.
        let peer: String

        func holds(_ pod: Pod) -> Bool { targets.contains { $0.pod?.key == pod.key } }
    }

    /// As the add-on of nearly all clusters is: pods `k8s-app=kube-dns` of `kube-system`, be it CoreDNS or kube-dns.
    package static let usual = NameServer(
        place: .pods(namespace: "kube-system", labels: LabelSelector(matchLabels: ["k8s-app": "kube-dns"])),
        name: "kube-system/k8s-app=kube-dns")

    /// Pods of it that are looked at: they are replicas of one another.
    package static let targetsMax = 16

    /// The port of a question, as it is asked.
    static let question: UInt16 = 53

    private let place: Place
    /// As it was written.
    package let name: String

    private init(place: Place, name: String) {
        self.place = place
        self.name = name
    }

    /// - Parameter text: `NAMESPACE/LABEL=VALUE[,LABEL=VALUE]`, or an address.
    package init(_ text: String) throws(ObjectError) {
        switch try? PolicyExpectation.end(FieldReader(.string(text))) {
        case .address(let address): self.init(place: .address(address), name: text)
        case .labels(let namespace, let labels):
            self.init(place: .pods(namespace: namespace, labels: labels), name: text)
        case .pod, nil:
            throw ObjectError(.invalid, field: "", "\"\(text)\" is not NAMESPACE/LABEL=VALUE or an address")
        }
    }

    /// By the selector and the target port of its Service where that was read, else by the labels and port 53.
    func find(in world: PolicyWorld) -> Found {
        switch place {
        case .address(let address):
            let target = Target(pod: nil, addresses: [address], port: Self.question)
            return Found(
                targets: [target], isAssumed: false, name: name, peer: "ipBlock: {cidr: \(CIDR(address))}")
        case .pods(let namespace, let given):
            let service = Self.service(in: namespace, given, world)
            let labels = service?.selector.map(LabelSelector.init(matchLabels:)) ?? given
            let pods = world.pods.values.filter {
                $0.metadata.namespace == namespace && labels.matches($0.metadata.labels)
            }.sorted { $0.key < $1.key }
            let port = service?.ports.first(where: Self.isForNames)?.targetPort ?? .number(Self.question)
            let known = pods.compactMap { pod in Self.number(port, pod).map { Target(pod, $0) } }
            return Found(
                targets: known.isEmpty ? [Self.standIn(namespace, labels, port)] : Array(known.prefix(Self.targetsMax)),
                isAssumed: known.isEmpty, name: name,
                peer: "namespaceSelector kubernetes.io/metadata.name=\(namespace) with podSelector \(labels)")
        }
    }

    /// The Service in front: one for questions over UDP that asks for no other labels, `kube-dns` before others.
    private static func service(in namespace: String, _ labels: LabelSelector, _ world: PolicyWorld) -> Service? {
        let near = world.services.values.filter { service in
            guard service.metadata.namespace == namespace, let selector = service.selector,
                service.ports.contains(where: isForNames)
            else { return false }
            return service.key.name == "kube-dns" || labels.covers(LabelSelector(matchLabels: selector))
        }
        return near.min { ($0.key.name == "kube-dns" ? 0 : 1, $0.key) < ($1.key.name == "kube-dns" ? 0 : 1, $1.key) }
    }

    private static func isForNames(_ port: ServicePort) -> Bool { port.transport == .udp && port.port == question }

    private static func number(_ port: PortReference, _ pod: Pod) -> UInt16? {
        switch port {
        case .number(let number): number
        case .name(let name): pod.port(named: name, .udp)
        }
    }

    /// A pod with these labels alone, and with the port names of the usual manifests.
    private static func standIn(_ namespace: String, _ labels: LabelSelector, _ port: PortReference) -> Target {
        var names = [("dns", TransportProtocol.udp), ("dns-tcp", .tcp)]
        if case .name(let name) = port { names += [(name, .udp)] }
        var number = question
        if case .number(let written) = port { number = written }
        let pod = Pod(
            metadata: ObjectMeta(namespace: namespace, name: "\(labels)", labels: labels.example ?? [:]),
            ports: names.map { ContainerPort(name: $0.0, transport: $0.1, number: number) })
        return Target(pod, number)
    }
}

extension NameServer.Target {
    fileprivate init(_ pod: Pod, _ port: UInt16) {
        self.init(pod: pod, addresses: pod.addresses, port: port)
    }
}

extension LabelSelector {
    /// The fewest labels that satisfy it; nil where none do.
    var example: [String: String]? {
        var labels: [String: String] = [:]
        for need in requirements where labels[need.key] == nil {
            let alike = requirements.filter { $0.key == need.key }
            let values: [String] =
                switch need.operation {
                case .isIn: need.values
                case .exists: ["any"]
                case .isNotIn, .doesNotExist: []
                }
            labels[need.key] = values.first { value in alike.allSatisfy { $0.matches([need.key: value]) } }
        }
        return matches(labels) ? labels : nil
    }
}
