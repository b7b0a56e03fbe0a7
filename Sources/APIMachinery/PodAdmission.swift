package import JSONText

/// What a cluster adds to a new Pod before it is checked: its service account and token, tolerations, priority.
/// Applied after `ObjectWriter.beginCreate`, so that nobody owns these fields.
package enum PodAdmission {
    /// What had to be known of the Pod's service account.
    package struct ServiceAccount: Sendable {
        package let name: String
        package let mountsToken: Bool
        package let imagePullSecrets: [JSONValue]

        /// Reads the stored ServiceAccount.
        package init(_ object: JSONValue) {
            name = object.name
            mountsToken = object["automountServiceAccountToken"] != false
            imagePullSecrets = object["imagePullSecrets"]?.elements ?? []
        }
    }

    private static let tokenPath = "/var/run/secrets/kubernetes.io/serviceaccount"

    /// The service account that the Pod will run as.
    package static func serviceAccountName(_ pod: JSONValue) -> String {
        let name = pod["spec"]?.text("serviceAccountName") ?? ""
        return name.isEmpty ? "default" : name
    }

    /// Sets the account, and mounts its token, the cluster's root certificate and the namespace. `suffix` are five
    /// random characters.
    package static func addServiceAccount(_ pod: inout JSONValue, _ account: ServiceAccount, suffix: String) {
        let isMirror = pod["metadata"]?["annotations"]?["kubernetes.io/config.mirror"] != nil
        guard !isMirror else { return }
        pod["spec"]?["serviceAccountName"] = .string(account.name)
        pod["spec"]?["serviceAccount"] = .string(account.name)
        if pod["spec"]?["imagePullSecrets"] == nil, !account.imagePullSecrets.isEmpty {
            pod["spec"]?["imagePullSecrets"] = .array(account.imagePullSecrets)
        }
        guard pod["spec"]?["automountServiceAccountToken"]?.bool ?? account.mountsToken else { return }
        let volume = "kube-api-access-\(suffix)"
        var isMounted = false
        for field in ["initContainers", "containers"] {
            guard case .array(let containers)? = pod["spec"]?[field] else { continue }
            pod["spec"]?[field] = .array(
                containers.map { container in
                    let mounts = container["volumeMounts"]?.elements ?? []
                    guard !mounts.contains(where: { $0.text("mountPath") == tokenPath }) else { return container }
                    isMounted = true
                    var container = container
                    container["volumeMounts"] = .array(
                        mounts + [
                            ["name": .string(volume), "readOnly": true, "mountPath": .string(tokenPath)]
                        ])
                    return container
                })
        }
        guard isMounted else { return }
        let volumes = pod["spec"]?["volumes"]?.elements ?? []
        pod["spec"]?["volumes"] = .array(volumes + [tokenVolume(volume)])
    }

    private static func tokenVolume(_ name: String) -> JSONValue {
        let namespace: JSONValue = ["apiVersion": "v1", "fieldPath": "metadata.namespace"]
        return [
            "name": .string(name),
            "projected": [
                "defaultMode": 420,
                "sources": [
                    ["serviceAccountToken": ["expirationSeconds": 3607, "path": "token"]],
                    ["configMap": ["name": "kube-root-ca.crt", "items": [["key": "ca.crt", "path": "ca.crt"]]]],
                    ["downwardAPI": ["items": [["path": "namespace", "fieldRef": namespace]]]],
                ],
            ],
        ]
    }

    /// A Pod leaves a node that is not ready or unreachable after five minutes, unless it says otherwise.
    package static func addTolerations(_ pod: inout JSONValue) {
        var tolerations = pod["spec"]?["tolerations"]?.elements ?? []
        for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
            let isTolerated = tolerations.contains { toleration in
                let effect = toleration.text("effect")
                return (toleration.text("key") == key || toleration.text("key").isEmpty)
                    && (effect == "NoExecute" || effect.isEmpty)
            }
            guard !isTolerated else { continue }
            tolerations.append([
                "key": .string(key), "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300,
            ])
        }
        pod["spec"]?["tolerations"] = .array(tolerations)
    }

    private static let priorities: [String: Int64] = [
        "system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000,
    ]

    /// Sets the priority of the Pod's class; refuses a class that is not known, and numbers that disagree.
    package static func setPriority(_ pod: inout JSONValue) throws(APIStatus) {
        let name = pod["spec"]?.text("priorityClassName") ?? ""
        guard let priority = name.isEmpty ? 0 : priorities[name] else {
            throw refusal(pod, "no PriorityClass with name \(name) was found")
        }
        if let given = pod["spec"]?["priority"]?.integer, given != priority {
            throw refusal(
                pod,
                "the integer value of priority (\(given)) must not be provided in pod spec; priority admission "
                    + "controller computed \(priority) from the given PriorityClass name")
        }
        let policy = "PreemptLowerPriority"
        if let given = pod["spec"]?["preemptionPolicy"]?.string, given != policy {
            throw refusal(
                pod,
                "the string value of PreemptionPolicy (\(given)) must not be provided in pod spec; priority admission "
                    + "controller computed \(policy) from the given PriorityClass name")
        }
        pod["spec"]?["priority"] = .integer(priority)
        pod["spec"]?["preemptionPolicy"] = .string(policy)
    }

    /// There are no runtime classes, hence no overhead.
    package static func checkOverhead(_ pod: JSONValue) throws(APIStatus) {
        guard pod["spec"]?["overhead"] != nil else { return }
        throw refusal(pod, "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead")
    }

    private static func refusal(_ pod: JSONValue, _ why: String) -> APIStatus {
        .forbidden(group: "", resource: "pods", name: pod.name, why)
    }

    /// A new Node takes no Pods before it says that it is ready.
    package static func taintNewNode(_ node: inout JSONValue) {
        let key: JSONValue = "node.kubernetes.io/not-ready"
        var taints = node["spec"]?["taints"]?.elements ?? []
        guard !taints.contains(where: { $0["key"] == key && $0["effect"] == "NoSchedule" }) else { return }
        taints.append(["key": key, "effect": "NoSchedule"])
        node["spec"]?["taints"] = .array(taints)
    }
}
