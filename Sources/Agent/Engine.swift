import APIClient
package import BPFRuntime
import Informers
import KubeObjects
package import Logging
import MapLayout
import NetTypes
package import Netlink
import PolicyCompiler
import Reconcile
import RouteCompiler
import ServiceCompiler

/// The one owner of the kernel's desired state: compilers, ids, the planner and every write to a map. Its blocking
/// calls run on a thread of its own; grace periods are waited for elsewhere (`graceTickets`).
package actor Engine {
    /// Generations whose revision is remembered, for events that come late.
    static let generationsMax = 4_096

    let datapath: any Datapath
    let writer: KernelWriter
    /// What the policy maps hold, for `fsck`.
    var desired = PolicyMaps()
    /// How many values the last `fsck` compared.
    var checkedValues = 0
    let logger: Logger
    private let thread: SerialThread
    var journal: IDJournal
    var policy: PolicyCompiler
    var routes: RouteCompiler
    var services: ServiceCompiler
    var planner: KernelPlanner
    /// Of every pod that has an endpoint, as it was compiled last: the workload that it is part of.
    var workloads: [ObjectKey: ObjectKey] = [:]
    /// Who holds a number, or held it last: late events still have a name.
    var holders: [UInt32: (incarnation: UInt32, key: ObjectKey)] = [:]
    /// Endpoints of this node whose own generation is not in force yet.
    var unborn: Set<UInt32> = []
    /// Cookies of the network namespaces of pods of this node, with their endpoints, as `connect` knows them.
    var namespaces: [UInt64: UInt32] = [:]
    var serviceProblems: [ServiceError] = []
    /// Kinds of which a change could not be carried out.
    var owed: Set<APIResource> = []
    var knownNamespaces: Set<ObjectKey> = []
    var knownPolicies: Set<ObjectKey> = []
    var knownClusterPolicies: Set<ObjectKey> = []
    var knownNodes: Set<ObjectKey> = []
    var knownServices: Set<ObjectKey> = []
    var knownSlices: Set<ObjectKey> = []
    /// Policies as they are in force, for a next daemon; nil where none will come.
    let policyJournal: PolicyJournal?
    /// Policies of which the journal is to hear with the next change, whatever else that brings.
    var unnoted: Set<ObjectKey> = []
    /// Policies whose newest version cannot be read, and those that are not in force as they are wanted, as they were
    /// when the journal was on the disk last.
    var unreadable: Set<ObjectKey> = []
    var notedMissing: Set<ObjectKey> = []
    /// Attachments of an earlier daemon that the first compile takes.
    var adopted: [(attachment: LocalAttachment, cookie: UInt64)] = []
    /// Networks and classes that are written.
    var liveNetworks: Set<UInt32> = []
    var liveClasses: Set<UInt32> = []

    /// The newest revision of an object that is in the kernel; nil before the first full compile. Other kinds may be
    /// behind it: what is proven stands in `enforcement`.
    package var enforcedRevision: Int64?
    var enforcement = EnforcedProgress(kinds: ClusterInformers.resources)
    let steps: StepTimes
    /// When the first compile began: what was there before is not timed.
    var firstCompile: ContinuousClock.Instant?
    /// Of changes that wait for a free slot.
    var pendingRevision: Int64?
    var revisions: [UInt32: Int64] = [:]
    var flipWaiters: [CheckedContinuation<Void, Never>] = []
    /// The first error of the kernel's side that was not made good since.
    package var lastError: String?
    /// Why the newest numbers are not in the journal.
    var journalFault: String?

    private let tickets: AsyncStream<KernelPlanner.Ticket>.Continuation
    let graceTickets: AsyncStream<KernelPlanner.Ticket>
    /// After a generation that may have to reset open flows.
    private let resets: AsyncStream<Void>.Continuation
    let resetSignals: AsyncStream<Void>
    /// After whatever `report` tells may have changed; several changes may be one signal.
    let reportSignals: AsyncStream<Void>
    private let reports: AsyncStream<Void>.Continuation
    /// Whether flows may have been judged by policies that reset; an earlier daemon's may.
    private var couldReset = true
    private var settledGeneration: UInt32?

    package nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// Recompiles onto the ids that the journal holds; nothing is written yet.
    package init(
        datapath: any Datapath, journalPath: String, nodeName: String, bootID: String, thread: SerialThread,
        steps: StepTimes = StepTimes(), writes: MapWrites = MapWrites(), policyJournal: PolicyJournal? = nil,
        logger: Logger
    ) throws {
        self.datapath = datapath
        self.policyJournal = policyJournal
        self.steps = steps
        self.logger = logger
        self.thread = thread
        writer = KernelWriter(datapath: datapath, writes: writes)
        let journal = try IDJournal(path: journalPath, bootID: bootID)
        policy = PolicyCompiler(journal: journal.entries)
        routes = RouteCompiler(nodeName: nodeName, journal: journal.entries)
        services = ServiceCompiler(journal: journal.entries)
        planner = KernelPlanner(generation: try datapath.generation())
        self.journal = journal
        (graceTickets, tickets) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(16))
        (resetSignals, resets) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        (reportSignals, reports) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    // MARK: Submitting

    /// Puts numbers into the journal. One that does not get there costs a later daemon the number, not correctness:
    /// enforcement goes on, and the journal catches up with the next change.
    func persist(_ entries: [JournalEntry]) {
        do {
            try journal.append(entries)
            journalFault = nil
        } catch {
            if journalFault == nil { logger.error("numbers are not in the journal", metadata: ["error": "\(error)"]) }
            journalFault = "\(error)"
        }
    }

    /// Persists a policy delta's ids, then writes it. `extra` goes out with the same flip.
    func submit(_ delta: PolicyDelta, retiring extra: [RetiredKernelNumber] = [], revision: Int64?) throws {
        persist(delta.journal)
        desired.apply(delta)
        writer.writes.touched(by: delta)
        for birth in delta.bornNetworks { liveNetworks.insert(birth.number) }
        // A class that was in force before is switched, not born.
        liveClasses.formUnion(delta.bornClasses.keys)
        liveClasses.formUnion(delta.classLists.keys)
        var change = KernelPlanner.Change(delta)
        change.retired += extra
        if let revision { pendingRevision = max(pendingRevision ?? revision, revision) }
        // Before anybody is judged by it: a daemon that ends in between must not leave an older version as the last.
        notePolicies(delta.policies)
        try perform(planner.submit(change))
        settle()
        signalReport()
    }

    /// Persists a Service delta's ids, then writes it; nothing of it waits for a generation.
    func submit(_ delta: ServiceDelta) throws {
        steps.compiled(.services)
        persist(delta.journal)
        try writer.perform(delta.operations)
        steps.visible(.services, generation: planner.generation)
        serviceProblems = delta.problems
        signalReport()
        guard !delta.retired.isEmpty else { return }
        try perform(planner.submit(KernelPlanner.Change(retired: delta.retired.map { .service($0) })))
    }

    /// What a grace period set free; what found no room before may find it now.
    func graceElapsed(_ ticket: KernelPlanner.Ticket) throws {
        try perform(planner.graceElapsed(ticket))
        if policy.lacksRoom { try submit(policy.apply([]), revision: nil) }
        settle()
        signalReport()
    }

    func signalReport() { reports.yield() }

    func perform(_ actions: [KernelPlanner.Action]) throws {
        for action in actions {
            switch action {
            case .write(let operations): try writer.perform(operations)
            case .fill(let values): try writer.fill(values)
            case .writeSlot(let slot, let values): try writer.write(values, slot: slot)
            case .publish(let generation):
                steps.written(.policy)
                try writer.publish(generation)
                steps.visible(.policy, generation: generation)
                note(generation)
            case .awaitGrace(let ticket): tickets.yield(ticket)
            case .release(let numbers): try release(numbers)
            }
        }
    }

    private func release(_ numbers: [RetiredKernelNumber]) throws {
        var ofPolicy: [RetiredNumber] = []
        for number in numbers {
            switch number {
            case .policy(let retired):
                if case .classIndex(let index) = retired { liveClasses.remove(index) }
                if case .networkNumber(let index) = retired { liveNetworks.remove(index) }
                ofPolicy.append(retired)
            case .endpoint(let endpoint): routes.release([endpoint])
            case .service(let retired): services.release([retired])
            }
        }
        guard !ofPolicy.isEmpty else { return }
        let delta = policy.release(ofPolicy)
        desired.apply(delta)
        writer.writes.touched(by: delta)
        persist(delta.journal)
        try perform(planner.submit(KernelPlanner.Change(delta)))
    }

    private func note(_ generation: UInt32) {
        guard let revision = pendingRevision ?? enforcedRevision else { return }
        revisions[generation] = revision
        revisions[generation &- UInt32(Self.generationsMax)] = nil
    }

    private func signalResets() {
        guard planner.generation != settledGeneration else { return }
        settledGeneration = planner.generation
        if couldReset || policy.mayReset { resets.yield() }
        couldReset = policy.mayReset
    }

    /// Where nothing is held back, everything submitted is in force: whoever waits for that goes on.
    func settle() {
        guard !planner.isHeldBack else { return }
        steps.visible(.policy, generation: planner.generation)
        enforcement.settle()
        signalResets()
        if let pendingRevision { enforcedRevision = max(enforcedRevision ?? 0, pendingRevision) }
        pendingRevision = nil
        if let enforcedRevision { revisions[planner.generation] = enforcedRevision }
        let waiting = flipWaiters
        flipWaiters = []
        for waiter in waiting { waiter.resume() }
    }

    /// Returns when everything submitted so far is in force.
    func waitUntilInForce() async {
        guard planner.isHeldBack else { return }
        await withCheckedContinuation { flipWaiters.append($0) }
    }

    // MARK: Start

    /// Empty maps may be written at once. Those of a former daemon may after a grace period: then no program run is
    /// older than the generation in force, and what that one does not use is free.
    package func start() throws {
        if planner.generation != 0 { try datapath.gracePeriod() }
        planner.start()
    }

    /// Ends the streams that this feeds.
    package func stop() {
        policyJournal?.sync()
        tickets.finish()
    }
}
