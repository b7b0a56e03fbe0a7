import DaemonAPI
import PodNetwork
import Testing

struct AttachmentTurnsTests {
    let key = AttachmentKey(containerID: "c", interface: "eth0")
    let other = AttachmentKey(containerID: "d", interface: "eth0")

    @Test func oneAtATimeInOrderOfArrival() {
        var turns = AttachmentTurns()
        #expect(turns.arrive(.add, key, started: 1, now: 1).arrival == .proceed(1))
        #expect(turns.arrive(.check, key, started: 2, now: 2).arrival == .wait(2))
        #expect(turns.arrive(.add, other, started: 3, now: 3).arrival == .proceed(3))
        #expect(turns.leave(1, key) == 2)
        #expect(turns.leave(2, key) == nil)
        #expect(turns.leave(3, other) == nil)
        #expect(turns.busyKeys == 0)
    }

    @Test func aDeletionEndsEarlierAddsAndNoLaterOnes() {
        var turns = AttachmentTurns()
        _ = turns.arrive(.add, key, started: 10, now: 10)
        _ = turns.arrive(.add, key, started: 11, now: 11)
        _ = turns.arrive(.add, key, started: 30, now: 12)
        let deletion = turns.arrive(.delete, key, started: 20, now: 20)
        #expect(deletion.arrival == .wait(4) && deletion.cancelled == [1, 2])
        // The running one leaves when it has undone its work; the one that waited is out of the line.
        #expect(turns.leave(1, key) == 3)
        #expect(turns.leave(2, key) == nil)
        #expect(turns.leave(3, key) == 4)
        #expect(turns.leave(4, key) == nil)
    }

    @Test func anAddReadAfterTheDeletionThatEndsItIsRefused() {
        var turns = AttachmentTurns()
        _ = turns.arrive(.delete, key, started: 20, now: 20)
        _ = turns.leave(1, key)
        #expect(turns.arrive(.add, key, started: 19, now: 21).arrival == .refuse)
        #expect(turns.arrive(.add, other, started: 19, now: 21).arrival == .proceed(2))
        #expect(turns.arrive(.add, key, started: 21, now: 22).arrival == .proceed(3))
    }

    @Test func whoGivesUpWaitingLeavesTheLine() {
        var turns = AttachmentTurns()
        _ = turns.arrive(.add, key, started: 1, now: 1)
        _ = turns.arrive(.add, key, started: 2, now: 2)
        _ = turns.arrive(.check, key, started: 3, now: 3)
        #expect(turns.leave(2, key) == nil)
        #expect(turns.leave(1, key) == 3)
    }

    @Test func theMemoryOfDeletionsIsBounded() {
        var turns = AttachmentTurns()
        for number in 0..<(AttachmentTurns.rememberedMax + 100) {
            let key = AttachmentKey(containerID: "k\(number)", interface: "eth0")
            let started = Int64(number)
            guard case .proceed(let ticket) = turns.arrive(.delete, key, started: started, now: started).arrival else {
                Issue.record("an idle key is to proceed")
                return
            }
            _ = turns.leave(ticket, key)
        }
        let newest = AttachmentKey(containerID: "k\(AttachmentTurns.rememberedMax + 99)", interface: "eth0")
        #expect(turns.arrive(.add, newest, started: 0, now: 0).arrival == .refuse)
        let oldest = AttachmentKey(containerID: "k0", interface: "eth0")
        #expect(turns.arrive(.add, oldest, started: 0, now: 0).arrival != .refuse)
    }
}
