import JSONText
import Testing

@testable import CommandLineUI

@Suite struct StatusViewTests {
    @Test func eachTableStandsThereWithWhatIsFree() {
        let status: JSONValue = [
            "problems": [],
            "tables": [
                ["name": "classes", "used": 12, "free": 16370, "limit": 16382],
                ["name": "cidrClasses", "used": 4095, "free": 0, "limit": 4095],
            ],
        ]
        let lines = StatusView(style: Style(isColoured: false)).text(status).split(separator: "\n").map {
            $0.split(separator: " ").map(String.init)
        }
        #expect(lines.contains(["TABLE", "USED", "FREE", "LIMIT"]))
        #expect(lines.contains(["classes", "12", "16370", "16382"]))
        #expect(lines.contains(["cidrClasses", "4095", "0", "4095"]))
    }

    @Test func problemsComeFirst() {
        let status: JSONValue = [
            "problems": [["severity": "error", "message": "ClusterNetworkPolicy x: no room", "next": "make room"]]
        ]
        let text = StatusView(style: Style(isColoured: false)).text(status)
        #expect(text.hasPrefix("error  ClusterNetworkPolicy x: no room\n       next: make room\n"))
        #expect(StatusView.hasErrors(status))
    }
}
