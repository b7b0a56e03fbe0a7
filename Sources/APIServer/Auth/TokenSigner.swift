import Crypto
import FoundationEssentials
import JSONText

/// JSON Web Tokens for service accounts, signed with our own P-256 key (RFC 7519, ES256 of RFC 7518).
struct TokenSigner: Sendable {
    /// `iss` of every token, and the audience of the API itself.
    let issuer: String
    private let key: P256.Signing.PrivateKey
    private let keyID: String

    init(key: P256.Signing.PrivateKey, issuer: String) {
        self.key = key
        self.issuer = issuer
        let digest = SHA256.hash(data: key.publicKey.derRepresentation)
        keyID = Base64URL.encode(Array(digest))
    }

    /// What a token says. Times are seconds since 1970.
    struct Claims: Sendable {
        var account: ServiceAccountName
        var accountUID: String
        var audiences: [String]
        var issuedAt: Int64
        var expiresAt: Int64
        var tokenID: String
        /// The object whose end is the token's end: `pod`, `secret` or `node`.
        var boundKind = ""
        var boundName = ""
        var boundUID = ""
        var nodeName = ""
        var nodeUID = ""
    }

    func sign(_ claims: Claims) throws -> String {
        let header: JSONValue = ["alg": "ES256", "kid": .string(keyID), "typ": "JWT"]
        let text = Base64URL.encode(header.compactBytes) + "." + Base64URL.encode(claims.object(issuer).compactBytes)
        let signature = try key.signature(for: Array(text.utf8))
        return text + "." + Base64URL.encode(Array(signature.rawRepresentation))
    }

    /// The claims of a token with our signature and issuer; nil otherwise. Time and audience are the caller's to judge.
    func verify(_ token: String) -> Claims? {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, token.utf8.count < 16 << 10 else { return nil }
        guard let headerBytes = Base64URL.decode(parts[0]), let payload = Base64URL.decode(parts[1]),
            let signatureBytes = Base64URL.decode(parts[2]),
            let header = try? JSONValue(parsing: headerBytes), header["alg"]?.string == "ES256",
            let signature = try? P256.Signing.ECDSASignature(rawRepresentation: signatureBytes)
        else { return nil }
        let signed = Array("\(parts[0]).\(parts[1])".utf8)
        guard key.publicKey.isValidSignature(signature, for: signed), let object = try? JSONValue(parsing: payload)
        else { return nil }
        guard object["iss"]?.string == issuer else { return nil }
        return Claims(object)
    }

    /// The public half as a JSON Web Key Set (RFC 7517).
    var keySet: JSONValue {
        let point = Array(key.publicKey.rawRepresentation)
        return [
            "keys": [
                [
                    "use": "sig", "kty": "EC", "kid": .string(keyID), "crv": "P-256", "alg": "ES256",
                    "x": .string(Base64URL.encode(Array(point[..<32]))),
                    "y": .string(Base64URL.encode(Array(point[32...]))),
                ]
            ]
        ]
    }
}

extension TokenSigner.Claims {
    fileprivate func object(_ issuer: String) -> JSONValue {
        var own: [String: JSONValue] = [
            "namespace": .string(account.namespace),
            "serviceaccount": ["name": .string(account.name), "uid": .string(accountUID)],
        ]
        if !boundKind.isEmpty { own[boundKind] = ["name": .string(boundName), "uid": .string(boundUID)] }
        if !nodeName.isEmpty { own["node"] = ["name": .string(nodeName), "uid": .string(nodeUID)] }
        return [
            "aud": .array(audiences.map { .string($0) }), "exp": .integer(expiresAt), "iat": .integer(issuedAt),
            "nbf": .integer(issuedAt), "iss": .string(issuer), "jti": .string(tokenID),
            "kubernetes.io": .object(own), "sub": .string(account.userName),
        ]
    }

    fileprivate init?(_ object: JSONValue) {
        guard let subject = object["sub"]?.string, let account = ServiceAccountName(userName: subject),
            let expires = object["exp"]?.integer, let issued = object["iat"]?.integer,
            let own = object["kubernetes.io"], let uid = own[path: "serviceaccount", "uid"]?.string
        else { return nil }
        self.init(
            account: account, accountUID: uid, audiences: (object["aud"]?.array ?? []).compactMap(\.string),
            issuedAt: issued, expiresAt: expires, tokenID: object["jti"]?.string ?? "")
        for kind in ["pod", "secret"] {
            guard let bound = own[kind] else { continue }
            boundKind = kind
            boundName = bound["name"]?.string ?? ""
            boundUID = bound["uid"]?.string ?? ""
        }
        nodeName = own[path: "node", "name"]?.string ?? ""
        nodeUID = own[path: "node", "uid"]?.string ?? ""
    }
}
