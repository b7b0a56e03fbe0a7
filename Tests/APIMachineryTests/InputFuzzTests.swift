import APIMachinery
import JSONText
import TestKit
import Testing

/// Seeded and bounded: damaged bodies and patches are taken or refused with a status, never a crash, and what is taken
/// is still an object of its kind.
@Suite struct InputFuzzTests {
    private static let pod: JSONValue = [
        "apiVersion": "v1", "kind": "Pod",
        "metadata": ["name": "p", "namespace": "n", "labels": ["a": "b", "c": "d"], "finalizers": ["x.y/z"]],
        "spec": [
            "containers": [
                ["name": "c", "image": "i", "ports": [["containerPort": 80, "protocol": "TCP"]], "args": ["1", "2"]]
            ],
            "terminationGracePeriodSeconds": 30,
        ],
    ]

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func fuzzedProtobufIsDecodedOrRefused(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let codec = ProtobufCodec()
        let whole = try #require(codec.encode(Self.pod))
        #expect(try codec.decode(whole)["spec"]?["containers"]?[0]?["image"] == "i")
        var refused = 0
        for _ in 0..<2_000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: index)
                case 2: bytes = Array(bytes.prefix(index))
                default: bytes.insert(UInt8.random(in: 128...255, using: &random), at: index)
                }
            }
            do throws(APIStatus) {
                // What is decoded can be written again, in protobuf and in JSON.
                let object = try codec.decode(bytes)
                _ = codec.encode(object)
                #expect(throws: Never.self, "seed \(seed)") { try JSONValue(parsing: object.compactBytes) }
            } catch {
                refused += 1
                #expect((400..<500).contains(error.code), "seed \(seed): \(error)")
            }
        }
        #expect(refused > 200 && refused < 2_000, "seed \(seed): \(refused) refused")
    }

    @Test(arguments: [PatchKind.json, .merge, .strategicMerge], 1...3 as ClosedRange<UInt64>)
    func fuzzedPatchesAreCarriedOutOrRefused(kind: PatchKind, seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var (taken, refused) = (0, 0)
        for _ in 0..<300 {
            var object = try WriterFixture("pods", name: "p")
            try object.create(
                #"{"kind":"Pod","metadata":{"name":"p","labels":{"a":"b"}},"#
                    + #""spec":{"containers":[{"name":"c","image":"i"}]}}"#
            )
            let patch = kind == .json ? Self.operations(&random) : Self.tree(&random, depth: 4)
            do {
                try object.patch(kind, patch.compactText)
                taken += 1
                #expect(object.stored?["metadata"]?["name"] == "p", "seed \(seed): \(patch.compactText)")
                #expect(object.stored?["kind"] == "Pod", "seed \(seed): \(patch.compactText)")
            } catch let error as APIStatus {
                refused += 1
                #expect((400..<500).contains(error.code), "seed \(seed): \(patch.compactText): \(error)")
            }
        }
        #expect(taken > 0 && refused > 0, "seed \(seed): \(taken) taken, \(refused) refused")
    }

    private static let keys = [
        "metadata", "labels", "a", "name", "spec", "containers", "image", "finalizers", "$patch", "status",
        "$setElementOrder/containers", "$deleteFromPrimitiveList/finalizers", "$retainKeys", "tolerations", "",
        "annotations", "managedFields", "uid", "activeDeadlineSeconds",
    ]
    private static let words = ["c", "delete", "replace", "merge", "i:2", "", "-1", "x.y/z", "\u{0}"]

    private static func tree(_ random: inout SeededGenerator, depth: Int) -> JSONValue {
        switch Int.random(in: 0..<(depth > 0 ? 10 : 4), using: &random) {
        case 0: return .null
        case 1: return .integer(Int64.random(in: -3...40, using: &random))
        case 2, 3: return .string(words[Int.random(in: 0..<words.count, using: &random)])
        case 4: return .array((0..<Int.random(in: 0..<3, using: &random)).map { _ in tree(&random, depth: depth - 1) })
        default:
            var members: [String: JSONValue] = [:]
            for _ in 0..<Int.random(in: 1..<4, using: &random) {
                members[keys[Int.random(in: 0..<keys.count, using: &random)]] = tree(&random, depth: depth - 1)
            }
            return .object(members)
        }
    }

    private static func operations(_ random: inout SeededGenerator) -> JSONValue {
        let names = ["add", "remove", "replace", "move", "copy", "test", "odd"]
        let paths = [
            "/metadata/labels/a", "/spec/containers/0/image", "/spec/containers/-", "/spec/containers/9", "", "/", "a",
            "/metadata/labels/~1x~0", "/spec/activeDeadlineSeconds", "/spec/containers/00",
        ]
        return .array(
            (0..<Int.random(in: 0..<4, using: &random)).map { _ in
                [
                    "op": .string(names[Int.random(in: 0..<names.count, using: &random)]),
                    "path": .string(paths[Int.random(in: 0..<paths.count, using: &random)]),
                    "from": .string(paths[Int.random(in: 0..<paths.count, using: &random)]),
                    "value": tree(&random, depth: 2),
                ]
            })
    }
}
