import APIMachinery
import JSONText

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

    func openAPI(_ request: APIRequest, _ parts: [String]) throws(APIStatus) -> APIResponse { throw .noSuchPath }

    static func decodeProtobuf(_ bytes: [UInt8]) throws(APIStatus) -> JSONValue {
        try ProtobufCodec().decode(bytes)
    }
}
