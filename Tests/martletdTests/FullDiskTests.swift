import Foundation
import TestKit
import Testing

@Suite(.serialized) struct FullDiskTests {
    private func run(_ program: String, _ arguments: [String]) async throws -> Finished {
        try await launch(program, arguments, environment: OwnNode.path, joinsErrors: true)
    }

    /// A ConfigMap of 900 kB.
    private func apply(_ number: Int, _ folder: String) async throws -> Finished {
        let text = """
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: c\(number), namespace: default}
            data: {b: "\(String(repeating: "x", count: 900_000))"}
            """
        let path = "\(folder)/manifest.yaml"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return try await run(
            try builtProgram("martlet"), ["apply", "--kubeconfig", "\(folder)/admin.kubeconfig", "-f", path])
    }

    @Test(.timeLimit(.minutes(1))) func aFullDiskRefusesWritesLosesNothingAndIsTakenUpAgain() async throws {
        let folder = NSTemporaryDirectory() + "mt-disk-\(getpid())"
        let disk = folder + "/disk"
        try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
        #expect(try await run("/usr/bin/mount", ["-t", "tmpfs", "-o", "size=16m", "mt-disk", disk]).status == 0)
        let server = Process()
        server.executableURL = URL(fileURLWithPath: try builtProgram("martletd"))
        server.arguments = [
            "apiserver", "--state", disk + "/state", "--port", "0", "--kubeconfig", folder + "/admin.kubeconfig",
        ]
        server.standardError = FileHandle.nullDevice
        try server.run()
        defer {
            server.terminate()
            server.waitUntilExit()
            _ = umount2(disk, 2)
            try? FileManager.default.removeItem(atPath: folder)
        }
        try await until("the server is up") {
            FileManager.default.fileExists(atPath: folder + "/admin.kubeconfig")
        }
        var written = 0
        var refusal = ""
        for number in 0..<20 {
            let answer = try await apply(number, folder)
            guard answer.status == 0 else {
                refusal = answer.output
                break
            }
            written += 1
        }
        #expect(refusal.contains("takes no more") && refusal.contains("full"), "\(refusal)")
        #expect(written > 3)
        #expect(try await run("/usr/bin/mount", ["-o", "remount,size=64m", disk]).status == 0)
        // Nothing is lost, and the same daemon goes on.
        try await until("writes are taken again") { try await apply(written, folder).status == 0 }
        #expect(server.isRunning)
    }
}
