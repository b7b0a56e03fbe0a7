import APIMachinery
import JSONText
import Store

/// Paths that are no resources: health, version, discovery, OpenAPI, keys, metrics.
extension APICore {
    /// Answers that need no identity; nil for all other paths.
    func openAnswer(_ request: APIRequest) -> APIResponse? {
        guard request.method == "GET" || request.method == "HEAD" else { return nil }
        switch request.path {
        case "/healthz", "/livez", "/readyz": return health(request)
        case "/version", "/version/": return APIResponse(contentType: "application/json", Self.version.compactBytes)
        default:
            for prefix in ["/healthz/", "/livez/", "/readyz/"] where request.path.hasPrefix(prefix) {
                return health(request, only: String(request.path.dropFirst(prefix.count)))
            }
            return nil
        }
    }

    private var checks: [(name: String, fault: String?)] {
        var storeFault: String?
        do { try cache.synchronize() } catch { storeFault = error.message }
        return [("ping", nil), ("store", storeFault), ("watch-cache", nil)]
    }

    private func health(_ request: APIRequest, only: String? = nil) -> APIResponse {
        let probe = request.path.split(separator: "/").first ?? "healthz"
        var found = checks
        if let only {
            found = found.filter { $0.name == only }
            if found.isEmpty { return APIResponse(status: 404, text: "no such check: \(only)\n") }
        }
        let excluded = request.parameters("exclude")
        let faults = found.filter { $0.fault != nil && !excluded.contains($0.name) }
        if faults.isEmpty, request.parameter("verbose") == nil { return APIResponse(text: "ok") }
        var lines = found.map { check in
            check.fault.map { "[-]\(check.name) failed: \($0)" } ?? "[+]\(check.name) ok"
        }
        lines.append(faults.isEmpty ? "\(probe) check passed" : "\(probe) check failed")
        return APIResponse(status: faults.isEmpty ? 200 : 500, text: lines.joined(separator: "\n") + "\n")
    }

    static let version: JSONValue = [
        "major": "1", "minor": "32", "gitVersion": "v1.32.0+martlet", "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "swift", "platform": "linux/amd64",
    ]

    func plainAnswer(_ request: APIRequest, _ info: RequestInfo) throws(APIStatus) -> APIResponse {
        guard request.method == "GET" || request.method == "HEAD" else { throw .noSuchMethod }
        let parts = request.path.split(separator: "/").map(String.init)
        switch parts.first ?? "" {
        case "": return json(rootPaths)
        case "api", "apis": return try discovery(request, parts)
        case "openapi": return try openAPI(request, parts)
        case "metrics" where parts.count == 1:
            return APIResponse(contentType: "text/plain; version=0.0.4", Array(metricsText.utf8))
        case ".well-known" where parts.count == 2 && parts[1] == "openid-configuration":
            return json([
                "issuer": .string(options.issuer), "jwks_uri": .string("\(options.issuer)/openid/v1/jwks"),
                "response_types_supported": ["id_token"], "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256"],
            ])
        case "openid" where parts == ["openid", "v1", "jwks"]:
            return APIResponse(contentType: "application/jwk-set+json", authenticator.signer.keySet.compactBytes)
        default: throw .noSuchPath
        }
    }

    private func json(_ value: JSONValue) -> APIResponse {
        APIResponse(contentType: "application/json", value.compactBytes)
    }

    private var rootPaths: JSONValue {
        var paths = ["/api", "/api/v1", "/apis"]
        for group in registry.groups where !group.name.isEmpty {
            paths.append("/apis/\(group.name)")
            paths += group.versions.map { "/apis/\(group.name)/\($0)" }
        }
        paths += ["/healthz", "/livez", "/metrics", "/openapi/v2", "/openapi/v3", "/readyz", "/version"]
        return ["paths": .array(paths.map { .string($0) })]
    }

    private var metricsText: String {
        var text = ""
        func metric(_ name: String, _ type: String, _ help: String, _ samples: [(labels: String, value: Int64)]) {
            text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
            for sample in samples { text += "\(name)\(sample.labels) \(sample.value)\n" }
        }
        metric(
            "martlet_api_objects", "gauge", "Objects of the API, by resource.",
            cache.counts.sorted { $0.key < $1.key }.map { ("{resource=\"\($0.key)\"}", Int64($0.value)) })
        metric("martlet_api_watches", "gauge", "Watches that are open.", [("", Int64(cache.watchCount))])
        metric(
            "martlet_api_revision", "counter", "The resourceVersion of the newest write on the disk.",
            [("", cache.durableRevision)])
        metric(
            "martlet_api_service_addresses", "gauge", "Addresses that Services have of the service blocks.",
            [("", Int64(addresses.usedCount))])
        return text + (options.metrics?() ?? "")
    }
}
