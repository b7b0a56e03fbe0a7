package import JSONText
import KubeObjects
import NetTypes
import PolicyCompiler

/// Who may reach whom, and who did, as a picture: workloads by namespace, an arrow where a rule lets something through
/// or something was seen. What is open since no policy selects either end has no arrow: such workloads are dashed.
package struct PolicyGraph: Sendable {
    package struct Node: Hashable, Sendable {
        package let name: String
        package let namespace: String
        /// No policy decides who may ask it.
        package let isOpen: Bool
    }

    package enum Kind: String, Hashable, Sendable, CaseIterable {
        /// A rule allows it; nothing was seen.
        case allowed
        /// It was seen in the last hour, and gets through.
        case seen
        /// It was seen in the last hour, and dropped.
        case dropped
    }

    package struct Edge: Hashable, Sendable {
        /// Places in `nodes`.
        package let from: Int
        package let to: Int
        package let kind: Kind
        package let ports: String
    }

    /// Sets of pods that are drawn; with more, a namespace has to be chosen.
    package static let nodesMax = 200

    package private(set) var nodes: [Node] = []
    package private(set) var edges: [Edge] = []

    /// `nodes` and `edges`; an edge names its nodes by their places.
    package var json: JSONValue {
        [
            "nodes": .array(
                nodes.map {
                    ["name": .string($0.name), "namespace": .string($0.namespace), "open": .bool($0.isOpen)]
                }),
            "edges": .array(
                edges.map {
                    [
                        "from": .integer(Int64($0.from)), "to": .integer(Int64($0.to)),
                        "kind": .string($0.kind.rawValue), "ports": .string($0.ports),
                    ]
                }),
        ]
    }

    /// Nil where more than `nodesMax` would have to be drawn.
    package init?(
        _ mesh: PolicyMesh, _ traffic: SeenTraffic, outside regions: [OutsideRegion], namespace: String? = nil
    ) {
        let parts = mesh.parts()
        let isShown = { (key: ObjectKey) in namespace == nil || key.namespace == namespace }
        let seen = Self.seen(traffic)
        var ends: [(text: String, workload: String, places: [ReachPlace?], isInside: Bool)] = parts.map { part in
            let other = part.pods.count > 1 ? part.pods[1] : nil
            return (
                part.text, "\(part.workload)", [mesh.place(part.pods[0]), other.flatMap { mesh.place($0) }],
                isShown(part.workload)
            )
        }
        ends += regions.map { ($0.text, $0.text, [mesh.place($0.address), nil], false) }
        nodes = parts.map { part in
            let place = mesh.place(part.pods[0])
            return Node(
                name: part.text, namespace: part.workload.namespace,
                isOpen: place.map { !mesh.compiler.isIngressDecided($0) } ?? true)
        }
        nodes += regions.map { Node(name: $0.text, namespace: "", isOpen: true) }
        for (from, sender) in ends.enumerated() {
            for (to, receiver) in ends.enumerated() where sender.isInside || receiver.isInside {
                guard let source = sender.places[0],
                    let target = from == to ? receiver.places[1] : receiver.places[0]
                else { continue }
                let passes = mesh.compiler.passes(from: source, to: target)
                let decided = PortSpan.union(
                    passes.filter { $0.egressRule != 0 || $0.ingressRule != 0 }.map(\.span))
                let flows = seen[Pair(from: sender.workload, to: receiver.workload)] ?? []
                let open = flows.filter(\.isAllowed)
                if !open.isEmpty {
                    let ports = PortSpan.union(open.map { PortSpan($0.transport, PortRange($0.port)) })
                    edges.append(Edge(from: from, to: to, kind: .seen, ports: PortSpan.text(ports)))
                } else if !decided.isEmpty {
                    edges.append(Edge(from: from, to: to, kind: .allowed, ports: PortSpan.text(decided)))
                }
                let closed = flows.filter { !$0.isAllowed }
                if !closed.isEmpty {
                    let ports = PortSpan.union(closed.map { PortSpan($0.transport, PortRange($0.port)) })
                    edges.append(Edge(from: from, to: to, kind: .dropped, ports: PortSpan.text(ports)))
                }
            }
        }
        keepConnected(ends.map(\.isInside))
        if nodes.count > Self.nodesMax { return nil }
    }

    private struct Pair: Hashable {
        let from: String
        let to: String
    }

    private static func seen(_ traffic: SeenTraffic) -> [Pair: [SeenFlow]] {
        Dictionary(grouping: traffic.pairs) { Pair(from: "\($0.source)", to: "\($0.destination)") }
    }

    /// Leaves out what is not asked for and has no arrow.
    private mutating func keepConnected(_ isInside: [Bool]) {
        let used = Set(edges.flatMap { [$0.from, $0.to] })
        let kept = nodes.indices.filter { isInside[$0] || used.contains($0) }
        let places = Dictionary(kept.enumerated().map { ($0.element, $0.offset) }) { $1 }
        nodes = kept.map { nodes[$0] }
        edges = edges.compactMap { edge in
            guard let from = places[edge.from], let to = places[edge.to] else { return nil }
            return Edge(from: from, to: to, kind: edge.kind, ports: edge.ports)
        }
    }
}
