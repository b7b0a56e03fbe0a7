import APIMachinery
import JSONText
import NodeAgent
import Testing

/// Every field that Kubernetes 1.32 knows in a Pod's specification is either honoured or refused by its path: the table
/// below against the schema. A field that the schema gains is refused until it stands in the table.
@Suite struct SupportedFieldsTests {
    /// Paths that are honoured; `.*`: with all that is below.
    static let honoured = """
        activeDeadlineSeconds affinity.nodeAffinity.* automountServiceAccountToken dnsConfig.* dnsPolicy
        affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution.*
        affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution.*
        enableServiceLinks hostAliases.* hostIPC hostNetwork hostPID hostname nodeName nodeSelector preemptionPolicy
        priority priorityClassName readinessGates.* restartPolicy schedulerName schedulingGates.* serviceAccount
        serviceAccountName setHostnameAsFQDN shareProcessNamespace subdomain terminationGracePeriodSeconds
        tolerations.*
        securityContext.fsGroup securityContext.runAsGroup securityContext.runAsNonRoot securityContext.runAsUser
        securityContext.seccompProfile.* securityContext.supplementalGroups securityContext.sysctls.*
        topologySpreadConstraints.whenUnsatisfiable topologySpreadConstraints.maxSkew
        topologySpreadConstraints.labelSelector.* topologySpreadConstraints.matchLabelKeys
        topologySpreadConstraints.nodeAffinityPolicy topologySpreadConstraints.nodeTaintsPolicy
        volumes.name volumes.configMap.* volumes.secret.* volumes.downwardAPI.* volumes.hostPath.*
        volumes.emptyDir.medium volumes.projected.defaultMode volumes.projected.sources.configMap.*
        volumes.projected.sources.secret.* volumes.projected.sources.downwardAPI.*
        volumes.projected.sources.serviceAccountToken.*
        """.split(whereSeparator: \.isWhitespace).map(String.init)

    static let honouredInContainers = """
        args command env.name env.value env.valueFrom.configMapKeyRef.* env.valueFrom.fieldRef.*
        env.valueFrom.resourceFieldRef.* env.valueFrom.secretKeyRef.* envFrom.* image imagePullPolicy name
        ports.containerPort ports.hostIP ports.name ports.protocol resources.limits resources.requests
        securityContext.allowPrivilegeEscalation securityContext.capabilities.* securityContext.privileged
        securityContext.readOnlyRootFilesystem securityContext.runAsGroup securityContext.runAsNonRoot
        securityContext.runAsUser securityContext.seccompProfile.* stdin stdinOnce terminationMessagePath
        terminationMessagePolicy tty volumeMounts.mountPath volumeMounts.mountPropagation volumeMounts.name
        volumeMounts.readOnly volumeMounts.subPath volumeMounts.subPathExpr workingDir
        """.split(whereSeparator: \.isWhitespace).map(String.init)

    /// Of ordinary containers alone.
    static let honouredWhileRunning =
        ["postStart", "preStop"].flatMap { hook in
            ["exec", "httpGet", "sleep"].map { "lifecycle.\(hook).\($0).*" }
        }
        + ["livenessProbe", "readinessProbe", "startupProbe"].flatMap { probe in
            [
                "exec.*", "httpGet.*", "tcpSocket.*", "failureThreshold", "initialDelaySeconds", "periodSeconds",
                "successThreshold", "terminationGracePeriodSeconds", "timeoutSeconds",
            ].map { "\(probe).\($0)" }
        }

    /// What a field is set to; others get a value of their type that says something.
    static let samples: [String: JSONValue] = [
        "hostUsers": false, "os.name": "windows", "securityContext.seccompProfile.type": "RuntimeDefault",
        "securityContext.procMount": "Unmasked", "volumes.hostPath.type": "Directory",
        "volumes.emptyDir.medium": "Memory", "resources.limits": ["cpu": "1"], "resources.requests": ["cpu": "1"],
        "topologySpreadConstraints.whenUnsatisfiable": "ScheduleAnyway",
    ]

    struct Field: Sendable, CustomTestStringConvertible {
        let path: String
        /// The specification with this field alone set.
        let spec: JSONValue
        let isHonoured: Bool
        var testDescription: String { path }
    }

    static func honours(_ path: String, _ table: [String]) -> Bool {
        table.contains { $0 == path || ($0.hasSuffix(".*") && (path + ".").hasPrefix($0.dropLast())) }
    }

    /// All leaves below a type: path without indices, and the value as the API would carry it.
    static func leaves(_ type: String, at path: String = "", skipping: Set<String> = [], depth: Int = 0) -> [(
        path: String, value: (JSONValue) -> JSONValue, sample: JSONValue
    )] {
        guard depth < 8, let type = Schema.builtin.type(named: type) else { return [] }
        var found: [(path: String, value: (JSONValue) -> JSONValue, sample: JSONValue)] = []
        for field in type.fields where !skipping.contains(field.name) {
            let name = path.isEmpty ? field.name : "\(path).\(field.name)"
            var kind = field.type
            var isList = false
            if case .list(let element) = kind { (kind, isList) = (element, true) }
            let wrap: (JSONValue) -> JSONValue = { [field.name: isList ? [$0] : $0] }
            if case .message(let index) = kind, !Schema.builtin[index].fields.isEmpty {
                for leaf in leaves(Schema.builtin[index].name, at: name, depth: depth + 1) {
                    found.append((leaf.path, { wrap(leaf.value($0)) }, leaf.sample))
                }
            } else {
                found.append((name, wrap, sample(kind)))
            }
        }
        return found
    }

    static func sample(_ type: FieldType) -> JSONValue {
        switch type {
        case .boolean: true
        case .int32, .int64: 7
        case .double: .number(1.5)
        case .quantity: "1Mi"
        case .intOrString: 8080
        case .map: ["k": "v"]
        default: "x"
        }
    }

    static let podFields = leaves("core.v1.PodSpec", skipping: ["containers", "initContainers", "ephemeralContainers"])
        .map { leaf in
            let own = leaf.value(samples[leaf.path] ?? leaf.sample)
            var members = own.object ?? [:]
            // The key is required beside any other field of a constraint.
            if let constraint = members["topologySpreadConstraints"]?[0], constraint["topologyKey"] == nil {
                var whole = constraint
                whole["topologyKey"] = "kubernetes.io/hostname"
                members["topologySpreadConstraints"] = [whole]
            }
            members["containers"] = [["name": "c", "image": "i"]]
            return Field(path: leaf.path, spec: .object(members), isHonoured: honours(leaf.path, honoured))
        }

    static func containerFields(_ list: String, _ table: [String]) -> [Field] {
        leaves("core.v1.Container").map { leaf in
            var container: [String: JSONValue] = ["name": "c", "image": "i"]
            container.merge(leaf.value(samples[leaf.path] ?? leaf.sample).object ?? [:]) { $1 }
            let spec: JSONValue = [
                "containers": list == "containers" ? [.object(container)] : [["name": "c", "image": "i"]],
                "initContainers": list == "initContainers" ? [.object(container)] : [],
            ]
            return Field(path: "\(list).\(leaf.path)", spec: spec, isHonoured: honours(leaf.path, table))
        }
    }

    static let all =
        podFields + containerFields("containers", honouredInContainers + honouredWhileRunning)
        + containerFields("initContainers", honouredInContainers)

    @Test func eachFieldIsHonouredOrRefusedByName() throws {
        #expect(Self.all.count > 500)
        for field in Self.all {
            let pod = try #require(
                PodObject(["metadata": ["name": "p", "namespace": "n", "uid": "u"], "spec": field.spec]))
            let refused = SupportedFields.unsupported(in: pod).map { $0.replacing(/\[\d+\]/, with: "") }
            if field.isHonoured {
                #expect(refused.isEmpty, "\(field.path) is honoured by the table")
            } else {
                #expect(
                    refused.contains { "spec.\(field.path)".hasPrefix($0) || $0.hasPrefix("spec.\(field.path)") },
                    "\(field.path) is neither honoured nor refused")
            }
        }
    }

    @Test func theTableNamesFieldsThatExist() {
        let known = Self.podFields.map(\.path) + Self.leaves("core.v1.Container").map(\.path)
        for name in Self.honoured + Self.honouredInContainers + Self.honouredWhileRunning {
            #expect(known.contains { Self.honours($0, [name]) }, "\(name) is no field of a Pod")
        }
    }

    @Test(
        arguments: [
            ("hostUsers", false, "spec.hostUsers"), ("imagePullSecrets", [["name": "s"]], "spec.imagePullSecrets"),
            ("volumes", [["name": "e", "emptyDir": ["sizeLimit": "1Mi"]]], "spec.volumes[0].emptyDir.sizeLimit"),
            (
                "topologySpreadConstraints",
                [["topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "maxSkew": 1]],
                "spec.topologySpreadConstraints[0].topologyKey"
            ),
        ] as [(String, JSONValue, String)])
    func whatWouldBeLostIsRefused(field: String, value: JSONValue, path: String) throws {
        let spec: JSONValue = ["containers": [["name": "c", "image": "i"]], field: value]
        let pod = try #require(PodObject(["metadata": ["name": "p", "namespace": "n", "uid": "u"], "spec": spec]))
        #expect(SupportedFields.unsupported(in: pod) == [path])
    }
}
