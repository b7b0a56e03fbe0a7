import Foundation
import TestKit
import Testing

@Suite(.serialized) struct LauncherTests {
    @Test(.timeLimit(.minutes(1))) func twoRunsLiveSideBySideAndADeadOneIsRemovedByTheNext() async throws {
        try await withNode("a") { first in
            let second = try await OwnNode("b")
            #expect(try await first.readyz() == "200")
            #expect(try await second.readyz() == "200")
            let list = try await OwnNode.daemonProgram(["node", "list"]).output
            #expect(list.contains("\(first.id)\talive") && list.contains("\(second.id)\talive"))

            let parts = try ["supervisor", "martletd", "containerd"].map { try second.process($0) }
            kill(parts[0], SIGKILL)
            try await until("the second run is dead") {
                try await OwnNode.daemonProgram(["node", "list"]).output.contains("\(second.id)\tdead")
            }
            try await withNode("c") { _ in
                #expect(!FileManager.default.fileExists(atPath: second.directory))
                #expect(!FileManager.default.fileExists(atPath: second.netns))
                for part in parts.dropFirst() { try await until("process \(part) is gone") { kill(part, 0) != 0 } }
            }
            #expect(try await first.readyz() == "200")
        }
    }

    @Test(.timeLimit(.minutes(1))) func runsThatStartTogetherLeaveOneAnotherAlone() async throws {
        for _ in 0..<4 {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for letter in ["a", "b", "c", "d"] {
                    group.addTask {
                        try await withNode(letter) { node in #expect(!node.log("supervisor").isEmpty, "\(letter)") }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func aNodeThatCannotBeMadeSaysWhyAndStopTakesItAway() async throws {
        let id = "t\(getpid())f"
        let directory = "/run/martlet/" + id
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try Data().write(to: URL(fileURLWithPath: directory + "/state"))
        let started = try await OwnNode.daemonProgram(["node", "start", "--id", id])
        #expect(started.status != 0 && started.output.contains("cannot make directory \(directory)/state"))
        #expect(!FileManager.default.fileExists(atPath: directory))

        let wrong = try await OwnNode.daemonProgram(["node", "start", "--id", id, "--", "--pod-cidr", "10.244.0.0"])
        #expect(wrong.status != 0 && wrong.output.contains("--pod-cidr 10.244.0.0 is no block"), "\(wrong.output)")
        #expect(!FileManager.default.fileExists(atPath: directory))

        // As a start leaves it that was killed before its lock.
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try Data().write(to: URL(fileURLWithPath: directory + "/supervisor.log"))
        let stopped = try await OwnNode.daemonProgram(["node", "stop", "--id", id])
        #expect(stopped.status == 0 && stopped.output.contains("is gone"), "\(stopped.output)")
        #expect(!FileManager.default.fileExists(atPath: directory))
    }

    @Test(.timeLimit(.minutes(1))) func whatStartSaysStopsTheNodeWhereverItIsPasted() async throws {
        try await withNode { node in
            let command = try #require(node.greeting.firstMatch(of: /Stop it with: (.+)/)).output.1
            let stopped = try await launch(
                "/bin/sh", ["-c", "cd / && \(command)"], environment: OwnNode.path, joinsErrors: true)
            #expect(stopped.status == 0 && stopped.output.contains("is gone"), "\(stopped.output)")
            #expect(!FileManager.default.fileExists(atPath: node.directory))
        }
    }

    @Test(.timeLimit(.minutes(1))) func theAPIsPortStaysOpenOverARestartOfTheDaemon() async throws {
        try await withNode { node in
            let before = try node.process("martletd")
            kill(before, SIGKILL)
            // The socket is the launcher's: a client waits in its queue, and is not refused.
            #expect(try await node.readyz() == "200")
            #expect(try node.process("martletd") != before)
        }
    }

    @Test(.timeLimit(.minutes(1))) func containerdIsStartedAgainAndTheNodeIsReadyAgain() async throws {
        try await withNode { node in
            let before = try node.process("containerd")
            kill(before, SIGKILL)
            try await until("another containerd") { try node.process("containerd") != before }
            try await until("status has no error") { try await node.martlet(["status"]).status == 0 }
        }
    }

    @Test(.timeLimit(.minutes(1))) func aFullLogIsCutAndLinesAreLogfmt() async throws {
        try await withNode { node in
            let path = node.directory + "/martletd.log"
            try await until("the first line") { node.log("martletd").contains("msg=\"in force\"") }
            let word = #"[A-Za-z0-9_.\-]+=([^\s"=]+|"([^"\\]|\\.)*")"#
            let line = try Regex("time=[0-9T:.\\-]+Z level=[a-z]+ part=[A-Za-z]+( \(word))+")
            for text in node.log("martletd").split(separator: "\n") {
                #expect((try? line.wholeMatch(in: text)) != nil, "\(text)")
            }
            let file = try #require(FileHandle(forUpdatingAtPath: path))
            try file.seekToEnd()
            try file.write(contentsOf: Data(repeating: UInt8(ascii: "x"), count: 11 << 20))
            try await until("the log is cut") { FileManager.default.fileExists(atPath: path + ".1") }
            try await until("and empty") {
                let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
                return (size ?? 0) < 1 << 20
            }
        }
    }
}
