import CLibbpf
import Glibc

/// Single BPF instructions (RFC 9669), for the few programs that are not worth an object: probes and the closed filter.
enum Instruction {
    static func moveImmediate(register: UInt8, value: Int32) -> UInt64 {
        encode(code: 0xb7, destination: register, immediate: value)
    }

    static let exit = encode(code: 0x95)

    static func call(helper: Int32) -> UInt64 { encode(code: 0x85, immediate: helper) }

    static func encode(
        code: UInt8, destination: UInt8 = 0, source: UInt8 = 0, offset: Int16 = 0, immediate: Int32 = 0
    ) -> UInt64 {
        UInt64(code) | UInt64(destination) << 8 | UInt64(source) << 12
            | UInt64(UInt16(bitPattern: offset)) << 16 | UInt64(UInt32(bitPattern: immediate)) << 32
    }

    /// Loads a program of encoded instructions.
    /// - Parameter attachType: what cgroup programs expect; nil elsewhere.
    static func load(
        _ instructions: [UInt64], type: bpf_prog_type, name: String, attachType: bpf_attach_type? = nil
    ) throws(DatapathError) -> OwnedDescriptor {
        var options = bpf_prog_load_opts()
        options.sz = OptionBytes.through(\bpf_prog_load_opts.log_buf)
        if let attachType { options.expected_attach_type = attachType }
        let raw = instructions.withUnsafeBytes { bytes in
            bpf_prog_load(
                type, name, "GPL", bytes.assumingMemoryBound(to: bpf_insn.self).baseAddress, instructions.count,
                &options)
        }
        return OwnedDescriptor(try SystemCall.check(raw, "BPF_PROG_LOAD", "program \(name)"))
    }
}
