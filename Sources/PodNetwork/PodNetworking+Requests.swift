package import DaemonAPI
package import JSONText

// The CNI methods of the local socket.
extension PodNetworking {
    /// Answers one of the `cni.` methods; nil for another method.
    package func answer(_ request: Request) async throws(DaemonError) -> JSONValue? {
        do throws(PodNetworkError) {
            switch request.method {
            case .cniAdd:
                let parameters = try Self.read { () throws(DaemonError) in try CNIRequest(json: request.params) }
                return try await add(parameters).json
            case .cniDel:
                let parameters = try Self.read { () throws(DaemonError) in try CNIRequest(json: request.params) }
                try await delete(parameters.key, startedNanoseconds: parameters.startedNanoseconds)
            case .cniCheck:
                let parameters = try Self.read { () throws(DaemonError) in try CNIRequest(json: request.params) }
                try await check(parameters)
            case .cniGC:
                try await collect(
                    try Self.read { () throws(DaemonError) in try CNICollectRequest(json: request.params) })
            case .cniStatus:
                try await status()
            case .status, .flows, .explain, .services, .endpoints, .policies, .maps, .fsck, .uninstall, .wait, .trace,
                .traffic:
                return nil
            }
            return [:]
        } catch {
            throw error.daemonError
        }
    }

    private static func read<Value>(_ body: () throws(DaemonError) -> Value) throws(PodNetworkError) -> Value {
        do throws(DaemonError) {
            return try body()
        } catch {
            throw PodNetworkError(error.code, error.message)
        }
    }
}
