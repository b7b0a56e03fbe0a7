import JSONText
import KubeObjects
import NetTypes
import PolicyKernel

/// Files of connectivity tables (`martlet-netpol-cases/1`): steps of actions, each followed by the table that has to
/// hold. What a pod may say to itself is left open by the API and not compared.
enum ConnectivityRunner {
    static func run(_ file: JSONValue, _ kernel: KernelEngine?) -> FileResult {
        var result = FileResult()
        for entry in file["cases"]?.array ?? [] {
            var cluster = Cluster(entry["resources"] ?? file["initialResources"] ?? .null, kernel)
            var faults: [String] = []
            for (index, step) in (entry["steps"]?.array ?? []).enumerated() {
                for action in step["actions"]?.array ?? [] { cluster.perform(action) }
                faults += check(step, cluster, &result.checks).map { "step \(index): \($0)" }
            }
            result.count(entry["id"]?.string ?? "?", cluster.faults + faults)
        }
        return result
    }

    private static func check(_ step: JSONValue, _ cluster: Cluster, _ checks: inout Int) -> [String] {
        let names = (step["pods"]?.array ?? []).compactMap(\.string)
        let evaluator = cluster.evaluator
        var faults: [String] = []
        for expect in step["expect"]?.array ?? [] {
            let tables = ["combined", "ingress", "egress"].map { Table(expect, $0, names.count) }
            for target in (expect["on"]?.array ?? []).compactMap(\.string) {
                guard let (transport, port) = Target.read(target) else {
                    faults.append("cannot read \(target)")
                    continue
                }
                for (row, from) in names.enumerated() {
                    for (column, to) in names.enumerated() where row != column {
                        guard let source = cluster.pods[Target.key(from)],
                            let destination = cluster.pods[Target.key(to)],
                            let verdicts = cluster.judge(evaluator, from: source, to: destination, transport, port)
                        else {
                            faults.append("no pod \(from) or \(to)")
                            continue
                        }
                        if let difference = verdicts.difference { faults.append(difference) }
                        let found = [verdicts.egress && verdicts.ingress, verdicts.ingress, verdicts.egress]
                        for (table, allowed) in zip(tables, found) {
                            guard let wanted = table.allows(row, column) else { continue }
                            checks += 1
                            if wanted != allowed {
                                faults.append("\(from) to \(to) \(target), \(table.name): allowed is \(allowed)")
                            }
                        }
                    }
                }
            }
        }
        return faults
    }

    /// One of the tables of an expectation, its short forms written out.
    struct Table {
        let name: String
        private let rows: [[Character]]?

        init(_ expect: JSONValue, _ name: String, _ count: Int) {
            self.name = name
            var value = expect[name]
            for _ in 0..<2 {
                if value == "=ingress" { value = expect["ingress"] }
                if value == "=egress" { value = expect["egress"] }
            }
            if value == "allow-all" {
                rows = Array(repeating: Array(repeating: ".", count: count), count: count)
            } else {
                rows = value?.array?.map { Array($0.string ?? "") }
            }
        }

        /// Nil where the file does not say.
        func allows(_ row: Int, _ column: Int) -> Bool? {
            guard let rows, rows.indices.contains(row), rows[row].indices.contains(column) else { return nil }
            return rows[row][column] == "."
        }
    }
}

/// `PROTO/port` and `namespace/name`.
enum Target {
    static func read(_ text: String) -> (UInt8, UInt16)? {
        let parts = text.split(separator: "/")
        guard parts.count == 2, let transport = TransportProtocol(kubernetesName: String(parts[0])),
            let port = UInt16(parts[1])
        else { return nil }
        return (transport.rawValue, port)
    }

    static func key(_ text: String) -> ObjectKey {
        let parts = text.split(separator: "/", maxSplits: 1).map(String.init)
        return parts.count == 2 ? ObjectKey(parts[0], parts[1]) : ObjectKey("", text)
    }
}
