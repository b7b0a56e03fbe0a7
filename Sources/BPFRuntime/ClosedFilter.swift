import CLibbpf
import Glibc

/// "Born closed": a classic filter on both directions of the node's end of a pod's veth that drops whatever no program
/// of ours has judged. tcx programs give a final verdict before it, so it acts only when they are gone, and it lives
/// with the device, not with a bpffs.
struct ClosedFilter {
    /// Where our filter sits; others' filters have other places.
    private static let handle: UInt32 = 0x6d74
    private static let priority: UInt32 = 0xc1
    /// The program of the object, which drops all; also the name by which uninstall knows it.
    static let programName = "closed"

    private static let points = [BPF_TC_INGRESS, BPF_TC_EGRESS]

    /// Idempotent: a filter that is there stays.
    static func put(interface: UInt32, _ program: Int32) throws(DatapathError) {
        LoadLog.start()
        var hook = makeHook(interface, bpf_tc_attach_point(BPF_TC_INGRESS.rawValue | BPF_TC_EGRESS.rawValue))
        let created = bpf_tc_hook_create(&hook)
        if created != 0, created != -EEXIST {
            throw SystemCall.error("bpf_tc_hook_create", "clsact of interface \(interface)", code: -created)
        }
        for point in points where try !isThere(interface: interface, point) {
            var hook = makeHook(interface, point)
            var options = makeOptions()
            options.prog_fd = program
            let result = bpf_tc_attach(&hook, &options)
            if result != 0 {
                throw SystemCall.error("bpf_tc_attach", "closed filter of interface \(interface)", code: -result)
            }
        }
    }

    static func isThere(interface: UInt32) throws(DatapathError) -> Bool {
        for point in points where try !isThere(interface: interface, point) { return false }
        return true
    }

    /// Takes clsact with our filters off every interface of this network namespace. Returns how many had them.
    static func removeAll() throws(DatapathError) -> Int {
        guard let list = if_nameindex() else { throw SystemCall.error("if_nameindex", "listing interfaces") }
        defer { if_freenameindex(list) }
        var removed = 0
        var next = list
        while next.pointee.if_index != 0 {
            let interface = next.pointee.if_index
            next += 1
            var found = false
            for point in points where try isThere(interface: interface, point) { found = true }
            if !found { continue }
            var hook = makeHook(interface, bpf_tc_attach_point(BPF_TC_INGRESS.rawValue | BPF_TC_EGRESS.rawValue))
            let result = bpf_tc_hook_destroy(&hook)
            if result != 0, result != -ENOENT, result != -ENODEV {
                throw SystemCall.error("bpf_tc_hook_destroy", "clsact of interface \(interface)", code: -result)
            }
            removed += 1
        }
        return removed
    }

    private static func isThere(interface: UInt32, _ point: bpf_tc_attach_point) throws(DatapathError) -> Bool {
        LoadLog.start()
        var hook = makeHook(interface, point)
        var options = makeOptions()
        let result = bpf_tc_query(&hook, &options)
        if result == -ENOENT || result == -EINVAL || result == -ENODEV { return false }
        if result != 0 { throw SystemCall.error("bpf_tc_query", "filters of interface \(interface)", code: -result) }
        let raw = bpf_prog_get_fd_by_id(options.prog_id)
        if raw < 0 { return false }
        let descriptor = OwnedDescriptor(raw)
        var info = martlet_program_info()
        guard martlet_program_info_get(descriptor.raw, &info) == 0 else { return false }
        let name = withUnsafeBytes(of: info.name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return name == programName
    }

    private static func makeHook(_ interface: UInt32, _ point: bpf_tc_attach_point) -> bpf_tc_hook {
        var hook = bpf_tc_hook()
        hook.sz = OptionBytes.through(\bpf_tc_hook.parent)
        hook.ifindex = Int32(bitPattern: interface)
        hook.attach_point = point
        return hook
    }

    private static func makeOptions() -> bpf_tc_opts {
        var options = bpf_tc_opts()
        options.sz = OptionBytes.through(\bpf_tc_opts.priority)
        options.handle = handle
        options.priority = priority
        return options
    }
}
