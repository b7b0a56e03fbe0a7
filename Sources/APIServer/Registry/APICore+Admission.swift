import APIMachinery
import JSONText

/// The admission chain: our own rules for pods, then the plugins of the configuration.
extension APICore {
    func admit(_ object: inout JSONValue, old: JSONValue?, _ context: RequestContext, _ options: WriteOptions)
        async throws(APIStatus)
    {
        if context.kind.plural == "pods", context.info.subresource.isEmpty, old == nil {
            try admitPod(&object, context)
        }
        if context.kind.plural == "pods", context.info.subresource.isEmpty, old != nil {
            PodAdmission.addTolerations(&object)
        }
        if context.kind.plural == "nodes", context.info.subresource.isEmpty, old == nil {
            PodAdmission.taintNewNode(&object)
        }
        let operation: AdmissionRequest.Operation = old == nil ? .create : .update
        try await ask(&object, operation, old: old, context, isDryRun: options.isDryRun)
    }

    func admitDelete(_ old: JSONValue, _ context: RequestContext, _ options: DeleteOptions) async throws(APIStatus) {
        if context.kind.plural == "namespaces", ["default", "kube-system", "kube-public"].contains(old.name) {
            throw .forbidden(
                group: "", resource: "namespaces", name: old.name, "this namespace may not be deleted")
        }
        var shown = old
        try await ask(&shown, .delete, old: old, context, isDryRun: options.isDryRun)
    }

    private func ask(
        _ object: inout JSONValue, _ operation: AdmissionRequest.Operation, old: JSONValue?,
        _ context: RequestContext, isDryRun: Bool
    ) async throws(APIStatus) {
        if admission.isEmpty { return }
        let request = AdmissionRequest(
            operation: operation, group: context.kind.group, version: context.kind.version,
            resource: context.kind.plural, subresource: context.info.subresource, namespace: context.info.namespace,
            name: object.name, user: context.user, old: old, isDryRun: isDryRun)
        for plugin in admission {
            do {
                try await plugin.admit(&object, request)
            } catch let refusal as APIStatus {
                throw refusal
            } catch {
                throw .forbidden(
                    group: context.kind.group, resource: context.kind.plural, name: object.name, "\(error)")
            }
        }
    }

    /// Performs a write with the consent of whoever decides in commit order.
    func judged<Result>(
        old: JSONValue?, new: JSONValue?, _ context: RequestContext, isDryRun: Bool = false,
        _ perform: () async throws(APIStatus) -> Result
    ) async throws(APIStatus) -> Result {
        let name = (new ?? old)?.name ?? context.info.name
        let write = ProposedWrite(
            storage: context.storage, group: context.kind.group, resource: context.kind.plural,
            key: context.key(name), name: name, user: context.user, old: old, new: new,
            may: { [authorizer, user = context.user] verb, group, resource, name in
                let attributes = AccessAttributes(
                    user: user, verb: verb, group: group, resource: resource, name: name)
                return authorizer.allows(attributes) != nil
            })
        if let transaction = context.transaction {
            transaction.add(write)
            return try await perform()
        }
        guard let gate else { return try await perform() }
        return try await gate.pass([write], isDryRun: isDryRun, perform)
    }

    /// What a cluster adds to every new pod.
    private func admitPod(_ pod: inout JSONValue, _ context: RequestContext) throws(APIStatus) {
        try PodAdmission.setPriority(&pod)
        try PodAdmission.checkOverhead(pod)
        PodAdmission.addTolerations(&pod)
        let name = PodAdmission.serviceAccountName(pod)
        let key = "\(context.info.namespace)/\(name)"
        guard let account = present(StorageName.serviceAccounts, key, context) else {
            if pod[path: "metadata", "annotations", "kubernetes.io/config.mirror"] != nil { return }
            throw .forbidden(
                group: "", resource: "pods", name: pod.name,
                "error looking up service account \(key): serviceaccount \"\(name)\" not found")
        }
        PodAdmission.addServiceAccount(&pod, PodAdmission.ServiceAccount(account), suffix: Self.nameSuffix())
    }
}
