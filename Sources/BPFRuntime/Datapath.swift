package import CMartletABI
package import MapLayout

/// The kernel's side of a node, behind one seam: maps, hooks, events, explain. `KernelDatapath` is the real one,
/// `MemoryDatapath` holds the same state in memory for tests of whatever drives it.
///
/// All calls are synchronous and safe from any thread. Map I/O takes microseconds; attaching takes up to a millisecond;
/// `gracePeriod()` blocks for 8 to 30 ms: long-lived callers make these calls on an executor of their own.
package protocol Datapath: Sendable {
    // Maps looked up by key. Bytes are as in `abi.h`; typed forms are in an extension.
    func get(_ map: MapIdentity, key: [UInt8]) throws(DatapathError) -> [UInt8]?
    func put(_ map: MapIdentity, key: [UInt8], value: [UInt8], mode: PutMode) throws(DatapathError)
    /// False where there was no such key.
    @discardableResult
    func remove(_ map: MapIdentity, key: [UInt8]) throws(DatapathError) -> Bool
    /// All entries in no order. Entries that come or go meanwhile may or may not be seen.
    func entries(_ map: MapIdentity) throws(DatapathError) -> [MapEntry]
    /// Writes all, in order; the error of the first that fails, those before it stay written.
    func putAll(_ map: MapIdentity, _ entries: [MapEntry]) throws(DatapathError)

    // Flat, memory-mapped arrays. Aligned words (eight bytes, or four) are stored whole.
    func read(_ map: MapIdentity, bytes: Range<Int>) throws(DatapathError) -> [UInt8]
    func write(_ map: MapIdentity, at offset: Int, _ bytes: [UInt8]) throws(DatapathError)
    /// Many words of one map, in order.
    func write(_ map: MapIdentity, _ words: [MapWord]) throws(DatapathError)
    /// Stores one word after everything written before it is visible: what publishes a generation.
    func storeRelease(_ map: MapIdentity, at offset: Int, _ word: UInt32) throws(DatapathError)

    /// Returns when every program run that was under way at the call has ended (a full RCU grace period).
    func gracePeriod() throws(DatapathError)

    /// Sums over all CPUs, index = `martlet_counter`.
    func counters() throws(DatapathError) -> [UInt64]

    // Hooks. Interfaces are of the network namespace that the daemon runs in. All are idempotent. Attaching where an
    // earlier daemon's programs run leaves them: `takeOver()` exchanges them.
    /// Puts the drop filter on both directions of the node's end of a pod's veth, before it is set up. It acts whenever
    /// the pod's programs are not there, and lives with the device.
    func closePod(interface: UInt32) throws(DatapathError)
    /// Whether the drop filter is there in both directions.
    func isClosed(interface: UInt32) throws(DatapathError) -> Bool
    /// Attaches `from_pod` and `to_pod` to the node's end of a pod's veth.
    func attachPod(interface: UInt32) throws(DatapathError)
    func detachPod(interface: UInt32) throws(DatapathError)
    /// Attaches `from_network` and `to_network`.
    func attachUplink(interface: UInt32) throws(DatapathError)
    func detachUplink(interface: UInt32) throws(DatapathError)
    /// Attaches the connect hooks to a cgroup2 directory.
    func attachConnect(cgroup path: String) throws(DatapathError)
    func detachConnect() throws(DatapathError)
    /// What is attached, by what the pins say.
    func attachments() throws(DatapathError) -> [Attachment]

    /// Switches what hooks of an earlier daemon run to this daemon's programs, one link at a time without losing a
    /// packet, then removes programs that nothing uses. Called once maps are in sync.
    func takeOver() throws(DatapathError) -> TakeOver

    /// Takes off links, closed filters and pins.
    func uninstall() throws(DatapathError)

    /// The kernel's answer, by the program `explain`, which writes no map.
    func explain(_ question: martlet_question) throws(DatapathError) -> martlet_question

    /// Judges an open flow again, as its next packet would; nil where there is none.
    func recheck(_ key: martlet_flow_key) throws(DatapathError) -> RecheckedFlow?

    /// Cookie of the network namespace at a path such as `/run/netns/NAME` or `/proc/PID/ns/net`.
    func networkNamespaceCookie(path: String) throws(DatapathError) -> UInt64

    /// Flow events from now on. One reader at a time: another call ends the stream of the one before.
    func events() throws(DatapathError) -> EventStream

    /// Programs and maps, for `status`.
    func inventory() throws(DatapathError) -> DatapathInventory
}

/// One entry of a keyed map.
package struct MapEntry: Hashable, Sendable {
    package let key: [UInt8]
    package let value: [UInt8]

    package init(key: [UInt8], value: [UInt8]) {
        self.key = key
        self.value = value
    }
}

package enum PutMode: UInt64, Sendable {
    case any = 0
    /// Fails where the key exists.
    case insert = 1
    /// Fails where it does not.
    case replace = 2
}

/// A hook in force.
package struct Attachment: Hashable, Sendable, Comparable {
    package enum Kind: String, Sendable, Comparable {
        case pod
        case uplink
        case connect

        package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
    }

    package let kind: Kind
    package let program: String
    /// 0 for connect hooks.
    package let interface: UInt32
    /// The kernel's id of the program that runs there.
    package let programID: UInt32

    package init(kind: Kind, program: String, interface: UInt32, programID: UInt32) {
        self.kind = kind
        self.program = program
        self.interface = interface
        self.programID = programID
    }

    package static func < (left: Self, right: Self) -> Bool {
        (left.kind, left.interface, left.program) < (right.kind, right.interface, right.program)
    }
}

package struct TakeOver: Hashable, Sendable {
    /// Links that now run another program than before.
    package let updatedLinks: Int
    /// Links that already ran this daemon's programs.
    package let keptLinks: Int
    /// Pins of links whose device is gone, removed.
    package let deadLinks: Int
    /// Pinned programs of earlier builds, removed.
    package let removedPrograms: Int

    package init(updatedLinks: Int, keptLinks: Int, deadLinks: Int, removedPrograms: Int) {
        self.updatedLinks = updatedLinks
        self.keptLinks = keptLinks
        self.deadLinks = deadLinks
        self.removedPrograms = removedPrograms
    }
}

package struct DatapathInventory: Sendable {
    package struct Program: Hashable, Sendable {
        package let name: String
        package let id: UInt32
        /// Instructions that the verifier walked.
        package let verifiedInstructions: UInt32
        /// Bytes of machine code.
        package let jitedBytes: UInt32
        /// Found in the kernel rather than loaded by this daemon.
        package let adopted: Bool
    }

    package struct Map: Hashable, Sendable {
        package let name: String
        package let id: UInt32
        package let keyBytes: UInt32
        package let valueBytes: UInt32
        package let capacity: UInt32
        /// Held over from an earlier daemon; its content is that daemon's.
        package let adopted: Bool
    }

    package let programs: [Program]
    package let maps: [Map]

    package init(programs: [Program], maps: [Map]) {
        self.programs = programs
        self.maps = maps
    }
}

/// What became of an open flow that was judged again.
package struct RecheckedFlow: Hashable, Sendable {
    /// Of its entry, as it is now (`enum martlet_flow_flag`).
    package let flags: UInt32
    /// Why its next packet is dropped (`enum martlet_drop_reason`); 0 where it passes.
    package let reason: UInt8

    package init(flags: UInt32, reason: UInt8) {
        self.flags = flags
        self.reason = reason
    }

    package func has(_ flag: martlet_flow_flag) -> Bool { flags & flag.rawValue != 0 }
}
