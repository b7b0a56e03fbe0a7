import JSONText
import KubeObjects
import NetTypes
import TestKit
import Testing

/// A policy that is written as an object and read back is the same policy.
@Suite struct PolicyJSONTests {
    /// Every field, with values biased to the borders of what may be written.
    private struct Objects {
        var random: SeededGenerator

        mutating func flip() -> Bool { Bool.random(using: &random) }
        mutating func pick<Element>(_ elements: [Element]) -> Element {
            elements[Int.random(in: 0..<elements.count, using: &random)]
        }
        mutating func list(_ counts: [Int], _ element: (inout Self) -> JSONValue) -> JSONValue {
            .array((0..<pick(counts)).map { _ in element(&self) })
        }

        static let words = [
            "a", "A.b_c-d", "", "0", "example.org/tier", "\"\\\u{1F980}\n", String(repeating: "v", count: 63),
        ]

        mutating func word() -> JSONValue { .string(pick(Self.words.filter { !$0.isEmpty })) }

        mutating func selector() -> JSONValue {
            var selector: [String: JSONValue] = [:]
            if flip() { selector["matchLabels"] = [pick(Self.words): .string(pick(Self.words))] }
            if flip() {
                selector["matchExpressions"] = list([0, 1, 3]) { objects in
                    let name = objects.pick(["In", "NotIn", "Exists", "DoesNotExist"])
                    var members: [String: JSONValue] = ["key": objects.word(), "operator": .string(name)]
                    if name.hasSuffix("In") {
                        members["values"] = objects.list([1, 2, 9]) { .string($0.pick(Self.words)) }
                    }
                    return .object(members)
                }
            }
            return .object(selector)
        }

        mutating func metadata() -> JSONValue {
            var annotations: [String: JSONValue] = ["kept/by-nobody": "x"]
            if flip() { annotations[ChangeMode.annotation] = .string(pick(["keep", "recheck", "reset"])) }
            if flip() { annotations[ObjectMeta.dryRunAnnotation] = .string(pick(["true", "false", ""])) }
            return [
                "name": "p", "uid": .string(pick(["", "0-1", "x"])), "resourceVersion": .string(pick(["", "1", "x"])),
                "labels": flip() ? [:] : ["l": "1"], "annotations": .object(annotations),
                "generation": .integer(pick([0, 1, .max])),
            ]
        }

        mutating func port() -> JSONValue {
            var port: [String: JSONValue] = [:]
            if flip() { port["protocol"] = .string(pick(["TCP", "UDP", "SCTP"])) }
            switch Int.random(in: 0..<4, using: &random) {
            case 0: break
            case 1: port["port"] = .string("http-1")
            case 2: port["port"] = .integer(pick([1, 80, 65535]))
            default: (port["port"], port["endPort"]) = (.integer(pick([1, 80])), .integer(pick([80, 65535])))
            }
            return .object(port)
        }

        mutating func peer() -> JSONValue {
            switch Int.random(in: 0..<4, using: &random) {
            case 0: return ["podSelector": selector()]
            case 1: return ["namespaceSelector": selector()]
            case 2: return ["namespaceSelector": selector(), "podSelector": selector()]
            default:
                return pick([
                    ["ipBlock": ["cidr": "0.0.0.0/0", "except": ["10.0.0.0/8", "255.255.255.255/32"]]],
                    ["ipBlock": ["cidr": "::/0", "except": ["fd00::/8"]]],
                    ["ipBlock": ["cidr": "192.0.2.1/32"]], ["ipBlock": ["cidr": "fd00::1/128", "except": []]],
                ])
            }
        }

        mutating func networkPolicy() -> JSONValue {
            var object: JSONValue = ["metadata": metadata(), "spec": ["podSelector": selector()]]
            object["metadata"]?["namespace"] = "n"
            for (field, peers) in [("ingress", "from"), ("egress", "to")] where flip() {
                object["spec"]?[field] = list([0, 1, 3]) { objects in
                    [peers: objects.list([0, 1, 4]) { $0.peer() }, "ports": objects.list([0, 1, 4]) { $0.port() }]
                }
            }
            let types: [JSONValue?] = [nil, [], ["Ingress"], ["Egress"], ["Ingress", "Egress"]]
            if let types = pick(types) { object["spec"]?["policyTypes"] = types }
            return object
        }

        mutating func pods() -> JSONValue {
            flip()
                ? ["namespaces": selector()] : ["pods": ["namespaceSelector": selector(), "podSelector": selector()]]
        }

        mutating func clusterPeer(egress: Bool) -> JSONValue {
            switch Int.random(in: 0..<(egress ? 4 : 2), using: &random) {
            case 0, 1: return pods()
            case 2: return ["nodes": selector()]
            default:
                return [
                    "networks": list([1, 2, 24, 25]) { .string($0.pick(["0.0.0.0/0", "fd00::/8", "192.0.2.1/32"])) }
                ]
            }
        }

        mutating func protocolEntry(named: Bool) -> JSONValue {
            if named, flip() { return ["destinationNamedPort": .string(pick(["http", "dns"]))] }
            let port: JSONValue = pick([
                ["number": 1], ["number": 65535], ["range": ["start": 1, "end": 65535]],
                ["range": ["start": 65534, "end": 65535]],
            ])
            return [pick(["tcp", "udp", "sctp"]): ["destinationPort": port]]
        }

        mutating func clusterPolicy() -> JSONValue {
            var object: JSONValue = [
                "metadata": metadata(),
                "spec": [
                    "tier": .string(pick(["Admin", "Baseline"])), "priority": .integer(pick([0, 1, 1000])),
                    "subject": pods(),
                ],
            ]
            for (field, peers) in [("ingress", "from"), ("egress", "to")] where flip() {
                object["spec"]?[field] = list([0, 1, 25]) { objects in
                    let onlyPods = field == "ingress" || objects.flip()
                    var rule: [String: JSONValue] = [
                        "action": .string(objects.pick(["Accept", "Deny", "Pass"])),
                        peers: objects.list([1, 2, 25]) { $0.clusterPeer(egress: !onlyPods) },
                    ]
                    if objects.flip() { rule["name"] = .string(String(repeating: "n", count: objects.pick([1, 100]))) }
                    if objects.flip() {
                        rule["protocols"] = objects.list([1, 2, 25]) { $0.protocolEntry(named: onlyPods) }
                    }
                    return .object(rule)
                }
            }
            return object
        }
    }

    /// As the text that a file would hold.
    private func again(_ object: JSONValue) throws -> JSONValue {
        let text = object.compactText
        #expect(!text.utf8.contains { $0 < 0x20 })
        return try JSONValue(parsing: Array(text.utf8))
    }

    @Test(arguments: 1...400 as ClosedRange<UInt64>) func aNetworkPolicyComesBackAsItWas(seed: UInt64) throws {
        var objects = Objects(random: SeededGenerator(seed: seed))
        var policy = try NetworkPolicy(objects.networkPolicy())
        let back = try NetworkPolicy(again(policy.json))
        // Written out where it is not what holds without it.
        if policy.onChange != .recheck { #expect(back.metadata.annotations[ChangeMode.annotation] != nil) }
        #expect(back == policy, "seed \(seed)")
        policy.metadata.annotations = [:]
        #expect(try NetworkPolicy(again(policy.json)).onChange == policy.onChange)
    }

    @Test(arguments: 1...400 as ClosedRange<UInt64>) func aClusterNetworkPolicyComesBackAsItWas(seed: UInt64) throws {
        var objects = Objects(random: SeededGenerator(seed: seed))
        let policy = try ClusterNetworkPolicy(objects.clusterPolicy())
        #expect(try ClusterNetworkPolicy(again(policy.json)) == policy, "seed \(seed)")
    }
}
