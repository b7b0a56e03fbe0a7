import KubeObjects
import NetTypes
import TestKit
import Testing

@testable import PolicyCompiler

/// Reachability by classes says what judging every pair of pods says, and every address outside at which some policy
/// can change its mind.
@Suite struct ReachTests {
    private static let ends: [PodCondition] = [
        PodCondition(.namespace("red"), .everything),
        PodCondition(.namespaces(LabelSelector(matchLabels: ["env": "a"])), .everything),
        PodCondition(.namespaces(.everything), LabelSelector(matchLabels: ["app": "b"])),
        PodCondition(.namespace("blue"), LabelSelector(matchLabels: ["tier": "c"])),
    ]

    /// Every port at which a random policy or pod can change its mind.
    private static let borders: [UInt16] = Set(
        (RandomCluster.ports + [53, 80, 81, 8080]).flatMap { [$0 &- 1, $0, $0 &+ 1] }
    ).sorted()

    private func selected(_ condition: PodCondition, _ cluster: RandomCluster) -> [Pod] {
        cluster.pods.values.filter { pod in
            condition.matches(
                PolicyPod(pod, endpoint: 0, addresses: []),
                namespaceLabels: cluster.namespaces[pod.metadata.namespace] ?? [:])
        }
    }

    /// The ends of each block and exception, what lies next to them, and addresses in no block: those of no pod.
    private func outside(_ cluster: RandomCluster) -> [PolicyEvaluator.End] {
        let peers = cluster.policies.values.flatMap { $0.ingress ?? [] }.flatMap(\.peers)
        let networks = peers.flatMap { peer -> [CIDR] in
            guard case .block(let block) = peer else { return [] }
            return [block.cidr] + block.except
        }
        let edges = networks.flatMap { [$0.address, $0.last, $0.last.advanced(by: 1)].compactMap { $0 } }
        let known = ["0.0.0.0", "255.255.255.255", "::", "ffff::", "203.0.113.7"].compactMap { IPAddress($0) }
        return Set(edges + known).filter { address in
            !RandomCluster.podCIDRs.contains { $0.contains(address) }
        }.map { PolicyEvaluator.End($0) }
    }

    private func ends(_ pods: [Pod]) -> [PolicyEvaluator.End] {
        pods.flatMap { pod in pod.addresses.map { .init($0, pod: pod) } }
    }

    private func flows(_ from: [PolicyEvaluator.End], _ to: [Pod], _ spans: [PortSpan]) -> [PolicyEvaluator.Flow] {
        var found: [PolicyEvaluator.Flow] = []
        for source in from {
            for destination in ends(to) where destination.pod?.key != source.pod?.key {
                if destination.address.family != source.address.family { continue }
                for span in spans {
                    for port in Self.borders where span.ports.contains(port) {
                        found.append(
                            .init(source: source, destination: destination, transport: span.transport, port: port))
                    }
                }
            }
        }
        return found
    }

    @Test(arguments: 500...530 as ClosedRange<UInt64>)
    func classesAndPairsOfPodsAgree(seed: UInt64) {
        var cluster = RandomCluster(seed: seed)
        var compiled = CompiledCluster()
        compiled.apply(cluster.start())
        let held = Self.ends.map { compiled.compiler.hold($0) }
        for round in 0..<4 {
            compiled.apply(cluster.step())
            compiled.release()
            let evaluator = cluster.evaluator
            let (from, to) = (cluster.pick([0, 1, 2, 3]), cluster.pick([0, 1, 2, 3]))
            let isInverted = cluster.flip(30)
            let spans =
                cluster.flip(50) ? PortSpan.everything : [PortSpan(6, PortRange(80)), PortSpan(17, PortRange(53))]
            let inside = selected(Self.ends[from], cluster)
            let sources =
                isInverted
                ? ends(cluster.pods.values.filter { !inside.contains($0) }) + outside(cluster) : ends(inside)
            let open = flows(sources, selected(Self.ends[to], cluster), spans).first { evaluator.judge($0).isAllowed }
            let witness = compiled.compiler.reach(
                ReachQuestion(from: held[from], isFromInverted: isInverted, to: held[to], ports: spans))
            guard (open == nil) == (witness == nil) else {
                let (pairs, classes) = (String(describing: open), String(describing: witness))
                Issue.record("seed \(seed), round \(round): by pairs \(pairs), by classes \(classes)")
                return
            }
            if let witness { check(witness, cluster, evaluator, seed) }
        }
    }

    private func check(
        _ witness: ReachWitness, _ cluster: RandomCluster, _ evaluator: PolicyEvaluator, _ seed: UInt64
    ) {
        let (from, to) = (ends(witness.from, cluster), ends(witness.to, cluster))
        let gotThrough = from.contains { mine in
            to.contains { other in
                mine.address.family == other.address.family
                    && evaluator.judge(
                        .init(source: mine, destination: other, transport: witness.transport, port: witness.ports.low)
                    ).isAllowed
            }
        }
        #expect(gotThrough, "seed \(seed): \(witness) does not get through")
    }

    private func ends(_ end: ReachEnd, _ cluster: RandomCluster) -> [PolicyEvaluator.End] {
        switch end {
        case .pod(let key): ends(cluster.pods[key].map { [$0] } ?? [])
        case .address(let address):
            RandomCluster.podCIDRs.contains { $0.contains(address) } ? [] : [.init(address)]
        }
    }

    // MARK: The outside

    /// What reaches `red/db` beside `red/api`, under an ingress rule with these blocks: the address.
    private func stranger(_ blocks: [AddressBlock], families: [String] = ["10.1.0.9", "fd00:1::9"]) -> ReachEnd? {
        var compiled = CompiledCluster()
        var policy = NetworkPolicy(metadata: ObjectMeta(namespace: "red", name: "n"), podSelector: .everything)
        policy.ingress = [
            PolicyRule(peers: blocks.map { .block($0) }, ports: [PolicyPort(.tcp, .range(PortRange(5432)))]),
            PolicyRule(peers: [.pods(namespaces: nil, pods: LabelSelector(matchLabels: ["app": "api"]))]),
        ]
        if blocks.isEmpty { policy.ingress?.removeFirst() }
        let pods = ["db": families, "api": ["10.1.0.10"]].map { name, addresses in
            let pod = Pod(
                metadata: ObjectMeta(namespace: "red", name: name, labels: ["app": name]),
                addresses: addresses.compactMap { IPAddress($0) })
            return PolicyChange.pod(PolicyPod(pod, endpoint: name == "db" ? 1 : 2, addresses: pod.addresses))
        }
        let held = ["api", "db"].map { name in
            compiled.compiler.hold(PodCondition(.namespace("red"), LabelSelector(matchLabels: ["app": name])))
        }
        compiled.apply(
            [.podCIDRs(RandomCluster.podCIDRs), .namespace(name: "red", labels: [:]), .policy(policy)] + pods)
        let witness = compiled.compiler.reach(ReachQuestion(from: held[0], isFromInverted: true, to: held[1]))
        if let witness { #expect(witness.transport == 6 && witness.ports.low == 5432 && witness.ingressRule != 0) }
        return witness?.from
    }

    private func block(_ cidr: String, except: [String] = []) throws -> AddressBlock {
        AddressBlock(try #require(CIDR(cidr)), except: except.compactMap { CIDR($0) })
    }

    private func address(_ text: String) throws -> ReachEnd { .address(try #require(IPAddress(text))) }

    @Test func anAddressOutsideIsFoundInWhatABlockOpens() throws {
        #expect(stranger([]) == nil)
        #expect(stranger([try block("0.0.0.0/0")]) == (try address("203.0.113.7")))
        #expect(stranger([try block("::/0")]) == (try address("2001:db8::7")))
        #expect(stranger([try block("192.0.2.0/24")]) == (try address("192.0.2.1")))
        #expect(stranger([try block("192.0.2.4/32")]) == (try address("192.0.2.4")))
        let holes = ["192.0.2.0/25", "192.0.2.128/26", "192.0.2.194/31"]
        #expect(stranger([try block("192.0.2.0/24", except: holes)]) == (try address("192.0.2.192")))
        // What one block takes out, another opens.
        let all = ["192.0.2.0/25", "192.0.2.128/25"]
        #expect(stranger([try block("192.0.2.0/24", except: all)]) == nil)
        let opened = try [block("192.0.2.0/24", except: all), block("192.0.2.128/30")]
        #expect(stranger(opened) == (try address("192.0.2.129")))
    }

    @Test func addressesOfThePodNetworkAreNotOutside() throws {
        #expect(stranger([try block("10.1.0.0/16")]) == nil)
        #expect(stranger([try block("10.1.7.0/24")]) == nil)
        #expect(stranger([try block("10.0.0.0/15", except: ["10.0.0.0/16"])]) == nil)
        #expect(stranger([try block("10.0.0.0/15")]) == (try address("10.0.0.1")))
        #expect(stranger([try block("fd00:1::/48")]) == nil)
        // A pod without an address of the family is not reached over it.
        #expect(stranger([try block("::/0")], families: ["10.1.0.9"]) == nil)
        // Pods beside the cluster's blocks; their addresses are theirs all the same.
        #expect(stranger([try block("192.0.2.9/32")], families: ["10.1.0.9", "192.0.2.9"]) == nil)
    }

    @Test func spansMeetAndAreCut() {
        let whole = PortSpan(6, .all)
        let part = PortSpan(6, PortRange(80))
        #expect(whole.without(part).map(\.ports.low) == [0, 81] && whole.without(whole).isEmpty)
        #expect(whole.common(with: PortSpan(17, .all)) == nil && whole.common(with: part) == part)
    }
}
