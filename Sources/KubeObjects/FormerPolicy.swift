package import JSONText

/// What of a policy was in force when the daemon before this one ended.
package enum FormerPolicy: Sendable {
    /// The version that there is now; also where nothing at all is known.
    case present
    /// Another version of the same object.
    case another(JSONValue)
    /// None.
    case none
}
