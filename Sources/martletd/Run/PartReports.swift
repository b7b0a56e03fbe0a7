import Agent
import Controllers
import Glibc
import NodeAgent
import Store

/// What `martlet status` says of the parts that the agent does not own.
struct PartReports: Sendable {
    /// Below this the disk is said to be nearly full: the store needs room for its log and a copy of it.
    private static let freeBytesMin: UInt64 = 256 << 20

    let node: NodeAgent
    let store: Store
    let controllers: ControllerSet
    let stateDirectory: String

    var all: [PartReport] { get async { [await runtime, disk, storeReport, controlPlane] } }

    private var runtime: PartReport {
        get async {
            let unmet = await node.unmetConditions()
            guard unmet.isEmpty, let version = try? await node.runtimeVersion() else {
                let fault = unmet.isEmpty ? "its version cannot be read" : unmet.joined(separator: "; ")
                return PartReport(
                    name: "runtime", summary: "not ready", fault: fault,
                    next: "is containerd up? running pods and their network go on meanwhile")
            }
            return PartReport(name: "runtime", summary: "\(version.name) \(version.version), ready")
        }
    }

    private var storeReport: PartReport {
        let now = store.statistics
        return PartReport(
            name: "store",
            summary: "revision \(now.revision), \(now.keys) objects of \(now.bytes >> 10) KiB, \(now.watchers) watchers"
        )
    }

    private var disk: PartReport {
        var facts = statvfs()
        guard statvfs(stateDirectory, &facts) == 0 else {
            return PartReport(
                name: "disk", summary: "unknown",
                fault: "\(stateDirectory) cannot be read: \(String(cString: strerror(errno)))",
                next: "ls -la \(stateDirectory)")
        }
        let free = UInt64(facts.f_bavail) * UInt64(facts.f_frsize)
        let summary = "\(free >> 20) MiB free at \(stateDirectory)"
        guard free < Self.freeBytesMin else { return PartReport(name: "disk", summary: summary) }
        return PartReport(
            name: "disk", summary: summary, fault: "\(summary): when it is full the API refuses writes",
            next: "df \(stateDirectory); make room, nothing needs a restart")
    }

    private var controlPlane: PartReport {
        PartReport(name: "control", summary: "API server and \(controllers.running) controllers run")
    }
}
