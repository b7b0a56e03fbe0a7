import CommandLineUI
import JSONText
import Testing

/// `martlet explain` where policies are not in force as they were written.
@Suite struct ExplainViewTests {
    private static func answer(decision: JSONValue) -> JSONValue {
        [
            "flow": [
                "source": ["address": "10.0.0.1"], "destination": ["address": "10.0.0.2"], "protocol": "TCP",
                "port": 80,
            ],
            "verdict": "drop", "agrees": true,
            "egress": ["verdict": "allow", "decision": "no policy decides in this direction", "steps": []],
            "ingress": ["verdict": "drop", "decision": "closed: its policies (a, b) make 6 rules, 4 fit", "steps": []],
            "kernel": [
                "verdict": "drop", "generation": 3, "egress": ["verdict": "allow", "rule": .null],
                "ingress": ["verdict": "drop", "rule": .null, "reasonName": "policy-closed"],
            ],
            "changes": [["direction": "ingress", "text": "take 2 rules out of a, b", "decision": decision]],
        ]
    }

    @Test func whatHasToBeMendedIsNotOfferedAsAChange() {
        let text = ExplainView(style: Style(isColoured: false)).text(Self.answer(decision: .null))
        #expect(text.contains("ingress: drop by policy-closed\n"))
        #expect(text.contains("egress: allow by no policy\n"))
        #expect(
            text.contains("to be mended before it can become allow:\n  take 2 rules out of a, b (ingress)\n"))
        #expect(!text.contains("smallest change"))
    }

    @Test func aChangeSaysWhatDecidesAfterIt() {
        let text = ExplainView(style: Style(isColoured: false)).text(Self.answer(decision: "allowed by c, rule 0"))
        #expect(
            text.contains(
                "smallest change that would make it allow, other flows aside:\n"
                    + "  take 2 rules out of a, b (ingress: allowed by c, rule 0)\n"))
    }
}
