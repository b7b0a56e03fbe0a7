import KubeObjects
import NetTypes
import PolicyCompiler
import Testing

@Suite struct PolicyCompilerTests {
    private let address = IPAddress(v4: 0x0a01_0001)

    private func pod(_ name: String, _ labels: [String: String], _ endpoint: UInt32) -> PolicyChange {
        let pod = Pod(metadata: ObjectMeta(namespace: "n", name: name, labels: labels), addresses: [address])
        return .pod(PolicyPod(pod, endpoint: endpoint, addresses: [address]))
    }

    private func policy(_ name: String, _ peers: [PolicyPeer]) -> PolicyChange {
        .policy(
            NetworkPolicy(
                metadata: ObjectMeta(namespace: "n", name: name, resourceVersion: "41"),
                podSelector: LabelSelector(matchLabels: ["app": "db"]), ingress: [PolicyRule(peers: peers)]))
    }

    @Test func anUnmanagedEndpointIsBornWithoutAClassUnderANumberThatAPodHad() {
        var compiled = CompiledCluster()
        let everyone = PolicyPeer.pods(namespaces: .everything, pods: .everything)
        compiled.apply([pod("db", ["app": "db"], 1), pod("web", [:], 2), policy("p", [everyone])])
        #expect(compiled.maps.endpoints[2] != 0)
        let delta = compiled.apply([.podRemoved(ObjectKey("n", "web")), .unmanaged(endpoint: 2)])
        #expect(delta.bornEndpoints == [2: 0])
        let verdict = compiled.maps.judge(
            .ingress, subject: .init(endpoint: 1, address: address), peer: .init(endpoint: 2, address: address),
            transport: 6, port: 80)
        #expect(!verdict.isAllowed)
    }

    @Test func labelsThatNothingReadsCauseNoWrite() {
        var compiled = CompiledCluster()
        compiled.apply([pod("db", ["app": "db"], 1), policy("p", [])])
        let delta = compiled.apply([pod("db", ["app": "db", "hash": "x"], 1)])
        #expect(delta.switchedValues.isEmpty)
        #expect(delta.operations.isEmpty && delta.bornValues.isEmpty)
    }

    @Test func anUnchangedPolicyCausesNoWrite() {
        var compiled = CompiledCluster()
        compiled.apply([pod("db", ["app": "db"], 1), policy("p", [])])
        let delta = compiled.apply([policy("p", [])])
        #expect(
            delta.switchedValues.isEmpty && delta.operations.isEmpty && delta.retired.isEmpty && delta.journal.isEmpty)
    }

    @Test func aPodThatMovesBetweenClassesIsOneValue() {
        var compiled = CompiledCluster()
        compiled.apply([
            pod("a", ["app": "db"], 1), pod("b", ["app": "db"], 2), pod("c", ["app": "web"], 3), pod("d", [:], 4),
            policy("p", [.pods(namespaces: nil, pods: LabelSelector(matchLabels: ["app": "web"]))]),
        ])
        let delta = compiled.apply([pod("a", ["app": "web"], 1)])
        #expect(delta.endpointClasses.count == 1)
        #expect(delta.operations.isEmpty && delta.classLists.isEmpty && delta.bornClasses.isEmpty)
    }

    @Test func ruleIdsNameThePolicyAndItsVersionAfterTheyAreRetired() throws {
        var compiled = CompiledCluster()
        compiled.apply([pod("db", ["app": "db"], 1), policy("p", [])])
        let verdict = compiled.maps.judge(
            .ingress, subject: .init(endpoint: 1, address: address), peer: .init(endpoint: nil, address: address),
            transport: 6, port: 80)
        let info = try #require(compiled.compiler.rule(verdict.ruleID))
        #expect(info.policy == ObjectKey("n", "p") && info.index == 0 && info.resourceVersion == "41")
        compiled.apply([.policyRemoved(ObjectKey("n", "p"))])
        #expect(compiled.compiler.rule(verdict.ruleID) == info)
    }
}
