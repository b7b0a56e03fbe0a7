/// A path and method read as the API's attributes: what authorization judges and dispatch works on.
package struct RequestInfo: Hashable, Sendable {
    package var isResource: Bool
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; for other paths the method in
    /// lower case.
    package var verb: String
    package var group = ""
    package var version = ""
    package var namespace = ""
    /// Plural, lower case.
    package var resource = ""
    package var subresource = ""
    package var name = ""
    package var path: String

    /// `pods/log`, as roles name it.
    package var resourceAndSubresource: String {
        subresource.isEmpty ? resource : "\(resource)/\(subresource)"
    }

    /// Reads a request. Paths: `/api/v1/…` and `/apis/GROUP/VERSION/…`, with `namespaces/NS/` before namespaced
    /// resources and the old `watch/` prefix.
    package init(_ request: APIRequest) {
        path = request.path
        verb = request.method.lowercased()
        isResource = false
        var parts = request.path.split(separator: "/", omittingEmptySubsequences: true).map(String.init)[...]
        guard let prefix = parts.popFirst(), prefix == "api" || prefix == "apis" else { return }
        if prefix == "apis" {
            guard parts.count >= 3, let first = parts.popFirst() else { return }
            group = first
        }
        guard parts.count >= 2, let version = parts.popFirst() else { return }
        self.version = version
        isResource = true
        let isOldWatch = parts.first == "watch" && parts.count > 1
        if isOldWatch { parts.removeFirst() }
        readResource(parts)
        verb = Self.verb(request, hasName: !name.isEmpty, isOldWatch: isOldWatch)
    }

    private mutating func readResource(_ given: ArraySlice<String>) {
        var parts = given
        if parts.first == "namespaces", parts.count > 2,
            !Self.namespaceSubresources.contains(parts[parts.startIndex + 2])
        {
            namespace = parts[parts.startIndex + 1]
            parts = parts.dropFirst(2)
        }
        resource = parts.popFirst() ?? ""
        name = parts.popFirst() ?? ""
        subresource = parts.joined(separator: "/")
        if resource == "namespaces" { namespace = name }
    }

    private static let namespaceSubresources: Set<String> = ["status", "finalize"]

    private static func verb(_ request: APIRequest, hasName: Bool, isOldWatch: Bool) -> String {
        switch request.method {
        case "POST": return "create"
        case "PUT": return "update"
        case "PATCH": return "patch"
        case "DELETE": return hasName ? "delete" : "deletecollection"
        case "GET", "HEAD":
            if isOldWatch { return "watch" }
            if hasName { return "get" }
            return request.flag("watch") ? "watch" : "list"
        default: return request.method.lowercased()
        }
    }
}
