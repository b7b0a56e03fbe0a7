import BenchReport
import Glibc

/// UDP packets one way, each of which is a flow's first, or none: what a program's run costs is read from the kernel.
enum Datagrams {
    /// Takes what comes and answers nothing, until the process is ended.
    static func drain(port: UInt16) throws -> Never {
        let receiver = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        let bound = try Echo.withAddress("0.0.0.0", port) { bind(receiver, $0, $1) }
        guard bound == 0 else { throw Echo.failure("take UDP port \(port)") }
        var bytes = [UInt8](repeating: 0, count: 64)
        while true { _ = read(receiver, &bytes, bytes.count) }
    }

    /// `count` packets: each from a port of its own, or all from one whose first packet is not counted.
    static func send(_ address: String, _ port: UInt16, count: Int, isNew: Bool, before: () -> Void) throws {
        var sender = try dial(address, port)
        var byte: UInt8 = 1
        if !isNew { write(sender, &byte, 1) }
        before()
        for _ in 0..<count {
            if isNew {
                close(sender)
                sender = try dial(address, port)
            }
            guard write(sender, &byte, 1) == 1 else { throw Echo.failure("send to \(address):\(port)") }
        }
        close(sender)
    }

    private static func dial(_ address: String, _ port: UInt16) throws -> Int32 {
        let sender = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        guard try Echo.withAddress(address, port, { connect(sender, $0, $1) }) == 0 else {
            throw Echo.failure("connect to \(address):\(port)")
        }
        return sender
    }
}
