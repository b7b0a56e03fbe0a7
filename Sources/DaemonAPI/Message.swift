package import JSONText

/// What the local socket can be asked. One request a connection at a time; each is answered by one reply, or by a
/// stream of replies that ends with `Reply.end` (`flows` with `"follow": true`). Closing the connection cancels the
/// request.
package enum Method: String, Sendable, CaseIterable {
    case cniAdd = "cni.add"
    case cniDel = "cni.del"
    case cniCheck = "cni.check"
    case cniGC = "cni.gc"
    case cniStatus = "cni.status"
    case status, flows, explain, services, endpoints, policies, maps, fsck, uninstall, wait, trace, traffic
}

/// Limits of the socket, the same for every client.
package enum SocketLimits {
    /// Bytes of one request.
    package static let requestBytesMax = 4 << 20
    /// Bytes of one reply.
    package static let replyBytesMax = 64 << 20
    /// Connections served at once; a further one waits in the listen queue.
    package static let connectionsMax = 512
    /// Replies of a stream that wait for a slow reader; what comes past it is dropped and counted by the sender.
    package static let queuedRepliesMax = 1_024
}

/// `{"method": NAME, "params": …}`.
package struct Request: Sendable, Hashable {
    package let method: Method
    /// An object; `{}` where a method takes nothing.
    package let params: JSONValue

    package init(_ method: Method, params: JSONValue = [:]) {
        self.method = method
        self.params = params
    }

    package var json: JSONValue { ["method": .string(method.rawValue), "params": params] }

    /// Throws `decodingFailure` without a method, `unknownMethod` for one that is not listed.
    package init(json: JSONValue) throws(DaemonError) {
        guard let name = json["method"]?.string else {
            throw DaemonError(.decodingFailure, "a request is an object with the string field method")
        }
        guard let method = Method(rawValue: name) else {
            throw DaemonError(
                .unknownMethod, "method \(name) is not known; one of: \(Method.allCases.map(\.rawValue).sorted())")
        }
        let params = json["params"] ?? [:]
        guard case .object = params else {
            throw DaemonError(.decodingFailure, "params of \(name) is to be an object")
        }
        self.init(method, params: params)
    }
}

/// `{"result": …}`, `{"error": {"code": …, "msg": …, "details": …}}`, or in a stream `{"item": …}` until `{"end":
/// true}`.
package enum Reply: Sendable, Hashable {
    /// The one answer of a request.
    case result(JSONValue)
    case failure(DaemonError)
    /// One of many; more follow.
    case item(JSONValue)
    /// The stream is over.
    case end

    /// True where nothing follows.
    package var isLast: Bool {
        switch self {
        case .result, .failure, .end: true
        case .item: false
        }
    }

    package var json: JSONValue {
        switch self {
        case .result(let value): ["result": value]
        case .failure(let error): ["error": error.json]
        case .item(let value): ["item": value]
        case .end: ["end": true]
        }
    }

    /// Throws `decodingFailure` for anything that `json` does not write.
    package init(json: JSONValue) throws(DaemonError) {
        if let value = json["result"] {
            self = .result(value)
        } else if let value = json["error"], let error = DaemonError(json: value) {
            self = .failure(error)
        } else if let value = json["item"] {
            self = .item(value)
        } else if json["end"]?.bool == true {
            self = .end
        } else {
            throw DaemonError(.decodingFailure, "a reply is an object with one of result, error, item and end")
        }
    }
}
