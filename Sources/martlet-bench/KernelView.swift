import CLibbpf
import CMartletABI
import Glibc

/// What is in force, read from the kernel's own maps.
struct KernelView {
    private let control: UnsafeRawPointer
    private let services: UnsafeRawPointer
    /// Open as long as the process runs, as what is mapped.
    private let endpointIDs: Int32
    private let maps: String

    init(_ node: Node) throws {
        maps = "\(node.directory)/bpf/maps"
        control = try Self.map("\(maps)/control_v\(MARTLET_LAYOUT_CONTROL.rawValue)", bytes: 4_096)
        services = try Self.map(
            "\(maps)/services_v\(MARTLET_LAYOUT_SERVICES.rawValue)",
            bytes: Int(MARTLET_SERVICES_MAX.rawValue) * MemoryLayout<martlet_service>.stride)
        endpointIDs = bpf_obj_get("\(maps)/endpoint_ids_v\(MARTLET_LAYOUT_ENDPOINT_IDS.rawValue)")
        guard endpointIDs >= 0 else { throw BenchError("cannot open the map of addresses in \(maps)") }
    }

    private static func map(_ path: String, bytes: Int) throws -> UnsafeRawPointer {
        let descriptor = bpf_obj_get(path)
        guard descriptor >= 0 else { throw BenchError("cannot open the map at \(path)") }
        defer { close(descriptor) }
        guard let pages = mmap(nil, bytes, PROT_READ, MAP_SHARED, descriptor, 0), pages != MAP_FAILED else {
            throw BenchError("cannot map \(path)")
        }
        return UnsafeRawPointer(pages)
    }

    /// Grows with each policy set.
    var generation: UInt64 { UInt64(control.load(as: martlet_control.self).generation) }

    /// Where the backends of a frontend lie; another value after each change of them.
    func extent(ofService number: UInt32) -> UInt64 {
        services.load(
            fromByteOffset: Int(number) * MemoryLayout<martlet_service>.stride, as: martlet_service.self
        ).extent
    }

    /// What the table of addresses has for an IPv4 address; 0 where it has none: nobody reaches an endpoint before.
    func endpoint(at address: String) -> UInt64 {
        var key = martlet_address()
        var value: UInt64 = 0
        guard Self.map(address, &key), bpf_map_lookup_elem(endpointIDs, &key, &value) == 0 else { return 0 }
        return value
    }

    /// Writes an IPv4 address in its mapped form; false where it is none.
    private static func map<Address>(_ address: String, _ mapped: inout Address) -> Bool {
        var parsed = in_addr()
        guard inet_pton(AF_INET, address, &parsed) == 1 else { return false }
        withUnsafeMutableBytes(of: &mapped) { bytes in
            bytes[10] = 0xff
            bytes[11] = 0xff
            withUnsafeBytes(of: parsed) { bytes[12...].copyBytes(from: $0) }
        }
        return true
    }

    /// The number of the frontend at an IPv4 address and TCP port.
    func serviceNumber(_ address: String, _ port: UInt16) throws -> UInt32 {
        let path = "\(maps)/frontends_v\(MARTLET_LAYOUT_FRONTENDS.rawValue)"
        let descriptor = bpf_obj_get(path)
        guard descriptor >= 0 else { throw BenchError("cannot open the map at \(path)") }
        defer { close(descriptor) }
        var key = martlet_frontend_key()
        guard Self.map(address, &key.address) else { throw BenchError("\(address) is no address") }
        key.port = port.bigEndian
        key.`protocol` = UInt8(IPPROTO_TCP)
        var value: UInt64 = 0
        guard bpf_map_lookup_elem(descriptor, &key, &value) == 0 else {
            throw BenchError("no frontend \(address):\(port) in the kernel")
        }
        return UInt32(truncatingIfNeeded: value)
    }
}

extension KernelView {
    /// Returns when no generation comes any more.
    func settle() async throws {
        var last = generation
        for _ in 0..<50 {
            try await Task.sleep(for: .milliseconds(200))
            if generation == last { return }
            last = generation
        }
    }

    /// Of all cores together.
    func counter(_ which: martlet_counter) throws -> UInt64 { try counter(at: which.rawValue) }

    /// Packets dropped, for whatever reason.
    func drops() throws -> UInt64 {
        try (MARTLET_COUNTER_DROPS.rawValue..<MARTLET_COUNTERS.rawValue).reduce(0) { try $0 + counter(at: $1) }
    }

    private func counter(at index: UInt32) throws -> UInt64 {
        let path = "\(maps)/counters_v\(MARTLET_LAYOUT_COUNTERS.rawValue)"
        let descriptor = bpf_obj_get(path)
        guard descriptor >= 0 else { throw BenchError("cannot open the map at \(path)") }
        defer { close(descriptor) }
        var key = index
        var values = [UInt64](repeating: 0, count: Int(libbpf_num_possible_cpus()))
        guard bpf_map_lookup_elem(descriptor, &key, &values) == 0 else { throw BenchError("no counter \(index)") }
        return values.reduce(0, +)
    }
}

/// What the runs of a kernel program cost, as the kernel counts it while this value lives.
final class KernelProgramTime {
    struct Reading {
        var runs: UInt64 = 0
        var nanoseconds: UInt64 = 0
    }

    private let program: Int32
    private let statistics: Int32

    init(path: String) throws {
        program = bpf_obj_get(path)
        guard program >= 0 else { throw BenchError("cannot open the program at \(path)") }
        statistics = bpf_enable_stats(BPF_STATS_RUN_TIME)
        guard statistics >= 0 else { throw BenchError("the kernel counts no run times: \(-statistics)") }
    }

    deinit {
        close(statistics)
        close(program)
    }

    var reading: Reading {
        var info = bpf_prog_info()
        var length = UInt32(MemoryLayout<bpf_prog_info>.size)
        guard bpf_obj_get_info_by_fd(program, &info, &length) == 0 else { return Reading() }
        return Reading(runs: info.run_cnt, nanoseconds: info.run_time_ns)
    }
}

extension KernelView {
    /// As the kernel accounts for them.
    static func bytes(ofMap name: String, _ node: Node) throws -> Double {
        let path = Shell.line("ls \(node.directory)/bpf/maps/\(name)_v*")
        let descriptor = bpf_obj_get(path)
        guard descriptor >= 0 else { throw BenchError("cannot open map \(name)") }
        defer { close(descriptor) }
        let text = Shell.read("/proc/self/fdinfo/\(descriptor)") ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("memlock:") }
        guard let bytes = line?.split(whereSeparator: \.isWhitespace).last.flatMap({ Double($0) }) else {
            throw BenchError("the kernel does not say how large map \(name) is")
        }
        return bytes
    }
}
