import APIMachinery
import APIServer
import Controllers
import JSONText
import KubeObjects
import NetTypes
import PolicyAdmission
import Synchronization

/// Refuses, in commit order, writes that the tables of the datapath have no room for, and writes that break a
/// NetworkInvariant. Whoever may `override` that invariant gets through with a reason (`InvariantOverride`), but not
/// this daemon's own controllers: they act for others. Without the right on any invariant no reason can be given.
final class DatapathJudge: CommitJudge, InvariantSource {
    /// Overrides that wait for their Event; beyond it the oldest is dropped.
    static let overridesMax = 256
    /// Of what does not fit, so many are told, and how many more there are.
    static let refusalsMax = 16
    /// The daemon's own parts as the API knows them.
    static let ownUser = "system:martlet"

    private struct State {
        var shadow: CapacityShadow
        /// Of the writes that were let pass last, until they came about.
        var pending: [InvariantReporter.Override] = []
        var overrides: [InvariantReporter.Override] = []
        /// The invariants as they were with the last signal; nil before the first.
        var signalled: [String: BrokenInvariant?]?
    }

    let storages = Set(AdmittedObject.Kind.allCases.map(\.storage))
    let signals: AsyncStream<Void>
    private let signaller: AsyncStream<Void>.Continuation
    private let podCIDRs: [CIDR]
    private let former: @Sendable (ObjectKey, ObjectMeta) -> FormerPolicy
    private let state: Mutex<State>

    /// - Parameters:
    ///   - podCIDRs: where all pods of the cluster get their addresses.
    ///   - former: what of a policy was in force before, by its name and its present metadata.
    init(podCIDRs: [CIDR], former: @escaping @Sendable (ObjectKey, ObjectMeta) -> FormerPolicy) {
        self.podCIDRs = podCIDRs
        self.former = former
        state = Mutex(State(shadow: CapacityShadow(podCIDRs: podCIDRs)))
        (signals, signaller) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    var invariants: [String: String?] {
        state.withLock { $0.shadow.invariantStates.mapValues { $0.map(\.description) } }
    }

    func takeOverrides() -> [InvariantReporter.Override] {
        state.withLock { state in
            defer { state.overrides = [] }
            return state.overrides
        }
    }

    func concerns(_ write: ProposedWrite) -> Bool {
        guard let kind = AdmittedObject.Kind(storage: write.storage) else { return false }
        return !Self.given(write, kind).isEmpty
            || AdmittedObject(kind, path: write.key, write.new).mayMatter(after: write.old)
    }

    func reset(_ objects: [CommittedObject]) {
        var fresh = CapacityShadow(podCIDRs: podCIDRs)
        // One tree at a time: all of them would take several times what is kept.
        fresh.begin(objects.lazy.compactMap(Self.admitted)) { [former] object in
            object.metadata.map { former(object.key, $0) } ?? .present
        }
        state.withLock { [fresh] in $0.shadow = fresh }
        signalWhereChanged()
    }

    func follow(_ objects: [CommittedObject]) {
        state.withLock { _ = $0.shadow.take(objects.compactMap(Self.admitted)) }
        signalWhereChanged(always: objects.contains { $0.storage == Self.invariantStorage })
    }

    func cameAbout() {
        state.withLock { state in
            state.overrides += state.pending
            state.pending = []
            state.overrides.removeFirst(max(0, state.overrides.count - Self.overridesMax))
        }
        signalWhereChanged()
    }

    private static let invariantStorage = AdmittedObject.Kind.networkInvariant.storage

    private func signalWhereChanged(always: Bool = false) {
        let isNews = state.withLock { state in
            let now = state.shadow.invariantStates
            defer { state.signalled = now }
            return always || !state.overrides.isEmpty || state.signalled != now
        }
        if isNews { signaller.yield() }
    }

    func judge(_ writes: [ProposedWrite], present: [CommittedObject]) throws {
        state.withLock { $0.pending = [] }
        let objects = writes.compactMap { write in
            AdmittedObject.Kind(storage: write.storage).map { AdmittedObject($0, path: write.key, write.new) }
        }
        guard !objects.isEmpty else { return }
        try writes.forEach(checkReason)
        let verdict = state.withLock { $0.shadow.judge(objects, present: present.compactMap(Self.admitted)) }
        if verdict.isEmpty { return }
        guard verdict.refusals.isEmpty else {
            let guilty = writes.first { write in
                verdict.refusals.contains { $0.kind.storage == write.storage && $0.object.description == write.key }
            }
            throw Self.doesNotFit(guilty.map { [$0] } ?? writes, verdict)
        }
        guard let holder = writes.first(where: { Self.reason($0) != nil }), let reason = Self.reason(holder) else {
            throw Self.breaks(writes, verdict, writes.lazy.compactMap(Self.hint).first)
        }
        try override(holder, writes, objects, present.compactMap(Self.admitted), verdict, reason: reason)
    }

    // MARK: Parts

    private static func reason(_ write: ProposedWrite) -> String? {
        if write.user.name == ownUser { return nil }
        return InvariantOverride.reason(old: write.old, new: write.new, user: write.user.name)
    }

    private static func hint(_ write: ProposedWrite) -> String? {
        InvariantOverride.hint(old: write.old, new: write.new, user: write.user.name)
    }

    /// Annotations with a reason that the write sets or changes, where they mean anything.
    private static func given(_ write: ProposedWrite, _ kind: AdmittedObject.Kind) -> [String] {
        kind.mayBreakInvariants ? InvariantOverride.given(old: write.old, new: write.new) : []
    }

    /// A reason that somebody else's later write would find is not taken from those who may override nothing.
    private func checkReason(_ write: ProposedWrite) throws {
        guard let kind = AdmittedObject.Kind(storage: write.storage), write.user.name != Self.ownUser,
            let annotation = Self.given(write, kind).first
        else { return }
        let names = [""] + state.withLock { Array($0.shadow.invariantStates.keys) }
        if names.contains(where: { Self.mayOverride(write, $0) }) { return }
        throw Self.refusal(
            [write],
            "\(write.user.name) may not give a reason in the annotation \(annotation): "
                + "that needs the verb override on a NetworkInvariant", [])
    }

    /// - Parameter name: empty: every invariant.
    private static func mayOverride(_ write: ProposedWrite, _ name: String) -> Bool {
        write.may("override", "martlet.io", "networkinvariants", name)
    }

    private func override(
        _ write: ProposedWrite, _ writes: [ProposedWrite], _ objects: [AdmittedObject], _ present: [AdmittedObject],
        _ verdict: AdmissionVerdict, reason: String
    ) throws {
        let isFree = verdict.broken.allSatisfy { Self.mayOverride(write, $0.name) }
        guard isFree else { throw Self.breaks(writes, verdict) }
        let isDeletion = InvariantOverride.isDeletion(old: write.old, new: write.new)
        state.withLock { state in
            _ = state.shadow.judge(objects, present: present, overriding: true)
            state.pending = verdict.broken.map { broken in
                InvariantReporter.Override(
                    invariant: broken.name,
                    message: "\(write.user.name) \(isDeletion ? "deleted" : "wrote") \(write.resource) \(write.key) "
                        + "although it breaks \(broken); reason: \(reason)")
            }
        }
    }

    private static func doesNotFit(_ writes: [ProposedWrite], _ verdict: AdmissionVerdict) -> APIStatus {
        let told = verdict.refusals.prefix(refusalsMax)
        let others = verdict.refusals.count - told.count
        return refusal(
            writes,
            "it does not fit: " + told.map(\.message).joined(separator: "; ")
                + (others > 0 ? "; and \(others) more" : ""),
            told.map { .init(reason: "CapacityExceeded", message: $0.message, field: $0.table) })
    }

    private static func breaks(
        _ writes: [ProposedWrite], _ verdict: AdmissionVerdict, _ hint: String? = nil
    ) -> APIStatus {
        let witnesses = verdict.broken.map(\.description).joined(separator: "; ")
        return refusal(
            writes, "it breaks " + witnesses + (hint.map { "; \($0)" } ?? ""),
            verdict.broken.map { .init(reason: "InvariantBroken", message: $0.description, field: $0.name) })
    }

    /// Of several writes none is named: it is not known that one alone would be refused.
    private static func refusal(_ writes: [ProposedWrite], _ why: String, _ causes: [APIStatus.Cause]) -> APIStatus {
        guard writes.count == 1, let write = writes.first else {
            return APIStatus(
                code: 403, reason: "Forbidden",
                message: "\(writes.count) objects of one write are forbidden together: \(why)",
                details: .init(causes: causes))
        }
        let plain = APIStatus.forbidden(group: write.group, resource: write.resource, name: write.name, why)
        return APIStatus(
            code: plain.code, reason: plain.reason, message: plain.message,
            details: .init(name: write.name, group: write.group, kind: write.resource, causes: causes))
    }

    private static func admitted(_ object: CommittedObject) -> AdmittedObject? {
        AdmittedObject.Kind(storage: object.storage).map {
            AdmittedObject($0, path: object.key, object.object?.plainTree())
        }
    }
}
