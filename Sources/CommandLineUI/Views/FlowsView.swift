package import JSONText

/// `martlet flows`: a line for each record, the newest last.
package struct FlowsView: Sendable {
    let style: Style

    package init(style: Style) { self.style = style }

    package func text(_ answer: JSONValue) -> String {
        let items = answer["items"]?.array ?? []
        if items.isEmpty { return "no flow matches\n" }
        let lost = answer[path: "log", "lost"]?.integer ?? 0
        return items.map { line($0) + "\n" }.joined() + (lost > 0 ? style.warn("\(lost) events were lost") + "\n" : "")
    }

    /// Time, verdict, protocol, ends, the Service dialled, and what decided with its revision.
    package func line(_ item: JSONValue) -> String {
        if let missed = item["missed"]?.integer {
            return style.warn("\(missed) records were left out: too many to follow")
        }
        let verdict = item["verdict"]?.string ?? "?"
        let shown = verdict.padded(to: 7)
        let painted: String
        switch verdict {
        case "dropped": painted = style.bad(shown)
        case "allowed": painted = style.good(shown)
        default: painted = shown
        }
        var text = "\(item["time"]?.string ?? "") \(painted) \((item["protocol"]?.string ?? "").padded(to: 4)) "
        text += "\(end(item["source"])) -> \(end(item["destination"]))"
        if let service = item["service"]?.string { text += " via \(service)" }
        text += "  \(item["decision"]?.string ?? "")"
        if let reason = item["reason"]?.string, verdict == "dropped" { text += " (\(reason))" }
        if let revision = item["revision"]?.string { text += " at revision \(revision)" }
        if let trial = item["trial"] {
            let rule = ListView.ruleText(trial).map { " by \($0)" } ?? ""
            text += style.warn("  \(trial["verdict"]?.string ?? "")\(rule) (dry run)")
        }
        return text
    }

    private func end(_ end: JSONValue?) -> String {
        let address = end?["address"]?.string ?? "?"
        let host = end?["pod"]?.string ?? (address.contains(":") ? "[\(address)]" : address)
        return end?["port"]?.integer.map { "\(host):\($0)" } ?? host
    }
}

extension String {
    func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
