import Foundation
import JSONText
import NodeAgent
import Testing

@Suite struct AtomicVolumeTests {
    private func inFolder(_ body: (String) throws -> Void) throws {
        let folder = NSTemporaryDirectory() + "mt-volume-\(UInt32.random(in: 0...UInt32.max))"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    private func file(_ path: String, _ text: String, mode: UInt32 = 0o644) -> VolumeFile {
        VolumeFile(path: path, bytes: Array(text.utf8), mode: mode)
    }

    private func read(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }

    @Test func filesAreReachedThroughOneLink() throws {
        try inFolder { folder in
            #expect(try AtomicVolume.write([file("a", "1"), file("d/b", "2", mode: 0o600)], to: folder, group: nil))
            #expect(read(folder + "/a") == "1")
            #expect(read(folder + "/d/b") == "2")
            let link = try FileManager.default.destinationOfSymbolicLink(atPath: folder + "/a")
            #expect(link == "..data/a")
            let mode = try FileManager.default.attributesOfItem(atPath: folder + "/..data/d/b")[.posixPermissions]
            #expect(mode as? Int == 0o600)
        }
    }

    @Test func theSameFilesAreNotWrittenAgain() throws {
        try inFolder { folder in
            try AtomicVolume.write([file("a", "1")], to: folder, group: nil)
            #expect(try !AtomicVolume.write([file("a", "1")], to: folder, group: nil))
            #expect(try AtomicVolume.write([file("a", "2")], to: folder, group: nil))
        }
    }

    @Test func anUpdateLeavesNothingOfTheOld() throws {
        try inFolder { folder in
            try AtomicVolume.write([file("a", "1"), file("b", "1")], to: folder, group: nil)
            let before = try FileManager.default.destinationOfSymbolicLink(atPath: folder + "/..data")
            try AtomicVolume.write([file("b", "2"), file("c", "2")], to: folder, group: nil)
            #expect(read(folder + "/a") == nil)
            #expect(read(folder + "/b") == "2")
            #expect(read(folder + "/c") == "2")
            #expect(!FileManager.default.fileExists(atPath: folder + "/" + before))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 4)
        }
    }

    @Test func contentFollowsItsSources() throws {
        let pod = try #require(
            PodObject([
                "metadata": ["name": "p", "namespace": "ns", "uid": "u", "labels": ["a": "1"]],
                "spec": ["containers": [["name": "c"]]],
            ]))
        var objects = ReferencedObjects()
        objects.configMaps["m"] = ["data": ["k": "v", "l": "w"], "binaryData": ["b": "AP8="]]
        objects.secrets["s"] = ["data": ["t": "c2VjcmV0"]]
        let configuration = NodeAgentConfiguration(
            nodeName: "n", containerdSocket: "", rootDirectory: "", logDirectory: "", nodeAddresses: [])
        let environment = PodEnvironment(pod, objects, addresses: [], configuration: configuration)
        let content = ProjectedContent(pod, objects, environment: environment, tokens: [:])
        let files = try content.files(of: [
            "name": "v",
            "projected": [
                "defaultMode": 288,
                "sources": [
                    ["configMap": ["name": "m", "items": [["key": "k", "path": "x/k", "mode": 256]]]],
                    ["secret": ["name": "s"]],
                    ["downwardAPI": ["items": [["path": "l", "fieldRef": ["fieldPath": "metadata.labels"]]]]],
                ],
            ],
        ])
        #expect(
            files == [
                file("x/k", "v", mode: 256), file("t", "secret", mode: 288), file("l", "a=\"1\"", mode: 288),
            ])
        #expect(try content.files(of: ["name": "v", "configMap": ["name": "m"]])?.map(\.path) == ["b", "k", "l"])
        #expect(try content.files(of: ["name": "v", "emptyDir": [:]]) == nil)
        let escape: JSONValue = [
            "name": "v", "configMap": ["name": "m", "items": [["key": "k", "path": "../../etc/passwd"]]],
        ]
        #expect(throws: NodeAgentError.self) { try content.files(of: escape) }
        let missing = #expect(throws: NodeAgentError.self) {
            try content.files(of: ["name": "v", "secret": ["secretName": "none"]])
        }
        #expect(missing?.message == "volume v: Secret \"none\" not found")
    }
}
