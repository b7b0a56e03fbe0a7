package import JSONText
package import KubeObjects
import NetTypes

/// A statement about one kind of connection, read from a document of kind `PolicyTest`:
///
///     apiVersion: martlet.io/v1alpha1
///     kind: PolicyTest
///     metadata: {name: shop}
///     expect:
///       - {from: shop-web/visitor, to: shop-web/app=web, port: http, allow: true, reason: visitors see the shop}
package struct PolicyExpectation: Sendable {
    /// One end: `NAMESPACE/POD`, `NAMESPACE/LABEL=VALUE[,LABEL=VALUE]` (each pod that has them all) or an address.
    enum End: Sendable {
        case pod(ObjectKey)
        case labels(namespace: String, LabelSelector)
        case address(IPAddress)
    }

    /// A number, or a name that the pod at the destination gives a number.
    let port: PortReference
    let from: End
    let to: End
    let transport: TransportProtocol
    let allows: Bool
    /// The policy that has to decide, where the statement names one.
    let policy: ObjectKey?
    package let name: String

    static let kind = "PolicyTest"
    static let apiVersion = "martlet.io/v1alpha1"

    /// All statements of a document.
    package static func read(_ document: JSONValue) throws(ObjectError) -> [PolicyExpectation] {
        let reader = FieldReader(document)
        let (kind, version) = (document["kind"]?.string ?? "", document["apiVersion"]?.string ?? "")
        guard kind == Self.kind, version == Self.apiVersion else {
            throw ObjectError(
                .unsupported, field: "kind",
                "\(kind) of \(version) is no \(Self.kind) of \(Self.apiVersion): policies and pods are named by -f")
        }
        try reader.allow(only: ["apiVersion", "kind", "metadata", "expect"])
        let elements = try reader["expect"].elements()
        if elements.isEmpty { throw reader["expect"].invalid("at least one expectation is required") }
        var found: [PolicyExpectation] = []
        for element in elements { found.append(try PolicyExpectation(element)) }
        return found
    }

    private init(_ reader: FieldReader) throws(ObjectError) {
        try reader.allow(only: ["from", "to", "port", "protocol", "allow", "policy", "reason"])
        from = try Self.end(reader["from"])
        to = try Self.end(reader["to"])
        guard let port = try PortReference(reader["port"]) else { throw reader["port"].invalid("is required") }
        guard let allows = try reader["allow"].bool() else {
            throw reader["allow"].invalid("true or false is required")
        }
        self.port = port
        self.allows = allows
        transport = try reader["protocol"].transportProtocol()
        policy = try reader["policy"].string().map { text in
            let parts = text.split(separator: "/", maxSplits: 1).map(String.init)
            return parts.count == 2 ? ObjectKey(parts[0], parts[1]) : ObjectKey("", text)
        }
        let words = "\(try reader["from"].requiredString()) to \(try reader["to"].requiredString())"
        let reason = try reader["reason"].string().map { " (\($0))" } ?? ""
        name = "\(words) \(transport.kubernetesName) \(port): \(allows ? "allow" : "deny")\(reason)"
    }

    /// Of the text at `reader`.
    static func end(_ reader: FieldReader) throws(ObjectError) -> End {
        let text = try reader.requiredString()
        if let address = IPAddress(text) { return .address(address) }
        let parts = text.split(separator: "/", maxSplits: 1).map(String.init)
        guard parts.count == 2 else {
            throw reader.invalid("\"\(text)\" is not NAMESPACE/POD, NAMESPACE/LABEL=VALUE or an address")
        }
        if !parts[1].contains("=") { return .pod(ObjectKey(parts[0], parts[1])) }
        var labels: [String: String] = [:]
        for pair in parts[1].split(separator: ",") {
            let sides = pair.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
            guard sides.count == 2, !sides[0].isEmpty else { throw reader.invalid("\"\(pair)\" is not LABEL=VALUE") }
            labels[sides[0]] = sides[1]
        }
        return .labels(namespace: parts[0], LabelSelector(matchLabels: labels))
    }
}
