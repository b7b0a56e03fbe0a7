import CLibbpf
import Glibc

/// Tries every feature by a real load, attach or call, in a network namespace made for it and gone with it; of the
/// machine's own state only the given cgroup is touched, for as long as one attach and detach take.
package enum KernelProbe {
    /// All features, in the order of `KernelFeature`.
    /// - Parameter cgroup: a cgroup2 directory, where connect hooks are tried; nil leaves them out, for a node that
    /// runs without.
    package static func results(cgroup: String?) -> [KernelFeatureResult] {
        let needed = KernelFeature.allCases.filter { cgroup != nil || $0 != .connectHooks }
        return needed.map { feature in
            do throws(DatapathError) {
                try probe(feature, cgroup: cgroup)
                return KernelFeatureResult(feature, failure: nil)
            } catch {
                return KernelFeatureResult(feature, failure: error)
            }
        }
    }

    /// - Throws: `.unsupported`, naming each feature that is missing with the first release that has it.
    package static func require(cgroup: String?) throws(DatapathError) {
        let missing = results(cgroup: cgroup).filter { $0.failure != nil }
        guard let first = missing.first else { return }
        let lines = missing.map { result in
            let feature = result.feature
            let cause = result.failure.map { $0.description } ?? ""
            return "\(feature.rawValue): needs Linux \(feature.firstKernel) with \(feature.requirement) (\(cause))"
        }
        throw DatapathError(
            .unsupported, "this kernel lacks what Martlet needs:\n  \(lines.joined(separator: "\n  "))",
            cause: first.failure)
    }

    private static func probe(_ feature: KernelFeature, cgroup: String?) throws(DatapathError) {
        switch feature {
        case .loadPrograms: _ = try tcProgram()
        case .mappedArrays: try mapArray()
        case .leastRecentlyUsedMaps: try create(BPF_MAP_TYPE_LRU_HASH, key: 4, value: 8)
        case .prefixMaps:
            try create(BPF_MAP_TYPE_LPM_TRIE, key: 20, value: 8, flags: UInt32(BPF_F_NO_PREALLOC))
        case .ringBuffer: try create(BPF_MAP_TYPE_RINGBUF, key: 0, value: 0, entries: 65536)
        case .coarseClock: _ = try tcProgram(calling: 160, arguments: [])
        case .redirectNeighbour: _ = try tcProgram(calling: 152, arguments: [1, 0, 0, 0])
        case .redirectPeer: _ = try tcProgram(calling: 155, arguments: [1, 0])
        case .testRun: try runOnce()
        case .tcxLinks: try inNewNamespace { () throws(DatapathError) in _ = try linkToLoopback(tcProgram()) }
        case .linkExchange: try inNewNamespace(exchangeLink)
        case .closedFilters: try inNewNamespace(closeLoopback)
        case .connectHooks: if let cgroup { try attachConnectHooks(cgroup) }
        case .returnValues: _ = try socketProgram(.connect4, calling: 187, arguments: [0])
        case .namespaceCookies: try readCookies()
        }
    }

    // MARK: Programs and maps

    /// A tc program that lets packets on, after one call of a helper.
    private static func tcProgram(
        calling helper: Int32? = nil, arguments: [Int32] = []
    ) throws(DatapathError) -> OwnedDescriptor {
        try Instruction.load(
            instructions(calling: helper, arguments: arguments, result: 0), type: BPF_PROG_TYPE_SCHED_CLS,
            name: "martlet_probe")
    }

    /// A socket-address program that lets calls on.
    private static func socketProgram(
        _ hook: ConnectHook, calling helper: Int32? = nil, arguments: [Int32] = []
    ) throws(DatapathError) -> OwnedDescriptor {
        try Instruction.load(
            instructions(calling: helper, arguments: arguments, result: 1), type: BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
            name: "martlet_probe", attachType: hook.attachType)
    }

    private static func instructions(calling helper: Int32?, arguments: [Int32], result: Int32) -> [UInt64] {
        var program: [UInt64] = []
        if let helper {
            for (index, argument) in arguments.enumerated() {
                program.append(Instruction.moveImmediate(register: UInt8(index + 1), value: argument))
            }
            program.append(Instruction.call(helper: helper))
        }
        return program + [Instruction.moveImmediate(register: 0, value: result), Instruction.exit]
    }

    @discardableResult
    private static func create(
        _ kind: bpf_map_type, key: UInt32, value: UInt32, entries: UInt32 = 16, flags: UInt32 = 0
    ) throws(DatapathError) -> OwnedDescriptor {
        var options = bpf_map_create_opts()
        options.sz = OptionBytes.through(\bpf_map_create_opts.map_ifindex)
        options.map_flags = flags
        return OwnedDescriptor(
            try SystemCall.check(
                bpf_map_create(kind, "martlet_probe", key, value, entries, &options), "BPF_MAP_CREATE", "a probe"))
    }

    private static func mapArray() throws(DatapathError) {
        let array = try create(BPF_MAP_TYPE_ARRAY, key: 4, value: 8, flags: UInt32(BPF_F_MMAPABLE))
        let region = try MappedRegion(map: array.raw, name: "martlet_probe", byteCount: 128)
        try region.storeRelease(at: 8, 7)
        var key: UInt32 = 1
        var value: UInt64 = 0
        try SystemCall.check(bpf_map_lookup_elem(array.raw, &key, &value), "BPF_MAP_LOOKUP_ELEM", "a probe")
        guard value == 7 else { throw DatapathError(.unsupported, "a mapped array does not show what was stored") }
    }

    private static func runOnce() throws(DatapathError) {
        let program = try KernelProgram("martlet_probe", tcProgram(), adopted: false)
        let frame = [UInt8](repeating: 0, count: 64)
        _ = try program.testRun(TestRunInput(data: frame))
    }

    // MARK: Hooks

    /// Index of `lo` in every network namespace.
    private static let loopback: UInt32 = 1

    private static func linkToLoopback(_ program: OwnedDescriptor) throws(DatapathError) -> OwnedDescriptor {
        let link = martlet_link_create(program.raw, Int32(loopback), MARTLET_ATTACH_TCX_INGRESS.rawValue)
        if link < 0 { throw SystemCall.error("BPF_LINK_CREATE", "tcx on lo", code: -link) }
        return OwnedDescriptor(link)
    }

    private static func exchangeLink() throws(DatapathError) {
        let old = try tcProgram()
        let link = try linkToLoopback(old)
        let new = try tcProgram()
        let result = martlet_link_replace(link.raw, new.raw, old.raw)
        if result < 0 { throw SystemCall.error("BPF_LINK_UPDATE", "tcx on lo", code: -result) }
    }

    private static func closeLoopback() throws(DatapathError) {
        let program = try Instruction.load(
            instructions(calling: nil, arguments: [], result: 2), type: BPF_PROG_TYPE_SCHED_CLS,
            name: ClosedFilter.programName)
        try ClosedFilter.put(interface: loopback, program.raw)
        guard try ClosedFilter.isThere(interface: loopback) else {
            throw DatapathError(.unsupported, "a filter that was attached is not there")
        }
    }

    private static func attachConnectHooks(_ path: String) throws(DatapathError) {
        let cgroup = OwnedDescriptor(
            try SystemCall.check(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open", "the cgroup \(path)"))
        for hook in ConnectHook.allCases {
            // The link, and with it the program, goes when its descriptor is closed.
            let program = try socketProgram(hook)
            let link = martlet_link_create(program.raw, cgroup.raw, hook.attachType.rawValue)
            if link < 0 { throw SystemCall.error("BPF_LINK_CREATE", "\(hook.program) on \(path)", code: -link) }
            close(link)
        }
    }

    private static func readCookies() throws(DatapathError) {
        var cookie: UInt64 = 0
        let result = martlet_network_namespace_cookie("/proc/self/ns/net", &cookie)
        if result < 0 { throw SystemCall.error("getsockopt(SO_NETNS_COOKIE)", "this namespace", code: -result) }
        // The same for programs; the helper's argument is the program's own.
        _ = try socketProgram(.connect4, calling: 122)
    }

    // MARK: A namespace for the while

    private final class Body {
        let run: () throws(DatapathError) -> Void
        var failure: DatapathError?
        init(_ run: @escaping () throws(DatapathError) -> Void) { self.run = run }
    }

    private static func inNewNamespace(_ run: @escaping () throws(DatapathError) -> Void) throws(DatapathError) {
        let body = Body(run)
        let result = withExtendedLifetime(body) {
            martlet_in_network_namespace(
                nil,
                { context in
                    guard let context else { return -EINVAL }
                    let body = Unmanaged<Body>.fromOpaque(context).takeUnretainedValue()
                    do throws(DatapathError) { try body.run() } catch { body.failure = error }
                    return 0
                }, Unmanaged.passUnretained(body).toOpaque())
        }
        if result < 0 { throw SystemCall.error("unshare(CLONE_NEWNET)", "a namespace to try hooks in", code: -result) }
        if let failure = body.failure { throw failure }
    }
}
