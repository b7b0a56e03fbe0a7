import APIMachinery

/// `Impersonate-*` headers: acting as somebody else, where the roles allow it.
enum Impersonation {
    /// The identity a request acts under. `user` is who asks.
    static func resolve(_ request: APIRequest, user: UserInfo, authorizer: Authorizer) throws(APIStatus) -> UserInfo {
        let name = request.header("impersonate-user") ?? ""
        let groups = request.headers.filter { $0.name == "impersonate-group" }.map(\.value)
        let uid = request.header("impersonate-uid") ?? ""
        let extra = extras(request)
        guard !name.isEmpty else {
            if !groups.isEmpty || !uid.isEmpty || !extra.isEmpty {
                throw APIStatus(
                    code: 500, reason: "InternalError",
                    message: "requested impersonation without impersonating a user", details: .init())
            }
            return user
        }
        var target = UserInfo(name: name, groups: groups, uid: uid, extra: extra)
        try checkName(name, user, authorizer)
        for group in groups { try require(user, authorizer, "", "groups", group) }
        if !uid.isEmpty { try require(user, authorizer, "authentication.k8s.io", "uids", uid) }
        for (key, values) in extra {
            for value in values {
                try require(user, authorizer, "authentication.k8s.io", "userextras", value, subresource: key)
            }
        }
        if groups.isEmpty, let account = ServiceAccountName(userName: name) { target.groups = account.groups }
        if name == "system:anonymous" {
            if !target.groups.contains("system:unauthenticated") { target.groups.append("system:unauthenticated") }
        } else if !target.groups.contains(UserInfo.authenticatedGroup) {
            target.groups.append(UserInfo.authenticatedGroup)
        }
        return target
    }

    private static func checkName(_ name: String, _ user: UserInfo, _ authorizer: Authorizer) throws(APIStatus) {
        if let account = ServiceAccountName(userName: name) {
            try require(
                user, authorizer, "", "serviceaccounts", account.name, namespace: account.namespace)
        } else {
            try require(user, authorizer, "", "users", name)
        }
    }

    private static func require(
        _ user: UserInfo, _ authorizer: Authorizer, _ group: String, _ resource: String, _ name: String,
        namespace: String = "", subresource: String = ""
    ) throws(APIStatus) {
        try authorizer.require(
            AccessAttributes(
                user: user, verb: "impersonate", group: group, resource: resource, subresource: subresource,
                namespace: namespace, name: name))
    }

    private static func extras(_ request: APIRequest) -> [String: [String]] {
        let prefix = "impersonate-extra-"
        var found: [String: [String]] = [:]
        for (name, value) in request.headers where name.hasPrefix(prefix) {
            let key = PercentEncoding.decode(name.dropFirst(prefix.count), plusIsSpace: false)
            found[key, default: []].append(value)
        }
        return found
    }
}

/// A service account as a user: `system:serviceaccount:NAMESPACE:NAME`.
struct ServiceAccountName: Hashable, Sendable {
    var namespace: String
    var name: String

    init(namespace: String, name: String) {
        self.namespace = namespace
        self.name = name
    }

    init?(userName: String) {
        let parts = userName.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] == "system", parts[1] == "serviceaccount", !parts[2].isEmpty,
            !parts[3].isEmpty
        else { return nil }
        namespace = String(parts[2])
        name = String(parts[3])
    }

    var userName: String { "system:serviceaccount:\(namespace):\(name)" }

    var groups: [String] {
        ["system:serviceaccounts", "system:serviceaccounts:\(namespace)", UserInfo.authenticatedGroup]
    }
}
