import JSONText

/// Which fields of a Pod's specification this agent acts on. Whatever else a pod asks for keeps it Pending.
package enum SupportedFields {
    /// Paths of the fields that ask for something that is not supported, in the object's order of names.
    package static func unsupported(in pod: PodObject) -> [String] {
        var found = unknown(in: pod.spec, known: podFields, at: "spec")
        let security = pod.spec["securityContext"] ?? .null
        found += unknown(in: security, known: podSecurity, at: "spec.securityContext")
        found += profile(security["seccompProfile"], at: "spec.securityContext.seccompProfile")
        found += unknownPlace(pod.spec)
        for (index, volume) in (pod.spec["volumes"]?.array ?? []).enumerated() {
            found += unknownVolume(volume, at: "spec.volumes[\(index)]")
        }
        for (index, container) in (pod.spec["initContainers"]?.array ?? []).enumerated() {
            let path = "spec.initContainers[\(index)]"
            found += unknownContainer(container, at: path, isHostNetwork: pod.usesHostNetwork)
            for field in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"]
            where container[field]?.saysNothing == false {
                found.append("\(path).\(field)")
            }
        }
        for (index, container) in (pod.spec["containers"]?.array ?? []).enumerated() {
            let path = "spec.containers[\(index)]"
            found += unknownContainer(container, at: path, isHostNetwork: pod.usesHostNetwork)
            for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
                found += unknown(in: container[probe] ?? .null, known: probeFields, at: "\(path).\(probe)")
            }
            for hook in ["postStart", "preStop"] {
                let handler = container[path: "lifecycle", hook] ?? .null
                found += unknown(in: handler, known: hookFields, at: "\(path).lifecycle.\(hook)")
            }
            if container[path: "lifecycle", "stopSignal"]?.saysNothing == false {
                found.append("\(path).lifecycle.stopSignal")
            }
        }
        return found
    }

    /// What a pod asks of users, operating system and neighbours. Preferences bind nobody and stay.
    private static func unknownPlace(_ spec: JSONValue) -> [String] {
        var found: [String] = []
        if spec["hostUsers"]?.bool == false { found.append("spec.hostUsers") }
        if let system = spec[path: "os", "name"]?.string, system != "linux" { found.append("spec.os.name") }
        let required = "requiredDuringSchedulingIgnoredDuringExecution"
        for kind in ["podAffinity", "podAntiAffinity"]
        where spec[path: "affinity", kind, required]?.saysNothing == false {
            found.append("spec.affinity.\(kind).\(required)")
        }
        for (index, rule) in (spec["topologySpreadConstraints"]?.array ?? []).enumerated()
        where rule["whenUnsatisfiable"]?.string != "ScheduleAnyway" {
            // One node is one domain of its own name: pods are spread evenly over it by themselves.
            let path = "spec.topologySpreadConstraints[\(index)]"
            if rule["topologyKey"]?.string != "kubernetes.io/hostname" { found.append("\(path).topologyKey") }
            if (rule["minDomains"]?.integer ?? 1) > 1 { found.append("\(path).minDomains") }
        }
        return found
    }

    private static func unknownContainer(_ container: JSONValue, at path: String, isHostNetwork: Bool) -> [String] {
        var found = unknown(in: container, known: containerFields, at: path)
        let security = container["securityContext"] ?? .null
        found += unknown(in: security, known: containerSecurity, at: "\(path).securityContext")
        found += profile(security["seccompProfile"], at: "\(path).securityContext.seccompProfile")
        if let mount = security["procMount"]?.string, mount != "Default", !mount.isEmpty {
            found.append("\(path).securityContext.procMount")
        }
        for (index, port) in (container["ports"]?.array ?? []).enumerated()
        where !isHostNetwork && port["hostPort"]?.saysNothing == false {
            found.append("\(path).ports[\(index)].hostPort")
        }
        for (index, mount) in (container["volumeMounts"]?.array ?? []).enumerated() {
            found += unknown(in: mount, known: mountFields, at: "\(path).volumeMounts[\(index)]")
        }
        for list in ["requests", "limits"] {
            for name in (container[path: "resources", list]?.object ?? [:]).keys.sorted()
            where !["cpu", "memory", "ephemeral-storage"].contains(name) {
                found.append("\(path).resources.\(list).\(name)")
            }
        }
        if container[path: "resources", "claims"]?.saysNothing == false { found.append("\(path).resources.claims") }
        for (index, variable) in (container["env"]?.array ?? []).enumerated() {
            let source = variable["valueFrom"] ?? .null
            let known: Set = ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef"]
            found += unknown(in: source, known: known, at: "\(path).env[\(index)].valueFrom")
        }
        return found
    }

    private static func unknownVolume(_ volume: JSONValue, at path: String) -> [String] {
        var found = (volume.object ?? [:]).keys.sorted().filter { !volumeSources.contains($0) }.map { "\(path).\($0)" }
        let types: Set = [
            "", "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice",
        ]
        if let type = volume[path: "hostPath", "type"]?.string, !types.contains(type) {
            found.append("\(path).hostPath.type")
        }
        if let medium = volume[path: "emptyDir", "medium"]?.string, !["", "Memory"].contains(medium) {
            found.append("\(path).emptyDir.medium")
        }
        if volume[path: "emptyDir", "sizeLimit"]?.isNull == false { found.append("\(path).emptyDir.sizeLimit") }
        for (index, source) in (volume[path: "projected", "sources"]?.array ?? []).enumerated() {
            let known: Set = ["serviceAccountToken", "configMap", "secret", "downwardAPI"]
            found += unknown(in: source, known: known, at: "\(path).projected.sources[\(index)]", emptyCounts: true)
        }
        return found
    }

    private static func profile(_ profile: JSONValue?, at path: String) -> [String] {
        guard let type = profile?["type"]?.string else { return [] }
        return ["RuntimeDefault", "Unconfined", "Localhost"].contains(type) ? [] : ["\(path).type"]
    }

    private static func unknown(
        in value: JSONValue, known: Set<String>, at path: String, emptyCounts: Bool = false
    ) -> [String] {
        (value.object ?? [:]).sorted { $0.key < $1.key }
            .filter { !known.contains($0.key) && (emptyCounts || !$0.value.saysNothing) }.map { "\(path).\($0.key)" }
    }

    /// Those for the scheduler and admission are met by the time a pod is bound.
    private static let podFields: Set = [
        "containers", "initContainers", "volumes", "restartPolicy", "terminationGracePeriodSeconds",
        "activeDeadlineSeconds", "dnsPolicy", "dnsConfig", "serviceAccountName", "serviceAccount",
        "automountServiceAccountToken", "nodeName", "hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace",
        "securityContext", "hostname", "subdomain", "hostAliases", "enableServiceLinks",
        "nodeSelector", "affinity", "tolerations", "topologySpreadConstraints", "schedulerName", "schedulingGates",
        "priority", "priorityClassName", "preemptionPolicy", "readinessGates", "setHostnameAsFQDN", "hostUsers", "os",
    ]
    private static let podSecurity: Set = [
        "runAsUser", "runAsGroup", "runAsNonRoot", "fsGroup", "supplementalGroups", "seccompProfile", "sysctls",
    ]
    private static let containerFields: Set = [
        "name", "image", "imagePullPolicy", "command", "args", "workingDir", "ports", "env", "envFrom", "resources",
        "volumeMounts", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "terminationMessagePath",
        "terminationMessagePolicy", "securityContext", "stdin", "stdinOnce", "tty",
    ]
    private static let containerSecurity: Set = [
        "runAsUser", "runAsGroup", "runAsNonRoot", "privileged", "readOnlyRootFilesystem",
        "allowPrivilegeEscalation", "capabilities", "seccompProfile", "procMount",
    ]
    private static let mountFields: Set = [
        "name", "mountPath", "readOnly", "subPath", "subPathExpr", "mountPropagation",
    ]
    private static let probeFields: Set = [
        "exec", "httpGet", "tcpSocket", "initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold",
        "failureThreshold", "terminationGracePeriodSeconds",
    ]
    private static let hookFields: Set = ["exec", "httpGet", "sleep"]
    private static let volumeSources: Set = [
        "name", "configMap", "secret", "emptyDir", "hostPath", "projected", "downwardAPI",
    ]
}
