import CMartletABI
import KubeObjects
import MapLayout
import NetTypes

/// Collects the writes of a batch and puts them in order.
struct ServiceWriter {
    private var backends: [MapOperation] = []
    private var extents: [MapOperation] = []
    private var births: [MapOperation] = []
    private var deaths: Set<Frontend> = []
    private var retired: [RetiredService] = []
    private var journal: [JournalEntry] = []

    var delta: ServiceDelta {
        var delta = ServiceDelta()
        delta.operations =
            backends + extents + births + deaths.sorted().map { .remove(MapCatalog.frontends, Self.key($0)) }
        delta.retired = retired
        delta.journal = journal
        return delta
    }

    mutating func set(_ frontend: Frontend, _ entry: ServiceCompiler.Entry, isNew: Bool) {
        if !entry.backends.isEmpty {
            let values = entry.backends.map { martlet_backend(address: $0.address, port: $0.port) }
            backends.append(.store(MapCatalog.backends, from: entry.extent.offset, values))
        }
        let word = BackendExtent(offset: entry.extent.offset, count: entry.extent.count).word
        extents.append(
            .store(
                MapCatalog.services.identity, offset: Int(entry.number) * MemoryLayout<martlet_service>.stride,
                bytes: MapBytes.of(word)))
        if isNew {
            // An address that moves from one Service to another is replaced in place.
            deaths.remove(frontend)
            let key = Self.key(frontend)
            births.append(.put(MapCatalog.frontends, key, TaggedNumber(service: entry.number, frontend: key).word))
        }
        let text = "\(frontend) \(entry.extent.offset) \(entry.extent.count) \(Self.digest(entry.backends))"
        journal.append(JournalEntry("service/\(entry.number)", text))
    }

    mutating func remove(_ frontend: Frontend, _ entry: ServiceCompiler.Entry) {
        remove(frontend)
        retire(entry.number, entry.extent)
    }

    mutating func remove(_ frontend: Frontend) { deaths.insert(frontend) }

    mutating func retire(_ number: UInt32, _ extent: Extent?) {
        retired.append(.number(number))
        if let extent { retire(extent) }
        journal.append(JournalEntry("service/\(number)", nil))
    }

    mutating func retire(_ extent: Extent) {
        if extent.count > 0 { retired.append(.backends(extent)) }
    }

    static func key(_ frontend: Frontend) -> martlet_frontend_key {
        martlet_frontend_key(address: frontend.address, port: frontend.port, protocol: frontend.transport.rawValue)
    }

    /// Reads what `Frontend.description` writes.
    static func frontend(_ text: String) -> Frontend? {
        guard let slash = text.lastIndex(of: "/"), let colon = text[..<slash].lastIndex(of: ":"),
            let transport = TransportProtocol(kubernetesName: String(text[text.index(after: slash)...])),
            let port = UInt16(text[text.index(after: colon)..<slash])
        else { return nil }
        let host = text[..<colon].drop { $0 == "[" }.prefix { $0 != "]" }
        return IPAddress(String(host)).map { Frontend($0, port, transport) }
    }

    /// A fingerprint that is the same over restarts (FNV-1a, 64 bits).
    static func digest(_ backends: [Backend]) -> String {
        var sum: UInt64 = 0xcbf2_9ce4_8422_2325
        for backend in backends {
            for word in [backend.address.high, backend.address.low, UInt64(backend.port)] {
                sum = (sum ^ word) &* 0x0000_0100_0000_01b3
                sum ^= sum >> 29
            }
        }
        return String(sum, radix: 16)
    }
}
