import BPFRuntime
import KubeObjects
import Logging
import MapLayout
import NetTypes
import PolicyCompiler
import RouteCompiler

/// Births and deaths of endpoints.
extension Engine {
    /// Makes the endpoint of a pod's link. Its class and rules are written before its addresses, and it is closed in
    /// both directions until they are in force: nobody reaches it before it is judged. Returns its number then.
    func attach(_ attachment: LocalAttachment, pod: Pod?) async throws -> UInt32 {
        let delta = try routes.attach(attachment)
        unborn.formUnion(delta.born.map(\.number))
        try take(delta, pods: pod.map { [$0.key: $0] } ?? [:], removed: [], extra: [], revision: nil)
        await waitUntilInForce()
        for born in delta.born {
            // Its DEL may have come meanwhile, and the number be another's.
            guard let record = routes.record(number: born.number), record.incarnation == born.incarnation else {
                continue
            }
            unborn.remove(record.number)
            try write(record)
        }
        return routes.record(of: attachment.addresses[0])?.number ?? 0
    }

    func write(_ record: EndpointRecord) throws(DatapathError) {
        try writer.writeEndpoint(record, closed: unborn.contains(record.number))
    }

    func detach(id: String) throws {
        try take(routes.detach(id: id), pods: [:], removed: [], extra: [], revision: nil)
    }

    /// Carries a change of the endpoint table and of pods through the policy compiler into the kernel.
    /// - Parameters:
    ///   - pods: pods as they are now; those without an endpoint are left out.
    ///   - removed: pods that are gone from the API.
    ///   - extra: further changes of the same batch.
    ///   - completing: what else goes into the policy delta, and so out with the same flip.
    func take(
        _ delta: RouteDelta, pods changed: [ObjectKey: Pod], removed: [ObjectKey], extra: [PolicyChange],
        revision: Int64?, completing: (inout PolicyDelta) -> Void = { _ in }
    ) throws {
        persist(delta.journal)
        writer.writes.removed(endpoints: delta.gone.count)
        for record in delta.gone {
            unborn.remove(record.number)
            try writer.removeEndpoint(record)
            for (cookie, number) in namespaces where number == record.number {
                // Registered still, as before its birth: the pod may be attached twice, and its DEL takes the entry.
                namespaces[cookie] = nil
                try writer.put(MapCatalog.podNamespaces, cookie, 0)
            }
        }
        for record in delta.born { holders[record.number] = record.owner.pod.map { (record.incarnation, $0) } }

        var changes = extra
        for record in delta.gone {
            guard let key = record.owner.pod else { continue }
            changes.append(.podRemoved(key))
            workloads[key] = nil
        }
        for key in removed where workloads.removeValue(forKey: key) != nil {
            changes.append(
                routes.record(of: key).map { .orphaned(key, endpoint: $0.number) } ?? .podRemoved(key))
        }
        for (key, pod) in changed {
            guard let record = routes.record(of: key) else { continue }
            guard record.isOf(pod) else {
                // Made anew under the same name: it gets an endpoint of its own, and nothing passes by its namesake's.
                if workloads.removeValue(forKey: key) != nil {
                    changes.append(.orphaned(key, endpoint: record.number))
                }
                continue
            }
            workloads[key] = pod.workload
            changes.append(.pod(PolicyPod(pod, endpoint: record.number, addresses: record.addresses)))
        }
        // Through the planner, which then forgets what older change sets say of the number.
        for record in delta.born {
            guard let key = record.owner.pod else {
                changes.append(.unmanaged(endpoint: record.number))
                continue
            }
            if workloads[key] == nil { changes.append(.orphaned(key, endpoint: record.number)) }
        }
        let gone = delta.gone.map { RetiredKernelNumber.endpoint($0.number) }
        var compiled = policy.apply(changes)
        completing(&compiled)
        steps.compiled(.policy)
        try submit(compiled, retiring: gone, revision: revision)
        for record in delta.born { try write(record) }
    }
}

extension EndpointRecord {
    fileprivate func isOf(_ pod: Pod) -> Bool {
        switch owner {
        case .pod(_, let uid): pod.isMeant(by: uid)
        case .unmanaged: false
        }
    }
}

// What the pod gate asks for.
extension Engine {
    /// Attachments of an earlier daemon: in the endpoint table from the first compile on.
    func adopt(_ attachments: [(attachment: LocalAttachment, cookie: UInt64)]) { adopted = attachments }

    func forget(id: String) {
        adopted.removeAll { $0.attachment.id == id }
        do {
            try detach(id: id)
        } catch {
            fail(error, "endpoint of \(id) cannot be removed")
        }
    }

    /// Lets `connect` act for the sockets of a pod.
    func bindNamespace(cookie: UInt64, endpoint: UInt32) throws {
        namespaces[cookie] = endpoint
        try writer.put(MapCatalog.podNamespaces, cookie, endpoint)
    }

    func fail(_ error: any Error, _ what: String) {
        lastError = "\(what): \(error)"
        signalReport()
        logger.error("\(what)", metadata: ["error": "\(error)"])
    }
}
