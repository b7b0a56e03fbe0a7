import APIMachinery
import JSONText

/// Reviews: questions about access and identity that are answered at once and kept nowhere.
extension APICore {
    func review(_ context: RequestContext) async throws(APIStatus) -> APIResponse {
        let options = try WriteOptions(context.request, kind: "CreateOptions")
        let body = try parseBody(context.request, typeName: context.kind.kind.kind, kind: context.kind.kind)
        var writer = ObjectWriter(writeRequest(context, options))
        var object = try writer.decode(body.value, duplicates: body.duplicates)
        if object["metadata"] == nil { object["metadata"] = [:] }
        switch context.kind.plural {
        case "selfsubjectaccessreviews": try answerAccess(&object, user: context.user, context)
        case "subjectaccessreviews": try answerAccess(&object, user: try subject(object, context), context)
        case "localsubjectaccessreviews":
            let namespace = object[path: "spec", "resourceAttributes", "namespace"]?.string ?? ""
            guard namespace == context.info.namespace else {
                throw invalidReview(
                    context,
                    .invalid(
                        "spec.resourceAttributes.namespace", .string(namespace), "must match metadata.namespace"))
            }
            try answerAccess(&object, user: try subject(object, context), context)
        case "selfsubjectrulesreviews": answerRules(&object, context)
        case "selfsubjectreviews":
            object["metadata"]?["creationTimestamp"] = .string(clock.now.text)
            object["status"] = ["userInfo": Self.userInfo(context.user)]
        case "tokenreviews": answerToken(&object)
        case "bindings": throw .noSuchMethod
        default: throw .noSuchPath
        }
        return try render(object, context, status: 201, warnings: writer.warnings)
    }

    private func invalidReview(_ context: RequestContext, _ error: FieldError) -> APIStatus {
        .invalid(group: context.kind.group, kind: context.kind.kind.kind, name: "", [error])
    }

    private func subject(_ object: JSONValue, _ context: RequestContext) throws(APIStatus) -> UserInfo {
        let spec = object["spec"] ?? [:]
        let name = spec["user"]?.string ?? ""
        let groups = (spec["groups"]?.array ?? []).compactMap(\.string)
        if name.isEmpty, groups.isEmpty {
            throw invalidReview(
                context, .invalid("spec.user", "", "at least one of user or group must be specified"))
        }
        return UserInfo(name: name, groups: groups, uid: spec["uid"]?.string ?? "")
    }

    private func answerAccess(_ object: inout JSONValue, user: UserInfo, _ context: RequestContext)
        throws(APIStatus)
    {
        let spec = object["spec"] ?? [:]
        let attributes: AccessAttributes
        switch (spec["resourceAttributes"], spec["nonResourceAttributes"]) {
        case (.some(let resource), nil):
            func text(_ key: String) -> String { resource[key]?.string ?? "" }
            attributes = AccessAttributes(
                user: user, verb: text("verb"), group: text("group"), resource: text("resource"),
                subresource: text("subresource"), namespace: text("namespace"), name: text("name"))
        case (nil, .some(let other)):
            attributes = AccessAttributes(
                user: user, verb: other["verb"]?.string ?? "", isResource: false, path: other["path"]?.string ?? "")
        case (nil, nil), (.some, .some):
            throw invalidReview(
                context,
                .invalid(
                    "spec.resourceAttributes", .null,
                    "exactly one of nonResourceAttributes or resourceAttributes must be specified"))
        }
        var status: [String: JSONValue] = ["allowed": false]
        if let reason = authorizer.allows(attributes) {
            status["allowed"] = true
            if !reason.isEmpty { status["reason"] = .string(reason) }
        }
        object["status"] = .object(status)
    }

    private func answerRules(_ object: inout JSONValue, _ context: RequestContext) {
        let namespace = object[path: "spec", "namespace"]?.string ?? ""
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

    private func answerToken(_ object: inout JSONValue) {
        let token = object[path: "spec", "token"]?.string ?? ""
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
