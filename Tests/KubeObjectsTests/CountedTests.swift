import KubeObjects
import Testing

@Suite struct CountedTests {
    @Test func oneIsOneAndAllElseIsSeveral() {
        #expect([0, 1, 2].map { $0.counted("flow") } == ["0 flows", "1 flow", "2 flows"])
        #expect(Int64(1).counted("policy", several: "policies") == "1 policy")
        #expect(Int64(3).counted("policy", several: "policies") == "3 policies")
    }
}
