import CLibbpf
import Glibc
import MapLayout

/// Brings the shipped object into the kernel: adopts what an earlier daemon pinned where it is the same, loads the
/// rest.
struct ObjectLoader {
    struct Loaded {
        let programs: [String: KernelProgram]
        let maps: [MapIdentity: KernelMap]
        let digest: ObjectDigest
    }

    /// What the object declares of a map.
    private struct DeclaredMap {
        let identity: MapIdentity
        let handle: OpaquePointer
        let kind: UInt32
        let keyBytes: UInt32
        let valueBytes: UInt32
        let capacity: UInt32
        let flags: UInt32
    }

    /// The `const volatile struct martlet_config` of the object.
    private static let configurationName = "config"

    let pins: PinDirectory
    let settings: DatapathSettings
    /// The object's name, for messages.
    let name: String
    let elf: [UInt8]

    /// - Throws: `.load` with the verifier's last words; `.system`; `.layout` where the configuration's size differs.
    func load() throws(DatapathError) -> Loaded {
        var digest = ObjectDigest()
        digest.add(elf)
        digest.add(MapBytes.of(settings.configuration))

        LoadLog.start()
        var options = bpf_object_open_opts()
        options.sz = OptionBytes.through(\bpf_object_open_opts.kernel_log_level)
        let opened = name.withCString { name in
            options.object_name = name
            return elf.withUnsafeBytes { bpf_object__open_mem($0.baseAddress, $0.count, &options) }
        }
        guard let handle = opened else {
            throw SystemCall.error("bpf_object__open_mem", "object \(name)", log: LoadLog.tail())
        }
        defer { bpf_object__close(handle) }

        let declared = declaredMaps(of: handle)
        let names = programNames(of: handle)
        let held = try heldMaps(declared)
        if held.count == declared.count, let programs = try adoptPrograms(names, digest, maps: held) {
            return Loaded(programs: programs, maps: held, digest: digest)
        }
        try configure(handle)
        for map in declared {
            guard let existing = held[map.identity] else { continue }
            try SystemCall.check(
                bpf_map__reuse_fd(map.handle, existing.descriptor.raw), "bpf_map__reuse_fd", "map \(map.identity)")
        }
        let result = bpf_object__load(handle)
        if result != 0 {
            throw DatapathError(
                .load, "object \(name) was refused", call: "bpf_object__load", errno: -result,
                log: LoadLog.tail())
        }
        let maps = try pinMaps(declared, held: held)
        return Loaded(programs: try pinPrograms(of: handle, digest), maps: maps, digest: digest)
    }

    // MARK: What the object declares

    private func declaredMaps(of object: OpaquePointer) -> [DeclaredMap] {
        var maps: [DeclaredMap] = []
        var next = bpf_object__next_map(object, nil)
        while let map = next {
            next = bpf_object__next_map(object, map)
            if bpf_map__is_internal(map) { continue }
            let name = String(cString: bpf_map__name(map))
            maps.append(
                DeclaredMap(
                    identity: MapIdentity(name), handle: map,
                    kind: bpf_map__type(map).rawValue, keyBytes: bpf_map__key_size(map),
                    valueBytes: bpf_map__value_size(map), capacity: bpf_map__max_entries(map),
                    flags: bpf_map__map_flags(map)))
        }
        return maps
    }

    private func programNames(of object: OpaquePointer) -> [String] {
        var names: [String] = []
        var next = bpf_object__next_program(object, nil)
        while let program = next {
            names.append(String(cString: bpf_program__name(program)))
            next = bpf_object__next_program(object, program)
        }
        return names
    }

    private func configure(_ object: OpaquePointer) throws(DatapathError) {
        let bytes = MapBytes.of(settings.configuration)
        var offset: UInt32 = 0
        var declared: UInt32 = 0
        var result = martlet_rodata_find(object, Self.configurationName, &offset, &declared)
        if result == 0, Int(declared) != bytes.count {
            throw DatapathError(
                .layout, "constant \(Self.configurationName) has \(declared) bytes in the object, \(bytes.count) here")
        }
        if result == 0 { result = martlet_rodata_write(object, offset, bytes, declared) }
        if result != 0 {
            throw DatapathError(
                .layout, "object \(name) has no constant \(Self.configurationName) to fill",
                errno: -result)
        }
    }

    // MARK: What is pinned

    /// Maps whose pin has the declared layout. A pin with another layout is removed: its content cannot be read.
    private func heldMaps(_ declared: [DeclaredMap]) throws(DatapathError) -> [MapIdentity: KernelMap] {
        var held: [MapIdentity: KernelMap] = [:]
        for map in declared {
            let path = "\(pins.maps)/\(map.identity.pinName)"
            guard let descriptor = try pins.open(path) else { continue }
            var info = martlet_map_info()
            let result = martlet_map_info_get(descriptor.raw, &info)
            let same =
                result == 0 && info.type == map.kind && info.key_bytes == map.keyBytes
                && info.value_bytes == map.valueBytes && info.flags == map.flags && sameCapacity(info, map)
            if same {
                held[map.identity] = try KernelMap(map.identity, descriptor, adopted: true)
            } else {
                try pins.remove(path)
            }
        }
        return held
    }

    private func sameCapacity(_ info: martlet_map_info, _ map: DeclaredMap) -> Bool {
        // Capacity 0 is "as many as processors", decided at creation.
        map.capacity == 0 || info.capacity == map.capacity
    }

    /// All programs, where every pin of this digest is there and works on the very maps that are pinned now.
    private func adoptPrograms(
        _ names: [String], _ digest: ObjectDigest, maps: [MapIdentity: KernelMap]
    ) throws(DatapathError) -> [String: KernelProgram]? {
        let ours = Set(maps.values.map(\.id))
        var programs: [String: KernelProgram] = [:]
        for name in names {
            guard let descriptor = try pins.open("\(pins.programs)/\(name)-\(digest)") else { return nil }
            let program = try KernelProgram(name, descriptor, adopted: true)
            for id in program.mapIDs where !ours.contains(id) {
                guard try isConstants(mapID: id) else { return nil }
            }
            programs[name] = program
        }
        return programs
    }

    /// Whether a map is an object's own .rodata, .data or .bss, which nobody else pins.
    private func isConstants(mapID: UInt32) throws(DatapathError) -> Bool {
        let raw = try SystemCall.check(
            bpf_map_get_fd_by_id(mapID), "BPF_MAP_GET_FD_BY_ID", "map number \(mapID) of a pinned program")
        let descriptor = OwnedDescriptor(raw)
        var info = martlet_map_info()
        let result = martlet_map_info_get(descriptor.raw, &info)
        if result < 0 { throw SystemCall.error("BPF_OBJ_GET_INFO_BY_FD", "map number \(mapID)", code: -result) }
        let name = withUnsafeBytes(of: info.name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return name.contains(".")
    }

    // MARK: Pinning what was loaded

    private func pinMaps(
        _ declared: [DeclaredMap], held: [MapIdentity: KernelMap]
    ) throws(DatapathError) -> [MapIdentity: KernelMap] {
        var maps = held
        for map in declared where held[map.identity] == nil {
            try pins.pin(bpf_map__fd(map.handle), at: "\(pins.maps)/\(map.identity.pinName)")
            maps[map.identity] = try KernelMap(map.identity, duplicate(bpf_map__fd(map.handle)), adopted: false)
        }
        return maps
    }

    private func pinPrograms(
        of object: OpaquePointer, _ digest: ObjectDigest
    ) throws(DatapathError) -> [String: KernelProgram] {
        var programs: [String: KernelProgram] = [:]
        var next = bpf_object__next_program(object, nil)
        while let handle = next {
            next = bpf_object__next_program(object, handle)
            let name = String(cString: bpf_program__name(handle))
            let descriptor = bpf_program__fd(handle)
            try pins.pin(descriptor, at: "\(pins.programs)/\(name)-\(digest)")
            programs[name] = try KernelProgram(name, duplicate(descriptor), adopted: false)
        }
        return programs
    }

    /// A descriptor that outlives the libbpf object.
    private func duplicate(_ descriptor: Int32) throws(DatapathError) -> OwnedDescriptor {
        OwnedDescriptor(
            try SystemCall.check(
                fcntl(descriptor, F_DUPFD_CLOEXEC, 3), "fcntl(F_DUPFD_CLOEXEC)", "keeping a descriptor"))
    }
}
