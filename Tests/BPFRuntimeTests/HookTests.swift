import CLibbpf
import CMartletABI
import Glibc
import MapLayout
import Testing

@testable import BPFRuntime

/// Hooks on interfaces of a network namespace that the test made, and on a cgroup of its own.
@Suite(.serialized)
struct HookTests {
    private func datapath(_ filesystem: TemporaryBPFFS, mtu: UInt32 = 1500) throws -> KernelDatapath {
        var configuration = martlet_config()
        configuration.uplink_mtu = mtu
        return try KernelDatapath(DatapathSettings(pinDirectory: filesystem.pins, configuration: configuration))
    }

    @Test("Attaching twice makes one link per hook, and detaching takes both off")
    func attachIsIdempotent() throws {
        let filesystem = try TemporaryBPFFS()
        let datapath = try datapath(filesystem)
        let (interface, once, twice, after) = try inOwnNetwork {
            let interface = try makeVeth()
            try datapath.attachPod(interface: interface)
            let once = try datapath.attachments()
            try datapath.attachPod(interface: interface)
            let twice = try datapath.attachments()
            try datapath.detachPod(interface: interface)
            return (interface, once, twice, try datapath.attachments())
        }
        #expect(once.map(\.program) == ["from_pod", "to_pod"])
        #expect(once.allSatisfy { $0.interface == interface && $0.kind == .pod })
        #expect(twice == once)
        #expect(after.isEmpty)
    }

    @Test("A daemon with other programs takes links over by exchange, and removes the old programs")
    func takeOver() throws {
        let filesystem = try TemporaryBPFFS()
        let (before, between, after, counts) = try inOwnNetwork {
            let interface = try makeVeth()
            let first = try datapath(filesystem)
            try first.attachPod(interface: interface)
            try first.attachUplink(interface: 1)
            let before = try first.attachments()
            let second = try datapath(filesystem, mtu: 1400)
            try second.attachPod(interface: interface)
            let between = try second.attachments()
            let counts = try second.takeOver()
            return (before, between, try second.attachments(), counts)
        }
        #expect(between == before, "nothing changes before the maps are in sync")
        #expect(counts.updatedLinks == 4)
        #expect(counts.removedPrograms > 0)
        #expect(after.map(\.program) == before.map(\.program))
        for (old, new) in zip(before, after) { #expect(old.programID != new.programID) }
    }

    @Test("The same daemon again keeps its links as they are")
    func takeOverOfOwn() throws {
        let filesystem = try TemporaryBPFFS()
        let counts = try inOwnNetwork {
            let interface = try makeVeth()
            try datapath(filesystem).attachPod(interface: interface)
            return try datapath(filesystem).takeOver()
        }
        #expect(counts == TakeOver(updatedLinks: 0, keptLinks: 2, deadLinks: 0, removedPrograms: 0))
    }

    @Test("The pin of a device that is gone is replaced when its number is given again, and removed at a take-over")
    func deadDevice() throws {
        let filesystem = try TemporaryBPFFS()
        let datapath = try datapath(filesystem)
        let first = try inOwnNetwork {
            let interface = try makeVeth()
            try datapath.attachPod(interface: interface)
            try run("ip link del mt0")
            return (interface, try datapath.attachments())
        }
        #expect(first.1.isEmpty)
        let second = try inOwnNetwork {
            let interface = try makeVeth()
            try datapath.attachPod(interface: interface)
            let attached = try datapath.attachments()
            try run("ip link del mt0")
            return (interface, attached, try datapath.takeOver())
        }
        #expect(second.0 == first.0, "both namespaces number their interfaces alike")
        #expect(second.1.count == 2)
        #expect(second.2.deadLinks == 2)
    }

    @Test("An interface that does not exist gives errno and the call's name")
    func noInterface() throws {
        let filesystem = try TemporaryBPFFS()
        let datapath = try datapath(filesystem)
        let error = #expect(throws: DatapathError.self) { try datapath.attachPod(interface: 2_000_000_000) }
        #expect(error?.call == "BPF_LINK_CREATE")
        #expect(error?.errno == ENODEV)
    }

    @Test("A closed pod passes nothing, and what closes it is there once a direction however often it is put")
    func closed() throws {
        let filesystem = try TemporaryBPFFS()
        let datapath = try datapath(filesystem)
        let (filters, closed, open) = try inOwnNetwork {
            let interface = try makeVeth()
            try datapath.closePod(interface: interface)
            try datapath.closePod(interface: interface)
            let filters = try run("tc filter show dev mt0 ingress; tc filter show dev mt0 egress")
            try run("ip link set lo up; ip link set mt0 up; ip link set mt1 up")
            let closed = try sendFrames(from: "mt1", counting: "mt0") + sendFrames(from: "mt0", counting: "mt1")
            try run("tc qdisc del dev mt0 clsact")
            return (filters, closed, try sendFrames(from: "mt1", counting: "mt0"))
        }
        #expect(filters.components(of: "handle 0x6d74") == 2, "\(filters)")
        #expect(closed == 0)
        #expect(open == 10)
    }

    @Test("No packet is lost while a link's program is exchanged: with none attached the closed filter would drop it")
    func exchangeLosesNothing() throws {
        let filesystem = try TemporaryBPFFS()
        let datapath = try datapath(filesystem)
        let pins = PinDirectory(root: filesystem.pins)
        let packets = 4000
        let (received, exchanges) = try inOwnNetwork {
            let interface = try makeVeth()
            try datapath.closePod(interface: interface)
            // Two programs that let everything on, as a final verdict.
            let programs = try (0..<2).map { _ in
                let pass = [Instruction.moveImmediate(register: 0, value: 0), Instruction.exit]
                let loaded = try Instruction.load(pass, type: BPF_PROG_TYPE_SCHED_CLS, name: "mt_pass")
                return try KernelProgram("from_pod", loaded, adopted: false)
            }
            let links = LinkTable(pins: pins)
            let hook = LinkTable.Hook(kind: .pod, interface: interface, program: "from_pod")
            _ = try links.attach(hook, programs[0], type: MARTLET_ATTACH_TCX_INGRESS)
            try run("ip link set lo up; ip link set mt0 up; ip link set mt1 up")
            var exchanges = 0
            let received = try sendFrames(from: "mt1", counting: "mt0", packets) {
                exchanges += 1
                guard try links.takeOver([hook.program: programs[exchanges % 2]]).updated == 1 else {
                    throw DatapathError(.layout, "the link was not updated")
                }
            }
            return (received, exchanges)
        }
        #expect(received == packets)
        #expect(exchanges > 20)
    }

    @Test("Connect hooks attach to a cgroup, are adopted, and follow another cgroup")
    func connect() throws {
        let filesystem = try TemporaryBPFFS()
        let group = try TemporaryCGroup()
        let datapath = try datapath(filesystem)
        try datapath.attachConnect(cgroup: group.path)
        let attached = try datapath.attachments()
        #expect(attached.map(\.program) == ConnectHook.allCases.map(\.program).sorted())
        try datapath.attachConnect(cgroup: group.path)
        #expect(try datapath.attachments() == attached)
        let other = try TemporaryCGroup()
        try datapath.attachConnect(cgroup: other.path)
        let shown = try run("bpftool cgroup show \(other.path)")
        #expect(shown.components(of: "getpeername4") == 1, "\(shown)")
        #expect(try run("bpftool cgroup show \(group.path)").components(of: "connect4") == 0)
        try datapath.detachConnect()
        #expect(try datapath.attachments().isEmpty)
        #expect(try run("bpftool cgroup show \(other.path)").components(of: "connect4") == 0)
    }

    @Test("Connect hooks, too, change their programs at a take-over")
    func connectTakeOver() throws {
        let filesystem = try TemporaryBPFFS()
        let group = try TemporaryCGroup()
        try datapath(filesystem).attachConnect(cgroup: group.path)
        let second = try datapath(filesystem, mtu: 1400)
        #expect(try second.takeOver().updatedLinks == ConnectHook.allCases.count)
        let ids = Dictionary(uniqueKeysWithValues: try second.inventory().programs.map { ($0.name, $0.id) })
        #expect(try second.attachments().allSatisfy { $0.programID == ids[$0.program] })
    }

    @Test("Uninstalling leaves no link, filter, program or pin")
    func uninstall() throws {
        let filesystem = try TemporaryBPFFS()
        let (qdiscs, programs) = try inOwnNetwork {
            let interface = try makeVeth()
            var datapath: KernelDatapath? = try datapath(filesystem)
            let ids = try datapath?.inventory().programs.map(\.id) ?? []
            try datapath?.closePod(interface: interface)
            try datapath?.attachPod(interface: interface)
            try datapath?.attachUplink(interface: 1)
            datapath = nil
            try KernelDatapath.uninstall(pinDirectory: filesystem.pins)
            return (try run("tc qdisc show"), ids)
        }
        #expect(!qdiscs.contains("clsact"))
        #expect(access(filesystem.pins, F_OK) != 0)
        #expect(!programs.isEmpty)
        // The kernel frees programs after a grace period.
        let deadline = ContinuousClock.now + .seconds(5)
        var left = programs
        while !left.isEmpty, ContinuousClock.now < deadline {
            left = left.filter { id in
                let descriptor = bpf_prog_get_fd_by_id(id)
                if descriptor >= 0 { close(descriptor) }
                return descriptor >= 0
            }
        }
        #expect(left.isEmpty)
    }
}

extension String {
    /// How often a text occurs.
    func components(of text: String) -> Int {
        var count = 0
        var rest = self[...]
        while let range = rest.firstRange(of: text) {
            count += 1
            rest = rest[range.upperBound...]
        }
        return count
    }
}
