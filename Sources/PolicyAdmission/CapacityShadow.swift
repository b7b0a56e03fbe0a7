package import KubeObjects
import MapLayout
package import NetTypes
package import PolicyCompiler
import ServiceCompiler

/// Why an object is not admitted: what was asked, what is free, and what takes most.
package struct CapacityRefusal: Hashable, Sendable, CustomStringConvertible {
    /// The table that is full, as `status` names it; `spec` where the object itself cannot be read.
    package let table: String
    /// Whose need it is: the object itself, or one that it makes too large.
    package let kind: AdmittedObject.Kind
    package let object: ObjectKey
    package let message: String

    package var description: String { message }
}

/// What a write would do.
package struct AdmissionVerdict: Hashable, Sendable {
    /// Why it does not fit; empty where it does.
    package let refusals: [CapacityRefusal]
    /// What it breaks.
    package let broken: [BrokenInvariant]

    package var isEmpty: Bool { refusals.isEmpty && broken.isEmpty }
}

/// The compilers' state as it would be with everything that is committed: what the node's tables have to hold.
///
/// It is fed with committed objects in the order of their revisions, and asked about one write before that is
/// committed. A write is judged by compiling it: there is no second account of what an object takes. It numbers pods
/// itself and counts every pod that has or will have a network of its own, wherever it runs.
///
/// It also knows the invariants, and says which ones a write would break. A policy that is being deleted enforces until
/// it is gone, and counts so for room; invariants are judged with it and without it, so that its going is judged when
/// it is marked, by the rights of who deletes it, and not when the last finalizer is taken off.
///
/// Bounded by the tables that it stands for. Use: `take` all objects once; then for each write `judge`, and `take` the
/// object as it is should the write not come about.
package struct CapacityShadow: Sendable {
    var world: JudgedPolicies
    /// As it will be without the policies that are being deleted; nil where there are none.
    private var last: JudgedPolicies?
    /// Policies that are being deleted.
    private var ending: Set<ObjectKey> = []
    private(set) var services: ServiceCompiler
    private var numbers: IDAllocator
    private var numberOf: [ObjectKey: UInt32] = [:]
    /// Pods without an endpoint number.
    private var surplus: Set<ObjectKey> = []
    private let endpoints: Int
    private var labelSets = LabelSets()
    private var serviceProblems: [ServiceError] = []
    /// What is in force in place of policies whose committed version is not.
    var standIns: [ObjectKey: StandIn] = [:]

    /// - Parameter podCIDRs: where pods get their addresses; what else no pod has is outside of the cluster.
    package init(
        limits: PolicyLimits = .admitted, podCIDRs: [CIDR] = [], endpoints: Int = MapLimits.endpoints,
        services: Int = MapLimits.services, backends: Int = MapLimits.backends
    ) {
        world = JudgedPolicies(limits: limits, podCIDRs: podCIDRs)
        self.services = ServiceCompiler(services: services, backends: backends)
        self.endpoints = endpoints
        numbers = IDAllocator(1..<UInt32(endpoints))
    }

    package var fill: [TableFill] {
        let ofServices = services.fill
        return world.policy.fill + [
            TableFill("endpoints", used: numbers.usedCount, limit: endpoints - 1),
            TableFill("frontends", used: ofServices.frontends.used, limit: ofServices.frontends.limit),
            TableFill("backends", used: ofServices.backends.used, limit: ofServices.backends.limit),
        ]
    }

    /// Invariants by name; nil: it holds.
    package var invariantStates: [String: BrokenInvariant?] { world.invariants.states }

    /// Takes objects as they were committed. A policy that cannot be read or does not fit leaves its last good version,
    /// as it does for the agent; anything else that cannot be read counts as gone.
    /// - Returns: invariants that held before and do not any more.
    @discardableResult
    package mutating func take(_ objects: some Sequence<AdmittedObject>) -> [BrokenInvariant] {
        var changed: [(name: String, invariant: NetworkInvariant?)] = []
        var pods: [ObjectKey] = []
        var ofPolicy: [PolicyChange] = []
        var before: [PolicyChange] = []
        var ofServices: [ServiceChange] = []
        for object in objects {
            switch object.kind {
            case .pod:
                ofPolicy += podChange(object)
                pods.append(object.key)
            case .namespace: ofPolicy.append(namespaceChange(object))
            case .networkPolicy, .clusterNetworkPolicy:
                before += standIn(for: object)
                ofPolicy += policyChange(object)
            case .node:
                let parsed = object.value.flatMap { try? Node($0) }
                ofPolicy.append(parsed.map { .node($0) } ?? .nodeRemoved(object.key.name))
            case .service:
                let parsed = object.value.flatMap { try? Service($0) }
                ofServices.append(parsed.map { .service($0) } ?? .serviceRemoved(object.key))
            case .endpointSlice:
                let parsed = object.value.flatMap { try? EndpointSlice($0) }
                ofServices.append(parsed.map { .slice($0) } ?? .sliceRemoved(object.key))
            case .networkInvariant:
                changed.append((object.key.name, object.value.flatMap { try? NetworkInvariant($0) }))
            }
        }
        if !ofServices.isEmpty {
            let delta = services.apply(ofServices)
            services.release(delta.retired)
            serviceProblems = delta.problems
        }
        if !before.isEmpty { _ = apply(before, [], pods: []) }
        return apply(ofPolicy, changed, pods: pods)
    }

    /// As `judge` of a set, for one object.
    package mutating func judge(
        _ object: AdmittedObject, present: @autoclosure () -> AdmittedObject, overriding: Bool = false
    ) -> AdmissionVerdict { judge([object], present: [present()], overriding: overriding) }

    /// Takes `objects` as if they were committed together. Where that finds no room or breaks an invariant they are
    /// taken back again, and the reasons are returned. What did not fit before is not held against them, unless it is
    /// one of the policies or Services themselves; nor is an invariant that did not hold before.
    /// - Parameters:
    ///   - present: what stands there now; looked at only where objects go or are taken back.
    ///   - overriding: broken invariants are returned, and the objects are taken all the same.
    package mutating func judge(
        _ objects: [AdmittedObject], present: @autoclosure () -> [AdmittedObject], overriding: Bool = false
    ) -> AdmissionVerdict {
        let written = Self.written(objects, present)
        let unreadable = written.compactMap(Self.unreadable)
        if !unreadable.isEmpty { return AdmissionVerdict(refusals: unreadable, broken: []) }
        let before = Set(shortages.map(\.place))
        let broken = take(objects)
        let found = shortages.filter { shortage in
            let place = shortage.place
            let isOwn = place.kind != .pod && written.contains { $0.kind == place.kind && $0.key == place.object }
            return isOwn || !before.contains(place)
        }
        let shortfalls = gathered(found, objects)
        let without = objects.filter { $0.kind == .pod && surplus.contains($0.key) }
        let isRefused = !shortfalls.isEmpty || !without.isEmpty
        if isRefused || (!broken.isEmpty && !overriding) { take(present()) }
        let refusals =
            shortfalls.map(refusal)
            + without.map { object in
                CapacityRefusal(
                    table: "endpoints", kind: .pod, object: object.key,
                    message: "needs an endpoint; none of \(endpoints - 1) is free")
            }
        return AdmissionVerdict(refusals: refusals, broken: broken)
    }

    // MARK: Parts

    private var shortages: [CapacityShortage] {
        world.policy.refusals.map { .policy($0.error) } + world.policy.podsWithoutRoom.map { .pod($0) }
            + serviceProblems.filter { $0.code == .noServiceFree || $0.code == .noBackendFree }.map { .service($0) }
    }

    private static func name(_ object: AdmittedObject) -> String { "\(object.kind.storage)/\(object.key)" }

    /// Without those that only go, or are marked to go.
    private static func written(_ objects: [AdmittedObject], _ present: () -> [AdmittedObject]) -> [AdmittedObject] {
        guard objects.contains(where: { $0.value.map(InvariantOverride.isEnding) ?? true }) else { return objects }
        let stands = Dictionary(present().map { (name($0), $0.value) }, uniquingKeysWith: { $1 })
        return objects.filter { !$0.isGoing(from: stands[name($0)] ?? nil) }
    }

    private mutating func policyChange(_ object: AdmittedObject) -> [PolicyChange] {
        let isEnding = object.enforced.map(InvariantOverride.isEnding) == true
        if isEnding { ending.insert(object.key) } else { ending.remove(object.key) }
        return change(to: object)
    }

    private mutating func namespaceChange(_ object: AdmittedObject) -> PolicyChange {
        let namespace = object.value.flatMap { try? Namespace($0) }
        return namespace.map { .namespace(name: $0.name, labels: $0.metadata.labels) }
            ?? .namespaceRemoved(object.key.name)
    }

    /// What breaks with the policies that are being deleted is none where it is broken without them all along: so the
    /// end of a deletion that was judged breaks nothing.
    private mutating func apply(
        _ changes: [PolicyChange], _ changed: [(name: String, invariant: NetworkInvariant?)], pods: [ObjectKey]
    ) -> [BrokenInvariant] {
        if !ending.isEmpty, last == nil { last = world }
        let now = world.apply(changes, changed, pods: pods)
        guard last != nil else { return now }
        let remaining = changes.map { change -> PolicyChange in
            guard let key = change.policy, ending.contains(key) else { return change }
            return .policyRemoved(key)
        }
        let finally = last?.apply(remaining, changed, pods: pods) ?? []
        let states = last?.invariants.states ?? [:]
        if ending.isEmpty { last = nil }
        return finally + now.filter { states[$0.name] == .some(nil) }
    }

    private mutating func podChange(_ object: AdmittedObject) -> [PolicyChange] {
        guard var pod = object.value.flatMap({ try? Pod($0) }), !pod.isHostNetwork, !pod.phase.isTerminal else {
            surplus.remove(object.key)
            guard let number = numberOf.removeValue(forKey: object.key) else { return [] }
            numbers.free(number)
            return [.podRemoved(object.key)]
        }
        guard let number = numberOf[object.key] ?? numbers.allocate() else {
            surplus.insert(object.key)
            return []
        }
        surplus.remove(object.key)
        numberOf[object.key] = number
        pod.metadata.labels = labelSets.shared(pod.metadata.labels)
        return [.pod(PolicyPod(pod, endpoint: number, addresses: pod.addresses))]
    }

    static func unreadable(_ object: AdmittedObject) -> CapacityRefusal? {
        guard let value = object.value else { return nil }
        do throws(ObjectError) {
            switch object.kind {
            case .networkPolicy: _ = try NetworkPolicy(value)
            case .service: _ = try Service(value)
            case .clusterNetworkPolicy: _ = try ClusterNetworkPolicy(value)
            case .pod, .namespace, .node, .endpointSlice, .networkInvariant: break
            }
            return nil
        } catch {
            return CapacityRefusal(
                table: "spec", kind: object.kind, object: object.key, message: "cannot be enforced: \(error)")
        }
    }
}
