import Foundation
import JSONText
import TestKit
import Testing

/// `martlet policy …` as programs over files: what they print, and how they end.
@Suite struct PolicyCommandTests {
    private static let examples = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Examples/policies").path()

    private static let sources = ["workloads", "one-client"].flatMap { ["-f", "\(examples)/\($0).yaml"] }
    private static let holding = examples + "/one-client.test.yaml"
    private static let failing = """
        apiVersion: martlet.io/v1alpha1
        kind: PolicyTest
        metadata: {name: wrong}
        expect:
          - {from: shop/api, to: shop/db, port: sql, allow: true}
          - {from: shop/web, to: shop/db, port: sql, allow: true, reason: a "reason" with <marks> & such}
        """

    private func policy(_ words: String...) async throws -> Finished { try await policy(words) }

    private func policy(_ words: [String]) async throws -> Finished {
        try await launch(
            try builtProgram("martlet"), ["policy"] + words,
            environment: ["PATH": "/usr/bin:/bin", "KUBECONFIG": "/nowhere/kubeconfig"], joinsErrors: true)
    }

    /// Files that everybody may read, for the time of `body`.
    private func withFolder(_ files: [String: String], _ body: (String) async throws -> Void) async throws {
        let folder = "/tmp/mt-policy-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for (name, text) in files {
            try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
        }
        try await body(folder)
    }

    // MARK: test

    @Test func expectationsAreJudgedByTheKernelAndWhatFailsEndsWithOne() async throws {
        try #require(geteuid() == 0, "the kernel's programs need root")
        try await withFolder(["wrong.yaml": Self.failing]) { folder in
            let good = try await policy(["test"] + Self.sources + ["--engine", "kernel", Self.holding])
            #expect(good.status == 0 && good.output.contains("judged by the shipped kernel programs"), "\(good.output)")
            let plain = try await policy(["test"] + Self.sources + ["-o", "json", Self.holding])
            #expect(plain.status == 0 && plain.json?["engine"] == "kernel", "\(plain.output)")
            #expect(plain.json?["kernelNotAsked"] == nil)
            let report = folder + "/report.xml"
            let bad = try await policy(["test"] + Self.sources + ["--junit", report, folder + "/wrong.yaml"])
            #expect(bad.status == 1 && bad.output.contains("2 expectations, 1 failed"), "\(bad.output)")
            let suite = try #require(try MarkupReader(path: report).elements["testsuite"]?.first)
            #expect(suite["tests"] == "2" && suite["failures"] == "1")
            let cases = try MarkupReader(path: report).elements["testcase"] ?? []
            #expect(cases.count == 2)
            #expect(cases.last?["name"]?.contains("a \"reason\" with <marks> & such") == true, "\(cases)")
            #expect(try MarkupReader(path: report).elements["failure"]?.count == 1)
            let nowhere = try await policy(["test"] + Self.sources + ["--junit", folder + "/no/x.xml", Self.holding])
            #expect(nowhere.status == 66 && nowhere.output.contains("/no/x.xml"), "\(nowhere.output)")
        }
    }

    /// What `kubectl apply` would not take is no result, although it could be judged; what a baseline has is given.
    @Test func aPolicyThatTheServerRefusesIsRefused() async throws {
        let refused = """
            apiVersion: networking.k8s.io/v1
            kind: NetworkPolicy
            metadata: {name: quoted, namespace: shop}
            spec: {podSelector: {}, ingress: [{ports: [{port: "8080"}]}]}
            """
        try await withFolder(["refused.yaml": refused]) { folder in
            let file = folder + "/refused.yaml"
            let field = "document 1: NetworkPolicy shop/quoted: spec.ingress[0].ports[0].port: "
            let test = try await policy(["test"] + Self.sources + ["-f", file, "--engine", "maps", Self.holding])
            #expect(test.status == 66 && test.output.contains(field), "\(test.output)")
            let diff = try await policy(["diff"] + Self.sources + [file])
            #expect(diff.status == 66 && diff.output.contains(field), "\(diff.output)")
            let given = try await policy(["diff"] + Self.sources + ["-f", file, "\(Self.examples)/partner.yaml"])
            #expect(given.status == 0, "\(given.output)")
        }
    }

    /// As somebody who may not load programs: the compiled maps are asked and the output says so, unless the kernel
    /// was insisted upon.
    @Test func withoutThePrivilegeTheMapsAreAskedAndTheOutputSaysSo() async throws {
        try #require(geteuid() == 0, "another user is taken by root alone")
        var files = ["wrong.yaml": Self.failing]
        for name in ["workloads.yaml", "one-client.yaml", "one-client.test.yaml"] {
            files[name] = try String(contentsOfFile: "\(Self.examples)/\(name)", encoding: .utf8)
        }
        try await withFolder(files) { folder in
            let program = folder + "/martlet"
            try FileManager.default.copyItem(atPath: try builtProgram("martlet"), toPath: program)
            func asNobody(_ words: String...) async throws -> Finished {
                let sources = ["-f", folder + "/workloads.yaml", "-f", folder + "/one-client.yaml"]
                return try await launch(
                    "/usr/bin/setpriv",
                    ["--reuid=65534", "--regid=65534", "--clear-groups", program, "policy", "test"] + sources + words,
                    environment: ["PATH": "/usr/bin:/bin"], joinsErrors: true)
            }
            let holding = folder + "/one-client.test.yaml"
            let run = try await asNobody(holding)
            #expect(
                run.status == 0 && run.output.contains("judged by the compiled maps in user space"), "\(run.output)")
            #expect(run.output.contains("the kernel was not asked: "), "\(run.output)")
            #expect(run.output.contains("root"), "\(run.output)")
            let json = try await asNobody("-o", "json", holding)
            #expect(json.json?["engine"] == "maps" && json.json?["kernelNotAsked"]?.string?.isEmpty == false)
            #expect(try await asNobody(folder + "/wrong.yaml").status == 1)
            let insisting = try await asNobody("--engine", "kernel", holding)
            #expect(insisting.status == 69 && !insisting.output.contains("ok  "), "\(insisting.output)")
            #expect(insisting.output.contains("the kernel's programs cannot be asked"), "\(insisting.output)")
            // Who asks for the maps is told of no lack.
            let maps = try await asNobody("--engine", "maps", holding)
            #expect(maps.status == 0 && !maps.output.contains("was not asked"), "\(maps.output)")
        }
    }

    @Test func whatCannotBeReadEndsWith66AndNamesIt() async throws {
        let unreadable = Self.holding.replacing("one-client.test", with: "none")
        try await withFolder(["bad.yaml": Self.bad]) { folder in
            let bad = folder + "/bad.yaml"
            for (words, name) in [
                (["test"] + Self.sources + [unreadable], "none.yaml"),
                (["test", "-f", unreadable, Self.holding], "none.yaml"),
                (["test"] + Self.sources + ["-f", bad, Self.holding], "spec.ingress[0].from[0].ipBlock.cidr"),
                // Policies are no expectations.
                (["test"] + Self.sources + [Self.examples + "/one-client.yaml"], "NetworkPolicy"),
                (["diff"] + Self.sources + [bad], "spec.ingress[0].from[0].ipBlock.cidr"),
                (["diff"] + Self.sources + ["--remove", "shop/none"], "shop/none"),
                (["lint", "-f", unreadable], "none.yaml"),
                (["graph"] + Self.sources + ["--namespace", "none"], "namespace none"),
            ] {
                let run = try await policy(words)
                #expect(run.status == 66 && run.output.contains(name), "\(words): \(run.status) \(run.output)")
            }
        }
    }

    private static let bad = """
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: bad, namespace: shop}
        spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: everywhere}}]}]}
        """

    /// No daemon, no cluster.
    @Test func aClusterThatDoesNotAnswerEndsWith69() async throws {
        for words in [["lint"], ["test", Self.holding], ["diff", Self.holding], ["suggest"], ["graph"]] {
            let run = try await policy(words)
            #expect(run.status == 69, "\(words): \(run.status) \(run.output)")
            #expect(run.output.contains("the cluster cannot be asked"), "\(run.output)")
        }
        let suggest = try await policy(["suggest"] + Self.sources + ["--socket", "/nowhere/martletd.sock"])
        #expect(suggest.status == 69 && suggest.output.contains("flows are not known"), "\(suggest.output)")
    }

    // MARK: lint, diff, graph

    @Test func lintEndsWithOneForAFindingAndWithNoneForANote() async throws {
        let clean = try await policy(["lint"] + Self.sources)
        #expect(clean.status == 0, "\(clean.output)")
        try await withFolder([
            "idle.yaml": """
            apiVersion: networking.k8s.io/v1
            kind: NetworkPolicy
            metadata: {name: idle, namespace: shop}
            spec: {podSelector: {matchLabels: {app: nothing}}, ingress: [{}]}
            """
        ]) { folder in
            let run = try await policy(["lint"] + Self.sources + ["-f", folder + "/idle.yaml", "-o", "json"])
            #expect(run.status == 1, "\(run.output)")
            #expect(run.output.contains("shop/idle"), "\(run.output)")
        }
    }

    @Test func diffSaysWhoGainsAndLosesAndRefusesToPassWhereFlowsAreNotKnown() async throws {
        let sources = ["diff", "-f", Self.examples + "/workloads.yaml"]
        let change = Self.examples + "/one-client.yaml"
        let run = try await policy(sources + [change])
        #expect(run.status == 0 && run.output.contains("shop/app=web -> shop/app=db"), "\(run.output)")
        #expect(run.output.contains("flows were not looked at"), "\(run.output)")
        let gate = try await policy(sources + ["--refuse-cuts", change])
        #expect(gate.status == 69 && gate.output.contains("--refuse-cuts"), "\(gate.output)")
        let removal = try await policy(["diff"] + Self.sources + ["--remove", "shop/db-for-api", "-o", "json"])
        #expect(removal.status == 0 && removal.json?["rows"]?.array?.isEmpty == false, "\(removal.output)")
    }

    @Test func aGraphIsOnePictureInEitherFormat() async throws {
        let svg = try await launch(
            try builtProgram("martlet"), ["policy", "graph"] + Self.sources, environment: ["PATH": "/usr/bin:/bin"])
        #expect(svg.status == 0)
        let elements = try MarkupReader(text: svg.output).elements
        #expect(elements["svg"]?.count == 1 && elements["text"]?.isEmpty == false)
        let dot = try await policy(["graph"] + Self.sources + ["--format", "dot"])
        #expect(dot.status == 0 && dot.output.contains("digraph") && dot.output.contains("app=db"), "\(dot.output)")
        #expect(dot.output.count { $0 == "{" } == dot.output.count { $0 == "}" })
    }
}
