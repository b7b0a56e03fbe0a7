import APIClient
import Informers
import JSONText
import KubeObjects
import NetTypes
import TestKit
import Testing

@testable import Controllers

@Suite struct EndpointSliceControllerTests {
    let fixture = ControllerFixture()

    @Test(.timeLimit(.minutes(1))) func aServicesSliceFollowsItsPods() async throws {
        fixture.node("n1", labels: ["topology.kubernetes.io/zone": "z"])
        fixture.service("web")
        fixture.pod("a", labels: ["app": "web"], node: "n1", address: "10.1.0.1")
        fixture.pod("other", labels: ["app": "db"], node: "n1", address: "10.1.0.9")
        try await fixture.running(EndpointSliceController(fixture.context)) {
            try await fixture.until("the endpoint") { fixture.addresses("web") == ["10.1.0.1"] }
            let slice = try #require(fixture.slices("web").first)
            #expect(slice[path: "metadata", "ownerReferences"]?[0]?["kind"] == "Service")
            #expect(slice["endpoints"]?[0]?["zone"] == "z")
            fixture.pod("b", labels: ["app": "web"], node: "n1", address: "10.1.0.2")
            try await fixture.until("the second") { fixture.addresses("web") == ["10.1.0.1", "10.1.0.2"] }
            fixture.pod("a", labels: ["app": "web"], node: "n1", address: "10.1.0.1", isReady: false)
            try await fixture.until("unready") { fixture.addresses("web") == ["10.1.0.2"] }
            fixture.pod("b", labels: ["app": "changed"], node: "n1", address: "10.1.0.2")
            try await fixture.until("relabelled") { fixture.addresses("web").isEmpty }
            fixture.cluster.remove(.pods, namespace: "default", name: "a")
            try await fixture.until("an empty slice") {
                fixture.slices("web").count == 1 && fixture.slices("web")[0]["endpoints"]?.array == []
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func aSliceThatSomebodyDeletesComesBack() async throws {
        fixture.node("n1")
        fixture.service("web")
        fixture.pod("a", labels: ["app": "web"], node: "n1", address: "10.1.0.1")
        try await fixture.running(EndpointSliceController(fixture.context)) {
            try await fixture.until("the endpoint") { fixture.addresses("web") == ["10.1.0.1"] }
            let name = fixture.slices("web")[0].objectName
            fixture.cluster.remove(.endpointSlices, namespace: "default", name: name)
            try await fixture.until("the slice again") { fixture.addresses("web") == ["10.1.0.1"] }
        }
    }

    /// What tells of its end comes before the controller has heard that it is made.
    @Test(.timeLimit(.minutes(1))) func aSliceThatIsDeletedBeforeItsAnswerComesBack() async throws {
        fixture.node("n1")
        fixture.service("web")
        fixture.pod("a", labels: ["app": "web"], node: "n1", address: "10.1.0.1")
        let cluster = fixture.cluster
        cluster.beforeAnswer(toCreate: .endpointSlices) { made in
            cluster.remove(.endpointSlices, namespace: "default", name: made.objectName)
            try? await Task.sleep(for: .milliseconds(100))
        }
        try await fixture.running(EndpointSliceController(fixture.context)) {
            try await fixture.until("the slice again") { fixture.addresses("web") == ["10.1.0.1"] }
        }
    }

    @Test(.timeLimit(.minutes(1))) func manyPodsAreNeverInTwoSlices() async throws {
        fixture.node("n1")
        fixture.service("web")
        try await fixture.running(EndpointSliceController(fixture.context)) {
            for index in 1...250 {
                fixture.pod(
                    "p\(index)", labels: ["app": "web"], node: "n1", address: "10.1.\(index / 200).\(index % 200)")
            }
            try await fixture.until("all endpoints") { fixture.addresses("web").count >= 250 }
            #expect(Set(fixture.addresses("web")).count == fixture.addresses("web").count)
            #expect(fixture.slices("web").allSatisfy { $0["endpoints"]?.array?.count ?? 0 <= 100 })
        }
    }

    @Test(.timeLimit(.minutes(1))) func aServiceWithoutSelectorIsLeftAlone() async throws {
        fixture.service("manual", selector: [:])
        fixture.service("web")
        try await fixture.running(EndpointSliceController(fixture.context)) {
            try await fixture.until("the placeholder") { fixture.slices("web").count == 1 }
            #expect(fixture.slices("manual").isEmpty)
        }
    }

    /// A Service's slices are made anew only where something changed of what they tell.
    @Test(.timeLimit(.minutes(1))) func whatNoSliceTellsOfConcernsNoService() async throws {
        fixture.node("n1")
        fixture.service("web")
        fixture.pod("a", labels: ["app": "web"], node: "n1", address: "10.1.0.1")
        let controller = EndpointSliceController(fixture.context)
        try await fixture.running(controller) {
            try await fixture.until("the endpoint") { fixture.addresses("web") == ["10.1.0.1"] }
            var notice = ChangeNotice()
            notice.names = [.pods: [ObjectKey("default", "a")], .nodes: [ObjectKey("", "n1")]]
            fixture.pod("a", labels: ["app": "web", "nobody": "reads"], node: "n1", address: "10.1.0.1")
            // A node says every few seconds that it is there.
            fixture.node("n1", spec: ["unschedulable": false])
            try await fixture.until("the label") {
                fixture.context.cluster.pods.get(ObjectKey("default", "a"))?.metadata.labels["nobody"] == "reads"
            }
            #expect(controller.keys(notice).isEmpty)
            fixture.node("n1", labels: ["topology.kubernetes.io/zone": "z"])
            try await fixture.until("the zone") { fixture.slices("web").first?["endpoints"]?[0]?["zone"] == "z" }
        }
    }

    @Test(.timeLimit(.minutes(1))) func aConflictIsTriedAgain() async throws {
        fixture.node("n1")
        fixture.service("web")
        fixture.pod("a", labels: ["app": "web"], node: "n1", address: "10.1.0.1")
        try await fixture.running(EndpointSliceController(fixture.context)) {
            try await fixture.until("the endpoint") { fixture.addresses("web") == ["10.1.0.1"] }
            fixture.cluster.fail(APIError(code: 409, reason: "Conflict", message: "changed"))
            fixture.pod("b", labels: ["app": "web"], node: "n1", address: "10.1.0.2")
            try await fixture.until("the second") { fixture.addresses("web") == ["10.1.0.1", "10.1.0.2"] }
        }
    }
}

@Suite struct SelectorIndexTests {
    private let key = ObjectKey("ns", "a")

    private func service(_ name: String, _ selector: JSONValue) -> SliceService {
        SliceService([
            "metadata": ["name": .string(name), "namespace": "ns"],
            "spec": ["selector": selector, "clusterIP": "10.0.0.1"],
        ])
    }

    private func pod(_ labels: [String: String], address: UInt32 = 1, uid: String = "u") -> Pod {
        Pod(
            metadata: ObjectMeta(namespace: "ns", name: "a", uid: uid, labels: labels),
            addresses: [.init(v4: address)])
    }

    /// Services `app`, of which there are many, `both` and `stage`, and the pod as the first have it.
    private func index(of pod: Pod) -> SelectorIndex {
        var index = SelectorIndex()
        for number in 0..<100 { index.update(ObjectKey("ns", "app\(number)"), service("app", ["app": "x"])) }
        index.update(ObjectKey("ns", "both"), service("both", ["app": "x", "stage": "b"]))
        index.update(ObjectKey("ns", "stage"), service("stage", ["stage": "a"]))
        #expect(index.see(key, pod).count == 101)
        for number in 0..<100 { index.select([pod], by: ObjectKey("ns", "app\(number)")) }
        index.select([pod], by: ObjectKey("ns", "stage"))
        return index
    }

    @Test func aLabelConcernsThoseThatReadIt() {
        let first = pod(["app": "x", "stage": "a"])
        var index = index(of: first)
        #expect(index.see(key, pod(["app": "x", "stage": "a", "other": "1"])).isEmpty)
        let other = pod(["app": "x", "stage": "b"])
        #expect(index.see(key, other).map(\.name).sorted() == ["both", "stage"])
        #expect(index.see(key, other).isEmpty)
        // Those that it joined may be at work still: they are told of its leaving all the same.
        #expect(index.see(key, pod(["app": "x"])).map(\.name) == ["both"])
        #expect(index.see(key, pod(["app": "y"])).count == 100)
    }

    @Test func whatSlicesTellConcernsAllThatHaveThePod() {
        let first = pod(["app": "x", "stage": "a"])
        var index = index(of: first)
        #expect(index.see(key, pod(first.metadata.labels, address: 2)).count == 101)
        #expect(index.see(key, pod(first.metadata.labels, address: 2, uid: "v")).count == 101)
        #expect(index.see(key, nil).count == 101)
        for service in Array(index.services) { index.select([], by: service) }
        #expect(index.pods.isEmpty && index.see(key, nil).isEmpty)
    }

    /// The notice of the version between comes too late, or not at all, where the pod is soon as it was.
    @Test func whoMadeSlicesFromAVersionBetweenIsToldWhenThePodIsAsItWas() {
        let first = pod(["app": "x", "stage": "a"])
        for between in [pod(first.metadata.labels, address: 2), pod(["app": "x", "stage": "b"])] {
            var index = index(of: first)
            index.select([between], by: ObjectKey("ns", "app7"))
            #expect(index.see(key, first).contains(ObjectKey("ns", "app7")))
            #expect(index.see(key, first).isEmpty)
        }
    }

    @Test func aSliceThatMovesConcernsBothAndOneThatIsGoneIsForgotten() {
        var written = WrittenSlices()
        let (slice, old, new) = (ObjectKey("ns", "s"), ObjectKey("ns", "old"), ObjectKey("ns", "new"))
        #expect(written.see(slice, of: old) == [old])
        #expect(written.see(slice, of: new) == [old, new])
        #expect(written.see(slice, of: nil) == [new])
        #expect(written.see(slice, of: nil).isEmpty)
    }

    @Test func aSelectorThatChangesIsFoundByItsNewPairsAlone() {
        var index = index(of: pod(["app": "x", "stage": "a"]))
        index.update(ObjectKey("ns", "both"), service("both", ["tier": "t"]))
        #expect(index.see(key, pod(["app": "x", "stage": "b"])).map(\.name) == ["stage"])
        #expect(index.see(key, pod(["app": "x", "stage": "b", "tier": "t"])).map(\.name) == ["both"])
        index.update(ObjectKey("ns", "both"), nil)
        #expect(index.see(key, pod(["app": "x", "stage": "b"])).isEmpty)
    }
}

@Suite struct SliceReconciliationTests {
    private let service = SliceService([
        "metadata": ["name": "web", "namespace": "ns", "uid": "u1", "labels": ["team": "x"]],
        "spec": [
            "selector": ["app": "web"], "clusterIP": "10.0.0.1", "ipFamilies": ["IPv4", "IPv6"],
            "ports": [
                ["name": "http", "port": 80, "targetPort": "http"], ["name": "raw", "port": 90, "targetPort": 91],
            ],
        ],
    ])

    private func pod(_ index: Int, named port: UInt16 = 8_080, isDeleting: Bool = false) -> Pod {
        Pod(
            metadata: ObjectMeta(
                namespace: "ns", name: "p\(index)", uid: "uid\(index)", labels: ["app": "web"], isDeleting: isDeleting),
            addresses: [.init(v4: UInt32(0x0a01_0000 + index)), .init(high: 0xfd00 << 48, low: UInt64(index))],
            ports: [ContainerPort(name: "http", transport: .tcp, number: port)])
    }

    private func reconcile(_ pods: [Pod], _ existing: [PlannedSlice], max: Int = 10) -> SliceReconciliation.Changes {
        SliceReconciliation(service: service, nodes: [], endpointsMax: max).changes(pods: pods, existing: existing)
    }

    /// Carries the changes out, naming what is created.
    private func apply(_ changes: SliceReconciliation.Changes, to existing: [PlannedSlice]) -> [PlannedSlice] {
        let gone = Set(changes.delete.map(\.name) + changes.update.map(\.name))
        var next = existing.filter { !gone.contains($0.name) } + changes.update
        for var slice in changes.create {
            slice.name = "s\(next.count)-\(slice.addressType)-\(Int.random(in: 0 ..< .max))"
            next.append(slice)
        }
        return next
    }

    @Test func bothFamiliesAndEachNumberOfANamedPortHaveTheirOwnSlices() {
        let changes = reconcile([pod(1), pod(2), pod(3, named: 9_090)], [])
        let groups = changes.create.map { "\($0.addressType) \($0.ports.map(\.number)) \($0.endpoints.count)" }
        #expect(
            groups.sorted() == [
                "IPv4 [8080, 91] 2", "IPv4 [9090, 91] 1", "IPv6 [8080, 91] 2", "IPv6 [9090, 91] 1",
            ])
        #expect(changes.create.allSatisfy { $0.labels["team"] == "x" })
    }

    @Test func nothingToDoIsNoWrite() {
        let slices = apply(reconcile((1...25).map { pod($0) }, []), to: [])
        #expect(reconcile((1...25).map { pod($0) }, slices).isEmpty)
    }

    @Test func oneNewEndpointIsOneWriteAFamily() {
        let slices = apply(reconcile((1...25).map { pod($0) }, []), to: [])
        let changes = reconcile((1...26).map { pod($0) }, slices)
        #expect(changes.create.isEmpty && changes.delete.isEmpty)
        #expect(changes.update.count == 2)
    }

    @Test func terminatingPodsStayAsServingAndNotReady() throws {
        let changes = reconcile([pod(1, isDeleting: true)], [])
        let endpoint = try #require(changes.create.first?.endpoints.first)
        #expect(endpoint.isTerminating && endpoint.isServing && !endpoint.isReady)
    }

    /// Whatever came before, afterwards each pod is in exactly one slice a family, and nothing is left to do.
    @Test func anyHistoryEndsWithEveryPodOnceAndNothingToDo() {
        let seed = UInt64.random(in: 0 ... .max)
        var random = SeededGenerator(seed: seed)
        var slices: [PlannedSlice] = []
        for round in 0..<60 {
            let pods = (1...40).filter { _ in Bool.random(using: &random) }.map { index in
                pod(index, named: index % 7 == round % 3 ? 9_090 : 8_080)
            }
            slices = apply(reconcile(pods, slices, max: 5), to: slices)
            for family in ["IPv4", "IPv6"] {
                let names = slices.filter { $0.addressType == family }.flatMap(\.endpoints).map(\.identity.name)
                #expect(names.sorted() == pods.map(\.metadata.name).sorted(), "seed \(seed), round \(round)")
            }
            #expect(slices.allSatisfy { $0.endpoints.count <= 5 }, "seed \(seed), round \(round)")
            #expect(reconcile(pods, slices, max: 5).isEmpty, "seed \(seed), round \(round)")
        }
    }
}
