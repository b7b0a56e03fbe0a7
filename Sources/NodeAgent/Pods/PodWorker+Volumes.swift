import APIClient
import JSONText

/// A pod's volumes: made before its sandbox, kept up to date while it runs.
extension PodWorker {
    func prepareVolumes(_ pod: PodObject, objects: ReferencedObjects? = nil) async throws(NodeAgentError) {
        let now = services.clock()
        let given: ReferencedObjects
        if let objects { given = objects } else { given = try await referencedObjects(pod) }
        let environment = PodEnvironment(
            pod, given, addresses: podAddresses, configuration: services.configuration)
        var held = tokens
        let current = try await held.current(for: pod, client: services.client, now: now)
        tokens = held
        let content = ProjectedContent(pod, given, environment: environment, tokens: current)
        let files = files
        try await services.blocking { () throws(NodeAgentError) in try files.prepare(pod, content) }
        volumesWrittenAt = now
    }

    /// Objects that the pod names; those that do not exist are left out.
    func referencedObjects(_ pod: PodObject) async throws(NodeAgentError) -> ReferencedObjects {
        let names = PodReferences(pod)
        var objects = ReferencedObjects()
        for name in names.configMaps { objects.configMaps[name] = try await fetch(.configMaps, name, pod) }
        for name in names.secrets { objects.secrets[name] = try await fetch(.secrets, name, pod) }
        do {
            let linked = pod.spec["enableServiceLinks"]?.bool ?? true
            if linked {
                objects.services = try await services.client.list(.services, ListOptions(namespace: pod.namespace))
                    .items
            }
            if !linked || pod.namespace != "default" {
                let reference = ObjectReference(.services, namespace: "default", name: "kubernetes")
                do {
                    objects.services.append(try await services.client.get(reference, subresource: ""))
                } catch  where error.isNotFound {}
            }
        } catch {
            throw NodeAgentError(.runtime, "Services of namespace \(pod.namespace): \(error.message)", cause: error)
        }
        return objects
    }

    private func fetch(_ kind: APIResource, _ name: String, _ pod: PodObject) async throws(NodeAgentError)
        -> JSONValue?
    {
        do {
            return try await services.client.get(
                ObjectReference(kind, namespace: pod.namespace, name: name), subresource: "")
        } catch  where error.isNotFound {
            return nil
        } catch {
            throw NodeAgentError(.runtime, "\(kind.kind) \(pod.namespace)/\(name): \(error.message)", cause: error)
        }
    }

    /// Brings volumes of a running pod up to date every half minute, and says when to come back.
    func refreshVolumes(_ plan: inout PodPlan) async {
        guard let pod, !pod.isBeingDeleted, observed.containers.contains(where: { $0.state == .running }),
            (pod.spec["volumes"]?.array ?? []).contains(where: Self.changes)
        else { return }
        let now = services.clock()
        // After a restart of the daemon the first look comes at once.
        let due =
            (volumesWrittenAt ?? now) + (volumesWrittenAt == nil ? .zero : NodeAgentConfiguration.Limit.volumeRefresh)
        if due <= now {
            do {
                try await prepareVolumes(pod)
            } catch {
                volumesWrittenAt = now
                services.events.warning(pod, "FailedMount", error.message)
                log(error, "volumes not brought up to date")
            }
        }
        plan.wake(at: (volumesWrittenAt ?? now) + NodeAgentConfiguration.Limit.volumeRefresh)
    }

    private static func changes(_ volume: JSONValue) -> Bool {
        ["configMap", "secret", "downwardAPI", "projected"].contains { volume[$0] != nil }
    }
}
