import GRPCCore
import GRPCNIOTransportHTTP2
import GRPCProtobuf
import NIOCore
import SwiftProtobuf

/// One gRPC connection to containerd's socket; it reconnects by itself, and calls fail while there is none.
struct RuntimeConnection: Sendable {
    private let client: GRPCClient<HTTP2ClientTransport.Posix>
    /// containerd keeps each user's objects apart; the CRI's are in this one.
    private static let namespace = "k8s.io"

    init(socket: String) throws(NodeAgentError) {
        let config = HTTP2ClientTransport.Posix.Config.defaults { config in
            config.backoff = .init(initial: .milliseconds(100), max: .seconds(1), multiplier: 1.6, jitter: 0.2)
            config.http2.authority = "localhost"
            config.connection.maxIdleTime = nil
            config.channelDebuggingCallbacks = .init(
                onCreateTCPConnection: { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(PingAnswers(), position: .first)
                    }
                }, onCreateHTTP2Stream: nil)
        }
        do {
            let transport = try HTTP2ClientTransport.Posix(
                target: .unixDomainSocket(path: socket, authority: "localhost"), transportSecurity: .plaintext,
                config: config)
            client = GRPCClient(transport: transport)
        } catch {
            throw NodeAgentError(.runtime, "containerd's socket \(socket) makes no gRPC target", cause: error)
        }
    }

    /// Holds the connection until the task is cancelled or `close()` is called.
    func run() async throws { try await client.runConnections() }

    func close() { client.beginGracefulShutdown() }

    /// One request, one answer.
    func call<Request: SwiftProtobuf.Message, Response: SwiftProtobuf.Message>(
        _ service: String, _ method: String, _ request: Request, timeout: Duration, as type: Response.Type
    ) async throws(NodeAgentError) -> Response {
        var options = CallOptions.defaults
        options.timeout = timeout
        // While containerd is away a call waits for it, as long as its time lasts.
        options.waitForReady = true
        options.maxResponseMessageBytes = NodeAgentConfiguration.Limit.responseBytes
        do {
            return try await client.unary(
                request: ClientRequest(message: request, metadata: ["containerd-namespace": "\(Self.namespace)"]),
                descriptor: MethodDescriptor(fullyQualifiedService: service, method: method),
                serializer: ProtobufSerializer<Request>(), deserializer: ProtobufDeserializer<Response>(),
                options: options
            ) { response in try response.message }
        } catch let error as RPCError where error.code == .notFound {
            throw NodeAgentError(.notFound, "\(method): \(error.message)")
        } catch let error as RPCError {
            throw NodeAgentError(.runtime, "\(method): \(error.message)", cause: error.cause)
        } catch {
            throw NodeAgentError(.runtime, "\(method) failed", cause: error)
        }
    }

    /// Calls `notice` for each of containerd's events about tasks until the connection ends.
    func watchTasks(_ notice: @escaping @Sendable () -> Void) async throws {
        var request = ContainerdSubscribeRequest()
        request.filters = ["namespace==\(Self.namespace),topic~=^/tasks/"]
        try await client.serverStreaming(
            request: ClientRequest(message: request, metadata: ["containerd-namespace": "\(Self.namespace)"]),
            descriptor: MethodDescriptor(
                fullyQualifiedService: "containerd.services.events.v1.Events", method: "Subscribe"),
            serializer: ProtobufSerializer<ContainerdSubscribeRequest>(),
            deserializer: ProtobufDeserializer<ContainerdEnvelope>(), options: .defaults
        ) { response in
            for try await _ in response.messages { notice() }
        }
    }
}
