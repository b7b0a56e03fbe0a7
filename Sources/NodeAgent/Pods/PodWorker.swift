import APIClient
import JSONText
import Logging

/// Drives one pod: looks, decides, acts, reports, and waits for the next change or moment. Everything it knows can be
/// found again from the API and the runtime.
actor PodWorker {
    typealias Job = @Sendable () async -> Void

    nonisolated let uid: String
    nonisolated let wakeup = Wakeup()
    let services: PodServices
    var pod: PodObject?
    /// The last pod seen, for names after the object has gone.
    var lastPod: PodObject?
    var names: (namespace: String, name: String)
    var memory = PodMemory()
    var observed = PodObservation()
    /// Images pulled for a start that has not happened yet, where the policy is Always.
    var freshImages: Set<String> = []
    /// Exited containers do not change: what was read once of them stays.
    var ended: [String: ObservedContainer] = [:]
    var probes: [String: ContainerProbes] = [:]
    var jobs: [Job] = []
    var tokens = PodTokens()
    var volumesWrittenAt: Timestamp?
    /// The mirror of a static pod in the API.
    var mirror: JSONValue?
    private var sentStatus: JSONValue?
    private var warnedFields: [String] = []
    private var isFinished = false

    init(uid: String, namespace: String, name: String, services: PodServices) {
        self.uid = uid
        names = (namespace, name)
        self.services = services
    }

    /// The pod's object changed; nil: it is no longer in the API.
    func update(_ pod: PodObject?, last: PodObject? = nil) {
        self.pod = pod
        lastPod = pod ?? last ?? lastPod
        memory.lastGraceSeconds = pod == nil ? lastPod?.graceSeconds : nil
        wakeup.raise()
    }

    func updateMirror(_ json: JSONValue?) {
        mirror = json
        wakeup.raise()
    }

    /// Until nothing of the pod is left, or the task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            while !isFinished && !Task.isCancelled {
                let pause = await step()
                for job in jobs { group.addTask { await job() } }
                jobs.removeAll()
                guard !isFinished else { break }
                await wakeup.wait(atMost: pause)
            }
            group.cancelAll()
        }
    }

    /// One round; returns how long to wait at most.
    private func step() async -> Duration? {
        do {
            observed = try await observe()
        } catch {
            log(error, "cannot look at the pod's containers")
            return .seconds(1)
        }
        await followContainers()
        var plan = PodDecision.plan(for: pod, observed: observed, memory: memory, now: services.clock())
        await publish()
        if let pod { warnOfUnsupported(pod) }
        var failed = false
        for action in plan.actions {
            do {
                try await perform(action)
            } catch {
                failed = true
                log(error, "a step failed: \(action)")
            }
        }
        if !plan.actions.isEmpty && !isFinished {
            return failed ? .seconds(1) : .milliseconds(1)
        }
        await refreshVolumes(&plan)
        guard let wakeAt = plan.wakeAt else { return nil }
        return max(wakeAt - services.clock(), .milliseconds(1))
    }

    private func warnOfUnsupported(_ pod: PodObject) {
        let fields = SupportedFields.unsupported(in: pod)
        guard !fields.isEmpty, fields != warnedFields else { return }
        warnedFields = fields
        services.events.warning(pod, "UnsupportedField", PodStatusBuilder.message(unsupported: fields))
    }

    func finish() { isFinished = true }

    func spawn(_ job: @escaping Job) { jobs.append(job) }

    func log(_ error: any Error, _ message: String) {
        services.logger.warning(
            "\(message)", metadata: ["pod": "\(names.namespace)/\(names.name)", "error": "\(error)"])
    }

    // MARK: Looking

    private func observe() async throws(NodeAgentError) -> PodObservation {
        var observation = PodObservation()
        observation.sandboxes = try await services.runtime.sandboxes(podUID: uid)
        if let index = observation.sandboxes.firstIndex(where: { $0.isReady }) {
            let sandbox = observation.sandboxes[index]
            let known = observed.sandboxes.first { $0.id == sandbox.id }
            if let known, known.isReady, !known.addresses.isEmpty {
                observation.sandboxes[index] = known
            } else if let details = try await services.runtime.details(of: sandbox) {
                observation.sandboxes[index] = details
            }
        }
        var present: Set<String> = []
        for container in try await services.runtime.containers(podUID: uid) {
            present.insert(container.id)
            if let known = ended[container.id] {
                observation.containers.append(known)
                continue
            }
            guard var details = try await services.runtime.details(of: container) else { continue }
            if details.state == .exited {
                await addTerminationMessage(&details)
                ended[details.id] = details
            }
            observation.containers.append(details)
        }
        ended = ended.filter { present.contains($0.key) }
        return observation
    }

    private func addTerminationMessage(_ container: inout ObservedContainer) async {
        let files = files
        let spec = lastPod?.container(container.name)
        let path = files.terminationMessage(container.name, restartCount: container.restartCount)
        let log = "\(files.logFolder)/\(PodFiles.logPath(container.name, restartCount: container.restartCount))"
        let fallsBack =
            spec?.json["terminationMessagePolicy"]?.string == "FallbackToLogsOnError" && container.exitCode != 0
        let limit = NodeAgentConfiguration.Limit.terminationMessageBytes
        let text = try? await services.blocking { () throws(NodeAgentError) -> String in
            let bytes = FileCalls.read(path, limit: limit) ?? []
            if !bytes.isEmpty || !fallsBack { return String(decoding: bytes, as: UTF8.self) }
            return LogTail.text(of: log, lines: 80, bytes: limit / 2)
        }
        if let text, !text.isEmpty { container.message = text }
    }

    var files: PodFiles {
        PodFiles(uid: uid, namespace: names.namespace, name: names.name, configuration: services.configuration)
    }

    /// Probes begin with a container and end with it.
    private func followContainers() async {
        let running = Set(observed.containers.filter { $0.state == .running }.map(\.id))
        memory.stopping = memory.stopping.filter { running.contains($0.key) }
        memory.health = memory.health.filter { running.contains($0.key) }
        probes = probes.filter { running.contains($0.key) }
        guard let pod else { return }
        for container in observed.containers where container.state == .running && memory.health[container.id] == nil {
            guard let spec = pod.container(container.name) else { continue }
            let last = (mirror.flatMap { PodObject($0) } ?? pod).lastStatus(of: container.name)
            let isSame = last?["containerID"]?.string == "containerd://\(container.id)"
            let state = ContainerProbes(
                spec, wasStarted: isSame && last?["started"]?.bool == true,
                wasReady: isSame && last?["ready"]?.bool == true)
            probes[container.id] = state
            memory.health[container.id] = state.health
            for kind in ProbeSpec.Kind.allCases {
                guard let probe = ProbeSpec(kind, of: spec) else { continue }
                let start = container.startedAt ?? services.clock()
                spawn { await self.runProbe(probe, spec, id: container.id, from: start + probe.initialDelay) }
            }
        }
    }

    // MARK: Reporting

    /// Patches the object's status where it differs from what the API has.
    private func publish() async {
        guard let pod else { return }
        // What has been taken down says no more than what was reported before.
        if pod.isBeingDeleted && observed.containers.isEmpty { return }
        guard let subject = pod.isStatic ? mirror.flatMap({ PodObject($0) }) : pod else { return }
        let status = PodStatusBuilder(
            pod.isStatic ? pod.withStatus(subject.status) : pod, observed, memory, now: services.clock(),
            configuration: services.configuration
        ).status()
        let isSame = (status.object ?? [:]).allSatisfy { subject.status[$0.key] == $0.value }
        guard !isSame, status != sentStatus else { return }
        let patch: JSONValue = ["metadata": ["uid": .string(subject.uid)], "status": status]
        do {
            let reference = ObjectReference(.pods, namespace: subject.namespace, name: subject.name)
            let answer = try await services.client.patch(
                reference, subresource: "status", type: .merge, fieldManager: "martlet-node", force: false, patch)
            sentStatus = status
            adopt(answer, insteadOf: pod)
        } catch  where error.isNotFound || error.isConflict {
            services.logger.debug("status belongs to another pod", metadata: ["pod": "\(pod.namespace)/\(pod.name)"])
        } catch {
            log(error, "status not written")
            spawn { [wakeup] in
                try? await Task.sleep(for: .seconds(1))
                wakeup.raise()
            }
        }
    }
}

extension PodWorker {
    /// Goes on with what the API made of the status, unless the watch has brought something else meanwhile.
    private func adopt(_ answer: JSONValue, insteadOf old: PodObject) {
        if old.isStatic {
            if mirror?[path: "metadata", "uid"] == answer[path: "metadata", "uid"] { mirror = answer }
        } else if pod == old, let new = PodObject(answer), new.uid == old.uid {
            pod = new
            lastPod = new
        }
    }
}

extension PodObject {
    /// The same pod with another status: a static pod has that of its mirror.
    func withStatus(_ status: JSONValue) -> PodObject {
        var copy = json
        copy["status"] = status
        return PodObject(copy) ?? self
    }
}
