import APIClient
import JSONText

/// Service-account tokens of one pod. One is asked for anew when four fifths of its life are over.
struct PodTokens: Sendable {
    private struct Entry: Sendable {
        var token: String
        var renewAt: Timestamp
    }

    private var entries: [TokenSource: Entry] = [:]

    /// The earliest moment at which a token is due.
    var nextRenewal: Timestamp? { entries.values.map(\.renewAt).min() }

    /// The tokens that the pod's volumes ask for.
    mutating func current(for pod: PodObject, client: any APIClient, now: Timestamp)
        async throws(NodeAgentError) -> [TokenSource: String]
    {
        for source in ProjectedContent.tokenSources(of: pod) {
            if let entry = entries[source], entry.renewAt > now { continue }
            do {
                entries[source] = try await Self.request(source, pod, client, now: now)
            } catch {
                // A token that is still valid serves until the next try.
                guard entries[source] != nil else {
                    throw NodeAgentError(.volume, "no token for pod \(pod.name): \(error.message)", cause: error)
                }
            }
        }
        return entries.mapValues(\.token)
    }

    private static func request(_ source: TokenSource, _ pod: PodObject, _ client: any APIClient, now: Timestamp)
        async throws(APIError) -> Entry
    {
        let account = pod.spec["serviceAccountName"]?.string ?? "default"
        let body: JSONValue = [
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": [
                "audiences": source.audience.isEmpty ? .array([]) : .array([.string(source.audience)]),
                "expirationSeconds": .integer(source.expirationSeconds),
                "boundObjectRef": [
                    "kind": "Pod", "apiVersion": "v1", "name": .string(pod.name), "uid": .string(pod.uid),
                ],
            ],
        ]
        let reference = ObjectReference(.serviceAccounts, namespace: pod.namespace, name: account)
        let answer = try await client.create(reference, subresource: "token", body)
        let expiry = answer[path: "status", "expirationTimestamp"]?.string.flatMap { Timestamp($0) }
        let life = (expiry ?? now + .seconds(source.expirationSeconds)) - now
        return Entry(token: answer[path: "status", "token"]?.string ?? "", renewAt: now + life * 4 / 5)
    }
}
