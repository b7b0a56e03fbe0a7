import JSONText
import KubeObjects
import PolicyCompiler
import Testing

@testable import PolicyAdmission

/// Writes are judged by the versions of policies that are in force, where those are not the committed ones.
@Suite struct PolicyStandInTests {
    private static let key = ObjectKey("n", "p")
    private static let pod = AdmittedObject(
        .pod, path: "n/a", ["metadata": ["namespace": "n", "name": "a"], "spec": [:], "status": [:]])

    /// Opens so many ports, from 1000 on, to everybody.
    private static func policy(_ version: String, ports: Int, name: String = "p") -> AdmittedObject {
        let entries = (0..<ports).map { JSONValue.object(["port": .integer(Int64(1000 + $0))]) }
        return AdmittedObject(
            .networkPolicy, path: "n/\(name)",
            [
                "metadata": ["namespace": "n", "name": .string(name), "resourceVersion": .string(version)],
                "spec": ["podSelector": [:], "ingress": [["ports": .array(entries)]]],
            ])
    }

    private static func unreadable(_ version: String) -> AdmittedObject {
        AdmittedObject(
            .networkPolicy, path: "n/p",
            [
                "metadata": ["namespace": "n", "name": "p", "resourceVersion": .string(version)],
                "spec": ["podSelector": [:], "ingress": [["ports": [["port": 0]]]]],
            ])
    }

    /// Version 5 of the policy was in force, with three rules of the four that a list holds.
    private func shadow(_ objects: [AdmittedObject], former: FormerPolicy? = nil) -> CapacityShadow {
        var shadow = CapacityShadow(limits: PolicyLimits(listRules: 4))
        shadow.begin([Self.pod] + objects) { object in
            if object.key != Self.key { return .present }
            return former ?? Self.policy("5", ports: 3).value.map { .another($0) } ?? .none
        }
        return shadow
    }

    private func version(_ shadow: CapacityShadow) -> String? { shadow.world.policy.version(of: Self.key) }

    @Test(arguments: [true, false]) func whatWasInForceCountsForTheRoom(isReadable: Bool) {
        let present = isReadable ? Self.policy("9", ports: 10) : Self.unreadable("9")
        var shadow = shadow([present])
        #expect(version(shadow) == "5")
        let none = AdmittedObject(.networkPolicy, path: "n/q", nil)
        let verdict = shadow.judge(Self.policy("10", ports: 2, name: "q"), present: none)
        #expect(verdict.refusals.map(\.object) == [ObjectKey("n", "q")])
        #expect(shadow.judge(Self.policy("10", ports: 1, name: "q"), present: none).isEmpty)
    }

    @Test(arguments: [true, false]) func aWriteThatIsTakenBackLeavesWhatWasInForce(isReadable: Bool) {
        let present = isReadable ? Self.policy("9", ports: 10) : Self.unreadable("9")
        var shadow = shadow([present])
        // One that fits, and is not committed after all: a dry run.
        #expect(shadow.judge(Self.policy("9", ports: 2), present: present).isEmpty)
        #expect(version(shadow) == "9")
        shadow.take([present])
        #expect(version(shadow) == "5")
        // One that does not fit is taken back by the judge itself.
        #expect(!shadow.judge(Self.policy("9", ports: 5), present: present).isEmpty)
        #expect(version(shadow) == "5")
        shadow.take([Self.policy("10", ports: 4)])
        #expect(version(shadow) == "10")
        shadow.take([AdmittedObject(.networkPolicy, path: "n/p", nil)])
        #expect(version(shadow) == nil)
    }

    @Test func whatWasInForceInNoVersionComesLastAndIsolates() {
        // Named before the one that has the room.
        var shadow = CapacityShadow(limits: PolicyLimits(listRules: 4))
        shadow.begin([Self.policy("9", ports: 3, name: "a"), Self.pod, Self.policy("5", ports: 3)]) { object in
            object.key == Self.key ? .present : .none
        }
        #expect(version(shadow) == "5")
        #expect(shadow.world.policy.refusals.map(\.error.object) == [ObjectKey("n", "a")])
        let alone = self.shadow([Self.unreadable("9")], former: FormerPolicy.none)
        #expect(version(alone) == nil)
        #expect(alone.world.policy.list(of: ObjectKey("n", "a"), .ingress).map(\.share) == [0])
    }

    @Test func aDryRunIsTakenAsItIs() {
        var present = Self.policy("9", ports: 2).value ?? .null
        present["metadata"]?["annotations"] = [ObjectMeta.dryRunAnnotation: "true"]
        #expect(version(shadow([AdmittedObject(.networkPolicy, path: "n/p", present)])) == nil)
    }
}
