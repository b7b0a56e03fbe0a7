import APIClient
import Foundation
import JSONText
import TestKit
import Testing

/// A version of a policy that admission never saw and that cannot be in force, on a whole node: the one before it is
/// what decides, whatever becomes of the daemon.
@Suite(.serialized) struct StandingPolicyTests {
    private static let orders = ObjectReference(.networkPolicies, namespace: "default", name: "orders")

    private func present(_ shop: Shop) async throws -> JSONValue {
        try await shop.node.withClient { try await $0.get(Self.orders, subresource: "") }
    }

    private func version(_ object: JSONValue) -> String { object[path: "metadata", "resourceVersion"]?.string ?? "" }

    /// Kills the daemon, writes the policy into its store where it is given, and returns when another daemon tells the
    /// words.
    private func kill(_ shop: Shop, writing policy: JSONValue? = nil, until words: String) async throws {
        let node = shop.node
        let old = try node.process("martletd")
        try await node.unsupervised {
            Glibc.kill(old, SIGKILL)
            if let policy { try await node.write([policy]) }
        }
        try await until("another daemon tells of it") {
            guard try node.process("martletd") != old else { return false }
            return try await node.martlet(["status"]).output.contains(words)
        }
    }

    /// The same wherever somebody looks.
    private func expectTold(_ shop: Shop, _ reason: String, _ why: String, bad: String, good: String) async throws {
        let node = shop.node
        let stays = "\(why); version \(good) stays in force"
        let status = try await node.martlet(["status"])
        #expect(
            status.status == 1 && status.output.contains("NetworkPolicy default/orders: \(stays)"), "\(status.output)")
        let policies = try await node.martlet(["policies"]).output
        #expect(policies.contains(stays), "\(policies)")
        let explained = try await node.martlet(["explain", "default/web", "default/orders:8080"])
        #expect(
            explained.status == 0 && explained.output.contains("version \(good) stays in force"), "\(explained.output)")
        #expect(explained.output.contains("allowed by default/orders, rule 0"), "\(explained.output)")
        let waited = try await node.martlet(["wait", "policy", "default/orders"])
        #expect(waited.status == 1 && waited.output.contains(why), "\(waited.output)")
        try await until("the node's report tells it") {
            let report = try? await node.withClient {
                try await $0.get(ObjectReference(.nodeDataplanes, name: "martlet-" + node.id), subresource: "")
            }
            guard let entry = report?[path: "status", "notEnforced"]?[0] else { return false }
            return entry["reason"]?.string == reason && entry["resourceVersion"]?.string == bad
                && entry["enforcedVersion"]?.string == good
        }
    }

    @Test(.timeLimit(.minutes(2))) func theVersionBeforeItDecidesWhateverBecomesOfTheDaemon() async throws {
        try await withShop { shop in
            let good = try await present(shop)
            let traffic = Traffic(shop)
            try await traffic.run {
                // It lets everybody in, and does not fit.
                var long = good
                let ports = (0..<1_025).map { JSONValue.object(["port": .integer(8_080 + $0), "protocol": "TCP"]) }
                long["spec"]?["ingress"] = [["ports": .array(ports)]]
                let tooLong = "spec.ingress makes 1025 rules (peers × ports); a list holds 1024"
                try await kill(shop, writing: long, until: "version \(version(good)) stays in force")
                let (stored, told) = (version(try await present(shop)), version(good))
                #expect(stored != told)
                try await expectTold(shop, "ListTooLong", tooLong, bad: stored, good: told)
                try await traffic.grows()
                try await kill(shop, until: "version \(told) stays in force")
                try await expectTold(shop, "ListTooLong", tooLong, bad: stored, good: told)
                try await traffic.grows()

                var unreadable = good
                unreadable["spec"]?["ingress"] = [["from": [["ipBlock": ["cidr": "everywhere"]]]]]
                let why =
                    "spec.ingress[0].from[0].ipBlock.cidr: \"everywhere\" is not an address block such as 10.0.0.0/8"
                try await kill(shop, writing: unreadable, until: "version \(told) stays in force")
                let second = version(try await present(shop))
                #expect(second != stored)
                try await expectTold(shop, "Unreadable", why, bad: second, good: told)
                try await kill(shop, until: "version \(told) stays in force")
                try await expectTold(shop, "Unreadable", why, bad: second, good: told)
                try await traffic.grows()
            }
            let seen = traffic.now
            #expect(seen.faults.isEmpty, "\(seen.faults)")
            #expect(seen.refusals > 0 && seen.datagrams > 0 && seen.messages > 0)

            // One that can be in force takes its place, and is what a next daemon finds.
            try await shop.node.apply(
                """
                apiVersion: networking.k8s.io/v1
                kind: NetworkPolicy
                metadata: {name: orders, namespace: default}
                spec:
                  podSelector: {matchLabels: {app: orders}}
                  ingress: [{from: [{podSelector: {matchLabels: {app: visitor}}}]}]
                """)
            try await until("the corrected policy is in force") {
                try await shop.node.martlet(["status"]).status == 0
                    && (try shop.visitor.ask(shop.ordersAddress, 8_080, milliseconds: 200)) == "orders"
            }
            #expect(try shop.web.ask(shop.ordersAddress, 8_080, milliseconds: 200) == nil)
            #expect(try await shop.node.martlet(["fsck"]).status == 0)
        }
    }
}
