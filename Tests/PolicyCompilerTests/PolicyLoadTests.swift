import KubeObjects
import MapLayout
import NetTypes
import PolicyCompiler
import Testing

/// Objects in numbers and orders that clusters really have: what is asked of the kernel grows with what changed.
@Suite struct PolicyLoadTests {
    private static func address(_ number: UInt32) -> IPAddress { IPAddress(v4: 0x0a01_0000 + number) }

    private func pod(_ name: String, in namespace: String = "n", _ labels: [String: String], _ endpoint: UInt32)
        -> PolicyChange
    {
        .pod(
            PolicyPod(
                podObject(name, in: namespace, labels, endpoint), endpoint: endpoint,
                addresses: [Self.address(endpoint)]))
    }

    private func podObject(_ name: String, in namespace: String, _ labels: [String: String], _ endpoint: UInt32) -> Pod
    {
        Pod(
            metadata: ObjectMeta(namespace: namespace, name: name, labels: labels),
            addresses: [Self.address(endpoint)])
    }

    private func policy(
        _ name: String, in namespace: String = "n", selecting labels: [String: String], from peers: [PolicyPeer]
    ) -> NetworkPolicy {
        NetworkPolicy(
            metadata: ObjectMeta(namespace: namespace, name: name), podSelector: LabelSelector(matchLabels: labels),
            ingress: [PolicyRule(peers: peers)])
    }

    private func peer(_ labels: [String: String]) -> PolicyPeer {
        .pods(namespaces: nil, pods: LabelSelector(matchLabels: labels))
    }

    private func allows(_ compiled: CompiledCluster, from source: UInt32, to destination: UInt32) -> Bool {
        compiled.maps.judge(
            .ingress, subject: .init(endpoint: destination, address: Self.address(destination)),
            peer: .init(endpoint: source, address: Self.address(source)), transport: 6, port: 80
        ).isAllowed
    }

    /// Values that a batch writes.
    private func writes(_ delta: PolicyDelta) -> Int {
        delta.operations.count + delta.bornValues.count + delta.endpointClasses.count + delta.networkClasses.count
            + delta.classLists.count
    }

    /// A label value at its length limit that differs from the others in its last letters.
    private func longValue(_ number: Int) -> String {
        let tail = String(number)
        return String(repeating: "v", count: 63 - tail.count) + tail
    }

    @Test func policiesByTheThousandThatDifferByOneLabelOfFullLength() {
        let count = 2_000
        var compiled = CompiledCluster()
        var changes: [PolicyChange] = [.namespace(name: "n", labels: [:])]
        for number in 0..<count {
            changes.append(pod("p\(number)", ["tier": longValue(number)], UInt32(number + 1)))
            changes.append(
                .policy(
                    policy(
                        "p\(number)", selecting: ["tier": longValue(number)],
                        from: [peer(["tier": longValue((number + 1) % count)])])))
        }
        compiled.apply(changes)
        #expect(compiled.compiler.problems.isEmpty)
        for number in stride(from: 0, to: count, by: 37) {
            let (own, next) = (UInt32(number + 1), UInt32((number + 1) % count + 1))
            #expect(allows(compiled, from: next, to: own))
            #expect(!allows(compiled, from: own, to: next))
        }
        let delta = compiled.apply([.policyRemoved(ObjectKey("n", "p5"))])
        #expect(writes(delta) <= 8)
        #expect(allows(compiled, from: 1, to: 6))
    }

    @Test func aThousandNamespacesRelabelledAtOnceAreOneBatch() {
        let count = 1_000
        func namespaces(_ environment: String) -> [PolicyChange] {
            (0..<count).map { .namespace(name: "n\($0)", labels: ["env": environment]) }
        }
        let watched = policy(
            "watched", in: "n0", selecting: [:],
            from: [.pods(namespaces: LabelSelector(matchLabels: ["env": "prod"]), pods: .everything)])
        let pods = (0..<count).map { pod("p", in: "n\($0)", [:], UInt32($0 + 1)) }
        var compiled = CompiledCluster()
        compiled.apply(namespaces("dev") + pods + [.policy(watched)])
        #expect(!allows(compiled, from: 500, to: 1))
        let delta = compiled.apply(namespaces("prod"))
        #expect(allows(compiled, from: 500, to: 1))
        #expect(writes(delta) <= 2 * count)
        var fresh = CompiledCluster()
        fresh.apply(namespaces("prod") + pods + [.policy(watched)])
        compiled.apply([])
        compiled.release()
        #expect(compiled.dump == fresh.dump)
    }

    @Test func aSelectorOfAllPodsCostsNoMoreThanOneValueAPod() {
        let count = 5_000
        var compiled = CompiledCluster()
        compiled.apply(
            [.namespace(name: "n", labels: [:])] + (1...count).map { pod("p\($0)", [:], UInt32($0)) })
        let first = compiled.apply([.policy(policy("all", selecting: [:], from: [peer(["app": "x"])]))])
        #expect(writes(first) <= count + 16)
        // All are in one class now: a second one for all moves nobody.
        let second = compiled.apply([.policy(policy("also", selecting: [:], from: [peer(["app": "y"])]))])
        #expect(second.endpointClasses.isEmpty && writes(second) <= 16)
        #expect(!allows(compiled, from: 1, to: 2))
    }

    @Test func policyPodAndNamespaceInEachPossibleOrderEndInTheSameState() {
        let objects: [PolicyChange] = [
            .namespace(name: "n", labels: ["env": "prod"]), pod("db", ["app": "db"], 1), pod("web", ["app": "web"], 2),
            .policy(policy("p", selecting: ["app": "db"], from: [peer(["app": "web"])])),
            .policy(
                policy(
                    "q", selecting: ["app": "web"],
                    from: [.pods(namespaces: LabelSelector(matchLabels: ["env": "prod"]), pods: .everything)])),
        ]
        var reference: String?
        var orders = 0
        permute(objects) { order in
            orders += 1
            var compiled = CompiledCluster()
            for object in order { compiled.apply([object]) }
            compiled.apply([])
            compiled.release()
            #expect(allows(compiled, from: 2, to: 1) && allows(compiled, from: 1, to: 2))
            let dump = compiled.dump
            #expect(reference == nil || dump == reference)
            reference = dump
        }
        #expect(orders == 120)
    }

    private func permute(_ items: [PolicyChange], _ chosen: [PolicyChange] = [], _ body: ([PolicyChange]) -> Void) {
        if items.isEmpty { return body(chosen) }
        for index in items.indices {
            var rest = items
            let item = rest.remove(at: index)
            permute(rest, chosen + [item], body)
        }
    }

    @Test func aPodWhoseLabelsChangeHundredTimesIsOneValueEachTimeAndLeavesNothingBehind() {
        var compiled = CompiledCluster()
        compiled.apply([
            .namespace(name: "n", labels: [:]), pod("db", ["app": "db"], 1), pod("web", ["app": "web"], 2),
            pod("idle", [:], 3), .policy(policy("p", selecting: ["app": "db"], from: [peer(["app": "web"])])),
        ])
        for round in 0..<100 {
            let isWeb = round % 2 == 0
            let delta = compiled.apply([pod("idle", ["app": isWeb ? "web" : "none"], 3)])
            #expect(writes(delta) <= 1)
            #expect(allows(compiled, from: 3, to: 1) == isWeb)
        }
        #expect(compiled.compiler.fill.first { $0.table == "classes" }?.used ?? 9 <= 3)
    }
}
