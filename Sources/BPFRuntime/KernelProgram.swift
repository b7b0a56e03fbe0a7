import CLibbpf
import Glibc

/// One program of ours in the kernel.
final class KernelProgram: Sendable {
    let name: String
    let descriptor: OwnedDescriptor
    let id: UInt32
    let verifiedInstructions: UInt32
    let jitedBytes: UInt32
    let mapIDs: [UInt32]
    let adopted: Bool

    init(_ name: String, _ descriptor: OwnedDescriptor, adopted: Bool) throws(DatapathError) {
        var info = martlet_program_info()
        let result = martlet_program_info_get(descriptor.raw, &info)
        if result < 0 { throw SystemCall.error("BPF_OBJ_GET_INFO_BY_FD", "program \(name)", code: -result) }
        self.name = name
        self.descriptor = descriptor
        self.adopted = adopted
        id = info.id
        verifiedInstructions = info.verified_instructions
        jitedBytes = info.jited_bytes
        mapIDs = withUnsafeBytes(of: info.maps) { Array($0.bindMemory(to: UInt32.self).prefix(Int(info.map_count))) }
    }

    /// One or more runs on data of the caller's, with no effect on traffic (BPF_PROG_TEST_RUN).
    func testRun(_ input: TestRunInput) throws(DatapathError) -> TestRunOutput {
        var options = bpf_test_run_opts()
        options.sz = OptionBytes.through(\bpf_test_run_opts.batch_size)
        options.repeat = Int32(input.repeats)
        var output = [UInt8](repeating: 0, count: input.data.count + TestRunInput.growthBytesMax)
        var context = input.context
        let hasContext = !context.isEmpty
        let result = input.data.withUnsafeBytes { data in
            output.withUnsafeMutableBytes { out in
                context.withUnsafeMutableBytes { context in
                    options.data_in = data.baseAddress
                    options.data_size_in = UInt32(data.count)
                    options.data_out = out.baseAddress
                    options.data_size_out = UInt32(out.count)
                    if hasContext {
                        options.ctx_in = UnsafeRawPointer(context.baseAddress)
                        options.ctx_size_in = UInt32(context.count)
                        options.ctx_out = context.baseAddress
                        options.ctx_size_out = UInt32(context.count)
                    }
                    return bpf_prog_test_run_opts(descriptor.raw, &options)
                }
            }
        }
        try SystemCall.check(result, "BPF_PROG_TEST_RUN", "program \(name)")
        return TestRunOutput(
            verdict: Int32(bitPattern: options.retval), data: Array(output.prefix(Int(options.data_size_out))),
            context: context, nanosecondsPerRun: options.duration)
    }
}

/// What a test run gets.
package struct TestRunInput: Sendable {
    /// Room for headers that a program may add.
    package static let growthBytesMax = 256

    /// A packet from its Ethernet header on, at least 14 bytes.
    package var data: [UInt8]
    /// Bytes of a `__sk_buff`, or empty. The kernel takes mark, priority, ifindex, cb, tstamp, wire_len, gso_segs,
    /// gso_size and hwtstamp from it; all else has to be zero.
    package var context: [UInt8]
    package var repeats: Int

    package init(data: [UInt8], context: [UInt8] = [], repeats: Int = 1) {
        self.data = data
        self.context = context
        self.repeats = repeats
    }
}

package struct TestRunOutput: Sendable {
    /// What the program returned: a TC_ACT_* or TCX_* number.
    package let verdict: Int32
    package let data: [UInt8]
    package let context: [UInt8]
    package let nanosecondsPerRun: UInt32
}
