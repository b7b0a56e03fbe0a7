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
