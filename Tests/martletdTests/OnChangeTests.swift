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

    /// A connection from the visitor to the web pod: both ends. Closed after `body`.
    private func withConnection(
        _ shop: Shop, _ body: (_ client: Int32, _ server: Int32) async throws -> Void
    ) async throws {
        let listener = try shop.web.listener(Self.port)
        defer { close(listener) }
        let client = try #require(try shop.visitor.connection(to: shop.webAddress, Self.port, milliseconds: 3_000))
        defer { close(client) }
        let server = accept(listener, nil, nil)
        try #require(server >= 0)
        defer { close(server) }
        #expect(Self.passes(from: client, to: server) && Self.passes(from: server, to: client))
        try await body(client, server)
    }

    private static func passes(from sender: Int32, to receiver: Int32) -> Bool {
        var byte: UInt8 = 7
        guard send(sender, &byte, 1, Int32(MSG_NOSIGNAL)) == 1 else { return false }
        var ready = pollfd(fd: receiver, events: Int16(POLLIN), revents: 0)
        return poll(&ready, 1, 1_000) == 1 && recv(receiver, &byte, 1, 0) == 1
    }

    /// The error that a read of an idle socket gives now; 0 where it would wait.
    private static func fault(_ descriptor: Int32) -> Int32 {
        var byte: UInt8 = 0
        let count = recv(descriptor, &byte, 1, Int32(MSG_DONTWAIT))
        return count < 0 && errno != EAGAIN ? errno : 0
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
            try await withConnection(shop) { client, server in
                try await shop.node.apply(Self.policy("reset", from: "nobody"))
                let began = ContinuousClock.now
                try await until("both ends know", seconds: 5) {
                    Self.fault(client) != 0 && Self.fault(server) != 0 || ContinuousClock.now - began > .seconds(1)
                }
                let took = ContinuousClock.now - began
                print("an idle connection was reset at both ends \(took) after the policy was written")
                #expect(took < .seconds(1))
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
            try await withConnection(shop) { client, server in
                try await shop.node.apply(Self.policy("keep", from: "nobody"))
                try await until("new connections are refused") {
                    try shop.visitor.ask(shop.webAddress, 8_080, milliseconds: 200) == nil
                }
                #expect(Self.passes(from: client, to: server) && Self.passes(from: server, to: client))
                let old = try shop.node.process("martletd")
                kill(old, SIGKILL)
                try await shop.node.serves(after: old)
                #expect(Self.passes(from: client, to: server) && Self.passes(from: server, to: client))
                let explained = try await shop.node.martlet(["explain", "default/visitor", "default/web:\(Self.port)"])
                #expect(explained.output.contains("forbidden and kept"), "\(explained.output)")
                // A stricter policy of the other end counts as well.
                try await shop.node.apply(Self.policy("recheck", from: "nobody"))
                try await until("the connection is cut") { !Self.passes(from: client, to: server) }
            }
        }
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
