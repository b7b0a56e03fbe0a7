import JSONText
import Testing

@testable import Controllers

@Suite struct InvariantConditionTests {
    private func invariant(_ statement: JSONValue) -> JSONValue {
        ["metadata": ["name": "i"], "spec": ["statement": statement, "from": [:], "to": [:]]]
    }

    @Test func aConditionSaysWhetherItHoldsAndWhyThatIsNotKnown() {
        let held = InvariantCondition(of: invariant("Never"), .some(nil))
        #expect(held?.status == "True" && held?.reason == "NoFlowFound")
        let broken = InvariantCondition(of: invariant("Never"), .some("a reaches b"))
        #expect(broken?.status == "False" && broken?.message == "a reaches b")
        let unreadable = InvariantCondition(of: invariant("Sometimes"), nil)
        #expect(unreadable?.status == "Unknown" && unreadable?.reason == "Unreadable")
        #expect(unreadable?.message.contains("must be Never or Only") == true)
        // Not looked at yet.
        #expect(InvariantCondition(of: invariant("Never"), nil) == nil)
    }
}
