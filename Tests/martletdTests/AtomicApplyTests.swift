import APIClient
import Foundation
import JSONText
import TestKit
import Testing

/// `martlet apply --atomic` as a program: one write, one revision, and in the kernel one generation.
@Suite(.serialized) struct AtomicApplyTests {
    /// Three kinds, each of which changes who reaches the web server.
    private static func objects(_ team: String) -> [String: String] {
        [
            "1-namespace.yaml": """
            apiVersion: v1
            kind: Namespace
            metadata: {name: default, labels: {team: \(team)}}
            """,
            "2-guard.yaml": """
            apiVersion: policy.networking.k8s.io/v1alpha2
            kind: ClusterNetworkPolicy
            metadata: {name: guard}
            spec:
              tier: Admin
              priority: 5
              subject: {namespaces: {matchLabels: {team: \(team)}}}
              ingress: [{name: visitors, action: Deny, from: [{namespaces: {matchLabels: {team: \(team)}}}],
                         protocols: [{tcp: {destinationPort: {number: 9}}}]}]
            """,
            "3-web.yaml": """
            apiVersion: networking.k8s.io/v1
            kind: NetworkPolicy
            metadata: {name: web, namespace: default}
            spec:
              podSelector: {matchLabels: {app: web}}
              ingress: [{from: [{namespaceSelector: {matchLabels: {team: \(team)}}}]}]
            """,
        ]
    }

    private static let references = [
        ObjectReference(.namespaces, name: "default"),
        ObjectReference(.networkPolicies, namespace: "default", name: "web"),
    ]

    /// Nil where an object is not there.
    private func versions(_ node: OwnNode) async throws -> [Int64?] {
        try await node.withClient { client in
            var found: [Int64?] = []
            for reference in Self.references {
                do throws(APIError) {
                    let object = try await client.get(reference, subresource: "")
                    found.append(object[path: "metadata", "resourceVersion"]?.string.flatMap { Int64($0) })
                } catch {
                    guard error.isNotFound else { throw error }
                    found.append(nil)
                }
            }
            return found
        }
    }

    /// Whether the cluster policy had that version: the status that follows gives it another one.
    private func guardIsTraced(_ revision: Int64, _ node: OwnNode) async throws -> Bool {
        let run = try await node.martlet(["trace", "policy", "guard", "-o", "json"])
        return run.json?["versions"]?.array?.contains { $0["version"]?.string == String(revision) } == true
    }

    private func generation(_ node: OwnNode) async throws -> Int64 {
        let status = try await node.martlet(["status", "-o", "json"])
        return try #require(status.json?[path: "policy", "generation"]?.integer, "\(status.output)")
    }

    private func apply(_ objects: [String: String], _ node: OwnNode) async throws -> Finished {
        let folder = node.directory + "/atomic"
        try? FileManager.default.removeItem(atPath: folder)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for (name, text) in objects { try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8) }
        return try await node.martlet(["apply", "--atomic", "-f", folder])
    }

    /// The revision that the program names, once it is in force.
    private func enforced(_ run: Finished, _ node: OwnNode) async throws -> Int64 {
        let words = try #require(run.output.firstMatch(of: /3 objects at revision ([0-9]+)/), "\(run.output)")
        let wait = try await node.martlet(["wait", "--revision", String(words.1)])
        #expect(wait.status == 0, "\(wait.output)")
        return try #require(Int64(words.1))
    }

    @Test(.timeLimit(.minutes(1))) func threeObjectsAreOneRevisionAndOneGenerationOrNothing() async throws {
        try await withShop { shop in
            let node = shop.node
            let before = try await generation(node)
            let first = try await apply(Self.objects("a"), node)
            #expect(first.status == 0, "\(first.output)")
            let revision = try await enforced(first, node)
            #expect(try await versions(node) == [revision, revision])
            #expect(try await guardIsTraced(revision, node))
            #expect(try await generation(node) == before + 1)

            // One of them is bad: none is written, and the reason names the object and the field.
            var broken = Self.objects("b")
            broken["4-bad.yaml"] = """
                apiVersion: networking.k8s.io/v1
                kind: NetworkPolicy
                metadata: {name: bad, namespace: default}
                spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: everywhere}}]}]}
                """
            let refused = try await apply(broken, node)
            #expect(refused.status == 1 && refused.output.contains("nothing was applied"), "\(refused.output)")
            #expect(
                refused.output.contains("/4-bad.yaml, document 1: networkpolicies \"default/bad\""), "\(refused.output)"
            )
            #expect(refused.output.contains("ipBlock.cidr"), "\(refused.output)")
            #expect(!refused.output.contains(" applied\n"), "\(refused.output)")
            #expect(try await versions(node) == [revision, revision])

            // What comes next is the next generation: the refused one was none.
            let second = try await apply(Self.objects("c"), node)
            let next = try await enforced(second, node)
            #expect(next > revision)
            #expect(try await versions(node) == [next, next])
            #expect(try await guardIsTraced(next, node))
            #expect(try await generation(node) == before + 2)
        }
    }
}
