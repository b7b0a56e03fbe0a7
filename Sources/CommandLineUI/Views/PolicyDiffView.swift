package import JSONText
import KubeObjects

/// `policy diff`: gains and losses by workload, then what becomes of flows that were seen.
package struct PolicyDiffView {
    /// Workloads named in one cell, and flows in one list; -o json has all.
    static let namesMax = 6
    static let flowsMax = 10

    private let style: Style

    package init(style: Style) { self.style = style }

    package func text(_ value: JSONValue) -> String {
        var text = ""
        for row in value["rows"]?.array ?? [] {
            text += style.strong("\(names(row["from"])) -> \(names(row["to"]))") + "\n"
            for (field, sign) in [("gained", "+"), ("lost", "-")] {
                let ports = row["\(field)Text"]?.string ?? ""
                if ports.isEmpty { continue }
                let line = "  \(sign) \(ports)"
                text += (sign == "+" ? style.good(line) : style.bad(line)) + "\n"
                text += "    \(names(row["\(field)Because"]))\n"
            }
        }
        let rows = value["rows"]?.array?.count ?? 0
        if rows == 0 { text += "no pair of workloads gains or loses a port\n" }
        if value["pods"]?.integer == 0 { text += "no pods are known (\(LintView.podsFrom))\n" }
        if value["flowsKnown"]?.bool == true { text += flows(value) }
        for note in strings(value["notes"]) { text += style.warn("note: \(note)") + "\n" }
        return text
    }

    private func flows(_ value: JSONValue) -> String {
        let live = value["cutLive"]?.array ?? []
        let cut = value["cut"]?.array ?? []
        let opened = value["opened"]?.array ?? []
        let count = total(live)
        var text =
            count == 0
            ? "cuts no live connection\n" : style.bad("cuts \(count.counted("live connection"))") + "\n"
        text += list(live)
        text += kept(value["keptLive"], "keeps", "that it forbids (on-change: keep)")
        text += kept(value["stillKeptLive"], "still keeps", "forbidden before (on-change: keep)")
        text += kept(value["allowedAgainLive"], "allows", "forbidden and kept before")
        text +=
            cut.isEmpty
            ? "of the flows of the last hour all that got through would\n"
            : style.bad("of the flows of the last hour these got through and would not:") + "\n"
        text += list(cut)
        if !opened.isEmpty { text += "of those dropped in the last hour these would get through:\n" + list(opened) }
        return text
    }

    private func kept(_ value: JSONValue?, _ verb: String, _ which: String) -> String {
        let flows = value?.array ?? []
        if flows.isEmpty { return "" }
        let number = total(flows).counted("live connection")
        return style.warn("\(verb) \(number) \(which)") + "\n" + list(flows)
    }

    private func total(_ flows: [JSONValue]) -> Int64 { flows.reduce(0) { $0 + ($1["flows"]?.integer ?? 0) } }

    private func list(_ flows: [JSONValue]) -> String {
        var text = ""
        for flow in flows.prefix(Self.flowsMax) {
            text += "  \(flow["source"]?.string ?? "?") -> \(flow["destination"]?.string ?? "?")"
            text += " \(flow["port"]?.string ?? "?")" + (flow["family"] == "IPv6" ? " over IPv6" : "")
            text += ", \((flow["flows"]?.integer ?? 0).counted("flow"))"
            if let last = flow["last"]?.string, !last.isEmpty { text += ", last \(last)" }
            text += "\n"
        }
        if flows.count > Self.flowsMax { text += "  and \(flows.count - Self.flowsMax) more (-o json)\n" }
        return text
    }

    private func names(_ value: JSONValue?) -> String {
        let all = strings(value)
        let shown = all.prefix(Self.namesMax).joined(separator: ", ")
        return all.count > Self.namesMax ? "\(shown) and \(all.count - Self.namesMax) more" : shown
    }

    private func strings(_ value: JSONValue?) -> [String] { (value?.array ?? []).compactMap(\.string) }
}
