package import JSONText

/// A kind as the API serves it: where its objects live. One reference: what is kept of each object names its kind.
package struct APIResource: Hashable, Sendable {
    private final class Facts: Sendable {
        let group: String
        let version: String
        let name: String
        let kind: String
        let isNamespaced: Bool

        init(group: String, version: String, name: String, kind: String, isNamespaced: Bool) {
            self.group = group
            self.version = version
            self.name = name
            self.kind = kind
            self.isNamespaced = isNamespaced
        }
    }

    private let facts: Facts

    /// Empty for the core group.
    package var group: String { facts.group }
    package var version: String { facts.version }
    /// Plural, lower case: `pods`.
    package var name: String { facts.name }
    package var kind: String { facts.kind }
    package var isNamespaced: Bool { facts.isNamespaced }

    package init(group: String, version: String, name: String, kind: String, isNamespaced: Bool) {
        facts = Facts(group: group, version: version, name: name, kind: kind, isNamespaced: isNamespaced)
    }

    package static func == (left: Self, right: Self) -> Bool {
        left.facts === right.facts
            || (left.name == right.name && left.group == right.group && left.version == right.version
                && left.kind == right.kind && left.isNamespaced == right.isNamespaced)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(name)
        hasher.combine(group)
    }

    /// `v1`, or `group/version`.
    package var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }
}

/// Names one object.
package struct ObjectReference: Hashable, Sendable {
    package let resource: APIResource
    /// Empty for kinds without namespace.
    package let namespace: String
    package let name: String

    package init(_ resource: APIResource, namespace: String = "", name: String) {
        self.resource = resource
        self.namespace = namespace
        self.name = name
    }
}

/// What a list or a watch selects. Empty strings select all.
package struct ListOptions: Hashable, Sendable {
    package var namespace = ""
    package var labelSelector = ""
    package var fieldSelector = ""
    /// Asks a server in the same process to tell a watch how far it is whenever the revision has moved: that wakes the
    /// watch for changes of other kinds too. Others give a bookmark a minute.
    package var followsRevision = false
    /// Nothing but kind, apiVersion and metadata is read of the objects. A watch, and a server in another process, may
    /// send more.
    package var isMetadataOnly = false

    package init(
        namespace: String = "", labelSelector: String = "", fieldSelector: String = "", followsRevision: Bool = false,
        isMetadataOnly: Bool = false
    ) {
        self.namespace = namespace
        self.labelSelector = labelSelector
        self.fieldSelector = fieldSelector
        self.followsRevision = followsRevision
        self.isMetadataOnly = isMetadataOnly
    }
}

/// Objects at one revision of the store.
package struct ObjectList: Sendable {
    package let items: [JSONValue]
    package let resourceVersion: String

    package init(items: [JSONValue], resourceVersion: String) {
        self.items = items
        self.resourceVersion = resourceVersion
    }
}

package enum WatchEvent: Sendable {
    case added(JSONValue)
    case modified(JSONValue)
    case deleted(JSONValue)
    /// One commit wrote several objects, of this kind or others. Only from a server in the same process, before their
    /// events.
    case together(resourceVersion: String)
    /// Everything up to this revision has been sent.
    case bookmark(resourceVersion: String)
}

package enum PatchType: String, Sendable {
    case strategicMerge = "application/strategic-merge-patch+json"
    case merge = "application/merge-patch+json"
    case json = "application/json-patch+json"
    case apply = "application/apply-patch+yaml"
}

/// What a server answered that was not success, or what kept it from answering.
package struct APIError: Error, Sendable {
    /// HTTP status; 0 where no answer came.
    package let code: Int
    /// `Status.reason`: `NotFound`, `Conflict`, `Expired`, `AlreadyExists` …; empty where no answer came.
    package let reason: String
    package let message: String
    /// The whole Status object where there was one.
    package let status: JSONValue?

    package init(code: Int, reason: String, message: String, status: JSONValue? = nil) {
        self.code = code
        self.reason = reason
        self.message = message
        self.status = status
    }

    package var isNotFound: Bool { code == 404 }
    package var isConflict: Bool { code == 409 }
    /// The revision asked for is compacted: list again.
    package var isExpired: Bool { code == 410 }
}

/// The Kubernetes API as our own parts use it; the same protocol in the same process and over HTTPS.
/// Objects are whole JSON trees. An empty `subresource` is the object itself.
package protocol APIClient: Sendable {
    func get(_ object: ObjectReference, subresource: String) async throws(APIError) -> JSONValue
    func list(_ resource: APIResource, _ options: ListOptions) async throws(APIError) -> ObjectList
    /// The same, an object at a time: of a list of many, not all are there as trees at once. Answers the list's
    /// revision.
    func list(_ resource: APIResource, _ options: ListOptions, each body: (JSONValue) -> Void) async throws(APIError)
        -> String
    /// Events after `resourceVersion`, until the stream is dropped. It ends by an `APIError`; `isExpired` says that the
    /// caller has to list again. Bookmarks are always asked for.
    func watch(_ resource: APIResource, _ options: ListOptions, from resourceVersion: String) async throws(APIError)
        -> AsyncThrowingStream<WatchEvent, any Error>
    /// `object.name` may be empty where the body has `generateName`; with a subresource it posts to it.
    func create(_ object: ObjectReference, subresource: String, _ body: JSONValue) async throws(APIError) -> JSONValue
    func update(_ object: ObjectReference, subresource: String, _ body: JSONValue) async throws(APIError) -> JSONValue
    func patch(
        _ object: ObjectReference, subresource: String, type: PatchType, fieldManager: String, force: Bool,
        _ body: JSONValue
    ) async throws(APIError) -> JSONValue
    /// `options` is a DeleteOptions object, or nil.
    func delete(_ object: ObjectReference, options: JSONValue?) async throws(APIError) -> JSONValue
}

extension APIClient {
    package func list(_ resource: APIResource, _ options: ListOptions, each body: (JSONValue) -> Void)
        async throws(APIError) -> String
    {
        let list = try await list(resource, options)
        for item in list.items { body(item) }
        return list.resourceVersion
    }
}
