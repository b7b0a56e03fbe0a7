import APIMachinery
import JSONText
import Synchronization

/// `exec` over a WebSocket: the channel protocols `v5.channel.k8s.io` and `v4.channel.k8s.io`.
///
/// Each message starts with its channel's number: 0 stdin, 1 stdout, 2 stderr, 3 the result as a Status, 4 terminal
/// sizes. In v5 a message on 255 closes the channel that it names, which is how the end of stdin is said.
struct ExecUpgrade: Upgrade {
    private enum Channel {
        static let stdin: UInt8 = 0
        static let stdout: UInt8 = 1
        static let stderr: UInt8 = 2
        static let result: UInt8 = 3
        static let resize: UInt8 = 4
        static let close: UInt8 = 255
    }

    static let protocols = ["v5.channel.k8s.io", "v4.channel.k8s.io"]
    /// Larger output is cut into messages of this size.
    private static let messageBytesMax = 32 << 10

    let subprotocol: String
    let request: PodExecRequest
    let streams: any NodeStreams

    func run(_ connection: any MessageConnection) async {
        let status: JSONValue
        do {
            let code = try await streams.exec(
                request, next: { await nextInput(connection) },
                write: { output in
                    switch output {
                    case .stdout(let bytes): try await send(bytes, Channel.stdout, connection)
                    case .stderr(let bytes): try await send(bytes, Channel.stderr, connection)
                    }
                })
            status = Self.status(exitCode: code)
        } catch let refusal as APIStatus {
            status = refusal.json
        } catch {
            status = APIStatus.internalError("\(error)").json
        }
        // The client may have gone, and then nobody reads the result.
        try? await send(status.compactBytes, Channel.result, connection)
    }

    private func send(_ bytes: [UInt8], _ channel: UInt8, _ connection: any MessageConnection) async throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            try await connection.send([channel] + rest.prefix(Self.messageBytesMax))
            rest = rest.dropFirst(Self.messageBytesMax)
        }
    }

    private func nextInput(_ connection: any MessageConnection) async -> PodExecInput? {
        while let message = await connection.receive() {
            guard let channel = message.first else { continue }
            switch channel {
            case Channel.stdin:
                // An empty message opens the channel and carries nothing.
                if message.count > 1 { return .bytes(Array(message[1...])) }
            case Channel.resize:
                guard let size = try? JSONValue(parsing: Array(message[1...])),
                    let width = size["Width"]?.integer.flatMap({ UInt16(exactly: $0) }),
                    let height = size["Height"]?.integer.flatMap({ UInt16(exactly: $0) })
                else { continue }
                return .resize(width: width, height: height)
            case Channel.close:
                if subprotocol == Self.protocols[0], message.count == 2, message[1] == Channel.stdin {
                    return .endOfInput
                }
            default: continue
            }
        }
        return nil
    }

    /// The Status that tells a command's exit code.
    static func status(exitCode: Int32) -> JSONValue {
        if exitCode == 0 { return ["metadata": [:], "status": "Success"] }
        return [
            "metadata": [:], "status": "Failure", "reason": "NonZeroExitCode",
            "message": .string("command terminated with non-zero exit code: exit status \(exitCode)"),
            "details": ["causes": [["reason": "ExitCode", "message": .string(String(exitCode))]]],
        ]
    }
}
