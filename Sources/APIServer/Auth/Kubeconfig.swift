import APIMachinery

/// A kubeconfig file with everything in it: the authority's certificate, the client's certificate and key.
package enum Kubeconfig {
    /// - Parameter server: `https://host:port`.
    package static func text(server: String, authorityPEM: String, identity: CertificateAuthority.Identity) -> String {
        func encoded(_ pem: String) -> String { Base64.encode(Array(pem.utf8)) }
        return """
            apiVersion: v1
            kind: Config
            clusters:
            - name: martlet
              cluster:
                server: \(server)
                certificate-authority-data: \(encoded(authorityPEM))
            users:
            - name: admin
              user:
                client-certificate-data: \(encoded(identity.certificatePEM))
                client-key-data: \(encoded(identity.keyPEM))
            contexts:
            - name: martlet
              context:
                cluster: martlet
                user: admin
            current-context: martlet

            """
    }
}
