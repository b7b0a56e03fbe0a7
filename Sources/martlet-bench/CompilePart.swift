import BenchReport
import JSONText
import KubeObjects
import NetTypes
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
        note("\(size): compiled from nothing", compiled, .atMost(1_000))
        var shadow = CapacityShadow(podCIDRs: Self.podCIDRs)
        shadow.take(objects)
        var crossed = shadow
        crossed.take([Self.crossing])
        for (statement, text) in [("Never", "Never"), ("Only", "Only")] {
            let invariant = Self.invariant(.string(statement))
            for (world, what) in [(shadow, ""), (crossed, ", address blocks over the pods")] {
                let name = "an invariant (\(text)\(what))"
                let state = try whole(name, world, invariant, rounds)
                try onePod("\(name): a pod's label judged", world, invariant, state)
            }
        }
    }

    /// From its being written to the answer, with the classes that its selectors make. Answers whether it holds.
    private func whole(
        _ name: String, _ shadow: CapacityShadow, _ invariant: AdmittedObject, _ rounds: Int
    ) throws -> Bool {
        var times: [Double] = []
        var holds = true
        for _ in 0..<rounds {
            var fresh = shadow
            times.append(Self.milliseconds { fresh.take([invariant]) })
            guard let state = fresh.invariantStates["i"] else { throw BenchError("the invariant was not read") }
            holds = state == nil
        }
        note("\(name): all of it", times, .atMost(50))
        return holds
    }

    private func onePod(_ name: String, _ world: CapacityShadow, _ invariant: AdmittedObject, _ holds: Bool) throws {
        var shadow = world
        shadow.take([invariant])
        let present = Self.pod(3, Self.applications[0])
        var times: [Double] = []
        var isRefused = false
        for index in 0..<session.count(200) {
            let changed = Self.pod(3, Self.applications[index % 2])
            times.append(
                Self.milliseconds { isRefused = !shadow.judge(changed, present: present).isEmpty || isRefused })
        }
        if isRefused { throw BenchError("a pod's label was refused") }
        note(name + (holds ? "" : ", while it is broken"), times, .atMost(1))
    }

    private func note(_ name: String, _ rounds: [Double], _ aim: Measure.Aim) {
        session.note(Measure(part: "compile", name, rounds: rounds, "ms", aim))
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

    private static let podCIDRs = [CIDR("10.244.0.0/16")].compactMap(\.self)

    /// Lets a half of the pod network in where it is about the pods of one namespace.
    private static let crossing = object(
        .networkPolicy, "n1/block", [:],
        ["podSelector": [:], "ingress": [["from": [["ipBlock": ["cidr": "10.244.0.0/17"]]]]]])

    /// Nothing of dev reaches prod, which `crossing` breaks; only dev reaches dev, which it does not.
    private static func invariant(_ statement: JSONValue) -> AdmittedObject {
        object(
            .networkInvariant, "i", [:],
            [
                "statement": statement, "from": ["namespaceSelector": ["matchLabels": ["env": "dev"]]],
                "to": ["namespaceSelector": ["matchLabels": ["env": statement == "Never" ? "prod" : "dev"]]],
            ])
    }

    private static func object(
        _ kind: AdmittedObject.Kind, _ path: String, _ labels: JSONValue, _ spec: JSONValue,
        status: JSONValue = [:]
    ) -> AdmittedObject {
        let parts = path.split(separator: "/").map { JSONValue.string(String($0)) }
        var metadata: [String: JSONValue] = ["name": parts[parts.count - 1], "labels": labels]
        if parts.count > 1 { metadata["namespace"] = parts[0] }
        return AdmittedObject(kind, path: path, ["metadata": .object(metadata), "spec": spec, "status": status])
    }

    private static func environment(of namespace: Int) -> String { namespace % 2 == 0 ? "dev" : "prod" }

    private static func pod(_ index: Int, _ application: String) -> AdmittedObject {
        object(
            .pod, "n\(index % namespaces)/p\(index)", ["app": .string(application)], [:],
            status: ["podIPs": [["ip": .string("10.244.\(index / 250).\(1 + index % 250)")]]])
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
