import APIMachinery
import JSONText

/// Finds out who asks: the connection's client certificate, or a service account's token.
struct Authenticator: Sendable {
    let signer: TokenSigner
    let cache: ObjectCache
    let clock: any WallClock

    /// A token's user and the audiences it is for.
    struct Verified: Sendable {
        var user: UserInfo
        var audiences: [String]
    }

    /// The user of a request; nil where it proves nothing. A token that does not hold is refused.
    func authenticate(_ request: APIRequest) throws(APIStatus) -> UserInfo? {
        if let user = request.user { return user }
        guard let header = request.header("authorization") else { return nil }
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { throw .unauthorized }
        switch verify(parts[1].trimmingSpaces, audiences: [signer.issuer]) {
        case .success(let verified): return verified.user
        case .failure: throw .unauthorized
        }
    }

    struct Refusal: Error {
        let message: String
    }

    /// Whether a token holds now, for at least one of `audiences`.
    func verify(_ token: String, audiences: [String]) -> Result<Verified, Refusal> {
        guard let claims = signer.verify(token) else { return .failure(Refusal(message: "invalid bearer token")) }
        let now = clock.unixSeconds
        guard now < claims.expiresAt, now + 60 >= claims.issuedAt else {
            return .failure(Refusal(message: "[invalid bearer token, service account token has expired]"))
        }
        let shared = audiences.filter(claims.audiences.contains)
        guard !shared.isEmpty else {
            return .failure(Refusal(message: "[invalid bearer token, token audiences do not match]"))
        }
        let account = claims.account
        let key = "\(account.namespace)/\(account.name)"
        guard let object = cache.get("core/serviceaccounts", key)?.tree(), object.uid == claims.accountUID else {
            return .failure(Refusal(message: "[invalid bearer token, service account is gone]"))
        }
        guard boundObjectLives(claims) else {
            return .failure(Refusal(message: "[invalid bearer token, the object it is bound to is gone]"))
        }
        return .success(Verified(user: Self.user(of: claims), audiences: shared))
    }

    private func boundObjectLives(_ claims: TokenSigner.Claims) -> Bool {
        guard !claims.boundKind.isEmpty else { return true }
        let key = "\(claims.account.namespace)/\(claims.boundName)"
        return cache.get("core/\(claims.boundKind)s", key)?.tree().uid == claims.boundUID
    }

    static func user(of claims: TokenSigner.Claims) -> UserInfo {
        var extra = ["authentication.kubernetes.io/credential-id": ["JTI=\(claims.tokenID)"]]
        if claims.boundKind == "pod" {
            extra["authentication.kubernetes.io/pod-name"] = [claims.boundName]
            extra["authentication.kubernetes.io/pod-uid"] = [claims.boundUID]
        }
        if !claims.nodeName.isEmpty {
            extra["authentication.kubernetes.io/node-name"] = [claims.nodeName]
            extra["authentication.kubernetes.io/node-uid"] = [claims.nodeUID]
        }
        return UserInfo(
            name: claims.account.userName, groups: claims.account.groups, uid: claims.accountUID, extra: extra)
    }
}
