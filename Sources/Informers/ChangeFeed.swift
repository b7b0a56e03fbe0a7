package import APIClient
package import KubeObjects
import Synchronization

/// Names of objects that changed since the last notice, whatever happened to them. Level-triggered: who gets it looks
/// into the caches for what is there now.
package struct ChangeNotice: Sendable, Hashable {
    package var names: [APIResource: Set<ObjectKey>] = [:]
    /// Too many names, or a resync: look at everything of these kinds.
    package var everything: Set<APIResource> = []
    /// Up to which revision the names of a kind's changes are all in this notice or in earlier ones. Only for feeds
    /// that follow it.
    package var progress: [APIResource: Int64] = [:]

    package init() {}

    package var isEmpty: Bool { namesNothing && progress.isEmpty }
    /// Nothing changed; the notice tells of progress alone.
    package var namesNothing: Bool { names.isEmpty && everything.isEmpty }
    /// Takes what a later notice names.
    package mutating func merge(_ later: ChangeNotice) {
        everything.formUnion(later.everything)
        names.merge(later.names) { $0.union($1) }
        for resource in everything { names[resource] = nil }
        progress.merge(later.progress) { Swift.max($0, $1) }
    }

    package func concerns(_ resource: APIResource) -> Bool { names[resource] != nil || everything.contains(resource) }
}

/// Collects what informers of any number of kinds report into one notice at a time. For one consumer: while it works,
/// changes gather in the next notice, each name once.
package final class ChangeFeed: AsyncSequence, Sendable {
    package typealias Element = ChangeNotice
    package typealias Failure = Never
    /// Names of one kind that gather; with more the notice says "everything".
    package static let namesMax = 16_384

    private struct State {
        var pending = ChangeNotice()
        var waiting: UnsafeContinuation<Void, Never>?
        var isFinished = false
    }

    private let state = Mutex(State())
    private let followsProgress: Bool

    package init(followsProgress: Bool = false) { self.followsProgress = followsProgress }

    /// - Parameter progress: no further change of the kind up to this revision will be posted; nil where that is not
    ///   known.
    package func post(_ resource: APIResource, _ keys: some Collection<ObjectKey>, upTo progress: Int64? = nil) {
        let progress = followsProgress ? progress : nil
        guard !keys.isEmpty || progress != nil else { return }
        wake { pending in
            if let progress { pending.progress[resource] = Swift.max(pending.progress[resource] ?? progress, progress) }
            guard !keys.isEmpty, !pending.everything.contains(resource) else { return }
            pending.names[resource, default: []].formUnion(keys)
            if pending.names[resource]?.count ?? 0 > Self.namesMax {
                pending.names[resource] = nil
                pending.everything.insert(resource)
            }
        }
    }

    /// Everything of this kind is to be looked at.
    package func postEverything(_ resource: APIResource) {
        wake { pending in
            pending.names[resource] = nil
            pending.everything.insert(resource)
        }
    }

    package func finish() {
        let waiting = state.withLock { state in
            state.isFinished = true
            return state.waiting.take()
        }
        waiting?.resume()
    }

    private func wake(_ change: (inout ChangeNotice) -> Void) {
        let waiting = state.withLock { state in
            change(&state.pending)
            return state.waiting.take()
        }
        waiting?.resume()
    }

    package func makeAsyncIterator() -> Iterator { Iterator(feed: self) }

    package struct Iterator: AsyncIteratorProtocol {
        let feed: ChangeFeed

        package func next() async -> ChangeNotice? { await feed.next() }
        package func next(isolation actor: isolated (any Actor)?) async -> ChangeNotice? { await feed.next() }
    }

    /// What has gathered; nil where nothing has.
    package func takeNow() -> ChangeNotice? {
        state.withLock { state -> ChangeNotice? in
            guard !state.pending.isEmpty else { return nil }
            defer { state.pending = ChangeNotice() }
            return state.pending
        }
    }

    /// Waits for a change. Nil when the feed is finished or the task cancelled.
    package func next() async -> ChangeNotice? {
        while true {
            let taken = takeNow()
            if let taken, !Task.isCancelled { return taken }
            if Task.isCancelled || state.withLock({ $0.isFinished }) { return nil }
            await withTaskCancellationHandler {
                await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
                    let isReady = state.withLock { state in
                        if !state.pending.isEmpty || state.isFinished || Task.isCancelled { return true }
                        precondition(state.waiting == nil, "a feed has one consumer")
                        state.waiting = continuation
                        return false
                    }
                    if isReady { continuation.resume() }
                }
            } onCancel: {
                state.withLock { $0.waiting.take() }?.resume()
            }
        }
    }
}
