package import JSONText

/// `martlet status`: problems, then what is in force.
package struct StatusView: Sendable {
    let style: Style

    package init(style: Style) { self.style = style }

    package static func hasErrors(_ status: JSONValue) -> Bool {
        (status["problems"]?.array ?? []).contains { $0["severity"]?.string == "error" }
    }

    package func text(_ status: JSONValue) -> String {
        var out = problems(status["problems"]?.array ?? [])
        func line(_ head: String, _ text: String) {
            out += head + String(repeating: " ", count: max(1, 12 - head.count)) + text + "\n"
        }
        let node = status["node"]
        line("node", "\(cell(node?["name"])), \(cell(node?["addresses"])), up \(cell(node?["uptimeSeconds"])) s")
        line("pods", "addresses of \(cell(node?["podCIDRs"]))")
        let policy = status["policy"]
        line(
            "policy",
            "revision \(cell(policy?["revision"])) in force as generation \(cell(policy?["generation"])): "
                + "\(cell(policy?["policies"])) policies, \(cell(policy?["classes"])) classes, "
                + "\(cell(policy?["networks"])) networks")
        let services = status["services"]
        line("services", "\(cell(services?["frontends"])) frontends; connect \(cell(services?["connect"]))")
        let endpoints = status["endpoints"]
        line("endpoints", "\(cell(endpoints?["total"])), unmanaged \(cell(endpoints?["unmanaged"]))")
        let forwarded = status["forwarded"]
        line("forwarded", "\(cell(forwarded?["packets"])) packets, \(cell(forwarded?["bytes"])) bytes")
        let drops = (status["drops"]?.object ?? [:]).sorted { $0.key < $1.key }
        line("drops", drops.isEmpty ? "none" : drops.map { "\($0.key) \(cell($0.value))" }.joined(separator: ", "))
        let maps = status["maps"]?.array ?? []
        if !maps.isEmpty {
            let shown = maps.map { "\(cell($0["name"])) \(cell($0["used"])) of \(cell($0["capacity"]))" }
            line("maps", "fullest: " + shown.joined(separator: ", "))
        }
        for part in status["parts"]?.array ?? [] { line(cell(part["name"]), cell(part["summary"])) }
        for item in status["unmanaged"]?.array ?? [] {
            line(
                "unmanaged",
                "\(cell(item["addresses"])) on \(cell(item["interface"])), container \(cell(item["container"]))")
        }
        let flows = status["flows"]
        line("flows", "\(cell(flows?["records"])) kept, \(cell(flows?["lost"])) lost")
        return [out, tables(status["tables"]?.array ?? []), programs(status["programs"]?.array ?? [])]
            .filter { !$0.isEmpty }.joined(separator: "\n")
    }

    /// How full what bounds policies, pods and Services is.
    private func tables(_ tables: [JSONValue]) -> String {
        if tables.isEmpty { return "" }
        var table = TextTable("table", "used", "free", "limit")
        for row in tables { table.add(["name", "used", "free", "limit"].map { cell(row[$0]) }) }
        return table.text
    }

    private func problems(_ problems: [JSONValue]) -> String {
        if problems.isEmpty { return style.good("nothing is wrong") + "\n\n" }
        return problems.map { problem in
            let severity = cell(problem["severity"])
            let head = severity == "error" ? style.bad(severity) : style.warn(severity)
            return "\(head)  \(cell(problem["message"]))\n       next: \(cell(problem["next"]))\n"
        }.joined() + "\n"
    }

    private func programs(_ programs: [JSONValue]) -> String {
        var table = TextTable("program", "attached", "instructions", "adopted")
        for program in programs {
            table.add(["name", "attached", "verifiedInstructions", "adopted"].map { cell(program[$0]) })
        }
        return table.text
    }

    private func cell(_ value: JSONValue?) -> String { ListView.cell(value) }
}
