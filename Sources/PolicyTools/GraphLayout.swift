/// Where the parts of a picture stand, in pixels. Nodes stand in columns, so that most arrows go to the right. Arrows
/// run in the gutters between the columns, and pass a column only in a row of their own. An arrow's label stands beside
/// the box that it enters, over the arrow's last piece, where no other arrow runs.
struct GraphLayout {
    struct Point: Hashable {
        let x: Int
        let y: Int
    }

    struct Box: Hashable {
        let x: Int
        let y: Int
        let width: Int
        let height: Int
    }

    struct Edge: Hashable {
        /// Places among the nodes.
        let from: Int
        let to: Int
        let labelWidth: Int
    }

    static let boxWidth = 210
    /// Of boxes, of arrows that pass a column, and of a box for each of its arrows.
    private static let row = 16
    private static let trackGap = 7
    private static let labelHeight = 10
    private static let columnsMax = 8

    /// By node.
    private(set) var boxes: [Box] = []
    /// By edge: start, corners and end.
    private(set) var routes: [[Point]] = []
    /// By edge.
    private(set) var labels: [Box] = []
    private(set) var width = 0
    private(set) var height = 0

    private let edges: [Edge]
    private let layers: [Int]
    private var columns: [[Item]] = []

    /// What stands in a column.
    private enum Item: Hashable {
        case node(Int)
        /// An edge that passes the column.
        case pass(Int)
    }

    /// - Parameter top: what is left free above, in pixels.
    init(nodeCount: Int, edges: [Edge], top: Int) {
        self.edges = edges
        layers = Self.layers(nodeCount, edges)
        order()
        let heights = heights(top)
        let hops = hops(heights)
        place(heights, hops)
    }

    // MARK: Columns

    /// The longest way to each node from where arrows begin, drawn together where there would be too many columns. Of a
    /// circle the arrow that closes it does not count.
    private static func layers(_ count: Int, _ edges: [Edge]) -> [Int] {
        let targets = Dictionary(grouping: edges, by: \.from).mapValues { $0.map(\.to) }
        let entered = Set(edges.filter { $0.from != $0.to }.map(\.to))
        var seen: Set<Int> = []
        var order: [Int] = []
        func visit(_ node: Int) {
            guard seen.insert(node).inserted else { return }
            for target in (targets[node] ?? []).reversed() { visit(target) }
            order.append(node)
        }
        let nodes = 0..<count
        for node in (nodes.filter { !entered.contains($0) } + nodes.filter(entered.contains)).reversed() { visit(node) }
        order.reverse()
        var rank = [Int](repeating: 0, count: count)
        for (place, node) in order.enumerated() { rank[node] = place }
        var layers = [Int](repeating: 0, count: count)
        for node in order {
            for target in targets[node] ?? [] where rank[target] > rank[node] {
                layers[target] = max(layers[target], layers[node] + 1)
            }
        }
        let deepest = layers.max() ?? 0
        return deepest < columnsMax ? layers : layers.map { $0 * columnsMax / (deepest + 1) }
    }

    private func isForward(_ edge: Edge) -> Bool { layers[edge.from] < layers[edge.to] }

    /// The columns that an edge passes, in its order: those between its ends, or all of them where it goes back.
    private func passed(_ edge: Edge) -> [Int] {
        let (from, to) = (layers[edge.from], layers[edge.to])
        return from < to ? Array(from + 1..<to) : (to...from).reversed()
    }

    /// Items near those that their arrows come from; arrows that go back at the bottom.
    private mutating func order() {
        let incoming = Dictionary(grouping: edges.filter(isForward), by: \.to)
        let connected = Set(edges.flatMap { [$0.from, $0.to] })
        var rank: [Int: Double] = [:]
        for column in 0...(layers.max() ?? 0) {
            func key(_ item: Item) -> Double {
                switch item {
                case .pass(let edge): return isForward(edges[edge]) ? rank[edges[edge].from] ?? 0 : 3
                case .node(let node):
                    let sources = (incoming[node] ?? []).compactMap { rank[$0.from] }
                    if sources.isEmpty { return connected.contains(node) ? 0 : 2 }
                    return sources.reduce(0, +) / Double(sources.count)
                }
            }
            let items =
                layers.indices.filter { layers[$0] == column }.map { Item.node($0) }
                + edges.indices.filter { passed(edges[$0]).contains(column) }.map { Item.pass($0) }
            let sorted = items.enumerated().sorted { (key($0.element), $0.offset) < (key($1.element), $1.offset) }
            columns.append(sorted.map(\.element))
            for (place, item) in sorted.map(\.element).enumerated() {
                if case .node(let node) = item { rank[node] = Double(place) / Double(items.count) }
            }
        }
    }

    // MARK: Heights

    /// Where things stand up and down.
    private struct Heights {
        var tops: [Int]
        var sizes: [Int]
        /// Of edges in the columns that they pass.
        var passes: [[Int]]
        var starts: [Int]
        var ends: [Int]
    }

    private mutating func heights(_ top: Int) -> Heights {
        let (outgoing, incoming) = (
            Dictionary(grouping: edges.indices) { edges[$0].from }, Dictionary(grouping: edges.indices) { edges[$0].to }
        )
        let none = [Int](repeating: 0, count: edges.count)
        let zero = [Int](repeating: 0, count: layers.count)
        var heights = Heights(
            tops: zero, sizes: zero, passes: edges.map { [Int](repeating: 0, count: passed($0).count) }, starts: none,
            ends: none)
        for (number, column) in columns.enumerated() {
            var y = top
            for item in column {
                switch item {
                case .node(let node):
                    let slots = max(outgoing[node]?.count ?? 0, incoming[node]?.count ?? 0)
                    heights.tops[node] = y
                    heights.sizes[node] = (slots + 1) * Self.row + 12
                    y += (slots + 3) * Self.row
                case .pass(let edge):
                    // Four pieces of arrows that may meet in a gutter have four places in a row.
                    let place = passed(edges[edge]).firstIndex(of: number) ?? 0
                    heights.passes[edge][place] = y + (number.isMultiple(of: 2) ? 12 : 0)
                    y += Self.row
                }
            }
            height = max(height, y + Self.row)
        }
        for (node, top) in heights.tops.enumerated() {
            let leaving = (outgoing[node] ?? []).sorted {
                (heights.tops[edges[$0].to], $0) < (heights.tops[edges[$1].to], $1)
            }
            for (slot, edge) in leaving.enumerated() { heights.starts[edge] = top + (slot + 1) * Self.row + 8 }
            let entering = (incoming[node] ?? []).sorted {
                (heights.tops[edges[$0].from], $0) < (heights.tops[edges[$1].from], $1)
            }
            for (slot, edge) in entering.enumerated() { heights.ends[edge] = top + (slot + 1) * Self.row + 4 }
        }
        return heights
    }

    // MARK: Gutters

    /// An edge in a gutter: up or down from one height to another. Gutter 0 is left of column 0.
    private struct Hop {
        let edge: Int
        let gutter: Int
        let from: Int
        let to: Int
        var track = 0
    }

    /// In the order of the edges, and along each. Hops that would touch have different tracks.
    private func hops(_ heights: Heights) -> [Hop] {
        var hops: [Hop] = []
        for (number, edge) in edges.enumerated() {
            let levels = [heights.starts[number]] + heights.passes[number] + [heights.ends[number]]
            let step = isForward(edge) ? 1 : -1
            for (place, (from, to)) in zip(levels, levels.dropFirst()).enumerated() {
                hops.append(Hop(edge: number, gutter: layers[edge.from] + 1 + place * step, from: from, to: to))
            }
        }
        let order = hops.indices.sorted { left, right in
            (min(hops[left].from, hops[left].to), left) < (min(hops[right].from, hops[right].to), right)
        }
        var bottoms: [Int: [Int]] = [:]
        for index in order {
            let hop = hops[index]
            var tracks = bottoms[hop.gutter] ?? []
            let free = tracks.firstIndex { $0 + 2 < min(hop.from, hop.to) } ?? tracks.count
            if free == tracks.count { tracks.append(0) }
            tracks[free] = max(hop.from, hop.to)
            hops[index].track = free
            bottoms[hop.gutter] = tracks
        }
        return hops
    }

    private mutating func place(_ heights: Heights, _ hops: [Hop]) {
        let byGutter = Dictionary(grouping: hops, by: \.gutter)
        var gutters: [Int] = []
        var lefts: [Int] = []
        var x = 0
        for column in columns.indices {
            gutters.append(x)
            let tracks = (byGutter[column]?.map(\.track).max() ?? 0) + 2
            let labels = edges.filter { layers[$0.to] == column }.map(\.labelWidth).max() ?? 0
            x += tracks * Self.trackGap + labels + 20
            lefts.append(x)
            x += Self.boxWidth
        }
        gutters.append(x)
        width = x + ((byGutter[columns.count]?.map(\.track).max() ?? 0) + 3) * Self.trackGap
        boxes = layers.enumerated().map { node, layer in
            Box(x: lefts[layer], y: heights.tops[node], width: Self.boxWidth, height: heights.sizes[node])
        }
        let byEdge = Dictionary(grouping: hops, by: \.edge)
        for (number, edge) in edges.enumerated() {
            var route = [Point(x: boxes[edge.from].x + Self.boxWidth, y: heights.starts[number])]
            for hop in byEdge[number] ?? [] {
                let track = gutters[hop.gutter] + (hop.track + 1) * Self.trackGap
                route += [Point(x: track, y: hop.from), Point(x: track, y: hop.to)]
            }
            let end = Point(x: boxes[edge.to].x, y: heights.ends[number])
            routes.append(route + [end])
            labels.append(
                Box(
                    x: end.x - 10 - edge.labelWidth, y: end.y - 1 - Self.labelHeight, width: edge.labelWidth,
                    height: Self.labelHeight))
        }
    }
}
