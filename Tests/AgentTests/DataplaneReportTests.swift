import APIClient
import JSONText
import KubeObjects
import PolicyCompiler
import Testing

@testable import Agent

@Suite struct DataplaneReportTests {
    private func report(
        revision: Int64? = 7, generation: UInt32 = 1, used: Int = 3, notEnforced: [NotEnforced] = [], error: String = ""
    ) -> DataplaneReport {
        DataplaneReport(
            revision: revision, generation: generation, tables: [TableFill("rules", used: used, limit: 10)],
            notEnforced: notEnforced, lastError: error)
    }

    private func missing(_ name: String) -> NotEnforced {
        NotEnforced(
            resource: .networkPolicies, key: ObjectKey("shop", name), resourceVersion: "9", reason: "ListTooLong",
            message: "too long", enforcedVersion: "5")
    }

    @Test func anIdleNodeWritesOnce() {
        var schedule = ReportSchedule()
        var writes = 0
        for tick in 0..<1_000 {
            let now = Duration.milliseconds(200 * tick)
            guard schedule.isDue(report(), now: now) else { continue }
            writes += 1
            schedule.tried(report(), succeeded: true, now: now)
        }
        #expect(writes == 1)
    }

    @Test func whoeverIsTooEarlyIsToldForHowLong() {
        var schedule = ReportSchedule()
        #expect(schedule.pause(now: .zero) == nil)
        schedule.tried(report(), succeeded: true, now: .seconds(7))
        #expect(schedule.pause(now: .milliseconds(7_400)) == .milliseconds(600))
        #expect(schedule.pause(now: .seconds(8)) == nil)
    }

    @Test func aReportThatChangesAllTheTimeIsWrittenOnceASecond() {
        var schedule = ReportSchedule()
        var writes = 0
        for tick in 0..<100 {
            let now = Duration.milliseconds(100 * tick)
            let current = report(revision: Int64(tick))
            guard schedule.isDue(current, now: now) else { continue }
            writes += 1
            schedule.tried(current, succeeded: true, now: now)
        }
        #expect(writes == 10)
    }

    @Test func eachOfItsPartsIsAReasonToWrite() {
        var schedule = ReportSchedule()
        schedule.tried(report(), succeeded: true, now: .zero)
        let later = Duration.seconds(5)
        for changed in [
            report(revision: 8), report(generation: 2), report(used: 4), report(notEnforced: [missing("a")]),
            report(error: "no"),
        ] {
            #expect(schedule.isDue(changed, now: later))
        }
        #expect(!schedule.isDue(report(), now: later))
    }

    @Test func aWriteThatFailedOrWasLostIsMadeAgain() {
        var schedule = ReportSchedule()
        schedule.tried(report(), succeeded: false, now: .zero)
        #expect(!schedule.isDue(report(), now: .milliseconds(900)))
        #expect(schedule.isDue(report(), now: .seconds(1)))
        schedule.tried(report(), succeeded: true, now: .seconds(1))
        schedule.lost()
        #expect(schedule.isDue(report(), now: .seconds(2)))
    }

    @Test func theStatusNamesWhatIsMissingAndStaysBounded() {
        let many = (0..<DataplaneReport.notEnforcedMax + 5).map { missing("p\($0)") }
        let report = report(notEnforced: many)
        let status = report.status(transition: "2026-01-01T00:00:00Z")
        #expect(status["notEnforced"]?.array?.count == DataplaneReport.notEnforcedMax)
        #expect(status["notEnforcedCount"] == 105)
        #expect(
            status["notEnforced"]?[0] == [
                "kind": "NetworkPolicy", "namespace": "shop", "name": "p0", "resourceVersion": "9",
                "reason": "ListTooLong", "message": "too long", "enforcedVersion": "5",
            ])
        #expect(status["conditions"]?[0]?["status"] == "False")
        #expect(report.condition.message == "NetworkPolicy shop/p0: too long, and 104 more")
    }

    @Test func aPolicyIsNamedWithOrWithoutANamespace() throws {
        #expect(try LocalRequests.policy(named: "a/b") == ObjectReference(.networkPolicies, namespace: "a", name: "b"))
        #expect(try LocalRequests.policy(named: "b") == ObjectReference(.clusterNetworkPolicies, name: "b"))
        for name in ["", "/", "a/", "/b", "a/b/c"] {
            #expect(throws: (any Error).self) { try LocalRequests.policy(named: name) }
        }
    }
}
