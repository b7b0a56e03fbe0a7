import APIMachinery
import JSONText

/// Paths below an object.
extension APICore {
    func subresource(_ context: RequestContext) async throws(APIStatus) -> APIResponse {
        switch (context.kind.plural, context.info.subresource) {
        case ("pods", "log"): return try log(context)
        case ("pods", "exec"): return try exec(context)
        case ("pods", "binding"): return try await bind(context)
        case ("pods", "eviction"): return try await evict(context)
        case ("serviceaccounts", "token"): return try await token(context)
        case (_, "status"), (_, "finalize"):
            switch context.info.verb {
            case "get": return try get(context)
            case "update": return try await update(context)
            case "patch": return try await patch(context)
            default: throw .noSuchMethod
            }
        default: throw .noSuchPath
        }
    }

    // MARK: Tokens

    private static let tokenSecondsDefault: Int64 = 3600
    private static let tokenSecondsMin: Int64 = 600
    private static let tokenSecondsMax: Int64 = 1 << 32

    /// A TokenRequest (authentication.k8s.io/v1): a token of the service account, optionally bound to a pod, secret or
    /// node, with audiences and an end.
    private func token(_ context: RequestContext) async throws(APIStatus) -> APIResponse {
        let options = try WriteOptions(context.request, kind: "CreateOptions")
        var (object, warnings) = try actionBody(context.request, .tokenRequest, options.fieldValidation)
        try checkTokenSubject(object, context)
        let key = context.key(context.info.name)
        guard let account = cache.get(StorageName.serviceAccounts, key)?.tree() else {
            throw context.notFound(context.info.name)
        }
        let signer = authenticator.signer
        var audiences = (object[path: "spec", "audiences"]?.array ?? []).compactMap(\.string)
        if audiences.isEmpty { audiences = [signer.issuer] }
        let seconds = object[path: "spec", "expirationSeconds"]?.integer ?? Self.tokenSecondsDefault
        guard (Self.tokenSecondsMin...Self.tokenSecondsMax).contains(seconds) else {
            let why =
                seconds < Self.tokenSecondsMin
                ? "may not specify a duration less than 10 minutes"
                : "may not specify a duration larger than 2^32 seconds"
            throw .invalid(
                group: "authentication.k8s.io", kind: "TokenRequest", name: "",
                [.invalid("spec.expirationSeconds", .integer(seconds), why)])
        }
        let now = clock.unixSeconds
        var claims = TokenSigner.Claims(
            account: ServiceAccountName(namespace: context.info.namespace, name: context.info.name),
            accountUID: account.uid, audiences: audiences, issuedAt: now, expiresAt: now + seconds,
            tokenID: Self.uuid())
        try bind(&claims, to: object[path: "spec", "boundObjectRef"], context)
        do {
            let text = try signer.sign(claims)
            let ends = Timestamp(secondsSince1970: claims.expiresAt).text
            object["status"] = ["token": .string(text), "expirationTimestamp": .string(ends)]
        } catch {
            throw .internalError("the token cannot be signed: \(error)")
        }
        object["apiVersion"] = "authentication.k8s.io/v1"
        object["kind"] = "TokenRequest"
        if object["spec"] == nil { object["spec"] = [:] }
        object["spec"]?["audiences"] = .array(audiences.map { .string($0) })
        object["spec"]?["expirationSeconds"] = .integer(seconds)
        if object["spec"]?["boundObjectRef"] == nil { object["spec"]?["boundObjectRef"] = .null }
        object["metadata"] = [
            "name": .string(context.info.name), "namespace": .string(context.info.namespace),
            "creationTimestamp": .string(clock.now.text),
        ]
        try await settle(for: context.request.viewer)
        var response = try encode(object, context.negotiation, status: 201)
        response.addWarnings(warnings)
        return response
    }

    /// A TokenRequest may leave the account to its path, but not name another.
    private func checkTokenSubject(_ object: JSONValue, _ context: RequestContext) throws(APIStatus) {
        var errors: [FieldError] = []
        if !object.name.isEmpty, object.name != context.info.name {
            errors.append(
                .invalid(
                    "metadata.name", .string(object.name), "must match the service account name if specified"))
        }
        if !object.namespace.isEmpty, object.namespace != context.info.namespace {
            errors.append(
                .invalid(
                    "metadata.namespace", .string(object.namespace),
                    "must match the service account namespace if specified"))
        }
        if errors.isEmpty { return }
        throw .invalid(
            group: "authentication.k8s.io", kind: "TokenRequest", name: context.info.name, errors)
    }

    private func bind(_ claims: inout TokenSigner.Claims, to reference: JSONValue?, _ context: RequestContext)
        throws(APIStatus)
    {
        guard let reference, reference.object != nil else { return }
        let kind = reference["kind"]?.string ?? ""
        let name = reference["name"]?.string ?? ""
        guard ["Pod", "Secret", "Node"].contains(kind) else {
            throw .badRequest("cannot bind token to object of kind \"\(kind)\"")
        }
        let plural = kind.lowercased() + "s"
        let key = kind == "Node" ? name : "\(context.info.namespace)/\(name)"
        guard let object = cache.get("core/\(plural)", key)?.tree() else {
            throw .notFound(group: "", resource: plural, name: name)
        }
        if let uid = reference["uid"]?.string, !uid.isEmpty, uid != object.uid {
            throw .conflict(
                group: "", resource: plural, name: name,
                "the UID in the bound object reference (\(uid)) does not match the UID in record. The object might "
                    + "have been deleted and then recreated")
        }
        if kind == "Pod", object[path: "spec", "serviceAccountName"]?.string != context.info.name {
            throw .badRequest(
                "cannot bind token for serviceaccount \"\(context.info.name)\" to pod running with different "
                    + "serviceaccount name.")
        }
        claims.boundKind = kind.lowercased()
        claims.boundName = name
        claims.boundUID = object.uid
        if kind == "Pod", let node = object[path: "spec", "nodeName"]?.string,
            let uid = cache.get(StorageName.nodes, node)?.tree().uid
        {
            claims.nodeName = node
            claims.nodeUID = uid
        }
    }
}
