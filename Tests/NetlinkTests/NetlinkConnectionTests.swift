import NetTypes
import Netlink
import Testing

struct NetlinkConnectionTests {
    @Test func aDumpIsReadToItsEnd() throws {
        let socket = MockSocket()
        socket.answers = [[[.link], [.link, .done]]]
        let links = try NetlinkConnection(socket: socket).links()
        #expect(links.map(\.name) == ["eth0", "eth0"])
        #expect(links.first?.index == 5 && links.first?.mtu == 1_500 && links.first?.isUp == true)
        #expect(links.first?.mac == MACAddress("02:00:00:00:00:05"))
    }

    @Test func aDumpThatChangedUnderneathIsReadAnew() throws {
        let socket = MockSocket()
        var interrupted = NetlinkMessage.link
        interrupted.flags |= 0x10
        socket.answers = [[[interrupted, .done]], [[.link, .done]]]
        #expect(try NetlinkConnection(socket: socket).links().count == 1)
        #expect(socket.sent.count == 2)
        let restless = MockSocket()
        restless.answers = Array(repeating: [[interrupted, .done]], count: 64)
        #expect(throws: NetlinkError.self) { try NetlinkConnection(socket: restless).links() }
    }

    @Test func theKernelsWordsComeWithItsErrno() {
        let socket = MockSocket()
        socket.answers = [[[.acknowledgement(errno: 22, words: "Invalid prefix")]]]
        #expect {
            try NetlinkConnection(socket: socket).setLink(index: 5, up: true)
        } throws: { error in
            let error = error as? NetlinkError
            return error?.code == .refused && error?.errno == 22 && error?.message.contains("Invalid prefix") == true
        }
    }

    @Test func answersToEarlierRequestsArePassedOver() throws {
        let socket = MockSocket()
        var stale = NetlinkMessage.acknowledgement(errno: 17)
        stale.sequence = 4_000
        socket.answers = [[[stale], [.acknowledgement(errno: 0)]]]
        try NetlinkConnection(socket: socket).setLink(index: 5, up: true)
    }

    @Test func whatIsNotThereIsNil() throws {
        let socket = MockSocket()
        socket.answers = [[[.acknowledgement(errno: 19)]]]
        #expect(try NetlinkConnection(socket: socket).link(named: "eth9") == nil)
    }

    @Test func anAnswerThatNeverComesIsAnError() {
        #expect(throws: NetlinkError.self) { try NetlinkConnection(socket: MockSocket()).links() }
    }

    /// Each prefix of an answer, and each answer with one byte changed: an error or an answer, never a crash or a hang.
    @Test func fuzzedAndTruncatedAnswersNeverCrash() {
        let whole = NetlinkMessage.link
        // Cut between attributes, or in the padding after one, it still tells of a link.
        let readable: Set = [25, 26, 27, 28, 36, 46, 47]
        for length in 0..<whole.payload.count {
            var cut = whole
            cut.payload = Array(whole.payload.prefix(length))
            let socket = MockSocket()
            socket.answers = [[[cut, .done]]]
            let links = try? NetlinkConnection(socket: socket).links()
            #expect(links == nil || readable.contains(length), "a link of \(length) bytes was read")
        }
        for position in 0..<whole.payload.count {
            for value: UInt8 in [0, 1, 3, 4, 5, 127, 128, 255] {
                var changed = whole
                changed.payload[position] = value
                let socket = MockSocket()
                socket.answers = [[[changed, .done]]]
                _ = try? NetlinkConnection(socket: socket).links()
            }
        }
        let bytes = whole.bytes + NetlinkMessage.done.bytes
        for length in 1..<bytes.count where length != whole.bytes.count {
            #expect(throws: NetlinkError.self) { try NetlinkMessage.parse(Array(bytes.prefix(length))) }
        }
    }
}
