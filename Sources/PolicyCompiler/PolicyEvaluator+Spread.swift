import KubeObjects
import NetTypes

extension PolicyEvaluator {
    /// What an edit does to other flows than the one it was made for.
    package struct Spread: Hashable, Sendable {
        /// Flows that get through after it and did not before, in words.
        package internal(set) var opened: [String] = []
        /// The other way round.
        package internal(set) var closed: [String] = []
        /// How many flows were tried.
        package let tried: Int

        package var count: Int { opened.count + closed.count }
    }

    /// Flows that stand for the rest of the cluster: between pods that differ in namespace or labels, and an address
    /// outside, on the port that is asked about and on others.
    struct FlowSample {
        /// Pods that are tried, with the two that are asked about.
        static let podsMax = 16
        /// Ports of a destination beside the one that is asked about.
        private static let portsMax = 2

        private let world: PolicyEvaluator
        private let flow: Flow
        private let flows: [(flow: Flow, wasAllowed: Bool)]

        init(around flow: Flow, _ pods: some Sequence<Pod>, _ world: PolicyEvaluator) {
            let family = flow.source.address.family
            let picked = Self.pick(pods, flow)
            var ends = [flow.source, flow.destination].filter { $0.policedPod != nil }
            for pod in picked {
                guard let address = pod.addresses.first(where: { $0.family == family }) else { continue }
                ends.append(End(address, pod: pod))
            }
            ends.append(End(family == .v4 ? Self.outside4 : Self.outside6))
            let namespaces = Set(ends.compactMap { $0.pod?.metadata.namespace })
            self.flow = flow
            let world = world.with(
                world.policies.filter { namespaces.contains($0.metadata.namespace) }, world.clusterPolicies)
            self.world = world
            var flows: [Flow] = []
            for source in ends {
                for destination in ends where destination.address != source.address {
                    flows += Self.ports(of: destination, flow).map { port in
                        Flow(source: source, destination: destination, transport: flow.transport, port: port)
                    }
                }
            }
            self.flows = flows.filter { !Self.isSame($0, flow) }.map { ($0, world.judge($0).isAllowed) }
        }

        // Of the blocks for documentation (RFC 5737, RFC 3849): nobody has them.
        private static let outside4 = IPAddress(v4: 0xcb00_7101)
        private static let outside6 = IPAddress(high: 0x2001_0db8_0000_0000, low: 1)

        /// Pods with an address that are not the flow's, one of each kind that labels tell apart: half of them of the
        /// flow's own namespaces.
        private static func pick(_ pods: some Sequence<Pod>, _ flow: Flow) -> [Pod] {
            let own = Set([flow.source, flow.destination].compactMap { $0.policedPod?.key })
            var kinds: [Kind: Pod] = [:]
            for pod in pods where !pod.isHostNetwork && !pod.phase.isTerminal && !own.contains(pod.key) {
                let kind = Kind(namespace: pod.metadata.namespace, labels: pod.metadata.labels)
                if let held = kinds[kind], held.key < pod.key { continue }
                kinds[kind] = pod
            }
            let homes = Set(own.map(\.namespace))
            let all = kinds.values.sorted { $0.key < $1.key }
            let near = spaced(all.filter { homes.contains($0.metadata.namespace) }, podsMax / 2 - own.count)
            let far = all.filter { !homes.contains($0.metadata.namespace) }
            return near + spaced(far, podsMax - own.count - near.count)
        }

        private struct Kind: Hashable {
            let namespace: String
            let labels: [String: String]
        }

        /// At most `limit`, taken evenly.
        private static func spaced(_ pods: [Pod], _ limit: Int) -> [Pod] {
            guard pods.count > limit else { return pods }
            return (0..<limit).map { pods[$0 * pods.count / limit] }
        }

        private static func ports(of end: End, _ flow: Flow) -> [UInt16] {
            let declared = (end.policedPod?.ports ?? []).filter { $0.transport.rawValue == flow.transport }
                .map(\.number).filter { $0 != flow.port }
            return [flow.port] + (declared.isEmpty ? [anotherPort(flow)] : declared.prefix(portsMax))
        }

        /// Stands for the ports that nobody declares.
        private static func anotherPort(_ flow: Flow) -> UInt16 { flow.port == 1 ? 2 : 1 }

        private static func isSame(_ left: Flow, _ right: Flow) -> Bool {
            left.source.address == right.source.address && left.destination.address == right.destination.address
                && left.port == right.port
        }

        func spread(of edit: Edit) -> Spread {
            let (after, _) = edit.applied(to: world, flow)
            var spread = Spread(tried: flows.count)
            for (other, wasAllowed) in flows {
                let isAllowed = after.judge(edit.relabelled(other)).isAllowed
                if isAllowed == wasAllowed { continue }
                let text = text(other)
                if isAllowed { spread.opened.append(text) } else { spread.closed.append(text) }
            }
            return spread
        }

        private func text(_ other: Flow) -> String {
            func end(_ end: End) -> String {
                end.policedPod.map { "\($0.key)" }
                    ?? ([Self.outside4, Self.outside6].contains(end.address) ? "outside" : "\(end.address)")
            }
            let port = other.port == Self.anotherPort(flow) ? "another port" : other.portText
            return "\(end(other.source)) -> \(end(other.destination)) \(port)"
        }
    }
}
