package import CMartletABI
package import MapLayout
import Synchronization

/// The datapath in memory: the same maps and hooks, no kernel. For tests of what drives a datapath.
package final class MemoryDatapath: Datapath {
    private struct State {
        var keyed: [MapIdentity: [[UInt8]: [UInt8]]] = [:]
        var flat: [MapIdentity: [UInt8]] = [:]
        var counters = [UInt64](repeating: 0, count: Int(MARTLET_COUNTERS.rawValue))
        var attachments: Set<Attachment> = []
        var closed: Set<UInt32> = []
        var gracePeriods = 0
        var writes = 0
        var cookies: [String: UInt64] = [:]
        var answer: martlet_question?
        var continuations: [AsyncStream<EventBatch>.Continuation] = []
        var failure: DatapathError?
    }

    private let state = Mutex(State())

    package init() {}

    /// Every call throws this until it is nil again.
    package func fail(_ error: DatapathError?) { state.withLock { $0.failure = error } }
    /// How many grace periods were waited for.
    package var gracePeriods: Int { state.withLock { $0.gracePeriods } }
    /// How many writes to maps there were: puts, removes, flat writes and releases.
    package var writes: Int { state.withLock { $0.writes } }
    /// Interfaces with the closed filter.
    package var closedInterfaces: Set<UInt32> { state.withLock { $0.closed } }
    /// What `networkNamespaceCookie(path:)` answers.
    package func setCookie(_ cookie: UInt64, path: String) { state.withLock { $0.cookies[path] = cookie } }
    /// What `explain(_:)` answers.
    package func setAnswer(_ answer: martlet_question?) { state.withLock { $0.answer = answer } }
    package func setCounter(_ index: Int, _ value: UInt64) { state.withLock { $0.counters[index] = value } }
    /// Hands a batch to every reader of `events()`.
    package func emit(_ batch: EventBatch) {
        for reader in state.withLock({ $0.continuations }) { reader.yield(batch) }
    }
    /// Ends the streams of `events()`.
    package func endEvents() {
        for reader in state.withLock({ $0.continuations }) { reader.finish() }
    }

    private func locked<Result: Sendable>(
        _ body: (inout State) throws(DatapathError) -> Result
    ) throws(DatapathError) -> Result {
        try state.withLock { (state) throws(DatapathError) in
            if let failure = state.failure { throw failure }
            return try body(&state)
        }
    }

    package func get(_ map: MapIdentity, key: [UInt8]) throws(DatapathError) -> [UInt8]? {
        try locked { $0.keyed[map]?[key] }
    }

    package func put(_ map: MapIdentity, key: [UInt8], value: [UInt8], mode: PutMode) throws(DatapathError) {
        try locked { (state) throws(DatapathError) in
            let exists = state.keyed[map]?[key] != nil
            switch mode {
            case .any: break
            case .insert:
                if exists { throw DatapathError(.system, "map \(map): the key exists", call: "bpf_map_update_elem") }
            case .replace:
                if !exists { throw DatapathError(.system, "map \(map): no such key", call: "bpf_map_update_elem") }
            }
            state.keyed[map, default: [:]][key] = value
            state.writes += 1
        }
    }

    package func remove(_ map: MapIdentity, key: [UInt8]) throws(DatapathError) -> Bool {
        try locked { state in
            state.writes += 1
            return state.keyed[map]?.removeValue(forKey: key) != nil
        }
    }

    package func entries(_ map: MapIdentity) throws(DatapathError) -> [MapEntry] {
        try locked { ($0.keyed[map] ?? [:]).map { MapEntry(key: $0.key, value: $0.value) } }
    }

    package func putAll(_ map: MapIdentity, _ entries: [MapEntry]) throws(DatapathError) {
        for entry in entries { try put(map, key: entry.key, value: entry.value, mode: .any) }
    }

    package func read(_ map: MapIdentity, bytes: Range<Int>) throws(DatapathError) -> [UInt8] {
        try locked { state in
            let held = state.flat[map] ?? []
            let part = held[min(bytes.lowerBound, held.count)..<min(bytes.upperBound, held.count)]
            return Array(part) + [UInt8](repeating: 0, count: bytes.count - part.count)
        }
    }

    package func write(_ map: MapIdentity, at offset: Int, _ bytes: [UInt8]) throws(DatapathError) {
        try locked { state in
            state.writes += 1
            let missing = offset + bytes.count - (state.flat[map]?.count ?? 0)
            if missing > 0 { state.flat[map, default: []].append(contentsOf: repeatElement(0, count: missing)) }
            state.flat[map, default: []].replaceSubrange(offset..<offset + bytes.count, with: bytes)
        }
    }

    package func storeRelease(_ map: MapIdentity, at offset: Int, _ word: UInt32) throws(DatapathError) {
        try write(map, at: offset, MapBytes.of(word))
    }

    package func gracePeriod() throws(DatapathError) { try locked { $0.gracePeriods += 1 } }
    package func counters() throws(DatapathError) -> [UInt64] { try locked { $0.counters } }

    package func closePod(interface: UInt32) throws(DatapathError) {
        try locked { state in _ = state.closed.insert(interface) }
    }

    package func isClosed(interface: UInt32) throws(DatapathError) -> Bool {
        try locked { $0.closed.contains(interface) }
    }

    package func attachPod(interface: UInt32) throws(DatapathError) {
        try attach(.pod, ["from_pod", "to_pod"], interface)
    }

    package func detachPod(interface: UInt32) throws(DatapathError) { try detach(.pod, interface) }

    package func attachUplink(interface: UInt32) throws(DatapathError) {
        try attach(.uplink, ["from_network", "to_network"], interface)
    }

    package func detachUplink(interface: UInt32) throws(DatapathError) { try detach(.uplink, interface) }

    package func attachConnect(cgroup path: String) throws(DatapathError) {
        try attach(.connect, ConnectHook.allCases.map(\.program), 0)
    }

    package func detachConnect() throws(DatapathError) { try detach(.connect, 0) }
    package func attachments() throws(DatapathError) -> [Attachment] { try locked { $0.attachments.sorted() } }

    private func attach(_ kind: Attachment.Kind, _ programs: [String], _ interface: UInt32) throws(DatapathError) {
        try locked { state in
            for program in programs {
                state.attachments.insert(
                    Attachment(kind: kind, program: program, interface: interface, programID: 1))
            }
        }
    }

    private func detach(_ kind: Attachment.Kind, _ interface: UInt32) throws(DatapathError) {
        try locked { state in
            state.attachments = state.attachments.filter { $0.kind != kind || $0.interface != interface }
        }
    }

    package func takeOver() throws(DatapathError) -> TakeOver {
        try locked {
            TakeOver(updatedLinks: 0, keptLinks: $0.attachments.count, deadLinks: 0, removedPrograms: 0)
        }
    }

    package func uninstall() throws(DatapathError) {
        try locked { state in
            state.keyed = [:]
            state.flat = [:]
            state.attachments = []
            state.closed = []
        }
    }

    package func explain(_ question: martlet_question) throws(DatapathError) -> martlet_question {
        try locked { (state) throws(DatapathError) in
            guard let answer = state.answer else { throw DatapathError(.missing, "no answer was prepared") }
            return answer
        }
    }

    /// Nothing judges here: the entry as it is.
    package func recheck(_ key: martlet_flow_key) throws(DatapathError) -> RecheckedFlow? {
        for map in [MapCatalog.flows, MapCatalog.halfFlows] {
            if let flow = try get(map, key) { return RecheckedFlow(flags: UInt32(flow.flags), reason: 0) }
        }
        return nil
    }

    package func networkNamespaceCookie(path: String) throws(DatapathError) -> UInt64 {
        try locked { (state) throws(DatapathError) in
            guard let cookie = state.cookies[path] else {
                throw DatapathError(.missing, "no network namespace at \(path)", call: "open", errno: 2)
            }
            return cookie
        }
    }

    package func events() throws(DatapathError) -> EventStream {
        let (stream, continuation) = AsyncStream.makeStream(
            of: EventBatch.self, bufferingPolicy: .bufferingOldest(EventStream.batchesMax))
        try locked { $0.continuations.append(continuation) }
        return EventStream(stream)
    }

    package func inventory() throws(DatapathError) -> DatapathInventory {
        try locked { _ in
            let names = ["from_pod", "to_pod", "from_network", "to_network"] + ConnectHook.allCases.map(\.program)
            let programs = names.map {
                DatapathInventory.Program(name: $0, id: 1, verifiedInstructions: 0, jitedBytes: 0, adopted: false)
            }
            return DatapathInventory(programs: programs, maps: [])
        }
    }
}
