import CommandLineUI
import JSONText
import Testing

@Suite struct PolicyDiffViewTests {
    private static func flow(_ count: Int64) -> JSONValue {
        ["source": "a/b", "destination": "a/c", "port": "TCP 80", "flows": .integer(count)]
    }

    private static func text(_ more: [String: JSONValue]) -> String {
        PolicyDiffView(style: Style(isColoured: false)).text(.object(more.merging(["flowsKnown": true]) { $1 }))
    }

    @Test func oneIsOneAndTwoAreTwo() {
        let one = Self.text(["cutLive": [Self.flow(1)]])
        #expect(one.contains("cuts 1 live connection\n  a/b -> a/c TCP 80, 1 flow\n"))
        #expect(Self.text(["cutLive": [Self.flow(2)]]).contains("cuts 2 live connections\n"))
    }

    @Test func whatIsKeptIsNotCut() {
        let text = Self.text(["keptLive": [Self.flow(2)]])
        #expect(text.contains("cuts no live connection\nkeeps 2 live connections that it forbids (on-change: keep)\n"))
    }

    @Test func whatWasKeptBeforeIsToldApart() {
        let text = Self.text(["stillKeptLive": [Self.flow(1)], "allowedAgainLive": [Self.flow(2)]])
        #expect(text.contains("still keeps 1 live connection forbidden before (on-change: keep)\n  a/b"))
        #expect(text.contains("allows 2 live connections forbidden and kept before\n  a/b"))
    }

    @Test func aFlowOverIPv6SaysSo() {
        var flow = Self.flow(1)
        #expect(Self.text(["cutLive": [flow]]).contains("TCP 80, 1 flow\n"))
        flow["family"] = "IPv6"
        #expect(Self.text(["cutLive": [flow]]).contains("TCP 80 over IPv6, 1 flow\n"))
    }

    @Test func aWorldWithoutPodsSaysWhatToDo() {
        #expect(Self.text(["pods": 0]).contains("no pods are known (-f with pods"))
        #expect(!Self.text(["pods": 1]).contains("no pods are known"))
    }

    @Test func eachSignHasItsReasons() {
        let row: JSONValue = [
            "from": ["a/b"], "to": ["a/c"], "gainedText": "TCP 22", "lostText": "TCP 80",
            "gainedBecause": ["allowed by a/x ingress[0]"], "lostBecause": ["isolated by a/x ingress"],
        ]
        #expect(
            Self.text(["rows": [row]]).hasPrefix(
                "a/b -> a/c\n  + TCP 22\n    allowed by a/x ingress[0]\n  - TCP 80\n    isolated by a/x ingress\n"))
    }
}
