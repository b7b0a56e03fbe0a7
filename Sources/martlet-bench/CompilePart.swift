import BenchReport
import JSONText
import KubeObjects
import PolicyAdmission

/// The compiler and the judge of writes by themselves, without daemon and kernel: 10,000 pods, 500 namespaces and 2,000
/// policies, compiled from nothing, and an invariant over them.
struct CompilePart {
    private static let pods = 10_000
    private static let namespaces = 500
    private static let policiesOfNamespace = 4
    private static let applications = ["web", "api", "db", "cache"]
    let session: Session

    func run() throws {
        let objects = Self.objects
        let rounds = session.count(10, least: 3)
        let compiled = (0..<rounds).map { _ in
            Self.milliseconds {
                var shadow = CapacityShadow()
                shadow.take(objects)
            }
        }
        let size =
            "\(Self.pods) pods, \(Self.namespaces) namespaces, \(Self.namespaces * Self.policiesOfNamespace) policies"
        session.note(Measure(part: "compile", "\(size): compiled from nothing", rounds: compiled, "ms", .atMost(1_000)))
        var shadow = CapacityShadow()
        shadow.take(objects)
        try whole(shadow, rounds)
        try onePod(shadow, session.count(200))
    }

    /// From its being written to the answer, with the classes that its selectors make.
    private func whole(_ shadow: CapacityShadow, _ rounds: Int) throws {
        var times: [Double] = []
        for _ in 0..<rounds {
            var fresh = shadow
            times.append(Self.milliseconds { fresh.take([Self.invariant]) })
            guard fresh.invariantStates == ["i": nil] else { throw BenchError("the invariant does not hold") }
        }
        session.note(Measure(part: "compile", "an invariant over all of it", rounds: times, "ms", .atMost(50)))
    }

    private func onePod(_ shadow: CapacityShadow, _ changes: Int) throws {
        var shadow = shadow
        shadow.take([Self.invariant])
        let present = Self.pod(3, Self.applications[0])
        var times: [Double] = []
        var isHeld = true
        for index in 0..<changes {
            let changed = Self.pod(3, Self.applications[index % 2])
            times.append(
                Self.milliseconds { isHeld = isHeld && shadow.judge(changed, present: present).isEmpty })
        }
        guard isHeld else { throw BenchError("a pod's label was refused") }
        session.note(Measure(part: "compile", "a pod's label judged", rounds: times, "ms", .atMost(1)))
    }

    private static func milliseconds(_ body: () -> Void) -> Double {
        let start = Shell.now
        body()
        return (Shell.now - start) / 1e3
    }

    // MARK: Objects

    private static var objects: [AdmittedObject] {
        var all = (0..<namespaces).map { object(.namespace, "n\($0)", ["env": .string(environment(of: $0))], [:]) }
        all += (0..<pods).map { pod($0, applications[$0 / namespaces % applications.count]) }
        all += (0..<namespaces).flatMap(policies)
        return all
    }

    private static let invariant = object(
        .networkInvariant, "i", [:],
        [
            "statement": "Never", "from": ["namespaceSelector": ["matchLabels": ["env": "dev"]]],
            "to": ["namespaceSelector": ["matchLabels": ["env": "prod"]]],
        ])

    private static func object(
        _ kind: AdmittedObject.Kind, _ path: String, _ labels: JSONValue, _ spec: JSONValue
    ) -> AdmittedObject {
        let parts = path.split(separator: "/").map { JSONValue.string(String($0)) }
        var metadata: [String: JSONValue] = ["name": parts[parts.count - 1], "labels": labels]
        if parts.count > 1 { metadata["namespace"] = parts[0] }
        return AdmittedObject(kind, path: path, ["metadata": .object(metadata), "spec": spec, "status": [:]])
    }

    private static func environment(of namespace: Int) -> String { namespace % 2 == 0 ? "dev" : "prod" }

    private static func pod(_ index: Int, _ application: String) -> AdmittedObject {
        object(.pod, "n\(index % namespaces)/p\(index)", ["app": .string(application)], [:])
    }

    /// Shut, web from everywhere in the environment, api from its web, db from api.
    private static func policies(of namespace: Int) -> [AdmittedObject] {
        let environments: JSONValue = ["matchLabels": ["env": .string(environment(of: namespace))]]
        func allow(_ name: String, _ subject: String, _ from: JSONValue, _ port: Int64) -> AdmittedObject {
            object(
                .networkPolicy, "n\(namespace)/\(name)", [:],
                [
                    "podSelector": ["matchLabels": ["app": .string(subject)]],
                    "ingress": [["from": from, "ports": [["port": .integer(port), "protocol": "TCP"]]]],
                ])
        }
        return [
            object(.networkPolicy, "n\(namespace)/shut", [:], ["podSelector": [:], "policyTypes": ["Ingress"]]),
            allow("web", "web", [["namespaceSelector": environments]], 80),
            allow(
                "api", "api", [["namespaceSelector": environments, "podSelector": ["matchLabels": ["app": "web"]]]],
                8080),
            allow("db", "db", [["podSelector": ["matchLabels": ["app": "api"]]]], 5432),
        ]
    }
}
