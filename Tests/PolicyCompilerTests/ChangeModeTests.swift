import JSONText
import KubeObjects
import MapLayout
import PolicyCompiler
import TestKit
import Testing

/// What `policy.martlet.io/on-change` makes of the lists.
@Suite
struct ChangeModeTests {
    private static func policy(_ name: String, _ mode: ChangeMode, egress: Bool = false) -> NetworkPolicy {
        var policy = NetworkPolicy(
            metadata: ObjectMeta(namespace: "shop", name: name), ingress: egress ? nil : [], egress: egress ? [] : nil)
        policy.onChange = mode
        return policy
    }

    private static let pod = PolicyPod(
        Pod(metadata: ObjectMeta(namespace: "shop", name: "db")), endpoint: 7, addresses: [])
    private static let modes: ListFlags = [.keep, .recheck, .reset]

    private func flags(_ policies: [NetworkPolicy]) throws -> [ListFlags] {
        var cluster = CompiledCluster()
        cluster.apply([.namespace(name: "shop", labels: [:]), .pod(Self.pod)] + policies.map { .policy($0) })
        let index = try #require(cluster.compiler.classID(of: Self.pod.key)) & 0xffff
        let lists = cluster.maps.classLists[index] ?? .open
        return [lists.ingress, lists.egress].map { $0.flags.intersection(Self.modes) }
    }

    @Test("Both lists of a class carry the strictest mode of the policies that select it, whatever they are about")
    func strictest() throws {
        #expect(try flags([]) == [[], []])
        #expect(try flags([Self.policy("a", .keep)]) == [.keep, .keep])
        #expect(
            try flags([Self.policy("a", .keep), Self.policy("b", .recheck, egress: true)]) == [.recheck, .recheck])
        #expect(try flags([Self.policy("a", .reset, egress: true), Self.policy("b", .keep)]) == [.reset, .reset])
    }

    @Test("A change of mode alone is a change of list: a new version, switched by a generation")
    func version() throws {
        var cluster = CompiledCluster()
        cluster.apply([
            .namespace(name: "shop", labels: [:]), .pod(Self.pod), .policy(Self.policy("a", .recheck)),
        ])
        #expect(!cluster.compiler.mayReset)
        let index = try #require(cluster.compiler.classID(of: Self.pod.key)) & 0xffff
        let before = try #require(cluster.maps.classLists[index])
        let delta = cluster.apply([.policy(Self.policy("a", .reset))])
        let after = try #require(cluster.maps.classLists[index])
        #expect(!delta.switchedValues.isEmpty && before.ingress.version != after.ingress.version)
        #expect(cluster.compiler.mayReset)
        cluster.apply([.policyRemoved(ObjectKey("shop", "a"))])
        #expect(!cluster.compiler.mayReset)
    }

    @Test("The annotation is read from policies of both kinds, and another value is an error that names the field")
    func annotation() throws {
        func object(_ mode: JSONValue) -> JSONValue {
            [
                "metadata": [
                    "name": "a", "namespace": "shop", "annotations": ["policy.martlet.io/on-change": mode],
                ],
                "spec": ["podSelector": [:]],
            ]
        }
        #expect(try NetworkPolicy(object("keep")).onChange == .keep)
        #expect { try NetworkPolicy(object("drop")) } throws: { error in
            (error as? ObjectError)?.field == "metadata.annotations[policy.martlet.io/on-change]"
        }
        var cluster = object("reset")
        cluster["spec"] = ["tier": "Admin", "priority": 1, "subject": ["namespaces": [:]]]
        #expect(try ClusterNetworkPolicy(cluster).onChange == .reset)
    }
}
