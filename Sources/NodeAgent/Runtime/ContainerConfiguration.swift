import JSONText

/// Translates a Pod's specification into what the CRI asks for.
struct ContainerConfiguration {
    private let pod: PodObject
    private let files: PodFiles
    private let configuration: NodeAgentConfiguration

    init(_ pod: PodObject, files: PodFiles, configuration: NodeAgentConfiguration) {
        self.pod = pod
        self.files = files
        self.configuration = configuration
    }

    // MARK: Sandbox

    func sandbox(attempt: Int, resolvConf: String) -> CRIPodSandboxConfig {
        var config = CRIPodSandboxConfig()
        config.metadata.name = pod.name
        config.metadata.namespace = pod.namespace
        config.metadata.uid = pod.uid
        config.metadata.attempt = UInt32(clamping: attempt)
        let hosts = HostFiles(pod, configuration: configuration)
        if !pod.usesHostNetwork { config.hostname = hosts.hostname }
        let resolver = hosts.resolver(node: resolvConf)
        config.dnsConfig.servers = resolver.servers
        config.dnsConfig.searches = resolver.searches
        config.dnsConfig.options = resolver.options
        config.logDirectory = files.logFolder
        config.labels = labels
        config.annotations = pod.annotations.filter { $0.key != "kubectl.kubernetes.io/last-applied-configuration" }
        config.linux.cgroupParent = configuration.cgroupParent
        config.linux.securityContext.namespaceOptions = namespaces
        config.linux.securityContext.supplementalGroups = supplementalGroups
        config.linux.securityContext.privileged = (pod.containers + pod.initContainers).contains(where: isPrivileged)
        for sysctl in pod.spec[path: "securityContext", "sysctls"]?.array ?? [] {
            config.linux.sysctls[sysctl["name"]?.string ?? ""] = sysctl["value"]?.string ?? ""
        }
        return config
    }

    private var labels: [String: String] {
        [
            RuntimeLabel.podName: pod.name, RuntimeLabel.podNamespace: pod.namespace, RuntimeLabel.podUID: pod.uid,
        ]
    }

    private var namespaces: CRINamespaceOption {
        var options = CRINamespaceOption()
        options.network = pod.usesHostNetwork ? .node : .pod
        options.ipc = pod.spec["hostIPC"]?.bool == true ? .node : .pod
        options.pid =
            pod.spec["hostPID"]?.bool == true
            ? .node : pod.spec["shareProcessNamespace"]?.bool == true ? .pod : .container
        return options
    }

    // MARK: Container

    func container(
        _ spec: ContainerSpec, restartCount: Int, backOffStep: Int, variables: [EnvironmentVariable],
        terminationMessage: String
    ) throws(NodeAgentError) -> CRIContainerConfig {
        let values = Dictionary(variables.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
        var config = CRIContainerConfig()
        config.metadata.name = spec.name
        config.metadata.attempt = UInt32(clamping: restartCount)
        config.image.image = spec.image
        config.command = (spec.json["command"]?.stringArray ?? []).map { PodEnvironment.expand($0, values) }
        config.args = (spec.json["args"]?.stringArray ?? []).map { PodEnvironment.expand($0, values) }
        config.workingDir = spec.json["workingDir"]?.string ?? ""
        config.envs = variables.map { variable in
            var pair = CRIKeyValue()
            pair.key = variable.name
            pair.value = variable.value
            return pair
        }
        config.mounts = try mounts(spec, values, terminationMessage: terminationMessage)
        config.labels = labels.merging([RuntimeLabel.containerName: spec.name]) { first, _ in first }
        config.annotations = [
            RuntimeLabel.restartCount: "\(restartCount)", RuntimeLabel.specHash: spec.specHash,
            RuntimeLabel.backOffStep: "\(backOffStep)", RuntimeLabel.graceSeconds: "\(pod.graceSeconds)",
        ]
        config.logPath = PodFiles.logPath(spec.name, restartCount: restartCount)
        config.stdin = spec.json["stdin"]?.bool ?? false
        config.stdinOnce = spec.json["stdinOnce"]?.bool ?? false
        config.tty = spec.json["tty"]?.bool ?? false
        config.linux.resources = resources(spec)
        config.linux.securityContext = security(spec)
        return config
    }

    private func mounts(_ spec: ContainerSpec, _ values: [String: String], terminationMessage: String)
        throws(NodeAgentError) -> [CRIMount]
    {
        var mounts: [CRIMount] = []
        for item in spec.json["volumeMounts"]?.array ?? [] {
            let expression = item["subPathExpr"]?.string.map { PodEnvironment.expand($0, values) }
            var mount = CRIMount()
            mount.containerPath = absolute(item["mountPath"]?.string ?? "")
            mount.hostPath = try files.hostPath(of: item, in: pod, subPath: expression ?? item["subPath"]?.string ?? "")
            mount.readonly = item["readOnly"]?.bool ?? false
            switch item["mountPropagation"]?.string {
            case "HostToContainer": mount.propagation = .propagationHostToContainer
            case "Bidirectional": mount.propagation = .propagationBidirectional
            default: mount.propagation = .propagationPrivate
            }
            mounts.append(mount)
        }
        if !pod.usesHostNetwork && !mounts.contains(where: { $0.containerPath == "/etc/hosts" }) {
            mounts.append(Self.mount(files.hostsFile, at: "/etc/hosts"))
        }
        let path = spec.json["terminationMessagePath"]?.string ?? "/dev/termination-log"
        if !mounts.contains(where: { $0.containerPath == path }) {
            mounts.append(Self.mount(terminationMessage, at: path))
        }
        return mounts
    }

    private func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : "/" + path }

    private static func mount(_ hostPath: String, at path: String) -> CRIMount {
        var mount = CRIMount()
        mount.containerPath = path
        mount.hostPath = hostPath
        return mount
    }

    // MARK: Resources

    private func resources(_ spec: ContainerSpec) -> CRILinuxContainerResources {
        func quantity(_ list: String, _ name: String) -> ResourceQuantity? {
            spec.json[path: "resources", list, name]?.string.flatMap { ResourceQuantity($0) }
        }
        var resources = CRILinuxContainerResources()
        let cpuLimit = quantity("limits", "cpu")
        let cpuRequest = quantity("requests", "cpu") ?? cpuLimit
        resources.cpuShares = min(max((cpuRequest?.thousandths ?? 0) * 1024 / 1000, 2), 262_144)
        if let limit = cpuLimit, limit.thousandths > 0 {
            resources.cpuPeriod = 100_000
            resources.cpuQuota = max(limit.thousandths * 100, 1000)
        }
        let memoryLimit = quantity("limits", "memory")?.whole ?? 0
        resources.memoryLimitInBytes = memoryLimit
        switch QualityOfService.of(pod) {
        case .guaranteed: resources.oomScoreAdj = -997
        case .bestEffort: resources.oomScoreAdj = 1000
        case .burstable:
            let request = quantity("requests", "memory")?.whole ?? memoryLimit
            let capacity = max(configuration.memoryBytes, 1)
            let share = Double(request) / Double(capacity)
            resources.oomScoreAdj = min(max(1000 - Int64(share * 1000), 3), 999)
        }
        return resources
    }

    // MARK: Security

    private func isPrivileged(_ spec: ContainerSpec) -> Bool {
        spec.json[path: "securityContext", "privileged"]?.bool ?? false
    }

    private var supplementalGroups: [Int64] {
        let context = pod.spec["securityContext"] ?? .null
        return (context["supplementalGroups"]?.array ?? []).compactMap(\.integer)
            + [context["fsGroup"]?.integer].compactMap { $0 }
    }

    /// A container's own setting, else the pod's.
    private func setting(_ name: String, _ spec: ContainerSpec) -> JSONValue? {
        if let own = spec.json[path: "securityContext", name], !own.isNull { return own }
        return pod.spec[path: "securityContext", name]
    }

    /// Why the container may not run as the user it would run as; nil where it may.
    func userFault(_ spec: ContainerSpec, image: RuntimeImage) -> String? {
        guard setting("runAsNonRoot", spec)?.bool == true else { return nil }
        if let user = setting("runAsUser", spec)?.integer {
            return user == 0 ? "runAsNonRoot is set and runAsUser is 0" : nil
        }
        if let user = image.uid { return user == 0 ? "runAsNonRoot is set and the image runs as root" : nil }
        return image.username.isEmpty
            ? "runAsNonRoot is set and the image runs as root"
            : "runAsNonRoot is set and the image's user \"\(image.username)\" is no number, so it cannot be checked"
    }

    private func security(_ spec: ContainerSpec) -> CRILinuxContainerSecurityContext {
        var context = CRILinuxContainerSecurityContext()
        let own = spec.json["securityContext"] ?? .null
        context.namespaceOptions = namespaces
        context.privileged = isPrivileged(spec)
        context.readonlyRootfs = own["readOnlyRootFilesystem"]?.bool ?? false
        context.noNewPrivs = own["allowPrivilegeEscalation"]?.bool == false
        context.supplementalGroups = supplementalGroups
        if let user = setting("runAsUser", spec)?.integer { context.runAsUser.value = user }
        if let group = setting("runAsGroup", spec)?.integer {
            context.runAsGroup.value = group
            // The runtime takes a group only together with a user.
            if !context.hasRunAsUser { context.runAsUser.value = 0 }
        }
        context.capabilities.addCapabilities = own[path: "capabilities", "add"]?.stringArray ?? []
        context.capabilities.dropCapabilities = own[path: "capabilities", "drop"]?.stringArray ?? []
        context.seccomp.profileType = .unconfined
        let profile = setting("seccompProfile", spec)
        if profile?["type"]?.string == "RuntimeDefault" { context.seccomp.profileType = .runtimeDefault }
        if profile?["type"]?.string == "Localhost" {
            context.seccomp.profileType = .localhost
            context.seccomp.localhostRef = profile?["localhostProfile"]?.string ?? ""
        }
        guard !context.privileged else { return context }
        context.maskedPaths = Self.maskedPaths
        context.readonlyPaths = Self.readonlyPaths
        return context
    }

    /// What an ordinary container does not see of the kernel, and what it sees but cannot change.
    private static let maskedPaths = [
        "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
        "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap",
        "/sys/firmware",
    ]
    private static let readonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
}
