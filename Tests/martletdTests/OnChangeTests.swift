import Foundation
import JSONText
import Netlink
import TestKit
import Testing

/// `policy.martlet.io/on-change` between real pods: connections that say nothing while policy changes.
@Suite(.serialized) struct OnChangeTests {
    private static let port: UInt16 = 9_200

    private static func policy(_ mode: String, from client: String) -> String {
        """
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata:
          name: web
          namespace: default
          annotations: {policy.martlet.io/on-change: \(mode)}
        spec:
          podSelector: {matchLabels: {app: web}}
          ingress: [{from: [{podSelector: {matchLabels: {app: \(client)}}}]}]
        """
    }

    private func verdicts(_ shop: Shop) async throws -> [String] {
        let run = try await shop.node.martlet([
            "flows", "--verdict", "reset", "--port", String(Self.port), "-o", "json",
        ])
        return (run.json?["items"]?.array ?? []).map { $0["decision"]?.string ?? "" }
    }

    @Test(.timeLimit(.minutes(1))) func anIdleConnectionIsResetAtBothEndsWithinASecond() async throws {
        try await withShop { shop in
            try await shop.node.apply(Self.policy("reset", from: "visitor"))
            try await withConnection(from: shop.visitor, to: shop.web, at: shop.webAddress, Self.port) {
                client, server in
                try await shop.node.apply(Self.policy("reset", from: "nobody"))
                let began = ContinuousClock.now
                try await until("both ends know", seconds: 5) {
                    isEnded(client) && isEnded(server)
                }
                let took = ContinuousClock.now - began
                print("an idle connection was reset at both ends \(took) after the policy was written")
                #expect(took < .seconds(1))
                for end in [client, server] { #expect([ECONNRESET, ECONNABORTED].contains(takeError(end))) }
            }
            try await until("the reset is told") { try await !verdicts(shop).isEmpty }
            #expect(try await verdicts(shop).contains { $0.contains("default/web") })
            // Who listens was not touched.
            try await shop.node.apply(Self.policy("reset", from: "visitor"))
            try await until("new connections come about") {
                try shop.visitor.ask(shop.webAddress, 8_080, milliseconds: 500) == "web"
            }
            #expect(try await shop.node.martlet(["fsck"]).status == 0)
        }
    }

    @Test(.timeLimit(.minutes(1))) func aKeptConnectionGoesOnOverARestartAndNoNewOneComesAbout() async throws {
        try await withShop { shop in
            try await shop.node.apply(Self.policy("keep", from: "visitor"))
            try await withConnection(from: shop.visitor, to: shop.web, at: shop.webAddress, Self.port) {
                client, server in
                try await shop.node.apply(Self.policy("keep", from: "nobody"))
                try await until("new connections are refused") {
                    try shop.visitor.ask(shop.webAddress, 8_080, milliseconds: 200) == nil
                }
                #expect(passesByte(from: client, to: server) && passesByte(from: server, to: client))
                let old = try shop.node.process("martletd")
                kill(old, SIGKILL)
                try await shop.node.serves(after: old)
                #expect(passesByte(from: client, to: server) && passesByte(from: server, to: client))
                let explained = try await shop.node.martlet(["explain", "default/visitor", "default/web:\(Self.port)"])
                #expect(explained.output.contains("forbidden and kept"), "\(explained.output)")
                // A stricter policy of the other end counts as well.
                try await shop.node.apply(Self.policy("recheck", from: "nobody"))
                try await until("the connection is cut") { !passesByte(from: client, to: server) }
            }
        }
    }

    /// One end is no pod of this node: it is told by the RST that the pod's own socket sends when it is ended.
    @Test(.timeLimit(.minutes(1)), arguments: [true, false])
    func aPeerOutsideIsResetWithinASecondWhoeverOpened(podOpens: Bool) async throws {
        try await withShop { shop in
            let outside = PodSockets(namespace: try NetworkNamespace(path: shop.node.lan))
            try await shop.node.apply(Self.outsidePolicy(to: Self.outsideAddress))
            let wait = try await shop.node.martlet(["wait", "policy", "default/outside"])
            #expect(wait.status == 0, "\(wait.output)")
            // The outside knows the way to the node alone.
            let route = try await shop.node.outside(["ip", "route", "replace", shop.webAddress, "via", "10.97.0.2"])
            #expect(route.status == 0, "\(route.output)")
            let ends =
                podOpens ? (shop.web, outside, Self.outsideAddress) : (outside, shop.web, shop.webAddress)
            let source = podOpens ? nil : Self.outsideAddress
            try await withConnection(from: ends.0, to: ends.1, at: ends.2, Self.port, source: source) {
                client, server in
                try await shop.node.apply(Self.outsidePolicy(to: "203.0.113.99"))
                let began = ContinuousClock.now
                try await until("both ends know", seconds: 5) { isEnded(client) && isEnded(server) }
                #expect(ContinuousClock.now - began < .seconds(1))
                #expect(takeError(podOpens ? server : client) == ECONNRESET)
                #expect(takeError(podOpens ? client : server) == ECONNABORTED)
            }
        }
    }

    private static let outsideAddress = "203.0.113.10"

    /// The web pod and one address outside, either way.
    private static func outsidePolicy(to address: String) -> String {
        """
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata:
          name: outside
          namespace: default
          annotations: {policy.martlet.io/on-change: reset}
        spec:
          podSelector: {matchLabels: {app: web}}
          policyTypes: [Ingress, Egress]
          ingress: [{from: [{ipBlock: {cidr: \(address)/32}}]}]
          egress: [{to: [{ipBlock: {cidr: \(address)/32}}]}]
        """
    }

    @Test(.timeLimit(.minutes(1))) func anotherValueIsRefusedByField() async throws {
        try await withNode { node in
            let path = node.directory + "/bad.yaml"
            try Self.policy("drop", from: "visitor").write(toFile: path, atomically: true, encoding: .utf8)
            try await until("the API answers") { try await node.readyz() == "200" }
            let run = try await node.martlet(["apply", "-f", path])
            #expect(run.status != 0)
            #expect(run.output.contains("metadata.annotations[policy.martlet.io/on-change]"), "\(run.output)")
            #expect(run.output.contains("keep"), "\(run.output)")
        }
    }
}
