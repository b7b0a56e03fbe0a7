import Foundation
import JSONText
import Netlink
import TestKit
import Testing

/// What a daemon that ends, by whatever cause, and its successor mean for those who use the node.
@Suite(.serialized) struct RestartTests {
    /// Sends the signal, and returns how long it took until a new daemon was in full service.
    private func replace(_ shop: Shop, by signal: Int32) async throws -> Duration {
        let old = try shop.node.process("martletd")
        let began = ContinuousClock.now
        kill(old, signal)
        try await shop.node.serves(after: old)
        return ContinuousClock.now - began
    }

    private func expectUnharmed(_ traffic: Traffic, _ what: String, _ took: Duration) {
        let seen = traffic.now
        print(
            "\(what): full service after \(took); \(seen.requests) requests, \(seen.messages) messages, the slowest "
                + "\(seen.slowest), \(seen.refusals) connections and \(seen.datagrams) datagrams refused by policy, "
                + "\(seen.faults.count) faults")
        #expect(seen.faults.isEmpty, "\(seen.faults)")
    }

    @Test(.timeLimit(.minutes(1))) func aKilledDaemonIsMissedByNobodyAndPolicyHolds() async throws {
        try await withShop { shop in
            let before = try await shop.containers()
            let traffic = Traffic(shop)
            var took = Duration.zero
            try await traffic.run {
                took = try await replace(shop, by: SIGKILL)
                try await traffic.grows()
            }
            expectUnharmed(traffic, "killed under load", took)
            #expect(try await shop.containers() == before)
            #expect(try await shop.node.martlet(["fsck"]).status == 0)
            // The successor is in command: what changes now is in force.
            try await shop.node.apply(
                """
                apiVersion: networking.k8s.io/v1
                kind: NetworkPolicy
                metadata: {name: orders, namespace: default}
                spec:
                  podSelector: {matchLabels: {app: orders}}
                  ingress: [{from: [{podSelector: {matchLabels: {app: visitor}}}]}]
                """)
            try await until("the changed policy is in force") {
                try shop.visitor.ask(shop.ordersAddress, 8_080, milliseconds: 200) == "orders"
                    && shop.web.ask(shop.ordersAddress, 8_080, milliseconds: 200) == nil
            }
            // What was sent without pause would have been heard.
            #expect(try traffic.arrives(from: shop.visitor))
            #expect(try !traffic.arrives(from: shop.web))
        }
    }

    /// Names of the pinned programs, each with its digest.
    private func programs(_ shop: Shop) throws -> Set<String> {
        Set(try FileManager.default.contentsOfDirectory(atPath: shop.node.directory + "/bpf/programs"))
    }

    @Test(.timeLimit(.minutes(1))) func anUpgradeUnderLoadIsSeenByNobody() async throws {
        let folder = NSTemporaryDirectory() + "mt-upgrade-\(getpid())"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let program = folder + "/martletd"
        try FileManager.default.copyItem(atPath: builtProgram("martletd"), toPath: program)
        for name in ["martlet", "martlet-cni"] {
            try FileManager.default.createSymbolicLink(
                atPath: "\(folder)/\(name)", withDestinationPath: builtProgram(name))
        }
        try await withShop(program: program) { shop in
            let (before, old) = (try await shop.containers(), try programs(shop))
            let traffic = Traffic(shop)
            try await traffic.run {
                // Another file with the same kernel programs: all of them are adopted.
                try FileManager.default.copyItem(atPath: program, toPath: program + ".new")
                let file = try #require(FileHandle(forWritingAtPath: program + ".new"))
                try file.seekToEnd()
                try file.write(contentsOf: Data([0]))
                try file.close()
                try #require(rename(program + ".new", program) == 0)
                let first = try await replace(shop, by: SIGTERM)
                let running = "/proc/\(try shop.node.process("martletd"))/exe"
                #expect(try FileManager.default.destinationOfSymbolicLink(atPath: running) == program)
                #expect(try programs(shop) == old)
                #expect(try await adopted(shop) == [true])
                try await traffic.grows()
                expectUnharmed(traffic, "another binary", first)

                // Another address of the node is another setting, and so another digest: all are loaded beside the
                // old ones, which then go.
                let added = try await shop.node.inside(["ip", "addr", "add", "10.98.0.99/32", "dev", "lo"])
                try #require(added.status == 0, "\(added.output)")
                let second = try await replace(shop, by: SIGTERM)
                let new = try programs(shop)
                #expect(new.count == old.count && new.isDisjoint(with: old))
                #expect(try await adopted(shop) == [false])
                try await traffic.grows()
                expectUnharmed(traffic, "another digest", second)
            }
            #expect(traffic.now.faults.isEmpty)
            #expect(try await shop.containers() == before)
            #expect(try await shop.node.martlet(["fsck"]).status == 0)
        }
    }

    /// Whether the programs were there before their daemon, by `status`.
    private func adopted(_ shop: Shop) async throws -> Set<Bool> {
        let status = try await shop.node.martlet(["status", "-o", "json"])
        return Set((status.json?["programs"]?.array ?? []).compactMap { $0["adopted"]?.bool })
    }

    @Test(.timeLimit(.minutes(1))) func containerdGoesAndComesBackWhilePodsRun() async throws {
        try await withShop { shop in
            let before = try await shop.containers()
            let traffic = Traffic(shop)
            var took = Duration.zero
            try await traffic.run {
                try await shop.node.unsupervised {
                    kill(try shop.node.process("containerd"), SIGKILL)
                    try await until("the node says so") {
                        try await shop.nodeReady() == "False ContainerRuntimeNotReady"
                    }
                    let status = try await shop.node.martlet(["status"])
                    #expect(status.status == 1 && status.output.hasPrefix("error  runtime: "), "\(status.output)")
                    try await traffic.grows()
                }
                let began = ContinuousClock.now
                try await until("the node is Ready again") { try await shop.nodeReady() == "True KubeletReady" }
                try await until("nothing is wrong") { try await shop.node.isInFullService() }
                took = ContinuousClock.now - began
                try await traffic.grows()
            }
            expectUnharmed(traffic, "containerd away and back", took)
            #expect(try await shop.containers() == before)
            try await shop.node.apply(Shop.pod("late"))
            try await until("a pod starts") { try await Shop.readyAddress(of: "late", on: shop.node) != nil }
        }
    }

    @Test(.timeLimit(.minutes(1))) func anotherBootFreesWhatTheLastOneAttached() async throws {
        let boot = NSTemporaryDirectory() + "mt-boot-\(getpid())"
        defer { try? FileManager.default.removeItem(atPath: boot) }
        try "one\n".write(toFile: boot, atomically: true, encoding: .utf8)
        try await withNode(arguments: ["--boot-id-file", boot]) { node in
            try await withNamespaces(3) { paths in
                for (number, path) in paths.enumerated() {
                    let added = try await node.plugin("ADD", container: "b\(number)", netns: path)
                    try #require(added.status == 0, "\(added.output)")
                }
                #expect(try await node.endpoints() == 3)
                let old = try node.process("martletd")
                // What a boot takes is taken: processes, links, and what was pinned. The state directory stays.
                try await node.unsupervised {
                    kill(old, SIGKILL)
                    for link in try node.podLinks() {
                        #expect(try await node.inside(["ip", "link", "delete", link]).status == 0)
                    }
                    for name in ["links", "programs", "maps"] {
                        try FileManager.default.removeItem(atPath: "\(node.directory)/bpf/\(name)")
                    }
                    try "two\n".write(toFile: boot, atomically: true, encoding: .utf8)
                }
                try await node.serves(after: old)
                #expect(node.log("martletd").contains(#"msg="a new boot" freed_attachments=3"#))
                #expect(try await node.endpoints() == 0)
                #expect(try await node.martlet(["fsck"]).status == 0)
                // The runtime may take down what it remembers, and attach anew.
                #expect(try await node.plugin("DEL", container: "b2", netns: paths[2]).status == 0)
                let again = try await node.plugin("ADD", container: "after", netns: paths[0])
                #expect(again.status == 0, "\(again.output)")
                #expect(try await node.plugin("DEL", container: "after", netns: paths[0]).status == 0)
            }
        }
    }
}
