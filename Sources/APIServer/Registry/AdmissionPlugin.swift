package import JSONText

/// What an admission plugin is asked about: one write that is about to happen.
package struct AdmissionRequest: Sendable {
    package enum Operation: String, Sendable {
        case create = "CREATE"
        case update = "UPDATE"
        case delete = "DELETE"
    }

    package let operation: Operation
    package let group: String
    package let version: String
    /// Plural, lower case.
    package let resource: String
    package let subresource: String
    /// Empty for kinds without namespace.
    package let namespace: String
    package let name: String
    /// The user's name and groups.
    package let user: UserInfo
    /// Nil for a create.
    package let old: JSONValue?
    package let isDryRun: Bool
}

/// A part of the admission chain that others put in: it may change an object, or refuse the write with an `APIStatus`.
///
/// Called for every create, update and delete, after defaults and before validation, in the order of the configuration.
/// With `isDryRun` it must have no effect beyond the object.
package protocol AdmissionPlugin: Sendable {
    /// Changes `object` or throws the refusal. For a delete `object` is what is deleted and changes are ignored.
    func admit(_ object: inout JSONValue, _ request: AdmissionRequest) async throws
}
