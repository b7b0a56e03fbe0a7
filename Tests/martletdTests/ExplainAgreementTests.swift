import APIClient
import CLibbpf
import CMartletABI
import Foundation
import JSONText
import TestKit
import Testing

/// `martlet explain` on a node with real pods: evaluator and kernel are both asked, and a difference ends it.
@Suite(.serialized) struct ExplainAgreementTests {
    /// A second policy with a rule of its own, whose id the kernel could name in place of the other's.
    private static let other = """
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: other, namespace: default}
        spec:
          podSelector: {matchLabels: {app: web}}
          ingress: [{}]
        """

    private func explain(_ node: OwnNode, _ source: String, _ destination: String) async throws
        -> (run: Finished, answer: JSONValue)
    {
        let run = try await node.martlet(["explain", source, destination, "-o", "json"])
        return (run, try #require(run.json, "\(run.output)"))
    }

    /// The kernel's rules, as they are pinned.
    private static func withRules(_ node: OwnNode, _ change: (inout martlet_rule) -> Bool) throws -> Int {
        let pins = node.directory + "/bpf"
        let files = try FileManager.default.subpathsOfDirectory(atPath: pins)
        let pin = try #require(files.first { ($0.split(separator: "/").last ?? "").hasPrefix("rules") }, "\(files)")
        let map = bpf_obj_get(pins + "/" + pin)
        try #require(map >= 0)
        defer { close(map) }
        var count = 0
        var page = martlet_rule_page()
        for index in 0..<MARTLET_RULES_MAX.rawValue / UInt32(MemoryLayout.size(ofValue: page) / 16) {
            var key = index
            guard bpf_map_lookup_elem(map, &key, &page) == 0 else { break }
            let changed = withUnsafeMutableBytes(of: &page) { bytes in
                bytes.bindMemory(to: martlet_rule.self).indices.count {
                    change(&bytes.bindMemory(to: martlet_rule.self)[$0])
                }
            }
            if changed > 0 { try #require(bpf_map_update_elem(map, &key, &page, 0) == 0) }
            count += changed
        }
        return count
    }

    @Test(.timeLimit(.minutes(1))) func aRuleThatIsCorruptInTheKernelEndsExplainWithAnError() async throws {
        try await withShop { shop in
            let node = shop.node
            try await node.apply(Self.other)
            #expect(try await node.martlet(["wait", "policy", "default/other"]).status == 0)
            let (run, whole) = try await explain(node, "default/web", "default/orders:8080")
            #expect(run.status == 0 && whole["agrees"] == true && whole["verdict"] == "allow", "\(run.output)")
            let deciding = try #require(whole[path: "kernel", "ingress", "rule", "id"]?.integer)
            #expect(whole[path: "kernel", "ingress", "rule", "policy"] == "default/orders")
            let foreign = try #require(
                try await explain(node, "default/visitor", "default/web:8080").answer[
                    path: "kernel", "ingress", "rule", "id"]?.integer)
            try #require(foreign != deciding)

            // The same verdict, in another rule's name.
            let named = try Self.withRules(node) { rule in
                guard rule.rule_id == UInt32(deciding) else { return false }
                rule.rule_id = UInt32(foreign)
                return true
            }
            #expect(named > 0)
            try await expectDifference(node, verdict: "allow")
            // Another verdict.
            let turned = try Self.withRules(node) { rule in
                guard rule.rule_id == UInt32(foreign), rule.peer_kind != UInt8(MARTLET_PEER_ANY.rawValue) else {
                    return false
                }
                rule.action = UInt8(MARTLET_ACTION_DENY.rawValue)
                return true
            }
            #expect(turned == named)
            try await expectDifference(node, verdict: "drop")

            #expect(try await node.martlet(["fsck", "--repair"]).status == 0)
            let mended = try await explain(node, "default/web", "default/orders:8080")
            #expect(mended.run.status == 0 && mended.answer["agrees"] == true, "\(mended.run.output)")
        }
    }

    private func expectDifference(_ node: OwnNode, verdict: JSONValue) async throws {
        let (run, answer) = try await explain(node, "default/web", "default/orders:8080")
        #expect(run.status == 1 && answer["agrees"] == false, "\(run.output)")
        #expect(answer["verdict"] == "allow" && answer[path: "kernel", "verdict"] == verdict, "\(run.output)")
        let text = try await node.martlet(["explain", "default/web", "default/orders:8080"])
        #expect(text.status == 1 && text.output.contains("evaluator and kernel disagree"), "\(text.output)")
    }

    /// This node's kernel does not judge for the pods of others.
    @Test(.timeLimit(.minutes(1))) func aPodOfAnotherNodeIsJudgedThereAndNoDifference() async throws {
        try await withShop { shop in
            let node = shop.node
            try await node.apply(
                """
                apiVersion: v1
                kind: Node
                metadata: {name: west}
                ---
                apiVersion: networking.k8s.io/v1
                kind: NetworkPolicy
                metadata: {name: far, namespace: default}
                spec: {podSelector: {matchLabels: {app: far}}, policyTypes: [Ingress, Egress]}
                ---
                apiVersion: v1
                kind: Pod
                metadata: {name: far, namespace: default, labels: {app: far}}
                spec: {nodeName: west, containers: [{name: main, image: none}]}
                """)
            try await node.withClient { client in
                _ = try await client.patch(
                    ObjectReference(.pods, namespace: "default", name: "far"), subresource: "status", type: .merge,
                    fieldManager: "west", force: false,
                    [
                        "status": [
                            "phase": "Running", "podIP": "10.244.200.9", "podIPs": [["ip": "10.244.200.9"]],
                        ]
                    ])
            }
            try await until("the pod is known here") {
                let run = try await node.martlet(["explain", "default/visitor", "default/far:80"])
                return run.output.contains("isolated by default/far")
            }
            for (source, destination, side) in [
                ("default/visitor", "default/far:80", "ingress"), ("default/far", "default/web:8080", "egress"),
            ] {
                let (run, answer) = try await explain(node, source, destination)
                #expect(run.status == 0 && answer["agrees"] == true && answer["verdict"] == "drop", "\(run.output)")
                #expect(answer[path: "kernel", side, "judgedBy"] == "west", "\(run.output)")
            }
        }
    }
}
