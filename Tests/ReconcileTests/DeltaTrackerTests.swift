import Reconcile
import TestKit
import Testing

@Suite struct DeltaTrackerTests {
    private func perform(_ tracker: inout DeltaTracker<String, Int>, _ map: inout [String: Int]) -> [String] {
        tracker.pending().map { operation in
            tracker.done(operation)
            switch operation {
            case .put(let key, let value):
                map[key] = value
                return "put \(key)"
            case .delete(let key):
                map[key] = nil
                return "delete \(key)"
            }
        }
    }

    @Test func onlyDifferencesAreWrittenAndPutsComeFirst() {
        var tracker = DeltaTracker<String, Int>()
        var map = ["old": 1, "same": 2]
        tracker.setActual(map)
        tracker.want(all: ["same": 2, "new": 3])
        #expect(perform(&tracker, &map) == ["put new", "delete old"])
        #expect(tracker.isSettled && map == ["same": 2, "new": 3])
    }

    @Test func aChangeThatIsTakenBackIsNotWritten() {
        var tracker = DeltaTracker<String, Int>()
        tracker.setActual(["a": 1])
        tracker.want("a", 1)
        tracker.want("a", 2)
        tracker.want("a", 1)
        #expect(tracker.isSettled)
    }

    @Test func whatFailedStaysPending() {
        var tracker = DeltaTracker<String, Int>()
        tracker.want("a", 1)
        _ = tracker.pending()
        #expect(tracker.pendingCount == 1)
    }

    @Test func driftThatIsReadBackIsRepaired() {
        var random = SeededGenerator(seed: 5)
        var tracker = DeltaTracker<String, Int>()
        var map: [String: Int] = [:]
        for round in 0..<500 {
            let key = "k\(Int.random(in: 0..<20, using: &random))"
            switch Int.random(in: 0..<4, using: &random) {
            case 0: tracker.want(key, nil)
            case 1:
                // Somebody else writes to the map.
                map[key] = Int.random(in: 0..<3, using: &random)
                tracker.setActual(map)
            case 2: _ = perform(&tracker, &map)
            default: tracker.want(key, Int.random(in: 0..<3, using: &random))
            }
            guard round % 50 == 49 else { continue }
            _ = perform(&tracker, &map)
            #expect(map == tracker.desired)
        }
    }
}
