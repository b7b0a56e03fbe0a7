package import JSONText

/// `martlet explain`: each rule consulted in both directions, and the kernel's answer beside the evaluator's.
package struct ExplainView: Sendable {
    let style: Style

    package init(style: Style) { self.style = style }

    package func text(_ answer: JSONValue) -> String {
        let flow = answer["flow"]
        var out =
            "\(side(flow?["source"])) -> \(side(flow?["destination"])) "
            + "\(ListView.cell(flow?["protocol"])) \(ListView.cell(flow?["port"])): \(verdict(answer["verdict"]))\n\n"
        out += direction("egress, judged for the source", answer["egress"])
        out += direction("ingress, judged for the destination", answer["ingress"])
        let kernel = answer["kernel"]
        out += "kernel: \(verdict(kernel?["verdict"])) in generation \(ListView.cell(kernel?["generation"]))"
        if let revision = kernel?["revision"]?.integer { out += ", revision \(revision)" }
        out += "\n"
        for name in ["egress", "ingress"] {
            let side = kernel?[name]
            let rule = ListView.ruleText(side?["rule"]) ?? side?["reasonName"]?.string ?? "no policy"
            out += "  \(name): \(verdict(side?["verdict"])) by \(rule)\n"
        }
        if answer["agrees"]?.bool == false {
            out += style.bad("evaluator and kernel disagree") + ": run martlet fsck, and report this\n"
        }
        return out + changes(answer) + open(answer["open"])
    }

    private func changes(_ answer: JSONValue) -> String {
        let items = answer["changes"]?.array ?? []
        if items.isEmpty { return "" }
        let turned = answer["verdict"]?.string == "allow" ? "drop" : "allow"
        let isKnown = items.allSatisfy { $0["decision"]?.string != nil }
        let title = isKnown ? "smallest change that would make it" : "to be mended before it can become"
        var out = "\n\(style.strong(title)) \(verdict(.string(turned)))"
        out += items.count > 1 ? ", all of:\n" : isKnown ? ", other flows aside:\n" : ":\n"
        for item in items {
            // Without a decision: what follows is known once the policy is mended.
            let after = item["decision"]?.string.map { ": \($0)" } ?? ""
            out += "  \(ListView.cell(item["text"])) (\(ListView.cell(item["direction"]))\(after))\n"
        }
        return out
    }

    /// Flows that are open already are told apart: they were judged when they were last looked at.
    private func open(_ value: JSONValue?) -> String {
        guard let count = value?["count"]?.integer, count > 0 else { return "\nno such flow is open\n" }
        var out =
            "\n\(style.strong("open already")): \(count), judged again with the next packet where a decider changed\n"
        for item in value?["items"]?.array ?? [] {
            let rules = ["egress", "ingress"].map { "\($0) by \(ListView.ruleText(item[$0]) ?? "no policy")" }
            let verdict = item["kept"]?.bool == true ? "forbidden and kept (on-change)" : "allowed"
            out += "  from port \(ListView.cell(item["sourcePort"])): \(verdict) in generation "
            out += "\(ListView.cell(item["generation"])), \(rules.joined(separator: ", "))\n"
        }
        return out
    }

    private func direction(_ title: String, _ value: JSONValue?) -> String {
        var out = "\(style.strong(title)): \(verdict(value?["verdict"])): \(ListView.cell(value?["decision"]))\n"
        for step in value?["steps"]?.array ?? [] {
            let mark = step["matched"]?.bool == true ? "+" : "-"
            out += "  \(mark) \(place(step)): \(ListView.cell(step["reason"]))\n"
        }
        return out + "\n"
    }

    /// `shop/deny rule 0`, `Admin 5 ClusterNetworkPolicy guard rule 1 (no-db) Deny`.
    private func place(_ step: JSONValue) -> String {
        var parts: [String] = []
        if let priority = step["priority"]?.integer { parts.append("\(ListView.cell(step["tier"])) \(priority)") }
        parts.append("\(ListView.prefix(ofKind: step))\(ListView.cell(step["policy"]))")
        guard let rule = step["rule"]?.integer else { return parts.joined(separator: " ") }
        parts.append("rule \(rule)")
        if let name = step["name"]?.string, !name.isEmpty { parts.append("(\(name))") }
        if step["priority"]?.integer != nil { parts.append(ListView.cell(step["action"])) }
        return parts.joined(separator: " ")
    }

    private func side(_ end: JSONValue?) -> String {
        let address = ListView.cell(end?["address"])
        return end?["pod"]?.string.map { "\($0) (\(address))" } ?? address
    }

    private func verdict(_ value: JSONValue?) -> String {
        let text = value?.string ?? "?"
        return text == "allow" ? style.good(text) : style.bad(text)
    }
}
