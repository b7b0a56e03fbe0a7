import APIMachinery
import JSONText
import Testing

@Suite struct PatchTests {
    private func service() throws -> WriterFixture {
        var object = try WriterFixture("services", name: "s")
        try object.create(
            #"""
            {"kind":"Service","metadata":{"name":"s"},"spec":{"selector":{"a":"b"},
            "ports":[{"name":"a","port":80},{"name":"b","port":81}]}}
            """#
        )
        return object
    }

    private func ports(_ object: JSONValue?) -> [Int64] {
        (object?["spec"]?["ports"]?.array ?? []).compactMap { $0["port"]?.integer }
    }

    @Test func strategicMergeMergesListsByTheirKey() throws {
        var object = try service()
        try object.patch(.strategicMerge, #"{"spec":{"ports":[{"port":81,"targetPort":9090}]}}"#)
        #expect(ports(object.stored) == [80, 81])
        #expect(object.stored?["spec"]?["ports"]?[1]?["targetPort"] == 9090)
        #expect(object.stored?["spec"]?["ports"]?[1]?["name"] == "b")
    }

    @Test func strategicMergeDeletesReplacesAndOrders() throws {
        var object = try service()
        try object.patch(.strategicMerge, #"{"spec":{"ports":[{"port":80,"$patch":"delete"}]}}"#)
        #expect(ports(object.stored) == [81])
        try object.patch(.strategicMerge, #"{"spec":{"ports":[{"$patch":"replace"},{"port":9,"name":"z"}]}}"#)
        #expect(ports(object.stored) == [9])
        try object.patch(.strategicMerge, #"{"spec":{"ports":[{"port":7,"name":"y"}]}}"#)
        #expect(ports(object.stored) == [7, 9])
        try object.patch(.strategicMerge, #"{"spec":{"$setElementOrder/ports":[{"port":9},{"port":7}]}}"#)
        #expect(ports(object.stored) == [9, 7])
    }

    @Test func strategicMergeNeedsTheKeyAndKnownDirectives() throws {
        var object = try service()
        #expect(refusal { try object.patch(.strategicMerge, #"{"spec":{"ports":[{"name":"x"}]}}"#) }?.code == 400)
        #expect(refusal { try object.patch(.strategicMerge, #"{"spec":{"$patch":"odd"}}"#) }?.code == 400)
    }

    @Test func primitiveListsMergeAsSets() throws {
        var object = try WriterFixture("configmaps", name: "m")
        try object.create(#"{"kind":"ConfigMap","metadata":{"name":"m","finalizers":["a.b/c","a.b/d"]}}"#)
        try object.patch(
            .strategicMerge,
            #"{"metadata":{"$deleteFromPrimitiveList/finalizers":["a.b/c"],"finalizers":["a.b/e"]}}"#)
        #expect(Set(object.stored?["metadata"]?["finalizers"]?.array ?? []) == ["a.b/d", "a.b/e"])
    }

    @Test func retainKeysDropsTheOthers() throws {
        var object = try WriterFixture("pods", name: "p")
        try object.create(
            #"""
            {"kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[{"name":"c",
            "image":"i:1"}],"volumes":[{"name":"v","emptyDir":{}}]}}
            """#
        )
        let status = refusal {
            try object.patch(
                .strategicMerge,
                #"{"spec":{"volumes":[{"$retainKeys":["name","hostPath"],"name":"v","hostPath":{"path":"/x"}}]}}"#)
        }
        // A Pod's volumes may not change; the merge itself was fine: exactly one source is left.
        #expect(status?.code == 422)
        #expect(status?.details?.causes.map(\.field) == ["spec"])
    }

    @Test func mergePatchReplacesListsAndDropsNulls() throws {
        var object = try service()
        try object.patch(.merge, #"{"spec":{"ports":[{"port":1}],"selector":{"a":null,"c":"d"}}}"#)
        #expect(ports(object.stored) == [1])
        #expect(object.stored?["spec"]?["selector"] == ["c": "d"])
    }

    @Test func jsonPatchWorksOnPointers() throws {
        var object = try WriterFixture("configmaps", name: "m")
        try object.create(#"{"kind":"ConfigMap","metadata":{"name":"m","annotations":{"x/y":"1"}},"data":{"a":"1"}}"#)
        try object.patch(
            .json,
            #"""
            [{"op":"test","path":"/data/a","value":"1"},{"op":"move","from":"/data/a",
            "path":"/data/b"},{"op":"replace","path":"/metadata/annotations/x~1y",
            "value":"2"}]
            """#
        )
        #expect(object.stored?["data"] == ["b": "1"])
        #expect(object.stored?["metadata"]?["annotations"] == ["x/y": "2"])
        for bad in [
            #"[{"op":"remove","path":"/data/none"}]"#, #"[{"op":"test","path":"/data/b","value":"9"}]"#,
            #"[{"op":"odd","path":"/data"}]"#, #"[{"op":"add"}]"#, #"[{"op":"add","path":"/no/such/place","value":1}]"#,
        ] {
            #expect(refusal { try object.patch(.json, bad) }?.code == 422, "\(bad)")
        }
        #expect(refusal { try object.patch(.json, "{}") }?.code == 400)
    }

    @Test func aStaleRevisionIsRefused() throws {
        var object = try WriterFixture("configmaps", name: "m")
        try object.create(#"{"kind":"ConfigMap","metadata":{"name":"m"}}"#)
        let status = refusal { try object.patch(.merge, #"{"metadata":{"resourceVersion":"77"},"data":{"a":"1"}}"#) }
        #expect(status?.code == 409)
    }

    /// Any patch of any kind ends in an object or a refusal, and an object survives being written again unchanged.
    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func randomPatchesNeverBreakAnObject(seed: UInt64) throws {
        var random = SeededRandom(seed)
        let names = ["spec", "ports", "name", "port", "metadata", "labels", "$patch", "$retainKeys", "data", "a"]
        func value(_ depth: Int) -> JSONValue {
            switch random.below(depth > 0 ? 7 : 4) {
            case 0: return .integer(Int64(random.below(90)))
            case 1: return .string(["delete", "replace", "a", "merge"][random.below(4)])
            case 2: return .null
            case 3: return .bool(random.below(2) == 0)
            case 4: return .array((0..<random.below(3)).map { _ in value(depth - 1) })
            default:
                var members: [String: JSONValue] = [:]
                for _ in 0..<random.below(4) { members[names[random.below(names.count)]] = value(depth - 1) }
                return .object(members)
            }
        }
        var accepted = 0
        for _ in 0..<300 {
            var object = try service()
            let kinds: [PatchKind] = [.strategicMerge, .merge, .json, .apply]
            let kind = kinds[random.below(4)]
            let patch =
                kind == .json ? JSONValue.array([["op": "add", "path": "/spec/ports/-", "value": value(2)]]) : value(4)
            do {
                try object.patch(kind, patch.compactText)
                accepted += 1
                let before = object.stored
                try object.patch(.merge, "{}")
                #expect(object.stored == before, "seed \(seed): \(patch.compactText)")
            } catch {
                #expect(error is APIStatus, "seed \(seed): \(patch.compactText)")
            }
        }
        #expect(accepted > 10)
    }
}

/// Seeded: the same seed makes the same numbers.
struct SeededRandom {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }
    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
    mutating func below(_ bound: Int) -> Int { Int(next() >> 11) % bound }
}
