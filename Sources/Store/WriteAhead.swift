import GRDB
import GRDBSQLite
import Synchronization

/// How much the write-ahead log holds, and how much of it the file has. Its size on the disk tells neither: the log
/// begins anew in place.
final class WriteAhead: Sendable {
    private struct State {
        var frames = 0
        var copied = 0
    }

    /// A page of 4 KiB and its header.
    private static let frameBytes = 4_096 + 24

    private let state = Mutex(State())

    /// Since the log began anew; 0 before the first commit of this process.
    var bytes: Int { state.withLock { $0.frames * Self.frameBytes } }

    /// Of these, what the file has not.
    var uncopiedBytes: Int { state.withLock { ($0.frames - $0.copied) * Self.frameBytes } }

    /// Counts what a connection commits; this has to live as long as it does.
    func follow(_ database: Database) {
        sqlite3_wal_hook(
            database.sqliteConnection,
            { context, _, _, frames in
                guard let context else { return SQLITE_OK }
                Unmanaged<WriteAhead>.fromOpaque(context).takeUnretainedValue().committed(Int(frames))
                return SQLITE_OK
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    private func committed(_ frames: Int) {
        state.withLock { state in
            if frames < state.frames { state.copied = 0 }
            state.frames = frames
        }
    }

    func copied(_ frames: Int) { state.withLock { $0.copied = min(frames, $0.frames) } }
}
