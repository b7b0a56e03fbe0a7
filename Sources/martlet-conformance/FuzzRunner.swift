import JSONText
import KubeObjects
import NetTypes
import PolicyKernel

/// `fuzz.json`: whole clusters with the list of blocked flows; every other declared flow is allowed.
enum FuzzRunner {
    static func run(_ file: JSONValue, _ kernel: KernelEngine?) -> FileResult {
        var result = FileResult()
        for entry in file["cases"]?.array ?? [] {
            var cluster = Cluster(entry, kernel)
            for policy in entry["policies"]?.array ?? [] { cluster.add(policy: policy) }
            result.count(entry["id"]?.string ?? "?", cluster.faults + check(entry, cluster, &result.checks))
        }
        return result
    }

    private static func check(_ entry: JSONValue, _ cluster: Cluster, _ checks: inout Int) -> [String] {
        var blocked: [[String]: String] = [:]
        for row in entry["blocked"]?.array ?? [] {
            let texts = (row.array ?? []).compactMap(\.string)
            if texts.count == 4 { blocked[Array(texts[..<3])] = texts[3] }
        }
        let evaluator = cluster.evaluator
        var faults: [String] = []
        var total = 0
        for source in cluster.pods.values {
            for destination in cluster.pods.values {
                for port in destination.ports {
                    total += 1
                    guard source.key != destination.key else { continue }
                    let target = "\(port.transport.kubernetesName)/\(port.number)"
                    guard
                        let found = cluster.judge(
                            evaluator, from: source, to: destination, port.transport.rawValue, port.number)
                    else { continue }
                    if let difference = found.difference { faults.append(difference) }
                    let wanted = blocked["\(source.key)", "\(destination.key)", target]
                    checks += 1
                    let said = (found.ingress ? "" : "I") + (found.egress ? "" : "E")
                    if said != wanted ?? "" {
                        faults.append(
                            "\(source.key) to \(destination.key) \(target): blocked by \(said), not \(wanted ?? "-")"
                        )
                    }
                }
            }
        }
        if let stated = entry["total"]?.integer, Int(stated) != total {
            faults.append("\(total) flows instead of \(stated)")
        }
        return faults
    }
}

extension [[String]: String] {
    fileprivate subscript(_ parts: String...) -> String? { self[parts] }
}
