/// Pods that stand for one thing, so that a table has a line for it and not one for each pod.
extension Pod {
    /// `NAMESPACE/NAME`, where the name is the controller (`deployment/web`, `daemonset/log`; a ReplicaSet stands for
    /// its Deployment), else the label `app.kubernetes.io/name` or `app` as `app=web`, else the pod's own name.
    package var workload: ObjectKey {
        let labels = metadata.labels
        if let controller = metadata.controller {
            if controller.kind == "ReplicaSet", let hash = labels["pod-template-hash"],
                controller.name.hasSuffix("-\(hash)")
            {
                let deployment = controller.name.dropLast(hash.count + 1)
                return ObjectKey(metadata.namespace, "deployment/\(deployment)")
            }
            return ObjectKey(metadata.namespace, "\(controller.kind.lowercased())/\(controller.name)")
        }
        for label in Self.workloadLabels {
            if let value = labels[label], !value.isEmpty { return ObjectKey(metadata.namespace, "\(label)=\(value)") }
        }
        return key
    }

    /// Labels that name what a pod without controller belongs to; the first that is there counts.
    package static let workloadLabels = ["app.kubernetes.io/name", "app"]
}

/// Who made an object and looks after it: the owner reference with `controller: true`.
package struct ControllerReference: Hashable, Sendable {
    package let kind: String
    package let name: String

    package init(kind: String, name: String) {
        self.kind = kind
        self.name = name
    }
}
