import APIClient
import JSONText
import Logging

/// All pod workers of the node: begins one for each pod that is bound here or found in the runtime.
actor PodFleet {
    private let services: PodServices
    private var workers: [String: PodWorker] = [:]
    private var pods: [String: PodObject] = [:]
    private var staticPods: [String: PodObject] = [:]
    /// Mirrors of static pods, by the static pod's uid.
    private var mirrors: [String: JSONValue] = [:]
    private var fingerprints: [String: Int] = [:]
    private var isListed = false
    private var isStaticRead: Bool
    private let begun: AsyncStream<PodWorker>
    private let begin: AsyncStream<PodWorker>.Continuation
    nonisolated let lookWakeup = Wakeup()

    init(services: PodServices, hasStaticPods: Bool) {
        self.services = services
        isStaticRead = !hasStaticPods
        // Bounded by the number of pods: one entry for each worker.
        (begun, begin) = AsyncStream.makeStream()
    }

    /// Runs the workers until the task is cancelled.
    func run() async {
        let begun = begun
        await withDiscardingTaskGroup { group in
            for await worker in begun {
                group.addTask {
                    await worker.run()
                    await self.ended(worker)
                }
            }
            group.cancelAll()
        }
    }

    nonisolated func lookSoon() { lookWakeup.raise() }

    // MARK: Pods

    func take(_ change: PodSource.Change) async {
        switch change {
        case .listed(let list):
            let known = Dictionary(list.compactMap(PodObject.init).map { ($0.uid, $0) }, uniquingKeysWith: { $1 })
            let gone = pods.keys.filter { known[$0] == nil }
            isListed = true
            for uid in gone { await remove(uid) }
            for pod in known.values.sorted(by: { $0.name < $1.name }) { await upsert(pod) }
            await mirrorStatic()
        case .changed(let json):
            if let pod = PodObject(json) { await upsert(pod) }
        case .removed(let json):
            guard let pod = PodObject(json) else { return }
            if let uid = pod.annotations[PodAnnotation.mirror] {
                mirrors[uid] = nil
                await workers[uid]?.updateMirror(nil)
                await mirrorStatic()
            } else {
                await remove(pod.uid, last: pod)
            }
        }
    }

    private func upsert(_ pod: PodObject) async {
        if let uid = pod.annotations[PodAnnotation.mirror] {
            mirrors[uid] = pod.json
            if staticPods[uid] == nil && isListed && isStaticRead {
                await removeMirror(pod)
            } else {
                await workers[uid]?.updateMirror(pod.json)
            }
            return
        }
        pods[pod.uid] = pod
        await worker(for: pod).update(pod)
    }

    private func remove(_ uid: String, last: PodObject? = nil) async {
        pods[uid] = nil
        await workers[uid]?.update(nil, last: last)
    }

    private func worker(for pod: PodObject) -> PodWorker {
        worker(uid: pod.uid, namespace: pod.namespace, name: pod.name)
    }

    private func worker(uid: String, namespace: String, name: String) -> PodWorker {
        if let worker = workers[uid] { return worker }
        let worker = PodWorker(uid: uid, namespace: namespace, name: name, services: services)
        workers[uid] = worker
        begin.yield(worker)
        return worker
    }

    private func ended(_ worker: PodWorker) async {
        if workers[worker.uid] === worker { workers[worker.uid] = nil }
        fingerprints[worker.uid] = nil
        // A change that came while it ended is not lost.
        if let pod = pods[worker.uid] ?? staticPods[worker.uid], !Task.isCancelled, !pod.isBeingDeleted {
            await self.worker(for: pod).update(pod)
        }
    }

    // MARK: Static pods

    func setStatic(_ current: [String: PodObject]) async {
        isStaticRead = true
        for (uid, _) in staticPods where current[uid] == nil {
            staticPods[uid] = nil
            await workers[uid]?.update(nil)
            if let mirror = mirrors[uid].flatMap({ PodObject($0) }) { await removeMirror(mirror) }
        }
        for (uid, pod) in current where staticPods[uid] == nil {
            staticPods[uid] = pod
            let worker = worker(for: pod)
            await worker.update(pod)
            await worker.updateMirror(mirrors[uid])
        }
        await mirrorStatic()
    }

    private func mirrorStatic() async {
        guard isListed else { return }
        for (uid, pod) in staticPods where mirrors[uid] == nil {
            let reference = ObjectReference(.pods, namespace: pod.namespace, name: pod.name)
            do {
                let mirror = try await services.client.create(reference, subresource: "", StaticPods.mirror(of: pod))
                mirrors[uid] = mirror
                await workers[uid]?.updateMirror(mirror)
            } catch {
                services.logger.warning(
                    "mirror of a static pod not written", metadata: ["pod": "\(pod.name)", "error": "\(error.message)"])
            }
        }
    }

    private func removeMirror(_ mirror: PodObject) async {
        let reference = ObjectReference(.pods, namespace: mirror.namespace, name: mirror.name)
        let options: JSONValue = ["gracePeriodSeconds": 0, "preconditions": ["uid": .string(mirror.uid)]]
        _ = try? await services.client.delete(reference, options: options)
    }

    // MARK: Runtime

    /// Wakes the workers whose containers changed; what belongs to no pod gets a worker that takes it down.
    func compare(_ sandboxes: [ObservedSandbox], _ containers: [ObservedContainer]) {
        var hashers: [String: Hasher] = [:]
        var owners: [String: ObservedSandbox] = [:]
        for sandbox in sandboxes {
            hashers[sandbox.podUID, default: Hasher()].combine(sandbox)
            owners[sandbox.podUID] = sandbox
        }
        for container in containers { hashers[container.podUID, default: Hasher()].combine(container) }
        let current = hashers.mapValues { $0.finalize() }
        for (uid, worker) in workers where current[uid] != fingerprints[uid] { worker.wakeup.raise() }
        fingerprints = current
        guard isListed && isStaticRead else { return }
        for (uid, sandbox) in owners where workers[uid] == nil && pods[uid] == nil && staticPods[uid] == nil {
            worker(uid: uid, namespace: sandbox.podNamespace, name: sandbox.podName).wakeup.raise()
        }
    }

    // MARK: Streams

    /// The pod's uid and the container meant; empty: the only one.
    func find(namespace: String, pod: String, container: String) throws(NodeAgentError) -> (PodObject, ContainerSpec) {
        let all = Array(pods.values) + Array(staticPods.values)
        guard let found = all.first(where: { $0.namespace == namespace && $0.name == pod }) else {
            throw NodeAgentError(.notFound, "pod \(namespace)/\(pod) is not on this node")
        }
        if container.isEmpty {
            guard found.containers.count == 1 || found.annotations[Self.defaultContainer] != nil else {
                let names = found.containers.map(\.name).joined(separator: " ")
                throw NodeAgentError(
                    .invalidRequest, "a container name must be specified for pod \(pod), choose one of: [\(names)]")
            }
            let name = found.annotations[Self.defaultContainer] ?? ""
            return (found, found.container(name) ?? found.containers[0])
        }
        guard let spec = found.container(container) else {
            throw NodeAgentError(.invalidRequest, "container \(container) is not valid for pod \(pod)")
        }
        return (found, spec)
    }

    private static let defaultContainer = "kubectl.kubernetes.io/default-container"
}
