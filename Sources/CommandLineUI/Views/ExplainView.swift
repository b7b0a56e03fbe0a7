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
            if let node = side?["judgedBy"]?.string {
                out += "  \(name): judged on node \(node), not here\n"
                continue
            }
            let rule = ListView.ruleText(side?["rule"]) ?? side?["reasonName"]?.string ?? "no policy"
            out += "  \(name): \(verdict(side?["verdict"])) by \(rule)\n"
        }
        if answer["agrees"]?.bool == false {
            out += style.bad("evaluator and kernel disagree") + ": run martlet fsck, and report this\n"
        }
        return out + besides(answer) + changes(answer) + open(answer["open"])
    }

    /// What is told of the question asked otherwise: with the dry runs, and over the other address family.
    private func besides(_ answer: JSONValue) -> String {
        var out = ""
        if let tried = answer["dryRun"], tried["verdict"]?.string != nil {
            let sides = ["egress", "ingress"].map { "\($0): \(ListView.cell(tried[$0]))" }.joined(separator: "; ")
            out += "\nwith the dry runs in force it would be \(verdict(tried["verdict"])) (\(sides))\n"
        }
        if let other = answer["otherFamily"], let family = other["family"]?.string {
            let command = ListView.cell(other["command"])
            out +=
                other["differs"]?.bool == true
                ? "\n\(style.warn("over \(family) it is")) \(verdict(other["verdict"])): \(command)\n"
                : "\nover \(family) the same: \(command)\n"
        }
        return out
    }

    private func changes(_ answer: JSONValue) -> String {
        let items = answer["changes"]?.array ?? []
        if items.isEmpty { return "" }
        let turned = answer["verdict"]?.string == "allow" ? "drop" : "allow"
        let isKnown = items.allSatisfy { $0["decision"]?.string != nil }
        let title = isKnown ? "smallest change that would make it" : "to be mended before it can become"
        var out = "\n\(style.strong(title)) \(verdict(.string(turned)))"
        out += items.count > 1 ? ", all of:\n" : ":\n"
        for item in items {
            // Without a decision: what follows is known once the policy is mended.
            let after = item["decision"]?.string.map { ": \($0)" } ?? ""
            out += "  \(ListView.cell(item["text"])) (\(ListView.cell(item["direction"]))\(after))\n"
            if let others = item["others"], others.object != nil { out += self.others(others) }
        }
        return out
    }

    /// What a change does beside.
    private func others(_ others: JSONValue) -> String {
        let lines = ["opened", "closed"].compactMap { name -> String? in
            guard let count = others[name]?["count"]?.integer, count > 0 else { return nil }
            let shown = (others[name]?["items"]?.array ?? []).map { ListView.cell($0) }
            let more = count - Int64(shown.count)
            return "    also \(name == "opened" ? "opens" : "closes") \(shown.joined(separator: ", "))"
                + (more > 0 ? " and \(more) more" : "") + "\n"
        }
        let tried = "    of \(ListView.cell(others["tried"])) other flows that were tried\n"
        return lines.isEmpty ? "    turns none" + tried.dropFirst(3) : lines.joined() + tried
    }

    /// Flows that are open already are told apart: they were judged when they were last looked at.
    private func open(_ value: JSONValue?) -> String {
        guard let count = value?["count"]?.integer, count > 0 else { return "\nno such flow is open\n" }
        var out = "\n\(style.strong("open already")): \(count)\n"
        let items = value?["items"]?.array ?? []
        for item in items {
            let rules = ["egress", "ingress"].map { "\($0) by \(decider(item[$0]))" }
            let judged = "in generation \(ListView.cell(item["generation"])), \(rules.joined(separator: ", "))"
            out += "  from port \(ListView.cell(item["sourcePort"])): "
            switch item["state"]?.string {
            case "kept": out += "forbidden and kept (on-change) \(judged)\n"
            case "dropped":
                let reason = ListView.cell(item["nextReason"])
                out += "forbidden: the next packet is dropped (\(reason)); let in \(judged)\n"
            case "reset": out += "forbidden: reset at both ends (on-change) \(judged)\n"
            default: out += "allowed \(judged)\n"
            }
        }
        let more = count - Int64(items.count)
        return out + (more > 0 ? "  and \(more) more\n" : "")
    }

    /// What let an open flow in. Of a policy that has changed since, the rule may have no name any more.
    private func decider(_ rule: JSONValue?) -> String {
        if let text = ListView.ruleText(rule) { return text }
        switch rule?["id"]?.integer {
        case nil: return "no policy"
        case 1: return "own node"
        case 2: return "own pod"
        case _?: return "a rule that is gone"
        }
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
