package import BPFObjects
import CLibbpf
package import CMartletABI
import Glibc
package import MapLayout
import Synchronization

/// The datapath in the kernel of this machine.
///
/// Every member but the reader of events is immutable; the kernel serialises what it holds, and mapped memory has a
/// lock per map. So calls block the calling thread for as long as they take, and need no executor of this type's own.
package final class KernelDatapath: Datapath {
    private let pins: PinDirectory
    private let links: LinkTable
    private let programs: [String: KernelProgram]
    private let maps: [MapIdentity: KernelMap]
    private let digest: ObjectDigest
    private let grace = GracePeriod()
    private let reader = Mutex<EventReader?>(nil)

    /// Adopts or loads the programs and maps, and pins them. Hooks stay as they are until `takeOver()` or an attach.
    ///
    /// Verifying programs takes up to a second where they are not adopted.
    package convenience init(_ settings: DatapathSettings, object: BPFObject = .martlet) throws(DatapathError) {
        try self.init(settings, name: object.name, elf: object.elfBytes())
    }

    /// - Parameter elf: the object's file.
    init(_ settings: DatapathSettings, name: String, elf: [UInt8]) throws(DatapathError) {
        pins = PinDirectory(root: settings.pinDirectory)
        try pins.prepare()
        let loaded = try ObjectLoader(pins: pins, settings: settings, name: name, elf: elf).load()
        programs = loaded.programs
        maps = loaded.maps
        digest = loaded.digest
        links = LinkTable(pins: pins)
    }

    private func map(_ identity: MapIdentity) throws(DatapathError) -> KernelMap {
        if let map = maps[identity] { return map }
        throw DatapathError(.missing, "the object has no map \(identity) of layout \(identity.layoutVersion)")
    }

    private func program(_ name: String) throws(DatapathError) -> KernelProgram {
        if let program = programs[name] { return program }
        throw DatapathError(.missing, "the object has no program \(name)")
    }

    // MARK: Maps

    package func get(_ map: MapIdentity, key: [UInt8]) throws(DatapathError) -> [UInt8]? {
        try self.map(map).get(key)
    }

    package func put(_ map: MapIdentity, key: [UInt8], value: [UInt8], mode: PutMode) throws(DatapathError) {
        try self.map(map).put(key, value, mode)
    }

    package func remove(_ map: MapIdentity, key: [UInt8]) throws(DatapathError) -> Bool {
        try self.map(map).remove(key)
    }

    package func entries(_ map: MapIdentity) throws(DatapathError) -> [MapEntry] { try self.map(map).entries() }

    package func putAll(_ map: MapIdentity, _ entries: [MapEntry]) throws(DatapathError) {
        try self.map(map).putAll(entries)
    }

    package func read(_ map: MapIdentity, bytes: Range<Int>) throws(DatapathError) -> [UInt8] {
        try self.map(map).mapped().read(bytes)
    }

    package func write(_ map: MapIdentity, at offset: Int, _ bytes: [UInt8]) throws(DatapathError) {
        try self.map(map).mapped().write(at: offset, bytes)
    }

    package func write(_ map: MapIdentity, _ words: [MapWord]) throws(DatapathError) {
        try self.map(map).mapped().write(words)
    }

    package func storeRelease(_ map: MapIdentity, at offset: Int, _ word: UInt32) throws(DatapathError) {
        try self.map(map).mapped().storeRelease(at: offset, word)
    }

    package func gracePeriod() throws(DatapathError) { try grace.wait() }
    package func counters() throws(DatapathError) -> [UInt64] { try map(MapCatalog.counters).perCPUSums() }

    // MARK: Hooks

    package func closePod(interface: UInt32) throws(DatapathError) {
        try ClosedFilter.put(interface: interface, program(ClosedFilter.programName).descriptor.raw)
    }

    package func isClosed(interface: UInt32) throws(DatapathError) -> Bool {
        try ClosedFilter.isThere(interface: interface)
    }

    package func attachPod(interface: UInt32) throws(DatapathError) {
        try attach(.pod, interface, ingress: "from_pod", egress: "to_pod")
    }

    package func detachPod(interface: UInt32) throws(DatapathError) { try detach(.pod, interface) }

    package func attachUplink(interface: UInt32) throws(DatapathError) {
        try attach(.uplink, interface, ingress: "from_network", egress: "to_network")
    }

    package func detachUplink(interface: UInt32) throws(DatapathError) { try detach(.uplink, interface) }

    private func attach(
        _ kind: Attachment.Kind, _ interface: UInt32, ingress: String, egress: String
    ) throws(DatapathError) {
        _ = try links.attach(
            LinkTable.Hook(kind: kind, interface: interface, program: egress), program(egress),
            type: MARTLET_ATTACH_TCX_EGRESS)
        _ = try links.attach(
            LinkTable.Hook(kind: kind, interface: interface, program: ingress), program(ingress),
            type: MARTLET_ATTACH_TCX_INGRESS)
    }

    private func detach(_ kind: Attachment.Kind, _ interface: UInt32) throws(DatapathError) {
        for hook in links.hooks where hook.kind == kind && hook.interface == interface { try links.remove(hook) }
    }

    package func attachConnect(cgroup path: String) throws(DatapathError) {
        let cgroup = OwnedDescriptor(
            try SystemCall.check(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open", "the cgroup \(path)"))
        for hook in ConnectHook.allCases {
            _ = try links.attach(
                LinkTable.Hook(kind: .connect, interface: 0, program: hook.program), program(hook.program),
                cgroup: cgroup, type: hook.attachType)
        }
    }

    package func detachConnect() throws(DatapathError) { try detach(.connect, 0) }
    package func attachments() throws(DatapathError) -> [Attachment] { try links.attachments() }

    package func takeOver() throws(DatapathError) -> TakeOver {
        let counts = try links.takeOver(programs)
        var removed = 0
        for name in pins.names(in: pins.programs) where !name.hasSuffix("-\(digest)") {
            try pins.remove("\(pins.programs)/\(name)")
            removed += 1
        }
        let current = Set(maps.keys.map(\.pinName))
        for name in pins.names(in: pins.maps) where !current.contains(name) {
            try pins.remove("\(pins.maps)/\(name)")
        }
        return TakeOver(
            updatedLinks: counts.updated, keptLinks: counts.kept, deadLinks: counts.dead, removedPrograms: removed)
    }

    package func uninstall() throws(DatapathError) { try Self.uninstall(pinDirectory: pins.root) }

    /// Takes off links, closed filters and pins without loading anything: works while the daemon is down.
    package static func uninstall(pinDirectory: String) throws(DatapathError) {
        let pins = PinDirectory(root: pinDirectory)
        let links = LinkTable(pins: pins)
        for hook in links.hooks { try links.remove(hook) }
        _ = try ClosedFilter.removeAll()
        try pins.removeAll()
    }

    // MARK: Answers

    package func explain(_ question: martlet_question) throws(DatapathError) -> martlet_question {
        try ask("explain", question)
    }

    package func recheck(_ key: martlet_flow_key) throws(DatapathError) -> RecheckedFlow? {
        var question = martlet_recheck()
        question.key = key
        let answer = try ask("recheck", question)
        return answer.is_open == 0 ? nil : RecheckedFlow(flags: UInt32(answer.flags), reason: answer.reason)
    }

    /// Runs a program that fills in the answer where the question stands.
    private func ask<Question: BitwiseCopyable>(
        _ name: String, _ question: Question
    ) throws(DatapathError) -> Question {
        let output = try testRun(name, TestRunInput(data: MapBytes.of(question)))
        // TC_ACT_OK is the only verdict of an answer.
        guard output.verdict == 0 else {
            throw DatapathError(
                .layout, "\(name) could not answer: it returned \(output.verdict) for a question of this build")
        }
        let size = MemoryLayout<Question>.size
        guard let answer = MapBytes.value(Question.self, from: Array(output.data.prefix(size))) else {
            throw DatapathError(.layout, "the answer has \(output.data.count) bytes where \(size) are expected")
        }
        return answer
    }

    /// Runs a program on a packet of the caller's.
    package func testRun(_ name: String, _ input: TestRunInput) throws(DatapathError) -> TestRunOutput {
        try program(name).testRun(input)
    }

    package func networkNamespaceCookie(path: String) throws(DatapathError) -> UInt64 {
        var cookie: UInt64 = 0
        let result = martlet_network_namespace_cookie(path, &cookie)
        if result < 0 { throw SystemCall.error("setns", "the network namespace at \(path)", code: -result) }
        return cookie
    }

    package func events() throws(DatapathError) -> EventStream {
        let map = try map(MapCatalog.events)
        return try reader.withLock { (reader) throws(DatapathError) in
            reader?.end()
            let started = try EventReader.start(map: map.descriptor)
            reader = started.reader
            return started.stream
        }
    }

    package func inventory() throws(DatapathError) -> DatapathInventory {
        DatapathInventory(
            programs: programs.values.sorted { $0.name < $1.name }.map {
                .init(
                    name: $0.name, id: $0.id, verifiedInstructions: $0.verifiedInstructions,
                    jitedBytes: $0.jitedBytes, adopted: $0.adopted)
            },
            maps: maps.values.sorted { $0.identity.name < $1.identity.name }.map {
                .init(
                    name: $0.identity.name, id: $0.id, keyBytes: UInt32($0.keyBytes),
                    valueBytes: UInt32($0.valueBytes), capacity: UInt32($0.capacity), adopted: $0.adopted)
            })
    }
}
