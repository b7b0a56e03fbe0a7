package import JSONText
import KubeObjects
package import NetTypes
package import PolicyCompiler

/// What a change of policies does: which workloads gain or lose which ports, by classes of pods and not by pairs, and
/// what becomes of flows that were seen.
package struct PolicyDiff: Sendable {
    /// Pairs with the same answer, in one row.
    package struct Row: Hashable, Sendable {
        package let from: [String]
        package let to: [String]
        package let gained: [PortSpan]
        package let lost: [PortSpan]
        /// In words: the rules that allow it now, or what does not refuse it any more.
        package let gainedBecause: [String]
        /// In words: what refuses it now, and the rules that do not allow it any more.
        package let lostBecause: [String]

        package var json: JSONValue {
            [
                "from": .array(from.map { .string($0) }), "to": .array(to.map { .string($0) }),
                "gained": .array(gained.map { .string($0.text) }), "lost": .array(lost.map { .string($0.text) }),
                "gainedText": .string(PortSpan.text(gained)), "lostText": .string(PortSpan.text(lost)),
                "gainedBecause": .array(gainedBecause.map { .string($0) }),
                "lostBecause": .array(lostBecause.map { .string($0) }),
            ]
        }
    }

    package let rows: [Row]
    /// Of the pods that are looked at, those that the change touches.
    package let touchedParts: Int
    package let parts: Int
    /// What the change asks for and there is no room for: it would be refused, and the rest of the answer is moot.
    package let misfits: [String]
    /// What the answer leaves out, in words.
    package let notes: [String]
    let before: PolicyMesh
    let after: PolicyMesh
    /// A pod of each part.
    let workloads: [ObjectKey: [ObjectKey]]
    /// Pods that the change touches themselves, as they are after it.
    let moved: [ObjectKey: Pod]

    /// - Parameters:
    ///   - new: the same cluster after the change. Pods that are in `new` alone are left out.
    ///   - services: the ranges of Services.
    package init(_ old: PolicyWorld, _ new: PolicyWorld, services: [CIDR] = []) {
        let places = PodPlaces(old)
        let before = PolicyMesh(old, places: places)
        self.before = before
        let (changes, moved) = Self.changes(old, new, places)
        let (after, touched) = before.after(changes, pods: Array(moved.keys))
        self.after = after
        self.moved = moved
        let known = Set(before.problems.map(Shortage.init))
        misfits = after.problems.filter { !known.contains(Shortage($0)) }.map(\.description).sorted()
        var notes = Set(after.problems.filter { known.contains(Shortage($0)) }).subtracting(before.problems)
            .map { "does not fit: \($0)" }.sorted()
        let fresh = new.policyPods.filter { old.pods[$0.key] == nil }
        if !fresh.isEmpty {
            notes.append("\(fresh.count.counted("pod")) not in the cluster yet: what they reach is left out")
        }
        let parts = before.parts(with: after)
        var byWorkload: [ObjectKey: [ObjectKey]] = [:]
        for part in parts { byWorkload[part.workload, default: []].append(part.pods[0]) }
        workloads = byWorkload
        let isTouched = parts.map { part -> Bool in
            guard let mine = before.place(part.pods[0]), let other = after.place(part.pods[0]) else { return true }
            return other.classIndex.map(touched.contains) ?? true || mine.likeness != other.likeness
        }
        self.parts = parts.count
        touchedParts = isTouched.filter { $0 }.count
        let outside = OutsideRegion.all(of: [old, new], services: services)
        if outside.isCut { notes.append("of the address blocks only \(OutsideRegion.blocksMax) are looked at") }
        self.notes = notes
        var collector = DiffRows(before, after)
        for (index, part) in parts.enumerated() {
            for (number, other) in parts.enumerated() where isTouched[index] || isTouched[number] {
                collector.add(part, other)
            }
            if isTouched[index] {
                for region in outside.regions {
                    collector.add(part, region, isOutgoing: true)
                    collector.add(part, region, isOutgoing: false)
                }
            }
        }
        rows = collector.rows
    }

    /// What does not fit, however much of it.
    private struct Shortage: Hashable {
        let code: PolicyError.Code
        let object: ObjectKey

        init(_ error: PolicyError) {
            code = error.code
            object = error.object
        }
    }

    /// From one world to the other, for the compiler.
    private static func changes(
        _ old: PolicyWorld, _ new: PolicyWorld, _ places: PodPlaces
    ) -> (changes: [PolicyChange], pods: [ObjectKey: Pod]) {
        var changes: [PolicyChange] = []
        var moved: [ObjectKey: Pod] = [:]
        for (name, labels) in new.namespaces.sorted(by: { $0.key < $1.key }) where old.namespaces[name] != labels {
            changes.append(.namespace(name: name, labels: labels))
        }
        for place in places.pods {
            guard var pod = new.pods[place.key], let endpoint = places.endpoints[place.key] else { continue }
            pod.addresses = place.addresses
            let fresh = PolicyPod(pod, endpoint: endpoint, addresses: place.addresses)
            if fresh == PolicyPod(place, endpoint: endpoint, addresses: place.addresses) { continue }
            changes.append(.pod(fresh))
            moved[place.key] = pod
        }
        let policies = Dictionary(old.policies.map { ($0.policy.key, $0.policy) }) { $1 }
        for entry in new.policies where policies[entry.policy.key] != entry.policy {
            changes.append(.policy(entry.policy))
        }
        let kept = Set(new.policies.map(\.policy.key))
        for key in policies.keys.sorted() where !kept.contains(key) { changes.append(.policyRemoved(key)) }
        let cluster = Dictionary(old.clusterPolicies.map { ($0.key, $0) }) { $1 }
        for policy in new.clusterPolicies where cluster[policy.key] != policy { changes.append(.clusterPolicy(policy)) }
        let keptCluster = Set(new.clusterPolicies.map(\.key))
        for key in cluster.keys.sorted() where !keptCluster.contains(key) { changes.append(.policyRemoved(key)) }
        return (changes, moved)
    }
}
