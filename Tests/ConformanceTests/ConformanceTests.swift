import CLinux
import Glibc
import Testing

/// The runner of the acceptance data as a program, for what takes a node or a kernel of its own.
@Suite(.serialized)
struct ConformanceTests {
    private struct Ending {
        let code: Int32
        let output: String
    }

    /// Runs the program that was built beside the tests; `settings` are NAME=VALUE of its environment.
    private func run(_ words: [String], _ settings: [String] = []) throws -> Ending {
        try #require(geteuid() == 0, "a node of its own and kernel programs need root")
        var path = [CChar](repeating: 0, count: 4_096)
        let count = readlink("/proc/self/exe", &path, path.count)
        let own = String(decoding: path.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let program = own.split(separator: "/").dropLast().map { "/\($0)" }.joined() + "/martlet-conformance"
        let built = access(program, X_OK) == 0 ? program : ".build/release/martlet-conformance"
        let output = clinux_memfd("output")
        defer { close(output) }
        let strings = (["/usr/bin/env"] + settings + [built] + words).map { strdup($0) }
        defer { for string in strings { free(string) } }
        var pointers = strings.map { UnsafePointer($0) } + [nil]
        let pid = pointers.withUnsafeMutableBufferPointer { arguments in
            var spawn = clinux_spawn()
            spawn.argv = UnsafePointer(arguments.baseAddress)
            spawn.network_namespace_fd = -1
            spawn.output_fd = output
            spawn.listen_fd = -1
            return clinux_spawn(&spawn)
        }
        try #require(pid > 0, "\(built) does not start")
        var status: Int32 = 0
        try #require(waitpid(pid, &status, 0) == pid)
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let read = pread(output, &bytes, bytes.count, 0)
        return Ending(code: status, output: String(decoding: bytes.prefix(max(0, read)), as: UTF8.self))
    }

    @Test("200,000 random flows get one verdict from evaluator, maps, kernel and packets")
    func oracle() throws {
        let ending = try run(["oracle", "200000"])
        #expect(ending.code == 0, "\(ending.output)")
        #expect(ending.output.contains("200000 tuples in 2500 policy sets"), "\(ending.output)")
        // Each verdict has a fifth of what goes through each hook, by each family.
        let ways = ending.output.matches(of: /(\d+) of (\d+) through (\w+ over IPv[46])/)
        #expect(
            Set(ways.map { String($0.3) })
                == ["from_pod over IPv4", "from_pod over IPv6", "to_pod over IPv4", "to_pod over IPv6"])
        for way in ways {
            let (passed, all) = (Int(way.1) ?? 0, Int(way.2) ?? 0)
            #expect(all > 5_000 && min(passed, all - passed) * 5 >= all, "\(way.0)")
        }
        print(ending.output)
    }

    /// A namespace takes its policies with it: one of the same name has none. A pod for which a case gives no address
    /// has one all the same.
    @Test("A namespace that comes back has no policies")
    func aNamespaceComesBackWithoutPolicies() throws {
        let cases = """
            {"initialResources": {"namespaces": {"x": {}, "y": {}}, "pods": [
              {"namespace": "x", "name": "a", "labels": {}, "ip": "10.1.0.1",
               "ports": [{"name": "web", "port": 80, "protocol": "TCP"}]}]},
             "cases": [{"id": "back", "steps": [
              {"actions": [
                {"op": "createPod", "namespace": "y", "pod": "b", "labels": {}},
                {"op": "createPolicy", "policy": {"metadata": {"namespace": "y", "name": "closed"},
                 "spec": {"podSelector": {}}}}],
               "pods": ["x/a", "y/b"], "expect": [{"on": ["TCP/80"], "combined": [".X", ".."]}]},
              {"actions": [
                {"op": "deleteNamespace", "namespace": "y"},
                {"op": "createNamespace", "namespace": "y", "labels": {}},
                {"op": "createPod", "namespace": "y", "pod": "b", "labels": {}}],
               "pods": ["x/a", "y/b"], "expect": [{"on": ["TCP/80"], "combined": "allow-all"}]}]}]}
            """
        var template = Array("/tmp/martlet-cases-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let folder = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer {
            unlink("\(folder)/netpol/cyclonus.json")
            rmdir("\(folder)/netpol")
            rmdir(folder)
        }
        try #require(mkdir("\(folder)/netpol", 0o755) == 0)
        let file = try #require(fopen("\(folder)/netpol/cyclonus.json", "w"))
        fputs(cases, file)
        try #require(fclose(file) == 0)
        let ending = try run([], ["MARTLET_CASES=\(folder)", "CI="])
        #expect(ending.output.contains("netpol/cyclonus.json: 1 passed, 0 failed (4 verdicts)"), "\(ending.output)")
    }

    /// Absent data is said, and a failure where CI asks for it.
    private var hasCases: Bool {
        let cases = getenv("MARTLET_CASES").map { String(cString: $0) } ?? "../shared/cases"
        return access("\(cases)/netpol/cyclonus.json", R_OK) == 0
            || getenv("CI").map { String(cString: $0) } == "true"
    }

    @Test("A sample of the connectivity cases holds for real connections between real containers")
    func sample() throws {
        guard hasCases else {
            print("netpol with real connections: not run (no acceptance data)")
            return
        }
        let ending = try run(["real", "sample"])
        #expect(ending.code == 0, "\(ending.output)")
        #expect(ending.output.contains("netpol/cyclonus.json with real connections, sample: "), "\(ending.output)")
    }
}
