package import JSONText
import KubeObjects
package import NetTypes

/// Asks an engine about every expectation, for each pair of pods that it means and each address family that both have.
package struct PolicyTestRun: Sendable {
    package struct Result: Sendable {
        package let name: String
        /// Pairs of ends that were asked.
        package let pairs: Int
        /// Empty: it holds.
        package let faults: [String]

        package var json: JSONValue {
            [
                "name": .string(name), "pairs": .integer(Int64(pairs)), "holds": .bool(faults.isEmpty),
                "faults": .array(faults.map { .string($0) }),
            ]
        }
    }

    /// Pods named where one is not there.
    private static let namesMax = 6

    private let pods: [ObjectKey: Pod]
    /// The node's own pods, as ends without policy.
    private let hostPods: Set<ObjectKey>
    private let nodes: [Node]
    private let services: [IPAddress: ObjectKey]
    private let serviceBlocks: [CIDR]

    /// - Parameter services: the ranges of Services.
    package init(_ world: PolicyWorld, places: PodPlaces, services blocks: [CIDR] = []) {
        nodes = world.nodes
        let addresses = world.services.values.flatMap { service in service.clusterIPs.map { ($0, service.key) } }
        services = Dictionary(addresses) { first, _ in first }
        serviceBlocks = blocks
        pods = Dictionary(places.pods.map { ($0.key, $0) }) { $1 }
        hostPods = Set(world.pods.values.filter(\.isHostNetwork).map(\.key))
    }

    package func check(_ expectation: PolicyExpectation, _ engine: some VerdictEngine) -> Result {
        let sources: [Place]
        let destinations: [Place]
        do throws(Missing) {
            sources = try places(expectation.from)
            destinations = try places(expectation.to)
        } catch {
            return Result(name: expectation.name, pairs: 0, faults: [error.text])
        }
        var faults: [String] = []
        var pairs = 0
        for source in sources {
            for destination in destinations {
                let ways = Self.addresses(source, destination)
                if ways.isEmpty {
                    faults.append("\(source.name) and \(destination.name) have no address of one family")
                    continue
                }
                guard let port = number(expectation, destination) else {
                    faults.append("\(destination.name) has no port named \(expectation.port)")
                    continue
                }
                pairs += 1
                for (from, to) in ways {
                    guard let fault = fault(expectation, (source, from), (destination, to), port, engine) else {
                        continue
                    }
                    let family = ways.count > 1 ? " over \(from.family.kubernetesName)" : ""
                    faults.append("\(source.name) to \(destination.name):\(port)\(family): \(fault)")
                }
            }
        }
        return Result(name: expectation.name, pairs: pairs, faults: faults)
    }

    /// What is wrong over one address family; nil where the expectation holds.
    private func fault(
        _ expectation: PolicyExpectation, _ source: (place: Place, address: IPAddress),
        _ destination: (place: Place, address: IPAddress), _ port: UInt16, _ engine: some VerdictEngine
    ) -> String? {
        do throws(Missing) {
            if try isAlwaysAllowed(source.place, source.address, destination.place, destination.address) {
                return Self.fault(expectation, Self.always)
            }
        } catch {
            return error.text
        }
        let question = VerdictQuestion(
            source: source.address, destination: destination.address, sourcePod: source.place.pod,
            destinationPod: destination.place.pod, transport: expectation.transport, port: port)
        do throws(EngineFault) {
            return Self.fault(expectation, try engine.judge(question))
        } catch {
            return "\(engine.name) does not answer: \(error)"
        }
    }

    private static let always = (
        egress: EngineVerdict(isAllowed: true, policy: nil, rule: nil),
        ingress: EngineVerdict(isAllowed: true, policy: nil, rule: nil)
    )

    private static func fault(
        _ expectation: PolicyExpectation, _ verdicts: (egress: EngineVerdict, ingress: EngineVerdict)
    ) -> String? {
        let allowed = verdicts.egress.isAllowed && verdicts.ingress.isAllowed
        let said = "egress \(text(verdicts.egress)), ingress \(text(verdicts.ingress))"
        guard allowed == expectation.allows else { return "is \(allowed ? "allowed" : "denied"): \(said)" }
        guard let policy = expectation.policy else { return nil }
        let deciding = [verdicts.egress, verdicts.ingress].filter { $0.isAllowed == allowed }.map(\.policy)
        return deciding.contains(policy) ? nil : "\(policy) does not decide: \(said)"
    }

    private static func text(_ verdict: EngineVerdict) -> String {
        guard let policy = verdict.policy else { return verdict.isAllowed ? "open (no policy decides)" : "closed" }
        guard let rule = verdict.rule else {
            // A policy of the cluster isolates nobody: it has rules about pods, and whether they hold is not known.
            let isCluster = policy.namespace.isEmpty
            return
                "denied (\(isCluster ? "an address of pods that is no known pod's, under" : "isolated by") \(policy))"
        }
        return "\(verdict.isAllowed ? "allowed" : "denied") by rule \(rule) of \(policy)"
    }

    /// Whatever the policies say, a pod reaches itself, and its own node and it reach each other.
    private func isAlwaysAllowed(
        _ source: Place, _ from: IPAddress, _ destination: Place, _ to: IPAddress
    ) throws(Missing) -> Bool {
        if let pod = source.pod, pod.key == destination.pod?.key { return true }
        for (pod, other, address) in [(source.pod, destination.pod, to), (destination.pod, source.pod, from)] {
            guard let pod, other == nil else { continue }
            let owners = nodes.filter { $0.addresses.contains(address) }
            if owners.contains(where: { $0.name == pod.nodeName }) { return true }
            guard let node = owners.first, pod.nodeName.isEmpty else { continue }
            if nodes.count == 1 { return true }
            throw Missing(
                text: "\(address) is of node \(node.name), which its own pods always reach; on which node "
                    + "\(pod.key) is, is not known")
        }
        return false
    }

    // MARK: Ends

    private struct Missing: Error {
        let text: String
    }

    private struct Place {
        let name: String
        let pod: Pod?
        let addresses: [IPAddress]
    }

    private func places(_ end: PolicyExpectation.End) throws(Missing) -> [Place] {
        switch end {
        case .address(let address):
            let owner = pods.values.first { $0.addresses.contains(address) }
            if owner == nil { try refuseService(address) }
            return [Place(name: "\(address)", pod: owner, addresses: [address])]
        case .pod(let key):
            guard let pod = pods[key] else {
                let isHost = hostPods.contains(key)
                throw Missing(
                    text: isHost
                        ? "\(key) is on the host network: policies do not see it"
                        : "there is no pod \(key): \(podNames(of: key.namespace))")
            }
            return [place(pod)]
        case .labels(let namespace, let selector):
            let found = pods.values.filter {
                $0.metadata.namespace == namespace && selector.matches($0.metadata.labels)
            }
            if found.isEmpty { throw Missing(text: "no pod in namespace \(namespace) has \(selector)") }
            return found.sorted { $0.key < $1.key }.map(place)
        }
    }

    private func podNames(of namespace: String) -> String {
        let names = pods.keys.filter { $0.namespace == namespace }.map(\.name).sorted()
        if names.isEmpty { return "namespace \(namespace) has none" }
        let shown = names.prefix(Self.namesMax).joined(separator: ", ")
        let more = names.count - Self.namesMax
        return "namespace \(namespace) has \(shown)" + (more > 0 ? " and \(more) more" : "")
    }

    private func refuseService(_ address: IPAddress) throws(Missing) {
        if let service = services[address] {
            throw Missing(
                text: "\(address) is a Service address of \(service): policy is asked after translation; name the pod")
        }
        guard let block = serviceBlocks.first(where: { $0.contains(address) }) else { return }
        throw Missing(
            text: "\(address) is in the range of Services \(block) (--service-cidr): policy is asked after "
                + "translation; name the pod")
    }

    private func place(_ pod: Pod) -> Place { Place(name: "\(pod.key)", pod: pod, addresses: pod.addresses) }

    /// The addresses of both ends, for each family that both have.
    private static func addresses(_ source: Place, _ destination: Place) -> [(IPAddress, IPAddress)] {
        IPFamily.allCases.compactMap { family in
            guard let from = source.addresses.first(where: { $0.family == family }),
                let to = destination.addresses.first(where: { $0.family == family })
            else { return nil }
            return (from, to)
        }
    }

    private func number(_ expectation: PolicyExpectation, _ destination: Place) -> UInt16? {
        switch expectation.port {
        case .number(let number): number
        case .name(let name): destination.pod?.port(named: name, expectation.transport)
        }
    }
}
