import JSONText
import Testing

@testable import PolicyAdmission

/// A reason counts for one write, and in a deletion for who gave it.
@Suite struct InvariantOverrideTests {
    private static func object(
        _ reason: String?, deletion: String? = nil, by author: String? = nil, isEnding: Bool = false
    ) -> JSONValue {
        var annotations: [String: JSONValue] = [:]
        annotations[InvariantOverride.annotation] = reason.map { .string($0) }
        annotations[InvariantOverride.deletionAnnotation] = deletion.map { .string($0) }
        annotations[InvariantOverride.authorAnnotation] = author.map { .string($0) }
        var metadata: [String: JSONValue] = ["name": "p", "annotations": .object(annotations)]
        if isEnding { metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z" }
        return ["metadata": .object(metadata)]
    }

    private func reason(_ old: JSONValue?, _ new: JSONValue?, user: String = "ann") -> String? {
        InvariantOverride.reason(old: old, new: new, user: user)
    }

    private func hint(_ old: JSONValue?, _ new: JSONValue?) -> String {
        InvariantOverride.hint(old: old, new: new, user: "ann") ?? ""
    }

    @Test func theWriteThatSetsOrChangesTheReasonHasIt() {
        #expect(reason(nil, Self.object("one")) == "one")
        #expect(reason(Self.object(nil), Self.object("one")) == "one")
        #expect(reason(Self.object("one"), Self.object("two")) == "two")
    }

    @Test func aLaterWriteWithTheSameReasonHasNoneAndIsToldSo() {
        #expect(reason(Self.object("one"), Self.object("one")) == nil)
        #expect(hint(Self.object("one"), Self.object("one")).contains("change it in this one"))
    }

    @Test func noReasonOrAnEmptyOneIsNone() {
        for new in [Self.object(nil), ["metadata": [:]], [:]] as [JSONValue] {
            #expect(reason(Self.object("one"), new) == nil && reason(nil, new) == nil)
            #expect(hint(nil, new).isEmpty)
        }
        for blank in ["", "  ", "\t\n"] {
            #expect(reason(Self.object("one"), Self.object(blank)) == nil)
            #expect(hint(nil, Self.object(blank)).contains("is blank"))
            let old = Self.object(nil, deletion: blank, by: "ann")
            #expect(reason(old, nil) == nil && hint(old, nil).contains("is blank"))
        }
    }

    @Test func aDeletionTakesItsOwnAnnotationAlone() {
        #expect(reason(Self.object("one"), nil) == nil)
        #expect(hint(Self.object("one"), nil).contains(InvariantOverride.deletionAnnotation))
        #expect(reason(Self.object("one", deletion: "gone", by: "ann"), nil) == "gone")
        #expect(reason(nil, Self.object(nil, deletion: "gone", by: "ann")) == nil)
    }

    @Test func theReasonForADeletionCountsForWhoGaveItAlone() {
        for author in ["bob", nil] as [String?] {
            let old = Self.object(nil, deletion: "gone", by: author)
            #expect(reason(old, nil) == nil)
            #expect(hint(old, nil).contains("given by \(author ?? "an unknown user")"))
        }
    }

    @Test func theMarkOfADeletionIsTheDeletion() {
        let old = Self.object("one", deletion: "gone", by: "ann")
        let marked = Self.object("two", deletion: "gone", by: "ann", isEnding: true)
        #expect(InvariantOverride.isDeletion(old: old, new: marked) && reason(old, marked) == "gone")
        // Later writes of what is marked are writes.
        #expect(!InvariantOverride.isDeletion(old: marked, new: marked) && reason(marked, marked) == nil)
        #expect(InvariantOverride.isDeletion(old: marked, new: nil))
    }

    @Test func theServerNotesWhoGaveTheReason() {
        func signed(_ object: JSONValue, old: JSONValue?) -> String? {
            var object = object
            InvariantOverride.sign(&object, old: old, user: "ann")
            return object[path: "metadata", "annotations", InvariantOverride.authorAnnotation]?.string
        }
        let old = Self.object(nil, deletion: "gone", by: "bob")
        #expect(signed(Self.object(nil, deletion: "gone"), old: nil) == "ann")
        #expect(signed(Self.object(nil, deletion: "other"), old: old) == "ann")
        // Who writes something else, or another name, changes nothing of it.
        #expect(signed(Self.object(nil, deletion: "gone"), old: old) == "bob")
        #expect(signed(Self.object(nil, deletion: "gone", by: "ann"), old: old) == "bob")
        #expect(signed(Self.object(nil, deletion: "gone", by: "root"), old: nil) == "ann")
        #expect(signed(Self.object(nil, deletion: "gone", by: "ann"), old: Self.object(nil, deletion: "gone")) == nil)
        #expect(signed(Self.object(nil, by: "ann"), old: old) == nil)
        #expect(signed(["metadata": [:]], old: nil) == nil)
    }

    @Test func whatAWriteGivesAreTheReasonsThatItChanges() {
        let old = Self.object("one", deletion: "gone")
        #expect(InvariantOverride.given(old: old, new: old).isEmpty)
        #expect(InvariantOverride.given(old: old, new: Self.object(nil)).isEmpty)
        #expect(InvariantOverride.given(old: old, new: nil).isEmpty)
        #expect(InvariantOverride.given(old: old, new: Self.object("two", deletion: "gone")).count == 1)
        #expect(InvariantOverride.given(old: nil, new: old).count == 2)
    }
}
