import APIClient
import Foundation
import JSONText
import TestKit
import Testing

/// What a running daemon writes into its NodeDataplane, and when a policy took which step there.
@Suite(.serialized) struct DataplaneWritesTests {
    private static let path = "/apis/martlet.io/v1alpha1/nodedataplanes"

    private static func policy(_ port: Int) -> JSONValue {
        [
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": ["name": "web", "namespace": "default"],
            "spec": [
                "podSelector": ["matchLabels": ["app": "web"]],
                "ingress": [["ports": [["port": .integer(Int64(port))]]]],
            ],
        ]
    }

    private func version(_ call: APICaller) async throws -> String {
        try #require(try await call("GET", Self.path)[path: "metadata", "resourceVersion"]?.string)
    }

    /// The writes since a version, as the store remembers them.
    private func writes(since version: String, _ call: APICaller) async throws -> [JSONValue] {
        let text = try await call.text("GET", "\(Self.path)?watch=true&timeoutSeconds=1&resourceVersion=\(version)")
        return try text.split(separator: "\n").map { try JSONValue(parsing: Array($0.utf8)) }
    }

    private func enforced(_ event: JSONValue) -> Int64 {
        event[path: "object", "status", "enforcedRevision"]?.integer ?? -1
    }

    @Test(.timeLimit(.minutes(1))) func anIdleNodeWritesNothingAndABusyOneOnceASecondAtMost() async throws {
        try await withNode { node in
            try await until("it is in full service") { try await node.isInFullService() }
            let call = try APICaller(node)
            let made = try await call(
                "POST", "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies", Self.policy(1))
            #expect(made["kind"] == "NetworkPolicy", "\(made)")
            // The last of what the start brought is told.
            var quiet = try await version(call)
            try await until("it has told all") {
                try await Task.sleep(for: .milliseconds(1_500))
                let before = quiet
                quiet = try await version(call)
                return try await writes(since: before, call).isEmpty
            }
            try await Task.sleep(for: .seconds(4))
            let idle = try await writes(since: quiet, call)
            #expect(idle.isEmpty, "\(idle)")

            let start = try await version(call)
            let began = ContinuousClock.now
            var changes = 0
            while ContinuousClock.now - began < .seconds(4) {
                changes += 1
                let path = "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies/web"
                let answer = try await call("PUT", path, Self.policy(changes + 1))
                #expect(answer["kind"] == "NetworkPolicy", "\(answer)")
            }
            let busy = try await writes(since: start, call)
            let took = ContinuousClock.now - began
            print("\(changes) changes of a policy in \(took): \(busy.count) writes of the NodeDataplane")
            #expect(changes > 8 && busy.count >= 2, "\(changes) changes, \(busy.count) writes")
            #expect(busy.count <= Int(took.components.seconds) + 1)
            let told = busy.map(enforced)
            #expect(told == told.sorted() && Set(told).count == told.count, "each write tells something: \(told)")
        }
    }

    @Test(.timeLimit(.minutes(1))) func eachStepOfAPolicyHasItsTimeInTraceAndInTheHistogram() async throws {
        try await withShop { shop in
            let node = shop.node
            let call = try APICaller(node)
            let before = try await counts(call)
            let made = try await call(
                "POST", "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies", Self.policy(8_080))
            let version = try #require(made[path: "metadata", "resourceVersion"]?.string)
            #expect(try await node.martlet(["wait", "policy", "default/web"]).status == 0)
            let run = try await node.martlet(["trace", "policy", "default/web", "-o", "json"])
            let last = try #require(run.json?["versions"]?.array?.last, "\(run.output)")
            #expect(last["version"]?.string == version)
            let generation = try await node.martlet(["status", "-o", "json"]).json?[path: "policy", "generation"]
            #expect(last["generation"] == generation)
            let steps = last["steps"]?.array ?? []
            #expect(steps.map { $0["step"] } == ["stored", "informed", "compiled", "written", "visible"])
            let times = steps.compactMap { $0["time"]?.string }
            #expect(times.count == 5 && times == times.sorted(), "\(times)")
            let table = try await node.martlet(["trace", "policy", "default/web"])
            #expect(table.status == 0 && table.output.contains("NetworkPolicy default/web, version \(version)"))
            #expect(!table.output.contains("not known"), "\(table.output)")

            let after = try await counts(call)
            for step in ["informed", "compiled", "written", "visible", "total"] {
                #expect((after[step] ?? 0) > (before[step] ?? 0), "\(step): \(before) \(after)")
            }
            let unknown = try await node.martlet(["trace", "policy", "default/none"])
            #expect(unknown.status == 1 && unknown.output.contains("default/none"), "\(unknown.output)")
        }
    }

    /// Observations of the histogram by step.
    private func counts(_ call: APICaller) async throws -> [String: Int] {
        let text = try await call.text("GET", "/metrics")
        var found: [String: Int] = [:]
        for match in text.matches(of: /martlet_object_step_seconds_count\{step="([a-z]+)"\} ([0-9]+)/) {
            found[String(match.1)] = Int(match.2)
        }
        return found
    }
}
