import FoundationEssentials
import Yams

/// A kubeconfig (`v1`, kind Config): clusters, users, and contexts that join them.
package struct Kubeconfig: Sendable {
    private struct Named: Sendable {
        let fields: [String: Field]
    }

    /// Text is all that a kubeconfig's fields hold, but for a few flags.
    private enum Field: Sendable {
        case text(String)
        case other
    }

    private let directory: String
    private let clusters: [String: Named]
    private let users: [String: Named]
    private let contexts: [String: Named]
    package let currentContext: String

    /// Names of all contexts, sorted.
    package var contextNames: [String] { contexts.keys.sorted() }

    /// Reads a file; paths in it are relative to its directory.
    package init(path: String) throws(ClusterAccessError) {
        let directory = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        try self.init(
            yaml: String(decoding: FileContents.read(path), as: UTF8.self),
            directory: directory.isEmpty ? "." : directory)
    }

    package init(yaml: String, directory: String = ".") throws(ClusterAccessError) {
        let root: Node?
        do { root = try Yams.compose(yaml: yaml) } catch {
            throw ClusterAccessError(.invalid, "the kubeconfig is not valid YAML", cause: error)
        }
        guard let mapping = root?.mapping else { throw ClusterAccessError(.invalid, "the kubeconfig is no mapping") }
        self.directory = directory
        clusters = try Self.named(mapping, "clusters", "cluster")
        users = try Self.named(mapping, "users", "user")
        contexts = try Self.named(mapping, "contexts", "context")
        currentContext = mapping["current-context"]?.string ?? ""
    }

    private static func named(_ root: Node.Mapping, _ list: String, _ member: String) throws(ClusterAccessError)
        -> [String: Named]
    {
        var result: [String: Named] = [:]
        for (index, entry) in (root[Node(list)]?.sequence ?? []).enumerated() {
            guard let name = entry["name"]?.string else {
                throw ClusterAccessError(.invalid, "\(list)[\(index)].name is required")
            }
            var fields: [String: Field] = [:]
            for (key, value) in entry[member]?.mapping ?? [:] {
                guard let key = key.string else { continue }
                fields[key] = value.scalar.map { .text($0.string) } ?? .other
            }
            // As kubectl does: the first of a name counts.
            if result[name] == nil { result[name] = Named(fields: fields) }
        }
        return result
    }

    /// What a context says; the current one where no name is given. Files that it names are read.
    package func access(context name: String? = nil) throws(ClusterAccessError) -> ClusterAccess {
        let contextName = name ?? currentContext
        guard let context = contexts[contextName] else {
            throw ClusterAccessError(
                .missing, "context \"\(contextName)\" is not there; there are: \(contextNames.joined(separator: ", "))")
        }
        let clusterName = Self.text(context, "cluster") ?? ""
        guard let cluster = clusters[clusterName] else {
            throw ClusterAccessError(.missing, "context \(contextName) names cluster \"\(clusterName)\", not there")
        }
        guard let server = Self.text(cluster, "server"), server.hasPrefix("https://") || server.hasPrefix("http://")
        else { throw ClusterAccessError(.invalid, "clusters.\(clusterName).server must be an https URL") }
        try refuse(["proxy-url", "tls-server-name"], in: cluster, "clusters.\(clusterName)")
        var access = ClusterAccess(
            server: server, certificateAuthorityPEM: try bytes(cluster, "certificate-authority"),
            skipsVerification: Self.text(cluster, "insecure-skip-tls-verify") == "true",
            namespace: Self.text(context, "namespace") ?? "default")
        guard let userName = Self.text(context, "user"), !userName.isEmpty else { return access }
        guard let user = users[userName] else {
            throw ClusterAccessError(.missing, "context \(contextName) names user \"\(userName)\", not there")
        }
        try refuse(
            ["exec", "auth-provider", "username", "password", "as", "as-groups", "as-uid"], in: user,
            "users.\(userName)")
        access.clientCertificatePEM = try bytes(user, "client-certificate")
        access.clientKeyPEM = try bytes(user, "client-key")
        guard (access.clientCertificatePEM == nil) == (access.clientKeyPEM == nil) else {
            throw ClusterAccessError(
                .invalid, "users.\(userName) needs both or neither of client-certificate and client-key")
        }
        if let path = Self.text(user, "tokenFile") {
            access.token = .file(absolute(path))
        } else if let token = Self.text(user, "token") {
            access.token = .fixed(token)
        }
        return access
    }

    private func refuse(_ names: [String], in entry: Named, _ path: String) throws(ClusterAccessError) {
        for name in names where entry.fields[name] != nil {
            throw ClusterAccessError(.unsupported, "\(path).\(name) is not supported")
        }
    }

    private static func text(_ entry: Named, _ name: String) -> String? {
        guard case .text(let text) = entry.fields[name], !text.isEmpty else { return nil }
        return text
    }

    /// `NAME-data` in base64, or the file that `NAME` names; the data wins.
    private func bytes(_ entry: Named, _ name: String) throws(ClusterAccessError) -> [UInt8]? {
        if let encoded = Self.text(entry, "\(name)-data") {
            guard let data = Data(base64Encoded: encoded) else {
                throw ClusterAccessError(.invalid, "\(name)-data is not base64")
            }
            return Array(data)
        }
        guard let path = Self.text(entry, name) else { return nil }
        return try FileContents.read(absolute(path))
    }

    private func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : "\(directory)/\(path)" }
}
