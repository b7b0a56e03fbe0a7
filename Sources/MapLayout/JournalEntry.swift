/// One binding of a name to a number that has to outlive the daemon, so that its successor compiles onto the same
/// numbers. Entries are persisted before the maps are written; a nil value forgets the name.
package struct JournalEntry: Hashable, Sendable {
    package let key: String
    package let value: String?

    package init(_ key: String, _ value: String?) {
        self.key = key
        self.value = value
    }
}
