import DaemonAPI

// One at a time for each attachment, and DEL before the ADDs it ends.
extension PodNetworking {
    /// Waits for the turn. Throws `tryAgainLater` where a DEL has ended the request before its turn came.
    func enter(_ verb: AttachmentTurns.Verb, _ key: AttachmentKey, _ started: Int64) async throws(PodNetworkError)
        -> AttachmentTurns.Ticket
    {
        let outcome = turns.arrive(verb, key, started: started, now: now())
        for ticket in outcome.cancelled {
            cancelled.insert(ticket)
            running[ticket]?.finish()
            waiting.removeValue(forKey: ticket)?.resume()
        }
        switch outcome.arrival {
        case .proceed(let ticket):
            return ticket
        case .wait(let ticket):
            await withCheckedContinuation { waiting[ticket] = $0 }
            if cancelled.contains(ticket) || Task.isCancelled {
                leave(ticket, key)
                throw Self.ended(key)
            }
            return ticket
        case .refuse:
            throw Self.ended(key)
        }
    }

    func leave(_ ticket: AttachmentTurns.Ticket, _ key: AttachmentKey) {
        cancelled.remove(ticket)
        if let next = turns.leave(ticket, key) { waiting.removeValue(forKey: next)?.resume() }
    }

    func checkWanted(_ ticket: AttachmentTurns.Ticket, _ key: AttachmentKey) throws(PodNetworkError) {
        if cancelled.contains(ticket) || Task.isCancelled { throw Self.ended(key) }
    }

    private static func ended(_ key: AttachmentKey) -> PodNetworkError {
        PodNetworkError(.tryAgainLater, "ADD of \(key) is no longer wanted: DEL came, or the caller has gone")
    }

    /// Runs `body` until it ends, or is told by a DEL or by the caller's going to give up.
    func untilCancelled(
        _ ticket: AttachmentTurns.Ticket, _ key: AttachmentKey, _ deadline: ContinuousClock.Instant,
        _ body: @escaping @Sendable () async throws(PodNetworkError) -> Void
    ) async throws(PodNetworkError) {
        try checkWanted(ticket, key)
        let (stop, continuation) = AsyncStream.makeStream(of: Void.self)
        running[ticket] = continuation
        let outcome = await withTaskGroup(of: Result<Void, PodNetworkError>?.self) { group in
            group.addTask {
                do throws(PodNetworkError) {
                    return .success(try await body())
                } catch {
                    return .failure(error)
                }
            }
            group.addTask {
                // The gate keeps the deadline itself and says what is missing; this is for the case that it does not.
                try? await Task.sleep(until: deadline + .milliseconds(200))
                return .failure(PodNetworkError(.tryAgainLater, "\(key) was not ready in time"))
            }
            group.addTask {
                for await _ in stop {}
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
        running[ticket] = nil
        try checkWanted(ticket, key)
        guard let outcome else { throw Self.ended(key) }
        try outcome.get()
    }
}
