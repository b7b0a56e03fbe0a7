import Foundation
import Glibc
import JSONText
import TestKit
import Testing

/// The program as it is built: questions that are asked wrongly, a daemon that is stopped, and forms of answers.
@Suite struct QuestionTests {
    private func martlet(_ words: [String]) async throws -> Finished {
        try await launch(try builtProgram("martlet"), words, joinsErrors: true)
    }

    private static let objects = """
        {apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: web, labels: {app: web}}, \
        spec: {containers: [{name: c}]}, status: {podIP: 10.0.0.1}}
        ---
        {apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: db, labels: {app: db}}, \
        spec: {containers: [{name: c}]}, status: {podIP: 10.0.0.2}}
        ---
        {apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {namespace: shop, name: db}, \
        spec: {podSelector: {matchLabels: {app: db}}, \
        ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]}}
        """

    /// Runs `body` with files of these contents.
    private func withFiles(_ texts: [String], _ body: ([String]) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "mt-\(UUID().uuidString)").path()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let paths = texts.indices.map { "\(folder)/\($0).yaml" }
        for (path, text) in zip(paths, texts) { try text.write(toFile: path, atomically: true, encoding: .utf8) }
        try await body(paths)
    }

    // MARK: explain

    @Test(arguments: ["shop/db", "shop/db:", ":80", "fd00::4:9187", "[fd00::4]", "[fd00::4"])
    func aDestinationWithoutPortIsAnsweredWithTheUsageOfExplain(destination: String) async throws {
        let run = try await martlet(["explain", "--socket", "/run/martlet/none.sock", "shop/web", destination])
        #expect(run.status == 64)
        #expect(run.output.contains("\(destination) is not POD:PORT"), "\(run.output)")
        #expect(run.output.contains("Usage: martlet explain"), "\(run.output)")
    }

    @Test(arguments: ["shop/db:80", "db:http", "10.0.0.1:80", "[fd00::4]:80"])
    func aDestinationWithPortGoesOnToTheDaemon(destination: String) async throws {
        let run = try await martlet(["explain", "--socket", "/run/martlet/none.sock", "shop/web", destination])
        #expect(run.status == 69, "\(run.output)")
    }

    /// A socket that takes connections and never answers, as that of a daemon that was stopped does.
    @Test(.timeLimit(.minutes(1))) func aDaemonThatIsStoppedEndsTheProgram() async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "mt-\(UUID().uuidString.prefix(8)).sock")
            .path()
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        try #require(listener >= 0)
        defer {
            close(listener)
            unlink(path)
        }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(bound == 0 && listen(listener, 8) == 0)
        async let explain = martlet(["explain", "--socket", path, "shop/web", "shop/db:80"])
        async let flows = martlet(["flows", "--socket", path])
        async let follow = martlet(["flows", "--follow", "--socket", path])
        for run in try await [explain, flows, follow] {
            #expect(run.status == 69 && run.output.contains("martletd on \(path)"), "\(run.output)")
        }
    }

    // MARK: Policy tools

    @Test func theGraphIsJSONWhereThatIsAskedFor() async throws {
        try await withFiles([Self.objects]) { paths in
            let run = try await launch(
                try builtProgram("martlet"), ["policy", "graph", "-f", paths[0], "-o", "json"])
            #expect(run.status == 0)
            let graph = try #require(run.json, "\(run.output)")
            #expect(graph["nodes"]?.array?.compactMap { $0["name"]?.string } == ["shop/app=db", "shop/app=web"])
            let edges = graph["edges"]?.array ?? []
            #expect(edges.map { [$0["from"], $0["to"], $0["ports"]] } == [[1, 0, "TCP 5432"]], "\(run.output)")
        }
    }

    @Test func resultsGoToStandardOutputAsJUnit() async throws {
        let test = """
            {apiVersion: martlet.io/v1alpha1, kind: PolicyTest, metadata: {name: t}, expect: [\
            {from: shop/web, to: shop/db, port: 5432, allow: true}, \
            {from: shop/db, to: shop/web, port: 80, allow: false}]}
            """
        try await withFiles([Self.objects, test]) { paths in
            let run = try await launch(
                try builtProgram("martlet"),
                ["policy", "test", "--engine", "maps", "-f", paths[0], "--junit", "-", paths[1]])
            #expect(run.status == 1)
            #expect(run.output.hasPrefix("<?xml") && run.output.hasSuffix("</testsuite>\n"), "\(run.output)")
            #expect(run.output.contains("tests=\"2\" failures=\"1\""))
        }
    }

    @Test func aChangeThatDoesNotFitEndsTheComparison() async throws {
        let blocks = (0..<40).map { "{ipBlock: {cidr: 10.\($0).0.0/16}}" }.joined(separator: ", ")
        let ports = (1...40).map { "{port: \($0 * 2)}" }.joined(separator: ", ")
        let large = """
            {apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {namespace: shop, name: large}, \
            spec: {podSelector: {}, ingress: [{from: [\(blocks)], ports: [\(ports)]}]}}
            """
        try await withFiles([Self.objects, large]) { paths in
            let run = try await martlet(["policy", "diff", "-f", paths[0], paths[1]])
            #expect(run.status == 1)
            #expect(run.output.hasPrefix("martlet: does not fit: "), "\(run.output)")
        }
    }

    /// Nothing is known of what would be cut, so nothing is said to be safe.
    @Test func withoutFlowsNoCutIsRuledOut() async throws {
        let open = "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {a: b}}}"
        try await withFiles([Self.objects, open]) { paths in
            let words = ["policy", "diff", "-f", paths[0], paths[1]]
            #expect(try await martlet(words).status == 0)
            let run = try await martlet(words + ["--refuse-cuts"])
            #expect(run.status == 69, "\(run.output)")
        }
    }

    @Test(arguments: [(["policy", "lint", "-f"], 66), (["apply", "-f"], 1)] as [([String], Int32)])
    func aNamespaceThatYAMLReadsAsABooleanIsRefused(words: [String], status: Int32) async throws {
        let policy = """
            {apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {namespace: n, name: db}, \
            spec: {podSelector: {}}}
            """
        try await withFiles([policy]) { paths in
            let run = try await martlet(words + paths)
            #expect(run.status == status, "\(run.output)")
            #expect(run.output.contains("document 1: metadata.namespace is a boolean; quote it"), "\(run.output)")
        }
    }
}
