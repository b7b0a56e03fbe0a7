import Testing

@testable import BenchReport

@Suite struct FigureTests {
    @Test func aQuantileIsAValueThatThatShareDoesNotExceed() {
        let values = (1...100).map(Double.init).reversed().map { $0 }
        #expect(Figure.median(values) == 50)
        #expect(Figure.quantile(values, 0.99) == 99)
        #expect(Figure.quantile(values, 1) == 100)
        #expect(Figure.quantile(values, 0) == 1)
        #expect(Figure.median([3]) == 3)
        #expect(Figure.median([4, 2]) == 2)
    }

    @Test func nothingHasNoMedian() { #expect(Figure.median([]).isNaN) }

    @Test func ratiosAreOfOneRoundEach() {
        #expect(Figure.ratios([2, 30], to: [1, 10]) == [2, 3])
    }

    @Test func numbersAreWrittenToThreeDigits() {
        #expect(Figure.text(0.949) == "0.95")
        #expect(Figure.text(1.005) == "1.00" || Figure.text(1.005) == "1.01")
        #expect(Figure.text(2) == "2.00")
        #expect(Figure.text(9.996) == "10.0")
        #expect(Figure.text(14.26) == "14.3")
        #expect(Figure.text(99.96) == "100")
        #expect(Figure.text(2_600) == "2,600")
        #expect(Figure.text(1_234_567) == "1,234,567")
        #expect(Figure.text(-0.5) == "-0.50")
        #expect(Figure.text(.nan) == "not measured")
    }
}
