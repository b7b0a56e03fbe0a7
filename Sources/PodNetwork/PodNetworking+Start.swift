import DaemonAPI
import Logging
import Netlink

// What an earlier daemon left.
extension PodNetworking {
    /// Reads the journal, adopts whole attachments, undoes half-made ones, and removes links of ours that no record
    /// knows. To be called once, before any verb; `setPodCIDRs` may come before or after. Throws `ioFailure` for a
    /// journal that cannot be read; nothing is overwritten then.
    package func start() async throws(PodNetworkError) {
        let journal = try Journal(directory: settings.stateDirectory)
        if journal.state.boot != settings.bootID {
            // Links and programs of another boot are gone; the addresses are free.
            if journal.state.boot != nil {
                logger.notice("a new boot", metadata: ["freed attachments": "\(journal.state.records.count)"])
            }
            try journal.restart(boot: settings.bootID)
        }
        self.journal = journal
        let blocks = pools.map(\.block)
        pools = []
        setPodCIDRs(blocks)

        let present = try links.ownLinks()
        var adopted: [PodAttachment] = []
        var leftOver: [AttachmentRecord] = []
        for record in records.values.sorted(by: { $0.key < $1.key }) {
            let isThere = present.contains {
                $0.name == record.names.hostInterface && $0.index == record.hostIndex && $0.alias == record.names.alias
            }
            if record.state == .attached, isThere {
                adopted.append(record.attachment)
            } else {
                var record = record
                if record.hostIndex == 0 {
                    record.hostIndex = present.first { $0.name == record.names.hostInterface }?.index ?? 0
                }
                leftOver.append(record)
            }
        }
        for attachment in adopted { try await datapath.attach(attachment) }
        await gate.adopt(adopted)
        for record in leftOver {
            logger.notice("undoing what was left half-made", metadata: ["attachment": "\(record.key)"])
            try await undo(AttachmentPlan.undo(), record)
        }
        let known = Set(records.values.map(\.names.alias))
        for link in present
        where !known.contains(link.alias) && !leftOver.contains(where: { $0.names.alias == link.alias }) {
            logger.notice("removing a link that no record knows", metadata: ["link": "\(link.name)"])
            try links.remove(hostInterface: link.name, alias: link.alias)
        }
    }
}
