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
                "smallest change that would make it allow:\n"
                    + "  take 2 rules out of a, b (ingress: allowed by c, rule 0)\n"))
    }

    private static func text(_ more: [String: JSONValue]) -> String {
        var answer = answer(decision: "allowed by c, rule 0")
        for (key, value) in more { answer[key] = value }
        return ExplainView(style: Style(isColoured: false)).text(answer)
    }

    @Test func aChangeSaysWhatElseItTurns() {
        func others(_ opened: Int64, _ closed: Int64) -> JSONValue {
            let items: JSONValue = ["a/b -> c/d TCP 1"]
            return [
                "tried": 90, "opened": ["count": .integer(opened), "items": opened > 0 ? items : []],
                "closed": ["count": .integer(closed), "items": closed > 0 ? items : []],
            ]
        }
        func text(_ others: JSONValue) -> String {
            Self.text(["changes": [["direction": "ingress", "text": "x", "decision": "y", "others": others]]])
        }
        #expect(text(others(0, 0)).contains("  x (ingress: y)\n    turns none of 90 other flows that were tried\n"))
        #expect(
            text(others(3, 1)).contains(
                "    also opens a/b -> c/d TCP 1 and 2 more\n    also closes a/b -> c/d TCP 1\n"
                    + "    of 90 other flows that were tried\n"))
    }

    @Test func anOpenFlowSaysWhatItsNextPacketMeets() {
        func line(_ state: String) -> String {
            let rule: JSONValue = ["id": 40]
            let item: JSONValue = [
                "sourcePort": 1, "generation": 7, "state": .string(state), "nextReason": "policy", "egress": .null,
                "ingress": rule,
            ]
            return Self.text(["open": ["count": 60, "items": [item]]])
        }
        let judged = "in generation 7, egress by no policy, ingress by a rule that is gone\n  and 59 more\n"
        #expect(line("allowed").contains("open already: 60\n  from port 1: allowed \(judged)"))
        #expect(line("kept").contains("from port 1: forbidden and kept (on-change) \(judged)"))
        #expect(line("dropped").contains("forbidden: the next packet is dropped (policy); let in \(judged)"))
        #expect(line("reset").contains("forbidden: reset at both ends (on-change) \(judged)"))
    }

    @Test func dryRunsAndTheOtherFamilyAreTold() {
        let tried: JSONValue = ["verdict": "allow", "egress": "e", "ingress": "i"]
        #expect(
            Self.text(["dryRun": tried]).contains(
                "with the dry runs in force it would be allow (egress: e; ingress: i)\n"))
        #expect(!Self.text(["dryRun": .null]).contains("dry run"))
        func other(_ differs: Bool) -> String {
            Self.text([
                "otherFamily": [
                    "family": "IPv6", "verdict": "allow", "differs": .bool(differs), "command": "martlet explain a b",
                ]
            ])
        }
        #expect(other(true).contains("over IPv6 it is allow: martlet explain a b\n"))
        #expect(other(false).contains("over IPv6 the same: martlet explain a b\n"))
    }

    @Test func aDifferenceIsSaidAndOnlyThere() {
        var answer = Self.answer(decision: "allowed by c, rule 0")
        let view = ExplainView(style: Style(isColoured: false))
        #expect(!view.text(answer).contains("disagree"))
        answer["agrees"] = false
        answer["kernel"] = [
            "verdict": "drop", "generation": 3, "egress": ["verdict": "allow", "rule": .null],
            "ingress": [
                "verdict": "drop",
                "rule": ["kind": "NetworkPolicy", "policy": "shop/b", "direction": "ingress", "index": .null],
            ],
        ]
        let text = view.text(answer)
        #expect(text.contains("  ingress: drop by shop/b ingress isolation"), "\(text)")
        #expect(text.contains("\nevaluator and kernel disagree: run martlet fsck, and report this\n"), "\(text)")
    }

    @Test func anotherNodesAnswerIsNotInvented() {
        var answer = Self.answer(decision: "allowed by c, rule 0")
        answer["kernel"]?["ingress"] = ["verdict": .null, "judgedBy": "west"]
        let text = ExplainView(style: Style(isColoured: false)).text(answer)
        #expect(text.contains("  ingress: judged on node west, not here\n"), "\(text)")
    }
}
