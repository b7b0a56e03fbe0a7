import JSONText

/// The fields of a Pod's `spec`.
struct PodValidation {
    let spec: JSONValue
    let allowsPrivileged: Bool
    let path: FieldPath = "spec"

    init(_ spec: JSONValue, allowsPrivileged: Bool) {
        self.spec = spec
        self.allowsPrivileged = allowsPrivileged
    }

    var isHostNetwork: Bool { spec["hostNetwork"] == true }

    var errors: [FieldError] {
        var errors = volumes
        errors += containers
        errors += supported(
            spec.text("restartPolicy"), ["Always", "OnFailure", "Never"], path["restartPolicy"], isRequired: true)
        errors += dns
        errors += MetadataRules.labels(spec["nodeSelector"], path["nodeSelector"])
        errors += securityContext
        errors += references
        errors += affinity
        errors += hostAliases
        errors += scheduling
        errors += identity
        return errors
    }

    /// One of a few words.
    func supported(_ text: String, _ words: [String], _ at: FieldPath, isRequired: Bool = false) -> [FieldError] {
        if text.isEmpty { return isRequired ? [.required(at)] : [] }
        return words.contains(text) ? [] : [.notSupported(at, text, words)]
    }

    static func notNegative(_ value: JSONValue?, _ at: FieldPath) -> [FieldError] {
        guard let number = value?.integer, number < 0 else { return [] }
        return [.invalid(at, .integer(number), "must be greater than or equal to 0")]
    }

    static func port(_ value: JSONValue?, _ at: FieldPath) -> [FieldError] {
        let number = value?.integer ?? 0
        guard !(1...65_535).contains(number) else { return [] }
        return [.invalid(at, .integer(number), "must be between 1 and 65535, inclusive")]
    }

    // MARK: Names

    private var dns: [FieldError] {
        let policies = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"]
        let policy = spec.text("dnsPolicy")
        var errors = supported(policy, policies, path["dnsPolicy"], isRequired: true)
        let config = spec["dnsConfig"]
        let at = path["dnsConfig"]
        let servers = config?["nameservers"]?.elements ?? []
        if policy == "None" {
            if config == nil {
                errors.append(.required(at, "must provide `dnsConfig` when `dnsPolicy` is None"))
            } else if servers.isEmpty {
                errors.append(
                    .required(at["nameservers"], "must provide at least one DNS nameserver when `dnsPolicy` is None"))
            }
        }
        guard let config else { return errors }
        if servers.count > 3 {
            errors.append(.invalid(at["nameservers"], .array(servers), "must not have more than 3 nameservers"))
        }
        for (index, server) in servers.enumerated() {
            errors += Addresses.addressFaults(server.string ?? "", at["nameservers"][index])
        }
        let searches = config["searches"]?.elements.compactMap(\.string) ?? []
        if searches.count > 32 {
            errors.append(
                .invalid(at["searches"], config["searches"] ?? .null, "must not have more than 32 search paths"))
        }
        for (index, search) in searches.enumerated() where search != "." {
            let domain = search.hasSuffix(".") ? String(search.dropLast()) : search
            if let fault = Names.subdomainFault(domain) {
                errors.append(.invalid(at["searches"][index], .string(search), fault))
            }
        }
        for (index, option) in (config["options"]?.elements ?? []).enumerated() where option.text("name").isEmpty {
            errors.append(.required(at["options"][index], "must not be empty"))
        }
        return errors
    }

    private var hostAliases: [FieldError] {
        var errors: [FieldError] = []
        for (index, alias) in (spec["hostAliases"]?.elements ?? []).enumerated() {
            let at = path["hostAliases"][index]
            errors += Addresses.addressFaults(alias.text("ip"), at["ip"])
            for (number, host) in (alias["hostnames"]?.elements ?? []).enumerated() {
                if let fault = Names.subdomainFault(host.string ?? "") {
                    errors.append(.invalid(at["hostnames"][number], host, fault))
                }
            }
        }
        return errors
    }

    /// Names of other objects, and of the Pod itself.
    private var references: [FieldError] {
        var errors: [FieldError] = []
        for field in ["serviceAccountName", "nodeName", "priorityClassName", "runtimeClassName"] {
            if let name = spec[field]?.string, !name.isEmpty, let fault = Names.subdomainFault(name) {
                errors.append(.invalid(path[field], .string(name), fault))
            }
        }
        for field in ["hostname", "subdomain"] {
            if let name = spec[field]?.string, !name.isEmpty, let fault = Names.labelFault(name) {
                errors.append(.invalid(path[field], .string(name), fault))
            }
        }
        return errors
    }

    private var identity: [FieldError] {
        var errors: [FieldError] = []
        if let seconds = spec["activeDeadlineSeconds"]?.integer, !(1...2_147_483_647).contains(seconds) {
            errors.append(
                .invalid(
                    path["activeDeadlineSeconds"], .integer(seconds), "must be between 1 and 2147483647, inclusive"))
        }
        for (index, gate) in (spec["readinessGates"]?.elements ?? []).enumerated() {
            errors += Names.qualifiedNameFaults(gate.text("conditionType")).map {
                .invalid(
                    path["readinessGates"][index]["conditionType"], .string(gate.text("conditionType")), $0)
            }
        }
        errors += supported(
            spec.text("preemptionPolicy"), ["PreemptLowerPriority", "Never"], path["preemptionPolicy"])
        if let os = spec["os"]?.text("name") {
            errors += supported(os, ["linux", "windows"], path["os"]["name"], isRequired: true)
        }
        return errors
    }

    // MARK: Security

    private var securityContext: [FieldError] {
        let context = spec["securityContext"] ?? .object([:])
        let at = path["securityContext"]
        var errors: [FieldError] = []
        if spec["shareProcessNamespace"] == true, spec["hostPID"] == true {
            errors.append(
                .invalid(
                    at["shareProcessNamespace"], true, "ShareProcessNamespace and HostPID cannot both be enabled"))
        }
        for field in ["runAsUser", "runAsGroup", "fsGroup"] {
            errors += Self.userID(context[field], at[field])
        }
        for (index, group) in (context["supplementalGroups"]?.elements ?? []).enumerated() {
            errors += Self.userID(group, at["supplementalGroups"][index])
        }
        errors += supported(
            context.text("fsGroupChangePolicy"), ["OnRootMismatch", "Always"], at["fsGroupChangePolicy"])
        errors += seccomp(context["seccompProfile"], at["seccompProfile"])
        errors += sysctls(context["sysctls"]?.elements ?? [], at["sysctls"])
        return errors
    }

    static func userID(_ value: JSONValue?, _ at: FieldPath) -> [FieldError] {
        guard let number = value?.integer, !(0...2_147_483_647).contains(number) else { return [] }
        return [.invalid(at, .integer(number), "must be between 0 and 2147483647, inclusive")]
    }

    func seccomp(_ profile: JSONValue?, _ at: FieldPath) -> [FieldError] {
        guard let profile else { return [] }
        var errors = supported(
            profile.text("type"), ["Localhost", "RuntimeDefault", "Unconfined"], at["type"], isRequired: true)
        let file = profile["localhostProfile"]?.string
        if profile["type"] == "Localhost" {
            if file?.isEmpty ?? true {
                errors.append(.required(at["localhostProfile"], "must be set when seccomp type is Localhost"))
            } else if let file {
                errors += Self.localPath(file, at["localhostProfile"])
            }
        } else if let file {
            errors.append(
                .invalid(at["localhostProfile"], .string(file), "can only be set when seccomp type is Localhost"))
        }
        return errors
    }

    private func sysctls(_ sysctls: [JSONValue], _ at: FieldPath) -> [FieldError] {
        var errors: [FieldError] = []
        var names = Set<String>()
        for (index, sysctl) in sysctls.enumerated() {
            let name = sysctl.text("name")
            let parts = name.split(omittingEmptySubsequences: false) { $0 == "." || $0 == "/" }
            let isGood = parts.allSatisfy { part in
                Names.labelFault(part.split(separator: "_").joined(separator: "-")) == nil
            }
            if name.isEmpty {
                errors.append(.required(at[index]["name"]))
            } else if !isGood || name.utf8.count > 253 {
                errors.append(
                    .invalid(
                        at[index]["name"], .string(name),
                        "must have at most 253 characters and match regex "
                            + "^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"))
            } else if !names.insert(name).inserted {
                errors.append(.duplicate(at[index]["name"], .string(name)))
            }
        }
        return errors
    }
}
