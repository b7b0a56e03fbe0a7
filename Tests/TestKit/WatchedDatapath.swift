package import BPFRuntime
package import CMartletABI
package import MapLayout
import Synchronization

/// A datapath whose writes to maps are announced before they are made: a test looks at what stands until then, or ends
/// the writer there by throwing. Whatever the watcher throws, it throws for every later write too: the dead do not
/// write.
package final class WatchedDatapath: Datapath {
    package enum Step: Hashable, Sendable {
        case write(MapIdentity)
        case remove(MapIdentity)
        /// The generation is stored.
        case publish
        /// What a fault kept back, while all else stands.
        case belated
    }

    package typealias Watcher = @Sendable (Step) throws(DatapathError) -> Void

    /// Something deliberately wrong, which a test has to see.
    package enum Fault: Hashable, Sendable {
        case none
        /// The map looks empty to who lists it.
        case hides(MapIdentity)
        /// The class of an endpoint is written only before the endpoint is opened: a closed one, to which its addresses
        /// lead, has whatever its number had.
        case classesLast
    }

    private struct State {
        var watcher: Watcher?
        var death: DatapathError?
        /// Classes of endpoints that are not written yet.
        var held: [(offset: Int, bytes: [UInt8])] = []
    }

    private let inner: any Datapath
    private let fault: Fault
    private let state = Mutex(State())

    package init(_ inner: any Datapath, fault: Fault = .none) {
        self.inner = inner
        self.fault = fault
    }

    package func watch(_ watcher: @escaping Watcher) { state.withLock { $0.watcher = watcher } }

    private func announce(_ step: Step) throws(DatapathError) {
        let (watcher, death) = state.withLock { ($0.watcher, $0.death) }
        if let death { throw death }
        do {
            try watcher?(step)
        } catch {
            state.withLock { $0.death = error }
            throw error
        }
    }

    // MARK: Writes

    package func put(_ map: MapIdentity, key: [UInt8], value: [UInt8], mode: PutMode) throws(DatapathError) {
        try announce(.write(map))
        try inner.put(map, key: key, value: value, mode: mode)
    }

    /// Whether these bytes of the endpoints' map say of an endpoint that anyone may pass to it.
    private static func opens(_ bytes: [UInt8], at offset: Int) -> Bool {
        let stride = MemoryLayout<martlet_endpoint>.stride
        let flags = (MemoryLayout<martlet_endpoint>.offset(of: \.flags) ?? 0) - offset % stride
        guard flags >= 0, let word = MapBytes.value(UInt32.self, from: Array(bytes.dropFirst(flags).prefix(4))) else {
            return false
        }
        return word & MARTLET_ENDPOINT_LIVE.rawValue != 0 && word & MARTLET_ENDPOINT_CLOSED.rawValue == 0
    }

    /// Whether a write is kept back: a class of an endpoint that is not open yet. Before one is opened, what was kept
    /// back is made good.
    private func holds(_ map: MapIdentity, _ offset: Int, _ bytes: [UInt8]) throws(DatapathError) -> Bool {
        guard fault == .classesLast, map == MapCatalog.endpoints.identity else { return false }
        let stride = MemoryLayout<martlet_endpoint>.stride
        let start = offset / stride * stride
        if bytes.count == MemoryLayout<UInt32>.size {
            if Self.opens(try inner.read(map, bytes: start..<start + stride), at: start) { return false }
            state.withLock { $0.held.append((offset, bytes)) }
            return true
        }
        let held = state.withLock { $0.held }
        guard !held.isEmpty, Self.opens(bytes, at: offset) else { return false }
        try announce(.belated)
        for value in held { try inner.write(map, at: value.offset, value.bytes) }
        state.withLock { $0.held = [] }
        return false
    }

    package func remove(_ map: MapIdentity, key: [UInt8]) throws(DatapathError) -> Bool {
        try announce(.remove(map))
        return try inner.remove(map, key: key)
    }

    package func putAll(_ map: MapIdentity, _ entries: [MapEntry]) throws(DatapathError) {
        for entry in entries { try put(map, key: entry.key, value: entry.value, mode: .any) }
    }

    package func write(_ map: MapIdentity, at offset: Int, _ bytes: [UInt8]) throws(DatapathError) {
        try announce(.write(map))
        if try !holds(map, offset, bytes) { try inner.write(map, at: offset, bytes) }
    }

    package func storeRelease(_ map: MapIdentity, at offset: Int, _ word: UInt32) throws(DatapathError) {
        try announce(.publish)
        try inner.storeRelease(map, at: offset, word)
    }

    // MARK: All else

    package func get(_ map: MapIdentity, key: [UInt8]) throws(DatapathError) -> [UInt8]? {
        try inner.get(map, key: key)
    }
    package func entries(_ map: MapIdentity) throws(DatapathError) -> [MapEntry] {
        fault == .hides(map) ? [] : try inner.entries(map)
    }
    package func read(_ map: MapIdentity, bytes: Range<Int>) throws(DatapathError) -> [UInt8] {
        try inner.read(map, bytes: bytes)
    }
    package func gracePeriod() throws(DatapathError) { try inner.gracePeriod() }
    package func counters() throws(DatapathError) -> [UInt64] { try inner.counters() }
    package func closePod(interface: UInt32) throws(DatapathError) { try inner.closePod(interface: interface) }
    package func isClosed(interface: UInt32) throws(DatapathError) -> Bool {
        try inner.isClosed(interface: interface)
    }
    package func attachPod(interface: UInt32) throws(DatapathError) { try inner.attachPod(interface: interface) }
    package func detachPod(interface: UInt32) throws(DatapathError) { try inner.detachPod(interface: interface) }
    package func attachUplink(interface: UInt32) throws(DatapathError) {
        try inner.attachUplink(interface: interface)
    }
    package func detachUplink(interface: UInt32) throws(DatapathError) {
        try inner.detachUplink(interface: interface)
    }
    package func attachConnect(cgroup path: String) throws(DatapathError) { try inner.attachConnect(cgroup: path) }
    package func detachConnect() throws(DatapathError) { try inner.detachConnect() }
    package func attachments() throws(DatapathError) -> [Attachment] { try inner.attachments() }
    package func takeOver() throws(DatapathError) -> TakeOver { try inner.takeOver() }
    package func uninstall() throws(DatapathError) { try inner.uninstall() }
    package func explain(_ question: martlet_question) throws(DatapathError) -> martlet_question {
        try inner.explain(question)
    }
    package func recheck(_ key: martlet_flow_key) throws(DatapathError) -> RecheckedFlow? { try inner.recheck(key) }
    package func networkNamespaceCookie(path: String) throws(DatapathError) -> UInt64 {
        try inner.networkNamespaceCookie(path: path)
    }
    package func events() throws(DatapathError) -> EventStream { try inner.events() }
    package func inventory() throws(DatapathError) -> DatapathInventory { try inner.inventory() }
}
