import JSONText
import TestKit
import Testing

/// Two writes that each fit and do not fit together, sent at the same time to the API of a whole node: the one that is
/// committed first is taken, and the other is refused as if it had come after it, with what it lacks and who takes
/// most.
@Suite struct CapacityRaceTests {
    private static let rounds = 12
    /// More than half of what a list holds.
    private static let rules = 600
    private static let policies = "/apis/networking.k8s.io/v1/namespaces/room/networkpolicies"
    private static let pod = "/api/v1/namespaces/room/pods/main"

    /// A pod that no node runs is enough: room is counted for all.
    private static let objects = """
        apiVersion: v1
        kind: Namespace
        metadata: {name: room}
        ---
        apiVersion: v1
        kind: Pod
        metadata: {name: main, namespace: room}
        spec: {nodeName: none, containers: [{name: main, image: none}]}
        """

    private static func policy(_ name: String, selecting labels: JSONValue = [:]) -> JSONValue {
        let ports = (0..<rules).map { JSONValue.object(["protocol": "TCP", "port": .integer(Int64(1_000 + 2 * $0))]) }
        return [
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": ["name": .string(name), "namespace": "room"],
            "spec": ["podSelector": ["matchLabels": labels], "ingress": [["ports": .array(ports)]]],
        ]
    }

    /// A write, the policy that it brings over the pod, how it is taken back, and what it lacks where it comes second.
    private struct Contender {
        let name: String
        let lack: String
        let write: @Sendable (APICaller) async throws -> JSONValue
        let undo: @Sendable (APICaller) async throws -> JSONValue

        static func policy(_ name: String) -> Contender {
            let body = CapacityRaceTests.policy(name)
            return Contender(
                name: name,
                lack: "needs \(rules) ingress rules in the list of pod room/main; \(1_024 - rules) of 1024 are free",
                write: { try await $0("POST", policies, body) },
                undo: { try await $0("DELETE", policies + "/" + name) })
        }

        /// Puts the pod under a policy that stands there already.
        static func label(under policy: String) -> Contender {
            func patch(_ value: JSONValue) -> JSONValue { ["metadata": ["labels": ["under": value]]] }
            let (set, remove) = (patch(.string(policy)), patch(.null))
            return Contender(
                name: policy,
                lack: "needs \(rules) more ingress rules in a list; \(1_024 - rules) of 1024 are free",
                write: { try await $0("PATCH", pod, set) }, undo: { try await $0("PATCH", pod, remove) })
        }
    }

    /// The refusal of whoever came second says what it lacks, and names who came first.
    private func isRefused(_ answer: JSONValue, _ second: Contender, after first: Contender) -> Bool {
        let causes = answer[path: "details", "causes"]?.array ?? []
        return APICaller.isRefused(
            answer, "it does not fit", second.lack, "most is taken by ", "room/\(first.name) (\(Self.rules) rules)")
            && causes.map { $0["reason"] } == ["CapacityExceeded"]
    }

    private func isTaken(_ answer: JSONValue) -> Bool { ["Pod", "NetworkPolicy"].contains(answer["kind"]) }

    private func race(_ one: Contender, _ other: Contender, _ call: APICaller) async throws {
        // Each fits alone, and either may be first: then the other is refused.
        for (first, second) in [(one, other), (other, one)] {
            #expect(isTaken(try await first.write(call)))
            let refused = try await second.write(call)
            #expect(isRefused(refused, second, after: first), "\(refused)")
            #expect(try await first.undo(call)["code"] == nil)
        }
        var winners: [String: Int] = [:]
        for round in 0..<Self.rounds {
            async let left = one.write(call)
            async let right = other.write(call)
            let answers = try await [left, right]
            #expect(answers.count(where: isTaken) == 1, "round \(round): \(answers)")
            let (first, second, refused) = isTaken(answers[0]) ? (one, other, answers[1]) : (other, one, answers[0])
            #expect(isRefused(refused, second, after: first), "round \(round): \(refused)")
            winners[first.name, default: 0] += 1
            // It is as if the second had never been: refused again, and taken once the first has gone.
            #expect(isRefused(try await second.write(call), second, after: first), "round \(round)")
            #expect(try await first.undo(call)["code"] == nil)
            #expect(isTaken(try await second.write(call)), "round \(round)")
            #expect(try await second.undo(call)["code"] == nil)
        }
        print("of \(Self.rounds) rounds: \(winners.sorted { $0.key < $1.key })")
    }

    @Test(.timeLimit(.minutes(3))) func ofTwoWritesThatFitAloneExactlyTheFirstIsTaken() async throws {
        try await withNode { node in
            try await node.apply(Self.objects)
            let call = try APICaller(node)
            try await race(.policy("a"), .policy("b"), call)
            #expect(isTaken(try await call("POST", Self.policies, Self.policy("all", selecting: ["under": "all"]))))
            try await race(.policy("a"), .label(under: "all"), call)
        }
    }
}
