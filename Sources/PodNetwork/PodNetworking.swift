package import DaemonAPI
package import Logging
package import NetTypes
package import Netlink

/// Serves the CNI verbs: owns the address pools, the journal and the links of this node's attachments. Blocking calls
/// run on its own thread; waiting for the gate does not hold that thread.
package actor PodNetworking {
    let settings: PodNetworkSettings
    let links: any PodLinks
    let datapath: any AttachmentDatapath
    let gate: any GenerationGate
    let logger: Logger
    /// CLOCK_BOOTTIME, nanoseconds.
    let now: @Sendable () -> Int64
    private let thread: SerialThread

    var journal: Journal?
    var pools: [AddressPool] = []
    var turns = AttachmentTurns()
    /// Requests that wait for their turn.
    var waiting: [AttachmentTurns.Ticket: CheckedContinuation<Void, Never>] = [:]
    /// Running ADDs; finishing the continuation tells one to give up.
    var running: [AttachmentTurns.Ticket: AsyncStream<Void>.Continuation] = [:]
    /// Tickets that a DEL has told to give up.
    var cancelled: Set<AttachmentTurns.Ticket> = []

    package nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// `thread`: where the blocking calls run; it has to be in the daemon's network namespace.
    package init(
        settings: PodNetworkSettings, links: any PodLinks, datapath: any AttachmentDatapath, gate: any GenerationGate,
        thread: SerialThread, logger: Logger, now: @escaping @Sendable () -> Int64
    ) {
        self.settings = settings
        self.links = links
        self.datapath = datapath
        self.gate = gate
        self.thread = thread
        self.logger = logger
        self.now = now
    }

    /// The attachments that are whole.
    package var attachments: [PodAttachment] {
        records.values.filter { $0.state == .attached }.map(\.attachment).sorted { $0.key < $1.key }
    }

    /// Where the network namespaces of the pods are, by their addresses.
    package var namespacePaths: [IPAddress: String] {
        var paths: [IPAddress: String] = [:]
        for record in records.values where record.state == .attached {
            for address in record.addresses { paths[address] = record.namespacePath }
        }
        return paths
    }

    var records: [AttachmentKey: AttachmentRecord] { journal?.state.records ?? [:] }

    /// The node's pod CIDRs, one a family, as soon as they are known and again when they change. Attachments keep their
    /// addresses.
    package func setPodCIDRs(_ blocks: [CIDR]) {
        guard blocks != pools.map(\.block) else { return }
        pools = blocks.map { block in
            var pool = AddressPool(block, reserved: Set(settings.nodeAddresses))
            for (address, at) in (journal?.state.freed ?? [:]).sorted(by: { $0.value < $1.value }) {
                pool.adopt(freed: AddressPool.Freed(address: address, at: at))
            }
            for record in records.values { for address in record.addresses { pool.adopt(used: address) } }
            return pool
        }
    }

    // MARK: Verbs

    /// Makes the attachment, and returns when its pod may talk. The same request again answers the same.
    package func add(_ request: CNIRequest) async throws(PodNetworkError) -> CNIResult {
        if request.owner == .unmanaged, !request.allowUnmanaged {
            throw PodNetworkError(
                .invalidConfiguration,
                "CNI_ARGS names no Pod (K8S_POD_NAMESPACE, K8S_POD_NAME); containers without one need "
                    + "\"allowUnmanaged\": true in network \(request.network)")
        }
        let ticket = try await enter(.add, request.key, request.startedNanoseconds)
        defer { leave(ticket, request.key) }
        if let record = records[request.key] {
            return try await answerAgain(record, request)
        }
        let spent = Duration.nanoseconds(max(0, now() - request.startedNanoseconds))
        let deadline = ContinuousClock.now + settings.addLimit - spent
        let namespace = try links.open(namespacePath: request.namespacePath)
        let gate = gate
        try await untilCancelled(ticket, request.key, deadline) { () throws(PodNetworkError) in
            try await gate.resolve(request.owner, deadline: deadline)
        }
        return try await make(request, namespace, ticket, deadline)
    }

    /// Takes every trace of the attachment away. One that is not known is no error.
    package func delete(_ key: AttachmentKey, startedNanoseconds: Int64) async throws(PodNetworkError) {
        let ticket = try await enter(.delete, key, startedNanoseconds)
        defer { leave(ticket, key) }
        guard let record = records[key] else {
            // The journal was lost, perhaps; the name tells what is ours.
            let names = AttachmentNames(key)
            return try links.remove(hostInterface: names.hostInterface, alias: names.alias)
        }
        try await undo(AttachmentPlan.undo(), record)
    }

    /// Throws `unknownContainer` or `stateMismatch` where the attachment is not as its ADD left it.
    package func check(_ request: CNIRequest) async throws(PodNetworkError) {
        let ticket = try await enter(.check, request.key, request.startedNanoseconds)
        defer { leave(ticket, request.key) }
        guard let record = records[request.key], record.state == .attached else {
            throw PodNetworkError(.unknownContainer, "\(request.key) is not attached")
        }
        if let previous = request.previous, !record.matches(previous) {
            throw PodNetworkError(
                .stateMismatch, "prevResult of \(request.key) differs from what ADD answered: \(record.result.json)")
        }
        try await verify(record, namespacePath: request.namespacePath)
    }

    /// Deletes the network's attachments that are not listed and were there when the request was started.
    package func collect(_ request: CNICollectRequest) async throws(PodNetworkError) {
        let valid = Set(request.valid)
        var failures: [String] = []
        for record in records.values {
            // What was attached after the list was made cannot stand in it.
            guard record.network == request.network, !valid.contains(record.key),
                record.startedNanoseconds <= request.startedNanoseconds
            else { continue }
            do throws(PodNetworkError) {
                try await delete(record.key, startedNanoseconds: request.startedNanoseconds)
            } catch {
                failures.append("\(record.key): \(error.description)")
            }
        }
        if !failures.isEmpty {
            throw PodNetworkError(.ioFailure, "could not collect \(failures.joined(separator: "; "))")
        }
    }

    /// Throws `unavailable` naming what keeps ADD from working.
    package func status() async throws(PodNetworkError) {
        guard journal != nil else { throw PodNetworkError(.unavailable, "the daemon is starting") }
        guard !pools.isEmpty else { throw PodNetworkError(.unavailable, "the node has no pod CIDR yet") }
        if let full = pools.first(where: { $0.available == 0 }) {
            throw PodNetworkError(.unavailable, "pod CIDR \(full.block) is used up")
        }
        if let missing = await gate.unavailability() { throw PodNetworkError(.unavailable, missing) }
    }
}
