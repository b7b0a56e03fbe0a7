import CLibbpf
import Glibc
import Synchronization

/// Waits until every program run under way has ended. `membarrier(MEMBARRIER_CMD_GLOBAL)` is a full RCU grace period;
/// the kernel refuses it under nohz_full, and skips the wait on one processor, where connect hooks can still be
/// interrupted in the middle. There, changing the inner map of an outer map waits as long.
final class GracePeriod: Sendable {
    private struct Fallback {
        let outer: OwnedDescriptor
        let inner: OwnedDescriptor
    }

    private let fallback = Mutex<Fallback?>(nil)
    private let prefersFallback: Bool

    /// - Parameter prefersFallback: nil decides by the number of processors.
    init(prefersFallback: Bool? = nil) {
        self.prefersFallback = prefersFallback ?? (sysconf(Int32(_SC_NPROCESSORS_ONLN)) < 2)
    }

    func wait() throws(DatapathError) {
        if !prefersFallback, martlet_membarrier() == 0 { return }
        try fallback.withLock { (fallback) throws(DatapathError) in
            let maps: Fallback
            if let fallback { maps = fallback } else { maps = try Self.makeFallback() }
            fallback = maps
            var key: UInt32 = 0
            var inner = maps.inner.raw
            try SystemCall.check(
                bpf_map_update_elem(maps.outer.raw, &key, &inner, 0), "BPF_MAP_UPDATE_ELEM",
                "waiting for a grace period")
        }
    }

    private static func makeFallback() throws(DatapathError) -> Fallback {
        let inner = OwnedDescriptor(
            try SystemCall.check(
                bpf_map_create(BPF_MAP_TYPE_ARRAY, "grace_inner", 4, 8, 1, nil), "BPF_MAP_CREATE", "a map to wait on"))
        var options = bpf_map_create_opts()
        options.sz = OptionBytes.through(\bpf_map_create_opts.map_ifindex)
        options.inner_map_fd = UInt32(inner.raw)
        let outer = OwnedDescriptor(
            try SystemCall.check(
                bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "grace_outer", 4, 4, 1, &options), "BPF_MAP_CREATE",
                "a map to wait on"))
        return Fallback(outer: outer, inner: inner)
    }
}
