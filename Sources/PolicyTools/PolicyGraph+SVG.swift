/// The picture as SVG, in a layout of its own.
extension PolicyGraph {
    /// Of the legend, in pixels.
    private static let top = 48
    private static let legendWidth = 200
    private static let namesMax = 32
    /// Of boxes, by namespace; the first is for what lies outside.
    private static let tints = ["#ffffff", "#eef4fb", "#f3f0fa", "#eef8f0", "#fdf5e6", "#fbeeee", "#eef7f8"]

    /// A letter is at most so wide, in tenths of a pixel, where 9 pixels are its height.
    private static let letterWidth = 60

    var layout: GraphLayout {
        GraphLayout(
            nodeCount: nodes.count,
            edges: edges.map { edge in
                GraphLayout.Edge(
                    from: edge.from, to: edge.to, labelWidth: clipped(edge.ports).count * Self.letterWidth / 10)
            }, top: Self.top)
    }

    package var svg: String {
        let layout = layout
        let width = max(layout.width, (Kind.allCases.count + 1) * Self.legendWidth + 20)
        var text = """
            <svg xmlns="http://www.w3.org/2000/svg" width="\(width)" height="\(layout.height)" font-family="sans-serif">
            <rect width="100%" height="100%" fill="white"/>

            """
        for kind in Kind.allCases {
            text += "<marker id=\"\(kind)\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"6\" "
            text += "markerHeight=\"6\" markerUnits=\"userSpaceOnUse\" orient=\"auto\">"
            text += "<path d=\"M0 0 L8 4 L0 8 z\" fill=\"\(kind.colour)\"/></marker>\n"
        }
        text += legend
        for (edge, route) in zip(edges, layout.routes) { text += arrow(edge, route) }
        for (edge, label) in zip(edges, layout.labels) {
            text += "<text x=\"\(label.x + label.width)\" y=\"\(label.y + label.height - 1)\" font-size=\"9\" "
            text += "text-anchor=\"end\" fill=\"\(edge.kind.colour)\">\(escaped(clipped(edge.ports)))</text>\n"
        }
        let namespaces = Set(nodes.map(\.namespace)).subtracting([""]).sorted()
        for (node, place) in zip(nodes, layout.boxes) {
            let number = namespaces.firstIndex(of: node.namespace).map { $0 % (Self.tints.count - 1) + 1 } ?? 0
            text += "<g>" + rectangle(place, tint: Self.tints[number], isOpen: node.isOpen)
            text += "<text x=\"\(place.x + 8)\" y=\"\(place.y + 14)\" font-size=\"11\">"
            text += "\(escaped(clipped(node.name)))</text><title>\(escaped(node.name))</title></g>\n"
        }
        return text + "</svg>\n"
    }

    /// Over the picture: a line for each kind of arrow, and a dashed box.
    private var legend: String {
        var text = ""
        for (number, kind) in Kind.allCases.enumerated() {
            let x = 20 + number * Self.legendWidth
            text += line([.init(x: x, y: 20), .init(x: x + 30, y: 20)], kind) + "/>\n"
            text += "<text x=\"\(x + 38)\" y=\"24\" font-size=\"11\">\(kind.meaning)</text>\n"
        }
        let x = 20 + Kind.allCases.count * Self.legendWidth
        text += rectangle(.init(x: x, y: 13, width: 30, height: 14), tint: "none", isOpen: true)
        return text + "<text x=\"\(x + 38)\" y=\"24\" font-size=\"11\">\(Self.openMeaning)</text>\n"
    }

    private func rectangle(_ box: GraphLayout.Box, tint: String, isOpen: Bool) -> String {
        "<rect x=\"\(box.x)\" y=\"\(box.y)\" width=\"\(box.width)\" height=\"\(box.height)\" rx=\"4\" "
            + "fill=\"\(tint)\" stroke=\"#24292f\"\(isOpen ? " stroke-dasharray=\"4 3\"" : "")/>"
    }

    private func arrow(_ edge: Edge, _ route: [GraphLayout.Point]) -> String {
        let words = "\(nodes[edge.from].name) -> \(nodes[edge.to].name): \(edge.ports)"
        return line(route, edge.kind) + "><title>\(escaped(words))</title></polyline>\n"
    }

    /// Not closed: what it is called may follow.
    private func line(_ points: [GraphLayout.Point], _ kind: Kind) -> String {
        let places = points.map { "\($0.x),\($0.y)" }.joined(separator: " ")
        return "<polyline points=\"\(places)\" fill=\"none\" stroke=\"\(kind.colour)\" stroke-linejoin=\"round\" "
            + "stroke-width=\"\(kind == .allowed ? 1 : 2)\" marker-end=\"url(#\(kind))\""
    }

    private func clipped(_ text: String) -> String {
        text.count > Self.namesMax ? "\(text.prefix(Self.namesMax - 1))…" : text
    }

    private func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .map(Self.printable).joined()
    }
}
