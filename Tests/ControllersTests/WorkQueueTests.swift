import Testing

@testable import Controllers

@Suite struct WorkQueueTests {
    @Test func aNameIsWorkedOnOnceAtATimeAndAgainIfItChangedMeanwhile() {
        var queue = WorkQueue<String>()
        queue.add("a")
        queue.add("a")
        #expect(queue.next(now: .zero) == .work("a"))
        queue.add("a")
        #expect(queue.next(now: .zero) == .wait(until: nil))
        queue.finish("a", .done, now: .zero)
        #expect(queue.next(now: .zero) == .work("a"))
        queue.finish("a", .done, now: .zero)
        #expect(queue.next(now: .zero) == .wait(until: nil))
    }

    @Test func failuresComeLaterAndLaterAndThenNoMore() {
        var queue = WorkQueue<String>()
        queue.add("a")
        var now = Duration.zero
        var pauses: [Duration] = []
        while true {
            switch queue.next(now: now) {
            case .work: queue.finish("a", .failed, now: now)
            case .wait(let deadline?):
                pauses.append(deadline - now)
                now = deadline
                continue
            case .wait(nil):
                #expect(pauses.count == WorkQueue<String>.retriesMax)
                #expect(pauses.first == WorkQueue<String>.retryDelayInitial)
                #expect(pauses.last == WorkQueue<String>.retryDelayMax)
                #expect(pauses == pauses.sorted())
                return
            }
        }
    }

    @Test func aChangeComesBeforeTheRetry() {
        var queue = WorkQueue<String>()
        queue.add("a", at: .seconds(10))
        queue.add("b")
        queue.add("a")
        #expect(queue.next(now: .zero) == .work("b"))
        #expect(queue.next(now: .zero) == .work("a"))
        queue.finish("a", .again(after: .seconds(5)), now: .seconds(1))
        #expect(queue.next(now: .seconds(2)) == .wait(until: .seconds(6)))
        #expect(queue.next(now: .seconds(6)) == .work("a"))
    }

    @Test func timesAreWrittenAsTheAPIWritesThem() {
        #expect(ControllerClock.text(0) == "1970-01-01T00:00:00")
        #expect(ControllerClock.text(951_827_696) == "2000-02-29T12:34:56")
        #expect(ControllerClock.text(4_102_444_799) == "2099-12-31T23:59:59")
        for seconds in stride(from: Int64(0), to: 4_000_000_000, by: 12_345_677) {
            #expect(ControllerClock.seconds(of: ControllerClock.text(seconds) + "Z") == seconds)
        }
        #expect(ControllerClock.seconds(of: "2000-02-29T12:34:56.789012Z") == 951_827_696)
        #expect(ControllerClock.seconds(of: "yesterday at noon, or so") == nil)
    }
}
