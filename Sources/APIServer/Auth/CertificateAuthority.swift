import Crypto
package import FoundationEssentials
import NetTypes
import SwiftASN1
package import X509

/// The server's own certificate authority (P-256), kept in a directory: it signs the serving certificate and the
/// client certificates of administrators and nodes. A client's common name is the user, its organisations the groups.
package struct CertificateAuthority: Sendable {
    package let certificate: Certificate
    private let key: Certificate.PrivateKey

    /// What a certificate is for.
    package enum Use: Sendable {
        /// IP addresses and DNS names.
        case server(names: [String])
        case client
    }

    /// A certificate and its key, both PEM.
    package struct Identity: Sendable {
        package let certificatePEM: String
        package let keyPEM: String
    }

    private static let yearSeconds = 365.25 * 86_400

    /// Reads `ca.crt` and `ca.key` of `directory`, or makes them.
    package init(directory: String, now: Date) throws(ServerError) {
        let certificatePath = "\(directory)/ca.crt"
        let keyPath = "\(directory)/ca.key"
        do {
            if let pem = try StateFile.read(certificatePath), let keyPEM = try StateFile.read(keyPath) {
                certificate = try Certificate(pemEncoded: pem)
                key = try Certificate.PrivateKey(pemEncoded: keyPEM)
                return
            }
            let made = P256.Signing.PrivateKey()
            key = Certificate.PrivateKey(made)
            certificate = try Self.selfSigned(key, now: now)
            try StateFile.write(keyPath, made.pemRepresentation, mode: 0o600)
            try StateFile.write(certificatePath, try certificate.serializeAsPEM().pemString, mode: 0o644)
        } catch {
            throw ServerError(.keys, "the certificate authority in \(directory) cannot be read or made", cause: error)
        }
    }

    private static func selfSigned(_ key: Certificate.PrivateKey, now: Date) throws -> Certificate {
        let name = try DistinguishedName { CommonName("martlet-ca") }
        return try Certificate(
            version: .v3, serialNumber: .init(), publicKey: key.publicKey,
            notValidBefore: now.addingTimeInterval(-300), notValidAfter: now.addingTimeInterval(10 * yearSeconds),
            issuer: name, subject: name,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                Critical(KeyUsage(digitalSignature: true, keyCertSign: true, cRLSign: true))
                SubjectKeyIdentifier(hash: key.publicKey)
            }, issuerPrivateKey: key)
    }

    package var pem: String {
        get throws(ServerError) {
            do { return try certificate.serializeAsPEM().pemString } catch {
                throw ServerError(.keys, "the authority's certificate cannot be written", cause: error)
            }
        }
    }

    /// Signs a new key.
    package func issue(name: String, groups: [String] = [], use: Use, now: Date, years: Double = 1)
        throws(ServerError) -> Identity
    {
        do {
            let made = P256.Signing.PrivateKey()
            let signed = try sign(
                Certificate.PublicKey(made.publicKey), name: name, groups: groups, use: use, now: now, years: years)
            return Identity(certificatePEM: try signed.serializeAsPEM().pemString, keyPEM: made.pemRepresentation)
        } catch {
            throw ServerError(.keys, "a certificate for \(name) cannot be made", cause: error)
        }
    }

    private func sign(
        _ publicKey: Certificate.PublicKey, name: String, groups: [String], use: Use, now: Date, years: Double
    ) throws -> Certificate {
        let subject = try DistinguishedName {
            for group in groups { OrganizationName(group) }
            CommonName(name)
        }
        var extensions = try Certificate.Extensions {
            Critical(BasicConstraints.notCertificateAuthority)
            Critical(KeyUsage(digitalSignature: true))
            AuthorityKeyIdentifier(keyIdentifier: SubjectKeyIdentifier(hash: certificate.publicKey).keyIdentifier)
        }
        switch use {
        case .client: try extensions.append(Certificate.Extension(ExtendedKeyUsage([.clientAuth]), critical: false))
        case .server(let names):
            try extensions.append(Certificate.Extension(ExtendedKeyUsage([.serverAuth]), critical: false))
            let alternatives = SubjectAlternativeNames(names.map(Self.generalName))
            try extensions.append(Certificate.Extension(alternatives, critical: false))
        }
        return try Certificate(
            version: .v3, serialNumber: .init(), publicKey: publicKey,
            notValidBefore: now.addingTimeInterval(-300),
            notValidAfter: now.addingTimeInterval(years * Self.yearSeconds), issuer: certificate.subject,
            subject: subject, extensions: extensions, issuerPrivateKey: key)
    }

    private static func generalName(_ text: String) -> GeneralName {
        guard let address = IPAddress(text) else { return .dnsName(text) }
        return .ipAddress(ASN1OctetString(contentBytes: address.familyBytes[...]))
    }

    /// The identity that a client's certificate stands for. The connection has already checked who signed it.
    static func user(ofDER bytes: [UInt8]) -> UserInfo? {
        guard let certificate = try? Certificate(derEncoded: bytes) else { return nil }
        var name = ""
        var groups: [String] = []
        for set in certificate.subject {
            for attribute in set {
                let text = attribute.value.description
                if attribute.type == .RDNAttributeType.commonName { name = text }
                if attribute.type == .RDNAttributeType.organizationName { groups.append(text) }
            }
        }
        guard !name.isEmpty else { return nil }
        if !groups.contains(UserInfo.authenticatedGroup) { groups.append(UserInfo.authenticatedGroup) }
        return UserInfo(name: name, groups: groups)
    }
}

extension TokenSigner {
    /// Reads the signing key of `directory`, or makes it.
    init(directory: String, issuer: String) throws(ServerError) {
        let path = "\(directory)/sa.key"
        do {
            if let pem = try StateFile.read(path) {
                self.init(key: try P256.Signing.PrivateKey(pemRepresentation: pem), issuer: issuer)
                return
            }
            let key = P256.Signing.PrivateKey()
            try StateFile.write(path, key.pemRepresentation, mode: 0o600)
            self.init(key: key, issuer: issuer)
        } catch {
            throw ServerError(.keys, "the key \(path) of service account tokens cannot be read or made", cause: error)
        }
    }
}
