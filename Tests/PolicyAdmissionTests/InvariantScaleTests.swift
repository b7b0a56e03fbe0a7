import JSONText
import KubeObjects
import Testing

@testable import PolicyAdmission

/// Invariants over 10,000 pods, 500 namespaces and 2,000 policies. The aims are 50 ms for all and 1 ms for one pod on a
/// quiet machine; the bounds leave room for a busy one, and the figures are printed.
@Suite(.serialized) struct InvariantScaleTests {
    private static let namespaces = 500
    private static let pods = 10_000
    private static let applications = ["web", "api", "db", "cache"]

    private static func object(_ kind: AdmittedObject.Kind, _ path: String, _ labels: JSONValue, _ spec: JSONValue)
        -> AdmittedObject
    {
        let parts = path.split(separator: "/").map { JSONValue.string(String($0)) }
        var metadata: [String: JSONValue] = ["name": parts[parts.count - 1], "labels": labels]
        if parts.count > 1 { metadata["namespace"] = parts[0] }
        return AdmittedObject(kind, path: path, ["metadata": .object(metadata), "spec": spec, "status": [:]])
    }

    private static func pod(_ index: Int, _ application: String) -> AdmittedObject {
        object(.pod, "n\(index % namespaces)/p\(index)", ["app": .string(application)], [:])
    }

    /// Four policies a namespace: shut, web from everywhere, api from web of the same environment, db from api.
    private static func policies(_ namespace: Int) -> [AdmittedObject] {
        let environment = JSONValue.string(namespace % 2 == 0 ? "dev" : "prod")
        func allow(_ name: String, _ subject: String, _ from: JSONValue, _ port: Int64) -> AdmittedObject {
            object(
                .networkPolicy, "n\(namespace)/\(name)", [:],
                [
                    "podSelector": ["matchLabels": ["app": .string(subject)]],
                    "ingress": [["from": from, "ports": [["port": .integer(port), "protocol": "TCP"]]]],
                ])
        }
        let environments: JSONValue = ["matchLabels": ["env": environment]]
        return [
            object(.networkPolicy, "n\(namespace)/shut", [:], ["podSelector": [:], "policyTypes": ["Ingress"]]),
            allow("web", "web", [["namespaceSelector": environments]], 80),
            allow(
                "api", "api", [["namespaceSelector": environments, "podSelector": ["matchLabels": ["app": "web"]]]],
                8080),
            allow("db", "db", [["podSelector": ["matchLabels": ["app": "api"]]]], 5432),
        ]
    }

    private func milliseconds(_ body: () -> Void) -> Double {
        let taken = ContinuousClock().measure(body)
        return Double(taken.components.seconds) * 1_000 + Double(taken.components.attoseconds) / 1e15
    }

    @Test func wholeAndOnePod() {
        var shadow = CapacityShadow()
        var all = (0..<Self.namespaces).map {
            Self.object(.namespace, "n\($0)", ["env": .string($0 % 2 == 0 ? "dev" : "prod")], [:])
        }
        all += (0..<Self.pods).map { Self.pod($0, Self.applications[$0 / Self.namespaces % 4]) }
        all += (0..<Self.namespaces).flatMap(Self.policies)
        let compile = milliseconds { shadow.take(all) }
        let invariant = Self.object(
            .networkInvariant, "i", [:],
            [
                "statement": "Never", "from": ["namespaceSelector": ["matchLabels": ["env": "dev"]]],
                "to": ["namespaceSelector": ["matchLabels": ["env": "prod"]]],
            ])
        let whole = milliseconds { shadow.take([invariant]) }
        #expect(shadow.invariantStates == ["i": nil])

        let present = Self.pod(3, "web")
        var single: [Double] = []
        for round in 0..<20 {
            let changed = Self.pod(3, round % 2 == 0 ? "api" : "web")
            single.append(milliseconds { #expect(shadow.judge(changed, present: present).isEmpty) })
        }
        let median = single.sorted()[single.count / 2]
        print("invariants: compile \(compile) ms, whole check with its classes \(whole) ms, one pod \(median) ms")
        #expect(whole < 500 && median < 20)
    }
}
