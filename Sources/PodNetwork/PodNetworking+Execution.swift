import DaemonAPI
import Logging
import NetTypes
import Netlink

// Executes plans.
extension PodNetworking {
    /// Runs the steps of an ADD; where one fails or the ADD is no longer wanted, undoes those that were begun.
    func make(
        _ request: CNIRequest, _ namespace: NetworkNamespace, _ ticket: AttachmentTurns.Ticket,
        _ deadline: ContinuousClock.Instant
    ) async throws(PodNetworkError) -> CNIResult {
        var record = AttachmentRecord(
            key: request.key, owner: request.owner, network: request.network, namespacePath: request.namespacePath,
            addresses: [], mtu: request.mtu ?? settings.mtu, startedNanoseconds: request.startedNanoseconds)
        for step in AttachmentPlan.add {
            do throws(PodNetworkError) {
                try checkWanted(ticket, request.key)
                try await perform(step, &record, namespace, ticket, deadline)
            } catch {
                logger.notice("undoing ADD", metadata: ["attachment": "\(request.key)", "reason": "\(error)"])
                await undoBegun(by: step, record)
                throw error
            }
        }
        return record.result
    }

    private func undoBegun(by step: AttachmentStep, _ record: AttachmentRecord) async {
        do throws(PodNetworkError) {
            try await undo(AttachmentPlan.undo(after: step), record)
        } catch {
            // The record stays: DEL, GC or the next start finish it.
            logger.error("undo failed", metadata: ["attachment": "\(record.key)", "reason": "\(error)"])
        }
    }

    private func perform(
        _ step: AttachmentStep, _ record: inout AttachmentRecord, _ namespace: NetworkNamespace,
        _ ticket: AttachmentTurns.Ticket, _ deadline: ContinuousClock.Instant
    ) async throws(PodNetworkError) {
        switch step {
        case .record:
            record = try reserve(record)
        case .links:
            let names = record.names
            let pair = VethPair(
                name: names.hostInterface, mac: names.hostMAC, peerName: record.key.interface, peerMAC: names.podMAC,
                mtu: record.mtu)
            let created = try links.create(pair, alias: names.alias, namespace: namespace)
            record.hostIndex = created.hostIndex
            record.podIndex = created.podIndex
            record.namespaceCookie = created.namespaceCookie
            // With the indices, so that programs and cookie can be taken off after a crash.
            try openJournal().append(.record(record))
        case .datapath:
            try await datapath.attach(record.attachment)
        case .podSide:
            try links.configure(podSide(record), namespace: namespace)
        case .hostSide:
            try links.configure(hostSide(record))
        case .publish:
            let (gate, attachment) = (gate, record.attachment)
            try await untilCancelled(ticket, record.key, deadline) { () throws(PodNetworkError) in
                try await gate.publish(attachment, deadline: deadline)
            }
        case .commit:
            record.state = .attached
            try openJournal().append(.record(record))
        }
    }

    /// Takes an address of each pool, and writes the record before anything else is there.
    private func reserve(_ record: AttachmentRecord) throws(PodNetworkError) -> AttachmentRecord {
        let journal = try openJournal()
        guard !pools.isEmpty else { throw PodNetworkError(.tryAgainLater, "the node has no pod CIDR yet") }
        var trial = pools
        var addresses: [IPAddress] = []
        for index in trial.indices { addresses.append(try trial[index].take(now: now())) }
        let reserved = AttachmentRecord(
            key: record.key, owner: record.owner, network: record.network, namespacePath: record.namespacePath,
            addresses: addresses, mtu: record.mtu, startedNanoseconds: record.startedNanoseconds)
        try journal.append(.record(reserved))
        pools = trial
        return reserved
    }

    /// Undoes steps of a record. Stops at the first that fails: the record stays, and with it the addresses, until a
    /// later try succeeds.
    func undo(_ steps: [AttachmentStep], _ record: AttachmentRecord) async throws(PodNetworkError) {
        for step in steps {
            switch step {
            case .publish:
                await gate.forget(record.attachment)
            case .datapath:
                try await datapath.detach(record.attachment)
            case .links:
                try links.remove(hostInterface: record.names.hostInterface, alias: record.names.alias)
            case .record:
                try erase(record.key)
            case .podSide, .hostSide, .commit:
                continue
            }
        }
    }

    private func erase(_ key: AttachmentKey) throws(PodNetworkError) {
        guard let record = records[key] else { return }
        let at = now()
        try openJournal().append(.removed(key, at: at))
        for index in pools.indices { for address in record.addresses { pools[index].release(address, at: at) } }
    }

    func openJournal() throws(PodNetworkError) -> Journal {
        guard let journal else { throw PodNetworkError(.tryAgainLater, "the daemon is starting") }
        return journal
    }

    func podSide(_ record: AttachmentRecord) -> PodSide {
        PodSide(
            interface: record.key.interface, podIndex: record.podIndex, addresses: record.addresses,
            gatewayMAC: record.names.hostMAC)
    }

    func hostSide(_ record: AttachmentRecord) -> HostSide {
        HostSide(
            interface: record.names.hostInterface, hostIndex: record.hostIndex, addresses: record.addresses,
            podMAC: record.names.podMAC, nodeAddresses: settings.nodeAddresses)
    }

    func verify(_ record: AttachmentRecord, namespacePath: String) async throws(PodNetworkError) {
        let namespace = try links.open(namespacePath: namespacePath)
        try links.verify(podSide(record), hostSide(record), namespace: namespace)
        try await datapath.verify(record.attachment)
    }

    /// An ADD of what is attached already: the same answer where it is the same request and all still stands.
    func answerAgain(_ record: AttachmentRecord, _ request: CNIRequest) async throws(PodNetworkError) -> CNIResult {
        guard record.state == .attached, record.namespacePath == request.namespacePath, record.owner == request.owner
        else {
            throw PodNetworkError(.tryAgainLater, "\(request.key) is attached already, to another pod; DEL comes first")
        }
        try await verify(record, namespacePath: request.namespacePath)
        return record.result
    }
}
