package import JSONText

/// A write that passed everything else and is about to be committed.
package struct ProposedWrite: Sendable {
    /// Where the kind's objects lie: `core/pods`.
    package let storage: String
    package let group: String
    /// Plural, lower case.
    package let resource: String
    /// `namespace/name`, or `name` for kinds without namespace.
    package let key: String
    package let name: String
    package let user: UserInfo
    /// Nil for a create.
    package let old: JSONValue?
    /// Nil where the object goes.
    package let new: JSONValue?
    /// Whether the user may do this to the named object of a kind without namespace.
    package let may: @Sendable (_ verb: String, _ group: String, _ resource: String, _ name: String) -> Bool
}

/// An object as it is committed.
package struct CommittedObject: Sendable {
    package let storage: String
    package let key: String
    /// Nil: it is gone.
    package let object: CachedObject?
}

/// Decides on writes in the order in which they are committed, knowing all that was committed before: two writes that
/// are good alone and bad together do not both pass.
///
/// The gate calls `follow` in the order of revisions, and calls one method at a time. Between a `judge` that lets a
/// write pass and that write's end no other one is judged.
package protocol CommitJudge: Sendable {
    /// The kinds that it follows.
    var storages: Set<String> { get }
    /// Whether this write has to be judged; others do not wait for the gate. May be called at any time.
    func concerns(_ write: ProposedWrite) -> Bool
    /// Takes everything there is in place of what it knew.
    func reset(_ objects: [CommittedObject])
    /// Takes what was committed since.
    func follow(_ objects: [CommittedObject])
    /// Judges writes that are committed together, at least one. Throws the refusal, an `APIStatus`. What it remembers
    /// of writes that it lets pass is corrected by `follow` with the objects as they are, should they not come about.
    /// - Parameter present: what stands there now, in the order of `writes`.
    func judge(_ writes: [ProposedWrite], present: [CommittedObject]) throws
    /// What was judged last is committed. Not called for a dry run.
    func cameAbout()
}
