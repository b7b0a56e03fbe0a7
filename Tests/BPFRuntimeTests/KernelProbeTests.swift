import Glibc
import Testing

@testable import BPFRuntime

@Suite(.serialized)
struct KernelProbeTests {
    @Test("This kernel has every feature, and trying them leaves nothing behind")
    func all() throws {
        try #require(geteuid() == 0, "kernel tests need root")
        let group = try TemporaryCGroup()
        let before = try run("bpftool link show; tc qdisc show; bpftool cgroup show \(group.path)")
        for result in KernelProbe.results(cgroup: group.path) {
            #expect(result.failure == nil, "\(result.feature.rawValue): \(result.failure?.description ?? "")")
        }
        try KernelProbe.require(cgroup: group.path)
        try KernelProbe.require(cgroup: nil)
        let links = try run("bpftool cgroup show \(group.path)")
        #expect(!links.contains("connect4"))
        #expect(before.contains("cgroup") || links.components(of: "martlet_probe") == 0)
    }

    @Test("A missing feature is refused by its name and the release that has it")
    func missing() {
        let error = #expect(throws: DatapathError.self) { try KernelProbe.require(cgroup: "/nonexistent") }
        #expect(error?.code == .unsupported)
        #expect(error?.message.contains("cgroup socket-address hooks: needs Linux 5.8") == true)
        #expect(error?.message.contains("/nonexistent") == true)
        #expect(error?.message.contains("tcx") == false, "only what is missing is named")
    }

    @Test("Every feature says which release has it, in the form of a release")
    func releases() {
        for feature in KernelFeature.allCases {
            #expect(feature.firstKernel.split(separator: ".").compactMap { Int($0) }.count == 2)
            #expect(!feature.requirement.isEmpty)
        }
    }
}
