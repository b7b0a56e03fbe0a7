import APIMachinery
import Crypto
import FoundationEssentials
import JSONText
import Synchronization

/// Discovery, OpenAPI and protobuf: what follows from the table of kinds.
extension APICore {
    /// `/api`, `/apis` and below: aggregated where the client takes it, the older lists elsewhere.
    func discovery(_ request: APIRequest, _ parts: [String]) throws(APIStatus) -> APIResponse {
        let documents = DiscoveryDocuments(registry)
        let isCore = parts[0] == "api"
        if parts.count == 1 {
            if let version = Self.aggregatedVersion(request.header("accept") ?? "") {
                let type = "application/json;g=apidiscovery.k8s.io;v=\(version);as=APIGroupDiscoveryList"
                let list = documents.aggregated(core: isCore, version: version)
                return APIResponse(contentType: type, list.compactBytes)
            }
            let host = request.header("host") ?? ""
            return try document(
                isCore ? documents.coreVersions(serverAddress: host) : documents.groupList, request)
        }
        let found =
            switch (isCore, parts.count) {
            case (true, 2): documents.resourceList(group: "", version: parts[1])
            case (false, 2): documents.group(parts[1])
            case (false, 3): documents.resourceList(group: parts[1], version: parts[2])
            case (true, _), (false, _): nil as JSONValue?
            }
        guard let found else { throw .noSuchPath }
        return try document(found, request)
    }

    private func document(_ value: JSONValue, _ request: APIRequest) throws(APIStatus) -> APIResponse {
        let offer = Negotiation.Offer(hasForms: false, hasProtobuf: false)
        let negotiation = try Negotiation(
            accept: request.header("accept"), prettyQuery: request.flag("pretty"), offer: offer)
        return try encode(value, negotiation)
    }

    /// `v2` or `v2beta1`, whichever a client that takes aggregated discovery likes best.
    private static func aggregatedVersion(_ accept: String) -> String? {
        for clause in Negotiation.clauses(accept) where clause.type == "application/json" {
            guard clause.parameters["as"] == "APIGroupDiscoveryList" else { return nil }
            let version = clause.parameters["v"] ?? ""
            if clause.parameters["g"] == "apidiscovery.k8s.io", version == "v2" || version == "v2beta1" {
                return version
            }
        }
        return nil
    }

    /// `/openapi/v3` and the document of each group version, which never changes while the process lives.
    func openAPI(_ request: APIRequest, _ parts: [String]) throws(APIStatus) -> APIResponse {
        if parts == ["openapi", "v2"] { return try swagger(request) }
        guard parts.count >= 2, parts[1] == "v3" else { throw .noSuchPath }
        if parts.count == 2 {
            return APIResponse(contentType: "application/json", openAPI.index.compactBytes)
        }
        guard let bytes = openAPI.document(parts[2...].joined(separator: "/")) else { throw .noSuchPath }
        return APIResponse(
            status: 200, headers: [("content-type", "application/json"), ("etag", "\"\(openAPI.hash)\"")],
            body: .bytes(bytes))
    }

    /// For clients that take it as protobuf, as kubectl does; there is no other form.
    private func swagger(_ request: APIRequest) throws(APIStatus) -> APIResponse {
        let type = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
        // As kubectl writes it; an `@` is no part of a media type, and Go does not read an answer with one.
        let asked = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
        let accepted = Negotiation.clauses(request.header("accept") ?? "").map(\.type)
        guard accepted.contains(type) || accepted.contains(asked) else { throw .noSuchPath }
        return APIResponse(contentType: type, OpenAPIDocuments.emptySwagger)
    }

    static func decodeProtobuf(_ bytes: [UInt8]) throws(APIStatus) -> JSONValue {
        try ProtobufCodec().decode(bytes)
    }
}

/// The OpenAPI documents as they go out, made at first use.
final class OpenAPICache: Sendable {
    private let made: Mutex<(hash: String, documents: [String: [UInt8]])?> = Mutex(nil)
    private let registry: ResourceRegistry

    init(registry: ResourceRegistry) {
        self.registry = registry
    }

    private var all: (hash: String, documents: [String: [UInt8]]) {
        made.withLock { made in
            if let made { return made }
            let source = OpenAPIDocuments(registry: registry)
            var documents: [String: [UInt8]] = [:]
            var hasher = SHA256()
            for group in registry.groups {
                for version in group.versions {
                    guard let document = source.document(group: group.name, version: version) else { continue }
                    let path = group.name.isEmpty ? "api/\(version)" : "apis/\(group.name)/\(version)"
                    let bytes = document.compactBytes
                    hasher.update(data: bytes)
                    documents[path] = bytes
                }
            }
            let hash = hasher.finalize().map { byte in
                let text = String(byte, radix: 16, uppercase: true)
                return text.count == 1 ? "0" + text : text
            }.joined()
            made = (hash, documents)
            return (hash, documents)
        }
    }

    var hash: String { all.hash }
    var index: JSONValue { OpenAPIDocuments(registry: registry).index(hash: hash) }

    /// - Parameter path: `api/v1`, `apis/GROUP/VERSION`.
    func document(_ path: String) -> [UInt8]? { all.documents[path] }
}
