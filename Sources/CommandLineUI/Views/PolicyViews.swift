package import JSONText
import KubeObjects

/// Findings of `policy lint`: what is wrong, where, what it means, what to do.
package struct LintView {
    /// What to do where no pods are known.
    static let podsFrom = "-f with pods or what makes them, or --cluster"

    private let style: Style

    package init(style: Style) { self.style = style }

    package func text(_ value: JSONValue) -> String {
        var text = ""
        for finding in value["items"]?.array ?? [] {
            let word = finding["severity"]?.string ?? ""
            let source = finding["source"]?.string ?? ""
            text += "\(painted(word)) \(style.strong(finding["object"]?.string ?? ""))"
            let field = finding["field"]?.string ?? ""
            text += (field.isEmpty ? "" : " \(field)") + (source.isEmpty ? "" : "  (\(source))") + "\n"
            text += "  \(finding["meaning"]?.string ?? "") [\(finding["check"]?.string ?? "")]\n"
            text += "  -> \(finding["advice"]?.string ?? "")\n"
        }
        text += (value["policies"]?.integer ?? 0).counted("policy", several: "policies")
        text += ", \((value["items"]?.array?.count ?? 0).counted("finding"))\n"
        if value["pods"]?.integer == 0 {
            text += "no pods are known: what compares with pods was left out (\(Self.podsFrom))\n"
        }
        return text
    }

    private func painted(_ severity: String) -> String {
        switch severity {
        case "error": style.bad(severity)
        case "warning": style.warn(severity)
        default: severity
        }
    }
}

/// Results of `policy test`.
package struct PolicyTestView {
    private let style: Style

    package init(style: Style) { self.style = style }

    package func text(_ value: JSONValue) -> String {
        var text = ""
        let results = value["items"]?.array ?? []
        for result in results {
            let holds = result["holds"]?.bool == true
            text += "\(holds ? style.good("ok  ") : style.bad("FAIL")) \(result["name"]?.string ?? "")\n"
            for fault in result["faults"]?.array ?? [] { text += "       \(fault.string ?? "")\n" }
        }
        let failed = results.filter { $0["holds"]?.bool != true }.count
        let judges = [
            "kernel": "the shipped kernel programs", "maps": "the compiled maps in user space",
            "evaluator": "the evaluator in user space",
        ]
        let engine = value["engine"]?.string ?? ""
        text += results.count.counted("expectation")
        text += ", \(failed) failed; judged by \(judges[engine] ?? engine)\n"
        if value["pods"]?.integer == 0 { text += "no pods are known (\(LintView.podsFrom))\n" }
        guard let reason = value["kernelNotAsked"]?.string else { return text }
        return text + style.warn("the kernel was not asked: \(reason)") + "\n"
    }
}
