import Testing

@testable import KubeObjects

@Suite struct LabelSetsTests {
    private func place(_ labels: [String: String]) -> Int { unsafeBitCast(labels, to: Int.self) }

    private func made(_ index: Int) -> [String: String] {
        ["app": "a-\(index)", "stage": String(["b", "a"].reversed().joined())]
    }

    @Test func equalLabelsShareTheirStorage() {
        var sets = LabelSets()
        let first = sets.shared(made(1))
        let again = sets.shared(made(1))
        #expect(place(made(1)) != place(first))
        #expect(place(again) == place(first))
        #expect(sets.shared(made(2)) == made(2))
    }

    @Test func itRemembersSoManyAndBeginsAnew() {
        var sets = LabelSets()
        let first = sets.shared(made(0))
        for index in 1..<LabelSets.remembered { _ = sets.shared(made(index)) }
        #expect(place(sets.shared(made(0))) == place(first))
        _ = sets.shared(made(LabelSets.remembered))
        let later = sets.shared(made(0))
        #expect(later == first)
        #expect(place(later) != place(first))
    }
}
