import JSONText
import Testing

@testable import PolicyAdmission

/// A reason counts for one write.
@Suite struct InvariantOverrideTests {
    private static func object(_ reason: String?, deletion: String? = nil) -> JSONValue {
        var annotations: [String: JSONValue] = [:]
        annotations[InvariantOverride.annotation] = reason.map { .string($0) }
        annotations[InvariantOverride.deletionAnnotation] = deletion.map { .string($0) }
        return ["metadata": ["name": "p", "annotations": .object(annotations)]]
    }

    @Test func theWriteThatSetsOrChangesTheReasonHasIt() {
        #expect(InvariantOverride.reason(old: nil, new: Self.object("one")) == "one")
        #expect(InvariantOverride.reason(old: Self.object(nil), new: Self.object("one")) == "one")
        #expect(InvariantOverride.reason(old: Self.object("one"), new: Self.object("two")) == "two")
    }

    @Test func aLaterWriteWithTheSameReasonHasNoneAndIsToldSo() {
        #expect(InvariantOverride.reason(old: Self.object("one"), new: Self.object("one")) == nil)
        let hint = InvariantOverride.hint(old: Self.object("one"), new: Self.object("one"))
        #expect(hint?.contains("change it in this one") == true)
    }

    @Test func noReasonOrAnEmptyOneIsNone() {
        for new in [Self.object(nil), Self.object(""), ["metadata": [:]], [:]] as [JSONValue] {
            #expect(InvariantOverride.reason(old: Self.object("one"), new: new) == nil)
            #expect(InvariantOverride.reason(old: nil, new: new) == nil)
            #expect(InvariantOverride.hint(old: nil, new: new) == nil)
        }
    }

    @Test func aDeletionTakesItsOwnAnnotationAlone() {
        #expect(InvariantOverride.reason(old: Self.object("one"), new: nil) == nil)
        #expect(
            InvariantOverride.hint(old: Self.object("one"), new: nil)?.contains(InvariantOverride.deletionAnnotation)
                == true)
        #expect(InvariantOverride.reason(old: Self.object("one", deletion: "gone"), new: nil) == "gone")
        #expect(InvariantOverride.reason(old: nil, new: Self.object(nil, deletion: "gone")) == nil)
    }
}
