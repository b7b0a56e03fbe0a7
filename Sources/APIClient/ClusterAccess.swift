/// Where a cluster's API is and who asks: what a kubeconfig's context, or a pod's service account, comes down to.
package struct ClusterAccess: Sendable, Equatable {
    package enum Token: Sendable, Equatable {
        case fixed(String)
        /// Read again when it is older than a minute: tokens in files are renewed.
        case file(String)
    }

    /// `https://host:port`, without a slash at the end; a path is kept.
    package var server: String
    /// Certificates that may sign the server's; nil: the system's.
    package var certificateAuthorityPEM: [UInt8]?
    package var skipsVerification: Bool
    package var clientCertificatePEM: [UInt8]?
    package var clientKeyPEM: [UInt8]?
    package var token: Token?
    /// The namespace that the context names; `default` where it names none.
    package var namespace: String

    package init(
        server: String, certificateAuthorityPEM: [UInt8]? = nil, skipsVerification: Bool = false,
        clientCertificatePEM: [UInt8]? = nil, clientKeyPEM: [UInt8]? = nil, token: Token? = nil,
        namespace: String = "default"
    ) {
        self.server = server.hasSuffix("/") ? String(server.dropLast()) : server
        self.certificateAuthorityPEM = certificateAuthorityPEM
        self.skipsVerification = skipsVerification
        self.clientCertificatePEM = clientCertificatePEM
        self.clientKeyPEM = clientKeyPEM
        self.token = token
        self.namespace = namespace
    }

    /// Where every pod finds its service account.
    package static let serviceAccountDirectory = "/var/run/secrets/kubernetes.io/serviceaccount"

    /// What a pod is given to reach the API. Throws `missing` where this is no pod.
    package static func inCluster(environment: [String: String], directory: String = serviceAccountDirectory)
        throws(ClusterAccessError) -> ClusterAccess
    {
        guard let host = environment["KUBERNETES_SERVICE_HOST"], let port = environment["KUBERNETES_SERVICE_PORT"],
            !host.isEmpty, !port.isEmpty
        else {
            throw ClusterAccessError(
                .missing, "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: this is no pod")
        }
        let authority = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        let namespace = try FileContents.read("\(directory)/namespace")
        return ClusterAccess(
            server: "https://\(authority)", certificateAuthorityPEM: try FileContents.read("\(directory)/ca.crt"),
            token: .file("\(directory)/token"), namespace: FileContents.trimmedText(namespace))
    }
}

/// Why a cluster cannot be reached as configured.
package struct ClusterAccessError: Error, Sendable, CustomStringConvertible {
    package enum Code: Sendable {
        case missing
        case invalid
        /// Something that a kubeconfig may ask, and that is not done here.
        case unsupported
        case unreadable
    }

    package let code: Code
    package let message: String
    package let cause: (any Error)?

    package init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    package var description: String { cause.map { "\(message): \($0)" } ?? message }
}
