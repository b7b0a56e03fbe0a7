import CommandLineUI
import Foundation
import KubeObjects
import NetTypes
import Testing

@testable import PolicyTools

/// The picture can be read: nothing lies over anything that it is not about.
@Suite struct GraphLayoutTests {
    private static let shop = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Examples/shop").path()

    private static func graph(_ world: PolicyWorld, _ traffic: SeenTraffic = SeenTraffic()) throws -> PolicyGraph {
        let mesh = PolicyMesh(world, places: PodPlaces(world))
        return try #require(PolicyGraph(mesh, traffic, outside: OutsideRegion.all(of: [world]).regions))
    }

    /// Twenty workloads: each asks the next and the one three on, one asks itself, one asks all; the rest is a circle.
    private static func twenty() throws -> PolicyWorld {
        var yaml = ""
        for number in 0..<20 {
            yaml += PolicyDiffTests.pod("p\(number)", "a\(number)", "10.0.1.\(number + 1)")
            let peers = Set([(number + 19) % 20, (number + 17) % 20, number == 7 ? 7 : 0]).sorted()
                .map { "{podSelector: {matchLabels: {app: a\($0)}}}" }.joined(separator: ", ")
            yaml += PolicyDiffTests.policy(
                "a\(number)",
                "{podSelector: {matchLabels: {app: a\(number)}}, ingress: [{from: [\(peers)], "
                    + "ports: [{port: \(8000 + number)}]}, {from: [{ipBlock: {cidr: 203.0.113.0/24}}]}]}")
        }
        return try PolicyLintTests.world(yaml)
    }

    private static func check(_ graph: PolicyGraph) {
        let layout = graph.layout
        #expect(layout.boxes.count == graph.nodes.count && layout.routes.count == graph.edges.count)
        for (index, label) in layout.labels.enumerated() {
            for other in layout.labels.dropFirst(index + 1) + layout.boxes {
                #expect(!overlap(label, other), "\(graph.edges[index]): \(label) \(other)")
            }
        }
        for (index, box) in layout.boxes.enumerated() {
            for other in layout.boxes.dropFirst(index + 1) { #expect(!overlap(box, other)) }
            #expect(box.x >= 0 && box.x + box.width <= layout.width && box.y + box.height <= layout.height)
        }
        for (edge, route) in zip(graph.edges, layout.routes) {
            for (from, to) in zip(route, route.dropFirst()) {
                #expect(from.x == to.x || from.y == to.y, "\(edge): \(from) \(to)")
                let piece = GraphLayout.Box(
                    x: min(from.x, to.x), y: min(from.y, to.y), width: abs(from.x - to.x), height: abs(from.y - to.y))
                for (node, box) in layout.boxes.enumerated() where node != edge.from && node != edge.to {
                    #expect(!overlap(piece, box), "\(edge) lies over \(graph.nodes[node].name)")
                }
                for (other, label) in zip(graph.edges, layout.labels) where other != edge {
                    #expect(!overlap(piece, label), "\(edge) lies over the label of \(other)")
                }
            }
            #expect(route.first?.x == layout.boxes[edge.from].x + GraphLayout.boxWidth)
            #expect(route.last?.x == layout.boxes[edge.to].x)
        }
    }

    /// Inclusive of borders: touching counts.
    private static func overlap(_ left: GraphLayout.Box, _ right: GraphLayout.Box) -> Bool {
        left.x <= right.x + right.width && right.x <= left.x + left.width && left.y <= right.y + right.height
            && right.y <= left.y + left.height
    }

    @Test func theShopCanBeRead() throws {
        var world = PolicyWorld()
        for document in try ManifestFiles.read([Self.shop]) { world.add(document.body, source: document.source) }
        let graph = try Self.graph(world)
        #expect(graph.nodes.count >= 4 && graph.edges.count >= 3)
        Self.check(graph)
    }

    @Test func twentyWorkloadsCanBeRead() throws {
        let flow = SeenFlow(
            source: .name(.init("prod", "app=a12")), destination: .name(.init("prod", "app=a3")), transport: 6,
            port: 22, isAllowed: false)
        let graph = try Self.graph(try Self.twenty(), SeenTraffic(pairs: [flow]))
        #expect(graph.nodes.count >= 20 && graph.edges.count >= 60)
        #expect(graph.edges.contains { $0.kind == .dropped })
        Self.check(graph)
    }

    @Test func arrowsThatAskOneAfterTheOtherGoToTheRight() {
        let layout = GraphLayout(
            nodeCount: 4, edges: [(0, 1), (1, 2), (2, 3), (0, 3)].map { .init(from: $0, to: $1, labelWidth: 40) },
            top: 48)
        #expect(layout.boxes.map(\.x) == layout.boxes.map(\.x).sorted())
        #expect(Set(layout.boxes.map(\.x)).count == 4)
    }

    @Test func bothPicturesSayWhatTheirArrowsMean() throws {
        let graph = try Self.graph(try PolicyLintTests.world(PolicyDiffTests.pods))
        for text in [graph.svg, graph.dot] {
            for kind in PolicyGraph.Kind.allCases { #expect(text.contains(kind.meaning)) }
            #expect(text.contains(PolicyGraph.openMeaning))
        }
    }

    @Test func nothingAtAllIsAPictureToo() {
        let layout = GraphLayout(nodeCount: 0, edges: [], top: 48)
        #expect(layout.boxes.isEmpty && layout.routes.isEmpty)
    }
}
