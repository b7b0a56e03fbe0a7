import DaemonAPI
import JSONText
import NetTypes
import Testing

struct MessageTests {
    static let result = CNIResult(
        hostInterface: "mt0123", hostMAC: MACAddress("02:00:00:00:00:01").unsafe, podInterface: "eth0",
        podMAC: MACAddress("02:00:00:00:00:02").unsafe, sandbox: "/run/netns/x", mtu: 1_500,
        addresses: [IPAddress("10.1.2.3"), IPAddress("fd00::3")].compactMap(\.self))

    @Test func requestsAndRepliesSurviveTheWire() throws {
        for method in Method.allCases {
            let request = Request(method, params: ["a": 1])
            #expect(try Request(json: try JSONValue(parsing: request.json.compactText)) == request)
        }
        let replies: [Reply] = [
            .result(["x": [1, .null]]), .item("one"), .end,
            .failure(DaemonError(.tryAgainLater, "Pod a/b is not known", cause: "ECONNREFUSED")),
        ]
        for reply in replies {
            #expect(try Reply(json: try JSONValue(parsing: reply.json.compactText)) == reply)
        }
        #expect(replies.map(\.isLast) == [true, false, true, true])
    }

    @Test func unknownMethodsAndShapesAreNamed() {
        #expect(throws: DaemonError.self) { try Request(json: ["method": "cni.fly"]) }
        #expect(throws: DaemonError.self) { try Request(json: ["params": [:]]) }
        #expect(throws: DaemonError.self) { try Request(json: ["method": "status", "params": 3]) }
        #expect(throws: DaemonError.self) { try Reply(json: ["resul": 1]) }
    }

    @Test func parametersOfTheVerbsSurviveTheWire() throws {
        let key = AttachmentKey(containerID: "c", interface: "eth0")
        let owners: [AttachmentOwner] = [
            .unmanaged, .pod(namespace: "n", name: "p", uid: nil), .pod(namespace: "n", name: "p", uid: "u"),
        ]
        for owner in owners {
            let request = CNIRequest(
                key: key, namespacePath: "/run/netns/x", owner: owner, network: "martlet", allowUnmanaged: true,
                mtu: 9_000, startedNanoseconds: 12, previous: Self.result)
            #expect(try CNIRequest(json: request.json) == request)
        }
        let collect = CNICollectRequest(network: "martlet", valid: [key], startedNanoseconds: 7)
        #expect(try CNICollectRequest(json: collect.json) == collect)
    }

    @Test func eachVersionWritesItsOwnForm() throws {
        let old = Self.result.text(.v040)
        #expect(old["ips"]?[0]?["version"] == "4" && old["ips"]?[1]?["version"] == "6")
        #expect(old["interfaces"]?[1]?["mtu"] == nil)
        let middle = Self.result.text(.v100)
        #expect(middle["ips"]?[0]?["version"] == nil && middle["interfaces"]?[1]?["mtu"] == nil)
        let new = Self.result.text(.v110)
        #expect(new["interfaces"]?[1]?["mtu"] == 1_500)
        #expect(new["ips"]?[0]?["address"] == "10.1.2.3/32" && new["ips"]?[1]?["address"] == "fd00::3/128")
        #expect(new["routes"]?[1] == ["dst": "::/0", "gw": "fe80::1"])
    }

    @Test func aPreviousResultIsReadBackAmongOthersAdditions() throws {
        let key = AttachmentKey(containerID: "c", interface: "eth0")
        for version in CNIVersion.allCases {
            var text = Self.result.text(version)
            let tuned: JSONValue = ["name": "tap0", "sandbox": "/run/netns/x"]
            text["interfaces"] = .array((text["interfaces"]?.array ?? []) + [tuned])
            let read = try CNIResult(previous: text, key: key, namespacePath: "/run/netns/x")
            #expect(read.addresses == Self.result.addresses && read.hostInterface == "mt0123")
            #expect(read.mtu == (version == .v110 ? 1_500 : 0))
        }
        #expect(throws: DaemonError.self) {
            try CNIResult(previous: Self.result.text(.v110), key: key, namespacePath: "/run/netns/other")
        }
    }
}

extension Optional {
    /// The value of a literal that a test knows to be right.
    fileprivate var unsafe: Wrapped {
        guard let self else { preconditionFailure("a literal of this test is wrong") }
        return self
    }
}
