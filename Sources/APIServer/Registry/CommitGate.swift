import APIMachinery
import Synchronization

/// Lets one judged write through at a time, and keeps the judge up to date. Writes that the judge has no concern with
/// never come here.
///
/// Whoever waits is a request in flight, of which there are at most `Limits.requestsInFlightMax`.
final class CommitGate: Sendable {
    private struct State {
        var isHeld = false
        var waiting: [UnsafeContinuation<Void, Never>] = []
        /// What the judge has seen; nil before its first look.
        var revision: Int64?
    }

    private let judge: any CommitJudge
    private let cache: ObjectCache
    private let state = Mutex(State())

    init(_ judge: any CommitJudge, cache: ObjectCache) {
        self.judge = judge
        self.cache = cache
    }

    /// Judges writes as one, then performs them. Where one of them concerns the judge it sees all: one write may matter
    /// by what another makes of it. For a dry run `perform` writes nothing, and the judge forgets them again.
    func pass<Result>(
        _ writes: [ProposedWrite], isDryRun: Bool = false, _ perform: () async throws(APIStatus) -> Result
    ) async throws(APIStatus) -> Result {
        let judged = writes.filter { judge.storages.contains($0.storage) }
        guard let first = judged.first, judged.contains(where: judge.concerns) else { return try await perform() }
        await enter()
        defer { leave() }
        catchUp()
        do { try judge.judge(judged, present: judged.map(present)) } catch {
            throw error as? APIStatus
                ?? .forbidden(group: first.group, resource: first.resource, name: first.name, "\(error)")
        }
        do {
            let result = try await perform()
            if isDryRun {
                judge.follow(judged.map(present))
            } else {
                judge.cameAbout()
                // Now, that the write is on its way, and not when the next one waits for it.
                catchUp()
            }
            return result
        } catch {
            judge.follow(judged.map(present))
            throw error
        }
    }

    /// Shows the judge what has come since, so that the next write has little to wait for.
    func refresh() async {
        await enter()
        catchUp()
        leave()
    }

    private func present(_ write: ProposedWrite) -> CommittedObject {
        CommittedObject(storage: write.storage, key: write.key, object: cache.get(write.storage, write.key))
    }

    /// Only ever called inside the gate.
    private func catchUp() {
        let known = state.withLock { $0.revision }
        let revision: Int64
        if let known, let news = cache.changes(of: judge.storages, after: known) {
            if !news.objects.isEmpty { judge.follow(news.objects) }
            revision = news.revision
        } else {
            let all = cache.everything(of: judge.storages)
            judge.reset(all.objects)
            revision = all.revision
        }
        state.withLock { $0.revision = revision }
    }

    // MARK: One at a time, first come first served

    private func enter() async {
        await withUnsafeContinuation { continuation in
            let isFree = state.withLock { state in
                if state.isHeld {
                    state.waiting.append(continuation)
                    return false
                }
                state.isHeld = true
                return true
            }
            if isFree { continuation.resume() }
        }
    }

    private func leave() {
        let next = state.withLock { state -> UnsafeContinuation<Void, Never>? in
            if state.waiting.isEmpty {
                state.isHeld = false
                return nil
            }
            return state.waiting.removeFirst()
        }
        next?.resume()
    }
}

extension ObjectCache {
    /// All objects of these kinds, as they are at one revision.
    func everything(of storages: Set<String>) -> (objects: [CommittedObject], revision: Int64) {
        withTables(storages) { tables, revision in
            var found: [CommittedObject] = []
            for (storage, table) in tables {
                table.forEach { key, object in
                    found.append(CommittedObject(storage: storage, key: key, object: object))
                    return true
                }
            }
            return (found, revision)
        }
    }
}
