import Reconcile
import Testing

@Suite struct RetryScheduleTests {
    @Test func waitsDoubleUpToTheLongest() {
        var schedule = RetrySchedule(first: .milliseconds(10), longest: .milliseconds(50))
        var now = Duration.zero
        var waits: [Duration] = []
        for _ in 0..<5 {
            #expect(schedule.wanted(at: now) == .tryNow)
            guard case .tryAt(let next) = schedule.failed(at: now) else { break }
            waits.append(next - now)
            now = next
        }
        #expect(waits == [10, 20, 40, 50, 50].map { .milliseconds($0) })
        #expect(schedule.failures == 5)
    }

    @Test func nothingRunsBeforeItsTime() {
        var schedule = RetrySchedule(first: .seconds(1))
        _ = schedule.wanted(at: .zero)
        _ = schedule.failed(at: .zero)
        #expect(schedule.wanted(at: .milliseconds(500)) == .tryAt(.seconds(1)))
        #expect(schedule.wanted(at: .seconds(1)) == .tryNow)
    }

    @Test func workThatComesMeanwhileIsDoneAfterwards() {
        var schedule = RetrySchedule()
        #expect(schedule.wanted(at: .zero) == .tryNow)
        #expect(schedule.wanted(at: .zero) == .rest)
        #expect(schedule.succeeded() == .tryNow)
        #expect(schedule.succeeded() == .rest)
    }

    @Test func successStartsOver() {
        var schedule = RetrySchedule(first: .milliseconds(10))
        _ = schedule.wanted(at: .zero)
        _ = schedule.failed(at: .zero)
        _ = schedule.wanted(at: .seconds(1))
        #expect(schedule.succeeded() == .rest)
        #expect(schedule.failures == 0)
        _ = schedule.wanted(at: .seconds(2))
        #expect(schedule.failed(at: .seconds(2)) == .tryAt(.seconds(2) + .milliseconds(10)))
    }
}
