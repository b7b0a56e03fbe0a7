import JSONText
import Testing

@testable import CommandLineUI

@Suite struct TraceViewTests {
    @Test func aStepThatIsNotKnownSaysSo() {
        let text = TraceView.text([
            "policy": "shop/db", "kind": "NetworkPolicy",
            "versions": [
                [
                    "version": "7", "generation": 3,
                    "steps": [
                        ["step": "stored", "time": .null, "sincePrevious": .null],
                        [
                            "step": "informed", "time": "2026-01-01T00:00:00.000001Z",
                            "sincePrevious": .number(0.0012345),
                        ],
                    ],
                ]
            ],
        ])
        let lines = text.split(separator: "\n")
        #expect(lines.first == "NetworkPolicy shop/db, version 7, generation 3")
        #expect(lines.contains { $0.hasPrefix("stored") && $0.contains("not known") })
        #expect(lines.contains { $0.hasPrefix("informed") && $0.contains("1.235 ms") })
    }

    @Test(arguments: [(0.0, "0.000 ms"), (-0.0001, "-0.100 ms"), (1.5, "1500.000 ms")])
    func secondsAreShownAsMilliseconds(_ seconds: Double, _ text: String) {
        #expect(TraceView.milliseconds(.number(seconds)) == text)
    }
}
