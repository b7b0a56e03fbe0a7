import APIClient
import BenchReport
import Glibc
import JSONText

/// The daemon is killed; how long until its successor serves again.
struct RestartPart {
    let session: Session

    func run() async throws {
        _ = try await session.inside("server")
        var times: [Double] = []
        for _ in 0..<session.count(7, least: 3) { times.append(try await restart()) }
        session.note(
            Measure(
                part: "control", "SIGKILL to full service: API, datapath and CNI", rounds: times, "ms", .atMost(500)))
        let memory = try session.node.memory()
        session.note(Measure(part: "control", "daemon resident after a restart", memory.all, "MB"))
    }

    /// Milliseconds until the successor has its policy in force, says nothing is wrong, and has taken a write that a
    /// client sent over HTTPS.
    private func restart() async throws -> Double {
        try await session.withObjects { try await restart($0) }
    }

    private func restart(_ objects: BenchObjects) async throws -> Double {
        let node = session.node
        let old = try node.daemon()
        let start = Shell.now
        guard kill(pid_t(old), SIGKILL) == 0 else { throw BenchError("cannot end the daemon") }
        let inForce = Shell.poll(seconds: 20) {
            let status = try node.status()
            let isAdopted = status[path: "policy", "revision"]?.integer != nil
            let isComplete = status[path: "endpoints", "total"]?.integer == 2
            return isAdopted && isComplete ? Shell.now : nil
        }
        guard inForce != nil else { throw BenchError("the daemon did not come back") }
        let end = Shell.now + 20e6
        while true {
            do {
                try await objects.patch(
                    .networkPolicies, "measured", ["metadata": ["annotations": ["at": .string("\(start)")]]])
                break
            } catch  where Shell.now < end {
                usleep(1_000)
            }
        }
        let time = (Shell.now - start) / 1e3
        guard try node.daemon() != old else { throw BenchError("the old daemon lives") }
        return time
    }
}
