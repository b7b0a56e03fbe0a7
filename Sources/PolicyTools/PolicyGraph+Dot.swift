/// The picture in the language of Graphviz.
extension PolicyGraph {
    package var dot: String {
        var text = """
            digraph policy {
              graph [rankdir=LR, newrank=true, ranksep=1, nodesep=0.4, labeljust=l, fontname="sans-serif", fontsize=12];
              node [shape=box, fontname="sans-serif", fontsize=11];
              edge [fontname="sans-serif", fontsize=9];

            """
        for (number, namespace) in Set(nodes.map(\.namespace)).sorted().enumerated() {
            let isOutside = namespace.isEmpty
            if !isOutside { text += "  subgraph cluster_\(number) {\n    label=\(quoted(namespace));\n" }
            for (index, node) in nodes.enumerated() where node.namespace == namespace {
                text += "    n\(index) [label=\(quoted(short(node)))\(node.isOpen ? ", style=dashed" : "")];\n"
            }
            if !isOutside { text += "  }\n" }
        }
        for edge in edges {
            let style = edge.kind == .allowed ? "" : ", penwidth=2"
            // Blanks around a label keep it apart from the next arrow.
            text += "  n\(edge.from) -> n\(edge.to) [label=\(quoted(" \(edge.ports) "))"
            text += ", color=\"\(edge.kind.colour)\", fontcolor=\"\(edge.kind.colour)\"\(style)];\n"
        }
        return text + dotLegend + "}\n"
    }

    private var dotLegend: String {
        var text = "  legend [shape=plain, label=<<table border=\"0\" cellborder=\"0\">"
        for kind in Kind.allCases {
            text += "<tr><td><font color=\"\(kind.colour)\">&rarr;</font></td>"
            text += "<td align=\"left\">\(kind.meaning)</td></tr>"
        }
        return text + "<tr><td>dashed</td><td align=\"left\">\(Self.openMeaning)</td></tr></table>>];\n"
    }

    private func quoted(_ text: String) -> String {
        "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").map(Self.printable).joined() + "\""
    }

    /// Without the namespace, which stands around it.
    private func short(_ node: Node) -> String {
        node.name.hasPrefix("\(node.namespace)/") ? String(node.name.dropFirst(node.namespace.count + 1)) : node.name
    }
}

extension PolicyGraph {
    static let openMeaning = "no policy decides who may ask it"

    /// Files may name objects as no API would. A line break is a blank; other control characters, which XML does not
    /// have, are replaced.
    static func printable(_ character: Character) -> String {
        if character.isNewline || character == "\t" { return " " }
        let isControl = character.unicodeScalars.contains { $0.properties.generalCategory == .control }
        return isControl ? "\u{FFFD}" : String(character)
    }
}

extension PolicyGraph.Kind {
    var colour: String {
        switch self {
        case .allowed: "#5b6b7b"
        case .seen: "#1a7f37"
        case .dropped: "#c62828"
        }
    }

    var meaning: String {
        switch self {
        case .allowed: "allowed by a rule, not seen"
        case .seen: "seen in the last hour"
        case .dropped: "dropped in the last hour"
        }
    }
}
