import APIClient
import KubeObjects
import Testing

@testable import Agent

@Suite struct StepLogTests {
    private func name(_ name: String) -> StepLog.Name { StepLog.Name(.networkPolicies, ObjectKey("shop", name)) }

    @Test func aVersionGetsItsStepsInOrder() {
        var log = StepLog()
        log.begin(name("a"), "5", .policy, stored: 100, informed: 110)
        log.compiled(.policy, at: 130)
        log.written(.policy, at: 170)
        log.visible(.policy, generation: 9, at: 250)
        let versions = log.versions(of: name("a"))
        #expect(versions.map(\.times) == [[100, 110, 130, 170, 250]])
        #expect(versions.first?.generation == 9 && versions.first?.resourceVersion == "5")
        #expect(log.histogram.text.contains("martlet_object_step_seconds_count{step=\"total\"} 1\n"))
        #expect(log.histogram.text.contains("martlet_object_step_seconds_sum{step=\"visible\"} 8e-08\n"))
    }

    @Test func aGenerationThatGoesOutMeanwhileIsNotTheVersionsOwn() {
        var log = StepLog()
        log.begin(name("a"), "5", .policy, stored: nil, informed: 1)
        log.visible(.policy, generation: 1, at: 2)
        #expect(log.versions(of: name("a")).map(\.times) == [[nil, 1, nil, nil, nil]], "not compiled yet")
        log.compiled(.policy, at: 3)
        log.visible(.services, generation: 1, at: 4)
        #expect(log.versions(of: name("a")).map(\.times) == [[nil, 1, 3, nil, nil]], "another lane")
        log.visible(.policy, generation: 2, at: 5)
        #expect(log.versions(of: name("a")).map(\.times) == [[nil, 1, 3, 5, 5]])
        #expect(log.histogram.text.contains("{step=\"total\"} 0\n"), "when it was stored is not known")
    }

    @Test func memoryIsBoundedInPoliciesAndVersions() {
        var log = StepLog()
        for index in 0..<StepLog.policiesMax + 10 {
            for version in 0..<StepLog.versionsMax + 3 {
                log.begin(name("p\(index)"), "\(version)", .policy, stored: 0, informed: 0)
                log.compiled(.policy, at: 0)
                log.visible(.policy, generation: 1, at: 0)
            }
        }
        #expect(log.versions(of: name("p9")).isEmpty)
        #expect(log.versions(of: name("p10")).map(\.resourceVersion) == ["3", "4", "5", "6"])
        var open = StepLog()
        for index in 0..<StepLog.openMax + 10 { open.begin(name("p\(index)"), "1", .policy, stored: 0, informed: 0) }
        #expect(open.versions(of: name("p\(StepLog.openMax)")).isEmpty)
    }

    @Test func aVersionThatIsCompiledAgainIsTimedOnce() {
        var log = StepLog()
        for time in Int64(1)...3 {
            log.begin(name("a"), "5", .policy, stored: 0, informed: time)
            log.compiled(.policy, at: time)
            log.visible(.policy, generation: 1, at: time)
        }
        #expect(log.versions(of: name("a")).map(\.times) == [[0, 1, 1, 1, 1]])
    }

    @Test func bucketsAreCumulative() {
        var log = StepLog()
        for (index, nanoseconds) in [Int64(50_000), 200_000, 9_000_000_000].enumerated() {
            log.begin(name("p\(index)"), "1", .policy, stored: 0, informed: nanoseconds)
            log.compiled(.policy, at: nanoseconds)
            log.visible(.policy, generation: 1, at: nanoseconds)
        }
        let lines = Set(log.histogram.text.split(separator: "\n").map(String.init))
        #expect(lines.contains("martlet_object_step_seconds_bucket{step=\"informed\",le=\"0.0001\"} 1"))
        #expect(lines.contains("martlet_object_step_seconds_bucket{step=\"informed\",le=\"5\"} 2"))
        #expect(lines.contains("martlet_object_step_seconds_bucket{step=\"informed\",le=\"+Inf\"} 3"))
    }
}
