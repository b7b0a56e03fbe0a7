import APIClient
package import DaemonAPI
import Informers
import KubeObjects
import Logging
package import PodNetwork
import RouteCompiler

/// Holds a CNI ADD until the pod's own generation is in the kernel.
package struct PodGate: GenerationGate {
    static let pollInterval = Duration.milliseconds(10)

    let engine: Engine
    let informers: ClusterInformers
    let client: any APIClient
    let nodeName: String

    package func unavailability() async -> String? {
        if !informers.isSynced { return "the objects of the API are not read yet" }
        if await engine.enforcedRevision == nil { return "no policy is in the kernel yet" }
        return nil
    }

    package func resolve(_ owner: AttachmentOwner, deadline: ContinuousClock.Instant) async throws(PodNetworkError) {
        _ = try await pod(of: owner, deadline: deadline)
    }

    package func publish(_ attachment: PodAttachment, deadline: ContinuousClock.Instant) async throws(PodNetworkError) {
        let pod = try await pod(of: attachment.owner, deadline: deadline)
        try await waitForPolicies(attachment.owner, deadline)
        do {
            let number = try await engine.attach(attachment.local, pod: pod)
            try await engine.bindNamespace(cookie: attachment.namespaceCookie, endpoint: number)
        } catch {
            throw PodNetworkError(.ioFailure, "the endpoint of \(attachment.owner) cannot be made", cause: error)
        }
    }

    package func adopt(_ attachments: [PodAttachment]) async {
        await engine.adopt(attachments.map { ($0.local, $0.namespaceCookie) })
    }

    package func forget(_ attachment: PodAttachment) async {
        await engine.forget(id: attachment.key.description)
    }

    // MARK: Finding the Pod

    /// From the cache, by one direct GET, then by waiting. Nil for containers without Pod.
    private func pod(of owner: AttachmentOwner, deadline: ContinuousClock.Instant) async throws(PodNetworkError) -> Pod?
    {
        guard case .pod(let namespace, let name, let uid) = owner else { return nil }
        let key = ObjectKey(namespace, name)
        var problem = "it is not in the API"
        if let pod = check(informers.pods.get(key), uid, &problem) { return pod }
        if let object = try? await client.get(
            ObjectReference(.pods, namespace: namespace, name: name), subresource: ""),
            let pod = check(try? Pod(object), uid, &problem)
        {
            return pod
        }
        while ContinuousClock.now < deadline, !Task.isCancelled {
            try? await Task.sleep(for: Self.pollInterval)
            if let pod = check(informers.pods.get(key), uid, &problem) { return pod }
        }
        throw PodNetworkError(.tryAgainLater, "\(owner): \(problem)")
    }

    private func check(_ pod: Pod?, _ uid: String?, _ problem: inout String) -> Pod? {
        guard let pod else { return nil }
        if let uid, !pod.isMeant(by: uid) {
            problem = "the API has it with uid \(pod.metadata.uid)"
            return nil
        }
        guard pod.nodeName == nodeName else {
            problem = pod.nodeName.isEmpty ? "it is not bound to a node" : "it is bound to node \(pod.nodeName)"
            return nil
        }
        return pod
    }

    private func waitForPolicies(_ owner: AttachmentOwner, _ deadline: ContinuousClock.Instant)
        async
        throws(PodNetworkError)
    {
        while let missing = await unavailability() {
            guard ContinuousClock.now < deadline, !Task.isCancelled else {
                throw PodNetworkError(.tryAgainLater, "\(owner): \(missing)")
            }
            try? await Task.sleep(for: Self.pollInterval)
        }
    }
}

extension PodAttachment {
    /// What the endpoint table needs of it.
    var local: LocalAttachment {
        let owner: EndpointOwner =
            switch self.owner {
            case .pod(let namespace, let name, let uid): .pod(ObjectKey(namespace, name), uid: uid ?? "")
            case .unmanaged: .unmanaged
            }
        return LocalAttachment(
            id: key.description, owner: owner, addresses: addresses,
            link: LocalLink(interface: hostIndex, podMAC: podMAC))
    }
}

extension Pod {
    /// Annotation by which a static pod's runtime UID is known (`kubernetes.io/config.hash`).
    private static let staticPodHash = "kubernetes.io/config.hash"

    /// Whether it is the Pod that a container runtime names so. A static pod's UID there is its hash, whichever UID the
    /// API has given its mirror. Empty: the runtime names none.
    func isMeant(by uid: String) -> Bool {
        uid.isEmpty || uid == metadata.uid || uid == metadata.annotations[Self.staticPodHash]
    }
}
