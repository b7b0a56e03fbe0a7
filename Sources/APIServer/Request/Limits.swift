/// Named limits of the server, in one place.
package enum Limits {
    /// A larger body is answered with 413.
    package static let bodyBytesMax = 3 << 20
    /// Request line and headers together.
    static let headBytesMax = 64 << 10
    /// Requests being worked on at once, watches, logs and exec aside; above it: 429.
    static let requestsInFlightMax = 800
    /// Watches, logs and exec at once; above it: 429.
    static let streamsMax = 4000
    /// Events kept for watches that start in the past, and for lists at an older revision.
    static let historyEventsMax = 8192
    static let historyBytesMax = 16 << 20
    /// Events waiting for one slow watcher; above it the watch ends and the client starts anew.
    static let watchBufferEventsMax = 1000
    /// An answer at least this large is compressed when the client takes gzip.
    static let compressFromBytes = 128 << 10
    /// A client that takes longer to send one request is cut off.
    static let requestReadSeconds: Int64 = 60
    /// How often an idle watch that asked for bookmarks gets one.
    static let bookmarkInterval: Duration = .seconds(60)
    /// A watch without `timeoutSeconds` ends after a random time between this and twice this.
    static let watchSecondsMin: Int64 = 1800
    /// An update without a resourceVersion that meets concurrent writers is tried again so often.
    static let conflictRetries = 8
}
