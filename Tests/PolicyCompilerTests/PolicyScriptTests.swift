import FoundationEssentials
import JSONText
import KubeObjects
import MapLayout
import NetTypes
import PolicyCompiler
import TestKit
import Testing

/// Objects in, dump of the maps out: `Tests/Scripts/Policy/NAME.json` and `NAME.txt`. With MARTLET_REWRITE=1 the
/// expectations are written anew.
@Suite struct PolicyScriptTests {
    static let names = [
        "isolation", "peers", "named-ports", "blocks", "shared-classes", "block-and-name", "cluster-policies",
    ]

    private struct Script {
        let prologue: [PolicyChange]
        let objects: [(add: PolicyChange, remove: PolicyChange)]
    }

    private static func url(_ name: String) -> URL {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Scripts/Policy/\(name)")
    }

    private func read(_ name: String) throws -> Script {
        let tree = try JSONValue(parsing: Array(try Data(contentsOf: Self.url("\(name).json"))))
        let blocks = (tree["podCIDRs"]?.array ?? []).compactMap { $0.string.flatMap { CIDR($0) } }
        var objects: [(PolicyChange, PolicyChange)] = []
        var endpoint: UInt32 = 0
        for object in tree["objects"]?.array ?? [] {
            switch object["kind"]?.string {
            case "Namespace":
                let found = try Namespace(object)
                objects.append(
                    (.namespace(name: found.name, labels: found.metadata.labels), .namespaceRemoved(found.name)))
            case "Pod":
                let pod = try Pod(object)
                endpoint += 1
                let seen = PolicyPod(pod, endpoint: endpoint, addresses: pod.addresses)
                objects.append((.pod(seen), .podRemoved(pod.key)))
            case "NetworkPolicy":
                let policy = try NetworkPolicy(object)
                objects.append((.policy(policy), .policyRemoved(policy.key)))
            case "ClusterNetworkPolicy":
                let policy = try ClusterNetworkPolicy(object)
                objects.append((.clusterPolicy(policy), .policyRemoved(policy.key)))
            case "Node":
                let node = try Node(object)
                objects.append((.node(node), .nodeRemoved(node.name)))
            default: Issue.record("\(name): an object of no kind that scripts have")
            }
        }
        return Script(prologue: [.podCIDRs(blocks)], objects: objects)
    }

    private func dump(_ script: Script, _ order: [Int], again: Set<Int> = [], oneByOne: Bool = true) -> String {
        var compiled = CompiledCluster()
        compiled.apply(script.prologue)
        if oneByOne {
            for index in order { compiled.apply([script.objects[index].add]) }
        } else {
            compiled.apply(order.map { script.objects[$0].add })
        }
        for index in again.sorted() { compiled.apply([script.objects[index].remove]) }
        for index in again.sorted() { compiled.apply([script.objects[index].add]) }
        compiled.apply([])
        compiled.release()
        return compiled.dump + "\n"
    }

    @Test(arguments: names)
    func everyOrderOfTheScriptGivesTheExpectedMaps(name: String) throws {
        let script = try read(name)
        let order = Array(script.objects.indices)
        let found = dump(script, order, oneByOne: false)
        if ProcessInfo.processInfo.environment["MARTLET_REWRITE"] == "1" {
            try Data(found.utf8).write(to: Self.url("\(name).txt"))
        }
        let wanted = String(decoding: try Data(contentsOf: Self.url("\(name).txt")), as: UTF8.self)
        #expect(found == wanted)
        #expect(dump(script, order) == wanted, "one by one")
        #expect(dump(script, order.reversed()) == wanted, "reversed")
        for seed in 1...10 as ClosedRange<UInt64> {
            var random = SeededGenerator(seed: seed)
            let shuffled = order.shuffled(using: &random)
            #expect(dump(script, shuffled) == wanted, "shuffled by \(seed)")
            let again = Set(order.filter { _ in Bool.random(using: &random) })
            #expect(dump(script, shuffled, again: again) == wanted, "deleted and added, by \(seed)")
        }
    }
}
