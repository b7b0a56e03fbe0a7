package import DaemonAPI
package import JSONText
package import NetTypes

/// One line of the attachment journal.
package enum JournalEntry: Sendable, Hashable {
    /// The kernel's boot id; first in the file. A record of another boot describes links that are gone.
    case boot(String)
    /// The newest word on an attachment.
    case record(AttachmentRecord)
    /// The attachment is gone; its addresses were freed then (CLOCK_BOOTTIME, nanoseconds).
    case removed(AttachmentKey, at: Int64)
    /// An address that was used once, as a compaction keeps it.
    case freed(AddressPool.Freed)

    package var json: JSONValue {
        switch self {
        case .boot(let id): ["boot": .string(id)]
        case .record(let record): ["record": record.json]
        case .removed(let key, let at): ["removed": key.json, "at": .integer(at)]
        case .freed(let freed): ["freed": .string(freed.address.description), "at": .integer(freed.at)]
        }
    }

    package init(json: JSONValue) throws(DaemonError) {
        if let id = json["boot"]?.string {
            self = .boot(id)
        } else if let record = json["record"] {
            self = .record(try AttachmentRecord(json: record))
        } else if let key = json["removed"], let at = json["at"]?.integer {
            self = .removed(try AttachmentKey(json: key), at: at)
        } else if let address = json["freed"]?.string.flatMap(IPAddress.init), let at = json["at"]?.integer {
            self = .freed(AddressPool.Freed(address: address, at: at))
        } else {
            throw DaemonError(.decodingFailure, "a line is one of boot, record, removed and freed")
        }
    }
}

/// What the lines of a journal add up to.
package struct JournalState: Sendable, Hashable {
    package var boot: String?
    package var records: [AttachmentKey: AttachmentRecord] = [:]
    /// By address; when it was freed last.
    package var freed: [IPAddress: Int64] = [:]

    package init() {}

    package mutating func apply(_ entry: JournalEntry) {
        switch entry {
        case .boot(let id):
            boot = id
        case .record(let record):
            records[record.key] = record
            for address in record.addresses { freed[address] = nil }
        case .removed(let key, let at):
            guard let record = records.removeValue(forKey: key) else { return }
            for address in record.addresses { freed[address] = at }
        case .freed(let entry):
            freed[entry.address] = entry.at
        }
    }

    /// The shortest journal that says the same.
    package var entries: [JournalEntry] {
        var entries: [JournalEntry] = boot.map { [.boot($0)] } ?? []
        for (address, at) in freed.sorted(by: { ($0.value, $0.key) < ($1.value, $1.key) }) {
            entries.append(.freed(AddressPool.Freed(address: address, at: at)))
        }
        for record in records.values.sorted(by: { $0.key < $1.key }) { entries.append(.record(record)) }
        return entries
    }

    /// Reads a journal's bytes. An unfinished or unreadable end is what a crash leaves of the last write, which nobody
    /// was told of: it is passed over. Throws `ioFailure` naming the line where whole lines follow an unreadable one.
    package init(parsing bytes: [UInt8]) throws(PodNetworkError) {
        var broken: (line: Int, why: String)?
        let lines = bytes.split(separator: 10, omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() where !line.isEmpty {
            // The last piece has no line end: its write was cut off, even where it reads as JSON.
            if index == lines.count - 1 { break }
            do {
                let entry = try Self.entry(Array(line))
                if let broken {
                    throw PodNetworkError(
                        .ioFailure, "the attachment journal is corrupt at line \(broken.line): \(broken.why)")
                }
                apply(entry)
            } catch let error as DaemonError {
                broken = broken ?? (index + 1, error.message)
            } catch let error as PodNetworkError {
                throw error
            } catch {
                broken = broken ?? (index + 1, "\(error)")
            }
        }
    }

    private static func entry(_ line: [UInt8]) throws -> JournalEntry {
        try JournalEntry(json: try JSONValue(parsing: line))
    }
}
