package import DaemonAPI
package import JSONText
package import PodNetwork

/// Hands the CNI methods to PodNetwork, and the others to whoever serves them.
package struct RequestRouter: RequestHandler {
    private let network: PodNetworking
    private let others: any RequestHandler

    package init(network: PodNetworking, others: any RequestHandler) {
        self.network = network
        self.others = others
    }

    package func answer(_ request: Request, items: ReplyItems) async throws(DaemonError) -> JSONValue? {
        if let answer = try await network.answer(request) { return answer }
        return try await others.answer(request, items: items)
    }
}
