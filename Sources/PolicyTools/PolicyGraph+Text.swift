/// The picture for Graphviz, and as SVG with a plain layout of its own: a column for each namespace.
extension PolicyGraph {
    private static let colours: [Kind: String] = [.allowed: "#5b6b7b", .seen: "#1a7f37", .dropped: "#c62828"]

    /// The language of `dot`.
    package var dot: String {
        var text = "digraph policy {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\", fontsize=11];\n"
        text += "  edge [fontname=\"sans-serif\", fontsize=9];\n"
        for (number, namespace) in namespaces.enumerated() {
            let isOutside = namespace.isEmpty
            if !isOutside { text += "  subgraph cluster_\(number) {\n    label=\(quoted(namespace));\n" }
            for (index, node) in nodes.enumerated() where node.namespace == namespace {
                text += "    n\(index) [label=\(quoted(short(node)))\(node.isOpen ? ", style=dashed" : "")];\n"
            }
            if !isOutside { text += "  }\n" }
        }
        for edge in edges {
            let colour = Self.colours[edge.kind] ?? "black"
            let style = edge.kind == .allowed ? "" : ", penwidth=2"
            text += "  n\(edge.from) -> n\(edge.to) [label=\(quoted(edge.ports)), color=\"\(colour)\"\(style)];\n"
        }
        return text + "}\n"
    }

    private func quoted(_ text: String) -> String {
        "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").map(Self.printable).joined() + "\""
    }

    private var namespaces: [String] { Set(nodes.map(\.namespace)).sorted() }

    /// Without the namespace, which the column says.
    private func short(_ node: Node) -> String {
        node.name.hasPrefix("\(node.namespace)/") ? String(node.name.dropFirst(node.namespace.count + 1)) : node.name
    }

    // MARK: SVG

    private enum Layout {
        static let column = 320
        static let width = 200
        static let row = 64
        static let height = 34
        static let margin = 60
    }

    package var svg: String {
        let places = places
        let rows = Dictionary(grouping: nodes, by: \.namespace).values.map(\.count).max() ?? 0
        let width = namespaces.count * Layout.column + Layout.margin
        let height = rows * Layout.row + 2 * Layout.margin
        var text = """
            <svg xmlns="http://www.w3.org/2000/svg" width="\(width)" height="\(height)" font-family="sans-serif">
            <rect width="100%" height="100%" fill="white"/>

            """
        for (kind, colour) in Self.colours.sorted(by: { $0.value < $1.value }) {
            text += "<marker id=\"\(id(kind))\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" "
            text += "markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0 L8 4 L0 8 z\" fill=\"\(colour)\"/></marker>\n"
        }
        for (column, namespace) in namespaces.enumerated() {
            text += "<text x=\"\(column * Layout.column + Layout.margin)\" y=\"30\" font-size=\"14\" "
            text += "font-weight=\"bold\">"
            text += "\(escaped(namespace.isEmpty ? "outside" : namespace))</text>\n"
        }
        for edge in edges { text += line(edge, places) }
        for (node, place) in zip(nodes, places) {
            text += "<g><rect x=\"\(place.x)\" y=\"\(place.y)\" width=\"\(Layout.width)\" "
            text += "height=\"\(Layout.height)\" rx=\"4\" "
            text += "fill=\"#f6f8fa\" stroke=\"#24292f\"\(node.isOpen ? " stroke-dasharray=\"4 3\"" : "")/>"
            text += "<text x=\"\(place.x + 8)\" y=\"\(place.y + 21)\" font-size=\"11\">"
            text += "\(escaped(clipped(short(node))))</text>"
            text += "<title>\(escaped(node.name))</title></g>\n"
        }
        return text + "</svg>\n"
    }

    private var places: [(x: Int, y: Int)] {
        let columns = namespaces
        var used: [String: Int] = [:]
        return nodes.map { node in
            let row = used[node.namespace, default: 0]
            used[node.namespace] = row + 1
            let column = columns.firstIndex(of: node.namespace) ?? 0
            return (column * Layout.column + Layout.margin, row * Layout.row + Layout.margin)
        }
    }

    /// Leaves on the right and enters on the left, or goes round where that is backwards.
    private func line(_ edge: Edge, _ places: [(x: Int, y: Int)]) -> String {
        let (from, to) = (places[edge.from], places[edge.to])
        // Arrows of two kinds between the same two stand apart.
        let shift = edge.kind == .dropped ? 8 : -4
        let start = (x: from.x + Layout.width, y: from.y + Layout.height / 2 + shift)
        let isForward = to.x > from.x
        let end = (x: isForward ? to.x : to.x + Layout.width, y: to.y + Layout.height / 2 + shift)
        let bend = isForward ? (start.x + 60, end.x - 60) : (max(start.x, end.x) + 70, max(start.x, end.x) + 70)
        let colour = Self.colours[edge.kind] ?? "black"
        let middle = (x: (bend.0 + bend.1) / 2, y: (start.y + end.y) / 2 - 3)
        let curve = "M\(start.x) \(start.y) C\(bend.0) \(start.y) \(bend.1) \(end.y) \(end.x) \(end.y)"
        let width = edge.kind == .allowed ? 1 : 2
        return "<path d=\"\(curve)\" fill=\"none\" stroke=\"\(colour)\" stroke-width=\"\(width)\" "
            + "marker-end=\"url(#\(id(edge.kind)))\">"
            + "<title>\(escaped("\(nodes[edge.from].name) -> \(nodes[edge.to].name): \(edge.ports)"))</title></path>\n"
            + "<text x=\"\(middle.x)\" y=\"\(middle.y)\" font-size=\"9\" text-anchor=\"middle\" fill=\"\(colour)\">"
            + "\(escaped(clipped(edge.ports)))</text>\n"
    }

    private func id(_ kind: Kind) -> String {
        switch kind {
        case .allowed: "allowed"
        case .seen: "seen"
        case .dropped: "dropped"
        }
    }

    private func clipped(_ text: String) -> String { text.count > 32 ? "\(text.prefix(31))…" : text }

    private func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .map(Self.printable).joined()
    }

    /// Files may name objects as no API would. A line break is a blank; other control characters, which XML does not
    /// have, are replaced.
    private static func printable(_ character: Character) -> String {
        if character.isNewline || character == "\t" { return " " }
        let isControl = character.unicodeScalars.contains { $0.properties.generalCategory == .control }
        return isControl ? "\u{FFFD}" : String(character)
    }
}
