import APIClient
import JSONText
import TestKit
import Testing

@testable import Controllers

@Suite struct GarbageCollectorTests {
    let fixture = ControllerFixture()
    let collector: GarbageCollector

    init() { collector = GarbageCollector(fixture.context, resources: APIResource.builtin.filter { $0 != .events }) }

    @discardableResult
    private func owner(_ name: String, finalizers: JSONValue? = nil) -> JSONValue {
        var object: JSONValue = ["metadata": ["name": .string(name), "namespace": "default"]]
        if let finalizers { object["metadata"]?["finalizers"] = finalizers }
        return fixture.cluster.set(.services, object)
    }

    private func dependent(_ name: String, of owners: JSONValue...) {
        let references = owners.map { owner -> JSONValue in
            [
                "apiVersion": "v1", "kind": "Service", "name": owner[path: "metadata", "name"] ?? "",
                "uid": owner[path: "metadata", "uid"] ?? "", "blockOwnerDeletion": true,
            ]
        }
        fixture.cluster.set(
            .configMaps,
            [
                "metadata": [
                    "name": .string(name), "namespace": "default", "ownerReferences": .array(references),
                ]
            ])
    }

    private func object(_ name: String) -> JSONValue? {
        fixture.cluster.object(.configMaps, namespace: "default", name: name)
    }

    @Test(.timeLimit(.minutes(1))) func whatHasLostItsOwnerGoesAndTheRestStays() async throws {
        let first = owner("first")
        let second = owner("second")
        dependent("alone", of: first)
        dependent("shared", of: first, second)
        dependent("other", of: second)
        fixture.cluster.set(.configMaps, ["metadata": ["name": "free", "namespace": "default"]])
        try await fixture.running(collector) {
            fixture.cluster.remove(.services, namespace: "default", name: "first")
            try await fixture.until("alone is gone") { object("alone") == nil }
            try await fixture.until("shared has one owner") {
                object("shared")?[path: "metadata", "ownerReferences"]?.array?.count == 1
            }
            #expect(object("other") != nil)
            #expect(object("free") != nil)
        }
    }

    @Test(.timeLimit(.minutes(1))) func anOwnerThatWasReplacedUnderItsNameIsGone() async throws {
        let old = owner("svc")
        dependent("left", of: old)
        fixture.cluster.remove(.services, namespace: "default", name: "svc")
        let new = owner("svc")
        dependent("kept", of: new)
        try await fixture.running(collector) {
            try await fixture.until("the old one's is gone") { object("left") == nil }
            #expect(object("kept") != nil)
        }
    }

    @Test(.timeLimit(.minutes(1))) func anOwnerOfAnUnknownKindIsTakenToBeThere() async throws {
        fixture.cluster.set(
            .configMaps,
            [
                "metadata": [
                    "name": "kept", "namespace": "default",
                    "ownerReferences": [["apiVersion": "example.com/v1", "kind": "Thing", "name": "x", "uid": "u"]],
                ]
            ])
        let gone = owner("gone")
        dependent("left", of: gone)
        fixture.cluster.remove(.services, namespace: "default", name: "gone")
        try await fixture.running(collector) {
            try await fixture.until("the other is gone") { object("left") == nil }
            #expect(object("kept") != nil)
        }
    }

    @Test(.timeLimit(.minutes(1))) func foregroundDeletionTakesTheDependentsFirst() async throws {
        let service = owner("svc", finalizers: ["foregroundDeletion"])
        dependent("held", of: service)
        fixture.cluster.set(
            .configMaps,
            object("held").map { held in
                var held = held
                held["metadata"]?["finalizers"] = ["example.com/hold"]
                return held
            } ?? .null)
        try await fixture.running(collector) {
            _ = try await fixture.cluster.delete(
                ObjectReference(.services, namespace: "default", name: "svc"), options: nil)
            try await fixture.until("the dependent is going") { object("held")?.isBeingDeleted == true }
            #expect(fixture.cluster.object(.services, namespace: "default", name: "svc") != nil)
            _ = try await fixture.cluster.mergePatch(
                ObjectReference(.configMaps, namespace: "default", name: "held"), ["metadata": ["finalizers": .null]])
            try await fixture.until("both are gone") {
                object("held") == nil && fixture.cluster.object(.services, namespace: "default", name: "svc") == nil
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func orphansStayWithoutTheirOwner() async throws {
        let service = owner("svc", finalizers: ["orphan"])
        dependent("kept", of: service)
        try await fixture.running(collector) {
            try await fixture.until("the cache is warm") { fixture.cluster.watcherCount >= 20 }
            _ = try await fixture.cluster.delete(
                ObjectReference(.services, namespace: "default", name: "svc"), options: nil)
            try await fixture.until("the owner is gone") {
                fixture.cluster.object(.services, namespace: "default", name: "svc") == nil
            }
            #expect(object("kept")?[path: "metadata", "ownerReferences"] == nil)
        }
    }

    @Test(.timeLimit(.minutes(1))) func aRefusedDeletionIsToldAndNotTriedAgainAtOnce() async throws {
        for finalizers in [nil, ["foregroundDeletion"]] as [JSONValue?] {
            let name = finalizers == nil ? "gone" : "going"
            let service = owner(name, finalizers: finalizers)
            for dependent in ["a", "b"] { self.dependent(name + dependent, of: service) }
            fixture.cluster.keep(.configMaps, namespace: "default", name: name + "a")
        }
        fixture.cluster.remove(.services, namespace: "default", name: "gone")
        try await fixture.running(collector) {
            try await fixture.until("the cache is warm") { fixture.cluster.watcherCount >= 20 }
            _ = try await fixture.cluster.delete(
                ObjectReference(.services, namespace: "default", name: "going"), options: nil)
            // What is refused holds nothing else up.
            try await fixture.until("the others are gone") { object("goneb") == nil && object("goingb") == nil }
            try await fixture.until("both refusals are told") { told == ["gonea", "goinga"] }
            #expect(object("gonea") != nil && object("goinga") != nil)
            #expect(fixture.cluster.object(.services, namespace: "default", name: "going") != nil)
        }
        #expect(fixture.cluster.requests.count { $0 == "delete configmaps" } <= 8)
    }

    /// What Events say that it is refused.
    private var told: Set<String> {
        Set(
            fixture.cluster.objects(.events).filter { $0["reason"] == "DeletionRefused" }
                .compactMap { $0[path: "involvedObject", "name"]?.string })
    }
}
