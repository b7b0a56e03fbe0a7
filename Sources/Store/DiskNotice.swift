/// What is news of a full disk: that it begins, once a minute that it goes on, and that it ends.
///
/// Times are since any fixed moment.
struct DiskNotice {
    enum News: Hashable {
        case begun
        /// `refused` commits in all, over this time.
        case goesOn(refused: Int, for: Duration)
        case ended(refused: Int, after: Duration)
    }

    static let interval = Duration.seconds(60)

    private var began: Duration?
    private var toldLast = Duration.zero
    private var refused = 0

    /// Something found no room on the disk.
    mutating func refused(at now: Duration) -> News? {
        refused += 1
        guard let began else {
            self.began = now
            toldLast = now
            return .begun
        }
        guard now - toldLast >= Self.interval else { return nil }
        toldLast = now
        return .goesOn(refused: refused, for: now - began)
    }

    /// A commit found room.
    mutating func written(at now: Duration) -> News? {
        guard let began else { return nil }
        defer { self = DiskNotice() }
        return .ended(refused: refused, after: now - began)
    }
}
