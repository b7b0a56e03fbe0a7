import CLibbpf
import Glibc

/// The pinned links: which program runs at which hook. A link lives as long as its pin, or its device.
struct LinkTable: Sendable {
    /// One hook of ours.
    struct Hook: Hashable {
        let kind: Attachment.Kind
        let interface: UInt32
        let program: String

        var pinName: String { "\(kind.rawValue)-\(interface)-\(program)" }

        init(kind: Attachment.Kind, interface: UInt32, program: String) {
            self.kind = kind
            self.interface = interface
            self.program = program
        }

        /// Nil for a name that is not ours.
        init?(pinName: String) {
            let parts = pinName.split(separator: "-", maxSplits: 2).map(String.init)
            guard parts.count == 3, let kind = Attachment.Kind(rawValue: parts[0]), let interface = UInt32(parts[1])
            else { return nil }
            self.init(kind: kind, interface: interface, program: parts[2])
        }
    }

    enum Outcome { case created, updated, kept }

    let pins: PinDirectory

    var hooks: [Hook] { pins.names(in: pins.links).compactMap(Hook.init(pinName:)) }

    private func path(_ hook: Hook) -> String { "\(pins.links)/\(hook.pinName)" }

    /// The link at a hook and what it is attached to; nil where there is no pin.
    private func link(_ hook: Hook) throws(DatapathError) -> (descriptor: OwnedDescriptor, info: martlet_link_info)? {
        guard let descriptor = try pins.open(path(hook)) else { return nil }
        var info = martlet_link_info()
        let result = martlet_link_info_get(descriptor.raw, &info)
        if result < 0 { throw SystemCall.error("BPF_OBJ_GET_INFO_BY_FD", "link \(hook.pinName)", code: -result) }
        return (descriptor, info)
    }

    /// Attaches a program to a device that has none of ours; what an earlier daemon attached runs on until `takeOver`.
    /// A pin left by a device that is gone, whose number was given again, is replaced.
    func attach(
        _ hook: Hook, _ program: KernelProgram, type: martlet_attach_type
    ) throws(DatapathError) -> Outcome {
        if let link = try link(hook) {
            if link.info.ifindex == hook.interface { return .kept }
            try pins.remove(path(hook))
        }
        try create(hook, program, target: Int32(bitPattern: hook.interface), type: type.rawValue)
        return .created
    }

    /// Attaches a program to a cgroup2 directory, as above; a link to another cgroup is replaced.
    func attach(
        _ hook: Hook, _ program: KernelProgram, cgroup: OwnedDescriptor, type: bpf_attach_type
    ) throws(DatapathError) -> Outcome {
        var status = stat()
        try SystemCall.check(fstat(cgroup.raw, &status), "fstat", "the cgroup of \(hook.program)")
        if let link = try link(hook) {
            if link.info.cgroup == status.st_ino { return .kept }
            try remove(hook)
        }
        try create(hook, program, target: cgroup.raw, type: type.rawValue)
        return .created
    }

    private func create(_ hook: Hook, _ program: KernelProgram, target: Int32, type: UInt32) throws(DatapathError) {
        let raw = martlet_link_create(program.descriptor.raw, target, type)
        if raw < 0 {
            throw SystemCall.error("BPF_LINK_CREATE", "program \(program.name) at \(hook.pinName)", code: -raw)
        }
        let descriptor = OwnedDescriptor(raw)
        try pins.pin(descriptor.raw, at: path(hook))
    }

    /// Makes an existing link run a program: one atomic exchange, refused if someone else changed it meanwhile.
    private func run(
        _ program: KernelProgram, at hook: Hook, _ link: OwnedDescriptor, _ info: martlet_link_info
    ) throws(DatapathError) -> Outcome {
        if info.program == program.id { return .kept }
        let old = OwnedDescriptor(
            try SystemCall.check(
                bpf_prog_get_fd_by_id(info.program), "BPF_PROG_GET_FD_BY_ID", "the program at \(hook.pinName)"))
        let result = martlet_link_replace(link.raw, program.descriptor.raw, old.raw)
        if result == 0 { return .updated }
        // An attach and a take-over may meet here: the second finds the work done.
        if result == -EPERM {
            var now = martlet_link_info()
            if martlet_link_info_get(link.raw, &now) == 0, now.program == program.id { return .kept }
        }
        throw SystemCall.error("BPF_LINK_UPDATE", "program \(program.name) at \(hook.pinName)", code: -result)
    }

    /// Switches every link to the program of its name; pins of dead links, and of programs that no longer exist, go.
    func takeOver(_ programs: [String: KernelProgram]) throws(DatapathError) -> (updated: Int, kept: Int, dead: Int) {
        var counts = (updated: 0, kept: 0, dead: 0)
        for hook in hooks {
            guard let link = try link(hook) else { continue }
            let isDead = hook.kind != .connect && link.info.ifindex != hook.interface
            guard !isDead, let program = programs[hook.program] else {
                try remove(hook)
                counts.dead += 1
                continue
            }
            switch try run(program, at: hook, link.descriptor, link.info) {
            case .created, .updated: counts.updated += 1
            case .kept: counts.kept += 1
            }
        }
        return counts
    }

    /// Takes a program off its hook at once, whoever else holds the link.
    func remove(_ hook: Hook) throws(DatapathError) {
        guard let descriptor = try pins.open(path(hook)) else { return }
        // A link whose device is gone has nothing to detach.
        _ = bpf_link_detach(descriptor.raw)
        try pins.remove(path(hook))
    }

    func attachments() throws(DatapathError) -> [Attachment] {
        var result: [Attachment] = []
        for hook in hooks {
            guard let link = try link(hook) else { continue }
            if hook.kind != .connect, link.info.ifindex != hook.interface { continue }
            result.append(
                Attachment(
                    kind: hook.kind, program: hook.program, interface: hook.interface, programID: link.info.program))
        }
        return result.sorted()
    }
}
