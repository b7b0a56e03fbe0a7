import APIMachinery
import JSONText
import Testing

@Suite struct ServerSideApplyTests {
    private func configMap(_ data: String) -> String {
        #"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m"},"data":\#(data)}"#
    }

    @Test func anApplierOwnsWhatItSetsAndNothingElse() throws {
        var object = try WriterFixture("configmaps", name: "m")
        try object.apply(configMap(#"{"x":"1","y":"2"}"#), manager: "a")
        #expect(object.owners == ["a Apply": ["f:data": ["f:x": .object([:]), "f:y": .object([:])]]])
        #expect(object.stored?.uid == "uid-1")
    }

    @Test func takingAnothersFieldIsAConflictUnlessForced() throws {
        var object = try WriterFixture("configmaps", name: "m")
        try object.apply(configMap(#"{"x":"1","y":"2"}"#), manager: "a")
        let status = try #require(refusal { try object.apply(configMap(#"{"x":"2"}"#), manager: "b") })
        #expect(status.code == 409)
        #expect(status.details?.causes.map(\.field) == [".data.x"])
        #expect(status.message == #"Apply failed with 1 conflict: conflict with "a": .data.x"#)
        try object.apply(configMap(#"{"x":"2"}"#), manager: "b", force: true)
        #expect(object.stored?["data"] == ["x": "2", "y": "2"])
        #expect(object.owners["a Apply"] == ["f:data": ["f:y": .object([:])]])
        #expect(object.owners["b Apply"] == ["f:data": ["f:x": .object([:])]])
    }

    @Test func whatIsNoLongerAppliedGoesUnlessAnotherOwnsIt() throws {
        var object = try WriterFixture("configmaps", name: "m")
        try object.apply(configMap(#"{"x":"1","y":"2"}"#), manager: "a")
        try object.apply(configMap(#"{"x":"1"}"#), manager: "b")
        try object.apply(configMap(#"{}"#), manager: "a")
        #expect(object.stored?["data"] == ["x": "1"])
        try object.apply(configMap(#"{}"#), manager: "b")
        #expect(object.stored?["data"] == nil)
    }

    /// As after kubectl's change from client-side to server-side apply, whose annotation then goes.
    @Test func theLastOwnedFieldOfTheMetadataGoesAlone() throws {
        var object = try WriterFixture("configmaps", name: "m")
        let annotated =
            #"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m","annotations":{"a":"b"}},"data":{"x":"1"}}"#
        try object.apply(annotated, manager: "a")
        try object.apply(configMap(#"{"x":"1"}"#), manager: "a")
        #expect(object.stored?["metadata"]?["annotations"] == nil)
        #expect(object.stored?["metadata"]?["name"] == "m")
        #expect(object.stored?.uid == "uid-1")
    }

    @Test func listsWithKeysAreOwnedByElement() throws {
        var object = try WriterFixture("services", name: "s")
        func service(_ ports: String) -> String {
            #"{"apiVersion":"v1","kind":"Service","metadata":{"name":"s"},"spec":{"ports":\#(ports)}}"#
        }
        try object.apply(service(#"[{"name":"a","port":80},{"name":"b","port":81}]"#), manager: "a")
        try object.apply(service(#"[{"name":"c","port":82}]"#), manager: "b")
        let ports = object.stored?["spec"]?["ports"]?.array ?? []
        #expect(ports.compactMap { $0["port"]?.integer } == [80, 81, 82])
        let own = object.owners["b Apply"]?["f:spec"]?["f:ports"]
        #expect(own?[#"k:{"port":82,"protocol":"TCP"}"#]?["f:name"] == .object([:]))
        try object.apply(service(#"[{"name":"b","port":81}]"#), manager: "a")
        #expect((object.stored?["spec"]?["ports"]?.array ?? []).compactMap { $0["port"]?.integer } == [81, 82])
    }

    @Test func anOrdinaryWriteTakesOwnership() throws {
        var object = try WriterFixture("configmaps", name: "m")
        try object.apply(configMap(#"{"x":"1"}"#), manager: "a")
        try object.patch(.merge, #"{"data":{"x":"5","z":"1"}}"#, manager: "u")
        #expect(object.owners == ["u Update": ["f:data": ["f:x": .object([:]), "f:z": .object([:])]]])
        let status = refusal { try object.apply(configMap(#"{"x":"1"}"#), manager: "a") }
        #expect(status?.message == #"Apply failed with 1 conflict: conflict with "u" using v1: .data.x"#)
    }

    @Test func aWriteThatChangesNothingIsNoWrite() throws {
        var object = try WriterFixture("configmaps", name: "m")
        let first = try object.apply(configMap(#"{"x":"1"}"#), manager: "a")
        let second = try object.apply(configMap(#"{"x":"1"}"#), manager: "a", second: 60)
        #expect(first == second)
    }

    @Test func kubectlTakesOverWhatItAppliedOnTheClientsSide() throws {
        var object = try WriterFixture("configmaps", name: "m")
        let key = "kubectl.kubernetes.io/last-applied-configuration"
        let before = #"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"data\":{\"x\":\"1\",\"y\":\"1\"}}"#
        try object.create(
            #"""
            {"kind":"ConfigMap","metadata":{"name":"m","annotations":{"\#(key)":"\#(before)"}},
            "data":{"x":"1","y":"1"}}
            """#,
            manager: "kubectl-client-side-apply")
        try object.patch(.merge, #"{"data":{"y":"7"}}"#, manager: "other")
        let status = refusal { try object.apply(configMap(#"{"x":"2","y":"2"}"#), manager: "kubectl") }
        #expect(status?.details?.causes.map(\.field) == [".data.y"])
        try object.apply(configMap(#"{"x":"2"}"#), manager: "kubectl")
        #expect(object.stored?["data"]?["x"] == "2")
        let kept = try JSONValue(parsing: object.stored?["metadata"]?["annotations"]?[key]?.string ?? "")
        #expect(kept["data"] == ["x": "2"])
    }

    @Test func ownersCanBeReset() throws {
        var object = try WriterFixture("configmaps", name: "m")
        try object.create(configMap(#"{"x":"1"}"#))
        #expect(object.owners.count == 1)
        try object.patch(.merge, #"{"metadata":{"managedFields":[{}]}}"#)
        #expect(object.owners.isEmpty)
    }

    @Test func theNumberOfWritersIsBounded() throws {
        var object = try WriterFixture("configmaps", name: "m")
        try object.create(configMap(#"{"x":"1"}"#))
        for index in 0..<30 {
            try object.patch(
                .merge, #"{"data":{"k\#(index)":"1"}}"#, manager: "m\(index)", second: Int64(index + 1))
        }
        #expect(object.owners.count == 10)
        #expect(object.owners["ancient-changes Update"]?["f:data"]?["f:k3"] == .object([:]))
    }

    @Test func fieldSetsKeepTheirTextForm() throws {
        let text = #"{"f:a":{".":{},"k:{\"name\":\"c\"}":{"f:x":{}},"v:\"s\"":{}},"f:b":{}}"#
        let set = try #require(FieldSet(json: try JSONValue(parsing: text)))
        #expect(set.json.compactText == text)
        #expect(set.contains([.field("a")]))
        #expect(!set.contains([.field("a"), .key(["name": "c"])]))
        #expect(set.subtracting(set).isEmpty)
        #expect(set.union(FieldSet()) == set)
        #expect(FieldSet(json: ["x:a": .object([:])]) == nil)
    }
}
