import APIMachinery
import JSONText

/// Reviews: questions about access and identity that are answered at once and kept nowhere.
extension APICore {
    func review(_ context: RequestContext) async throws(APIStatus) -> APIResponse {
        let options = try WriteOptions(context.request, kind: "CreateOptions")
        if context.kind.plural == "bindings" { return try await bindNamed(context) }
        let body = try parseBody(context.request, typeName: context.kind.kind.kind, kind: context.kind.kind)
        var writer = ObjectWriter(writeRequest(context, options))
        var object = try writer.decode(body.value, duplicates: body.duplicates)
        if object["metadata"] == nil { object["metadata"] = [:] }
        let given = object
        object = try writer.beginCreate(object)
        switch context.kind.plural {
        case "selfsubjectaccessreviews", "subjectaccessreviews", "localsubjectaccessreviews":
            try checkAccessReview(given, context)
            answerAccess(&object, context)
        case "selfsubjectrulesreviews": try answerRules(&object, context)
        case "selfsubjectreviews":
            object["metadata"]?["creationTimestamp"] = .string(clock.now.text)
            object["status"] = ["userInfo": Self.userInfo(context.user)]
        case "tokenreviews": try answerToken(&object)
        default: throw .noSuchPath
        }
        try await settle(for: context.request.viewer)
        return try render(object, context, status: 201, warnings: writer.warnings)
    }

    /// Whose access is asked after: the asker's own, or that of a user or of groups that the review names.
    private func subject(_ object: JSONValue, _ context: RequestContext) -> UserInfo {
        if context.kind.plural == "selfsubjectaccessreviews" { return context.user }
        let spec = object["spec"] ?? [:]
        let extra = (spec["extra"]?.object ?? [:]).mapValues { ($0.array ?? []).compactMap(\.string) }
        return UserInfo(
            name: spec["user"]?.string ?? "", groups: (spec["groups"]?.array ?? []).compactMap(\.string),
            uid: spec["uid"]?.string ?? "", extra: extra)
    }

    /// A review asks one thing, of one subject, and is no object with a name of its own.
    private func checkAccessReview(_ object: JSONValue, _ context: RequestContext) throws(APIStatus) {
        let spec = object["spec"] ?? [:]
        let isLocal = context.kind.plural == "localsubjectaccessreviews"
        var errors: [FieldError] = []
        switch (spec["resourceAttributes"], spec["nonResourceAttributes"]) {
        case (.some, .some(let other)):
            errors.append(
                .invalid(
                    "spec.nonResourceAttributes", other, "cannot be specified in combination with resourceAttributes"))
        case (nil, nil):
            errors.append(
                .invalid(
                    "spec.resourceAttributes", .null,
                    "exactly one of nonResourceAttributes or resourceAttributes must be specified"))
        case (.some, nil), (nil, .some): break
        }
        let user = subject(object, context)
        if user.name.isEmpty, user.groups.isEmpty {
            errors.append(.invalid("spec.user", "", "at least one of user or group must be specified"))
        }
        var metadata = object["metadata"]?.object ?? [:]
        metadata["managedFields"] = nil
        if isLocal { metadata["namespace"] = nil }
        if !metadata.isEmpty {
            let why = isLocal ? "must be empty except for namespace" : "must be empty"
            errors.append(.invalid("metadata", .object(metadata), why))
        }
        if isLocal { errors += localFaults(spec, context) }
        if errors.isEmpty { return }
        throw .invalid(group: context.kind.group, kind: context.kind.kind.kind, name: "", errors)
    }

    /// A local review stays in its namespace.
    private func localFaults(_ spec: JSONValue, _ context: RequestContext) -> [FieldError] {
        if let other = spec["nonResourceAttributes"] {
            return [.invalid("spec.nonResourceAttributes", other, "disallowed on this kind of request")]
        }
        let namespace = spec[path: "resourceAttributes", "namespace"]?.string ?? ""
        if spec["resourceAttributes"] == nil || namespace == context.info.namespace { return [] }
        return [
            .invalid("spec.resourceAttributes.namespace", .string(namespace), "must match metadata.namespace")
        ]
    }

    private func answerAccess(_ object: inout JSONValue, _ context: RequestContext) {
        let spec = object["spec"] ?? [:]
        let user = subject(object, context)
        let attributes: AccessAttributes
        if let resource = spec["resourceAttributes"] {
            func text(_ key: String) -> String { resource[key]?.string ?? "" }
            attributes = AccessAttributes(
                user: user, verb: text("verb"), group: text("group"), resource: text("resource"),
                subresource: text("subresource"), namespace: text("namespace"), name: text("name"))
        } else {
            let other = spec["nonResourceAttributes"] ?? [:]
            attributes = AccessAttributes(
                user: user, verb: other["verb"]?.string ?? "", isResource: false, path: other["path"]?.string ?? "")
        }
        var status: [String: JSONValue] = ["allowed": false]
        if let reason = authorizer.allows(attributes) {
            status["allowed"] = true
            if !reason.isEmpty { status["reason"] = .string(reason) }
        }
        object["status"] = .object(status)
    }

    private func answerRules(_ object: inout JSONValue, _ context: RequestContext) throws(APIStatus) {
        let namespace = object[path: "spec", "namespace"]?.string ?? ""
        if namespace.isEmpty { throw .badRequest("no namespace on request: spec.namespace must be specified") }
        var rules = authorizer.index.grants(for: context.user, in: namespace).flatMap(\.rules)
        if context.user.isMaster {
            rules = [
                PolicyRule(verbs: ["*"], groups: ["*"], resources: ["*"]), PolicyRule(verbs: ["*"], paths: ["*"]),
            ]
        }
        var seen: Set<PolicyRule> = []
        let distinct = rules.filter { seen.insert($0).inserted }
        object["status"] = [
            "resourceRules": .array(distinct.filter { !$0.resources.isEmpty }.map(\.object)),
            "nonResourceRules": .array(distinct.filter { !$0.paths.isEmpty }.map(\.object)),
            "incomplete": false,
        ]
    }

    private func answerToken(_ object: inout JSONValue) throws(APIStatus) {
        let token = object[path: "spec", "token"]?.string ?? ""
        if token.isEmpty { throw .badRequest("spec.token is required for TokenReview in authentication") }
        var audiences = (object[path: "spec", "audiences"]?.array ?? []).compactMap(\.string)
        if audiences.isEmpty { audiences = [authenticator.signer.issuer] }
        switch authenticator.verify(token, audiences: audiences) {
        case .success(let verified):
            object["status"] = [
                "authenticated": true, "user": Self.userInfo(verified.user),
                "audiences": .array(verified.audiences.map { .string($0) }),
            ]
        case .failure(let refusal):
            object["status"] = ["user": [:], "error": .string(refusal.message)]
        }
    }

    static func userInfo(_ user: UserInfo) -> JSONValue {
        var members: [String: JSONValue] = ["username": .string(user.name)]
        if !user.uid.isEmpty { members["uid"] = .string(user.uid) }
        if !user.groups.isEmpty { members["groups"] = .array(user.groups.map { .string($0) }) }
        if !user.extra.isEmpty {
            members["extra"] = .object(user.extra.mapValues { .array($0.map { .string($0) }) })
        }
        return .object(members)
    }
}
