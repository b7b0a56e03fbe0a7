import JSONText

/// Containers: names, ports, environment, resources, probes.
extension PodValidation {
    var containers: [FieldError] {
        let main = spec["containers"]?.elements ?? []
        let initial = spec["initContainers"]?.elements ?? []
        var errors: [FieldError] = []
        if main.isEmpty { errors.append(.required(path["containers"])) }
        var names = Set<String>()
        for (field, list) in [("containers", main), ("initContainers", initial)] {
            for (index, container) in list.enumerated() {
                let at = path[field][index]
                let name = container.text("name")
                if name.isEmpty {
                    errors.append(.required(at["name"]))
                } else if let fault = Names.labelFault(name) {
                    errors.append(.invalid(at["name"], .string(name), fault))
                } else if !names.insert(name).inserted {
                    errors.append(.duplicate(at["name"], .string(name)))
                }
                errors += self.container(container, isInitial: field == "initContainers", at)
            }
        }
        if spec["ephemeralContainers"]?.elements.isEmpty == false {
            errors.append(.forbidden(path["ephemeralContainers"], "cannot be set on create"))
        }
        return errors + hostPorts
    }

    private func container(_ container: JSONValue, isInitial: Bool, _ at: FieldPath) -> [FieldError] {
        var errors: [FieldError] = []
        let image = container.text("image")
        if image.isEmpty {
            errors.append(.required(at["image"]))
        } else if image.first?.isWhitespace == true || image.last?.isWhitespace == true {
            errors.append(.invalid(at["image"], .string(image), "must not have leading or trailing whitespace"))
        }
        errors += supported(
            container.text("imagePullPolicy"), ["Always", "IfNotPresent", "Never"], at["imagePullPolicy"],
            isRequired: true)
        errors += supported(
            container.text("terminationMessagePolicy"), ["File", "FallbackToLogsOnError"],
            at["terminationMessagePolicy"], isRequired: true)
        errors += ports(container["ports"]?.elements ?? [], at["ports"])
        errors += environment(container, at)
        errors += mounts(container, at)
        errors += resources(container["resources"] ?? .object([:]), at["resources"])
        errors += containerSecurity(container["securityContext"], at["securityContext"])
        errors += lifecycle(container["lifecycle"], at["lifecycle"])
        let isSidecar = container.text("restartPolicy") == "Always"
        for field in ["livenessProbe", "readinessProbe", "startupProbe"] {
            guard let probe = container[field] else { continue }
            if isInitial, !isSidecar {
                errors.append(.forbidden(at[field], "may not be set for init containers without restartPolicy=Always"))
            }
            errors += self.probe(probe, isReadiness: field == "readinessProbe", at[field])
        }
        return errors
    }

    // MARK: Ports

    private func ports(_ ports: [JSONValue], _ at: FieldPath) -> [FieldError] {
        var errors: [FieldError] = []
        var names = Set<String>()
        for (index, port) in ports.enumerated() {
            let place = at[index]
            let name = port.text("name")
            if !name.isEmpty {
                let faults = Names.portNameFaults(name)
                errors += faults.map { .invalid(place["name"], .string(name), $0) }
                if faults.isEmpty, !names.insert(name).inserted {
                    errors.append(.duplicate(place["name"], .string(name)))
                }
            }
            let number = port["containerPort"]?.integer ?? 0
            if number == 0 {
                errors.append(.required(place["containerPort"]))
            } else {
                errors += Self.port(port["containerPort"], place["containerPort"])
            }
            if let host = port["hostPort"]?.integer, host != 0 {
                errors += Self.port(port["hostPort"], place["hostPort"])
                if isHostNetwork, host != number {
                    errors.append(
                        .invalid(
                            place["hostPort"], .integer(host), "must match `containerPort` when `hostNetwork` is true"))
                }
            }
            errors += supported(port.text("protocol"), ["SCTP", "TCP", "UDP"], place["protocol"], isRequired: true)
        }
        return errors
    }

    private var hostPorts: [FieldError] {
        var errors: [FieldError] = []
        var taken = Set<String>()
        for (index, container) in (spec["containers"]?.elements ?? []).enumerated() {
            for (number, port) in (container["ports"]?.elements ?? []).enumerated() {
                guard let host = port["hostPort"]?.integer, host != 0 else { continue }
                let id = "\(port.text("protocol"))/\(port.text("hostIP"))/\(host)"
                if !taken.insert(id).inserted {
                    errors.append(
                        .duplicate(path["containers"][index]["ports"][number]["hostPort"], .string(id)))
                }
            }
        }
        return errors
    }

    // MARK: Environment

    private static let podFields: Set<String> = [
        "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
        "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
    ]

    private func environment(_ container: JSONValue, _ at: FieldPath) -> [FieldError] {
        var errors: [FieldError] = []
        for (index, variable) in (container["env"]?.elements ?? []).enumerated() {
            let place = at["env"][index]
            let name = variable.text("name")
            if name.isEmpty {
                errors.append(.required(place["name"]))
            } else {
                errors += Names.environmentNameFaults(name).map { .invalid(place["name"], .string(name), $0) }
            }
            if let source = variable["valueFrom"] {
                errors += valueFrom(source, hasValue: !variable.text("value").isEmpty, place["valueFrom"])
            }
        }
        for (index, source) in (container["envFrom"]?.elements ?? []).enumerated() {
            let place = at["envFrom"][index]
            let given = ["configMapRef", "secretRef"].filter { source[$0] != nil }
            if given.isEmpty {
                errors.append(.invalid(at["envFrom"], "", "must specify one of: `configMapRef` or `secretRef`"))
            } else if given.count > 1 {
                errors.append(.invalid(at["envFrom"], "", "may not have more than one field specified at a time"))
            }
            for field in given where source[field]?.text("name").isEmpty ?? true {
                errors.append(.required(place[field]["name"]))
            }
        }
        return errors
    }

    private func valueFrom(_ source: JSONValue, hasValue: Bool, _ at: FieldPath) -> [FieldError] {
        let kinds = ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"]
        let given = kinds.filter { source[$0] != nil }
        var errors: [FieldError] = []
        for field in ["configMapKeyRef", "secretKeyRef"] {
            guard let reference = source[field] else { continue }
            if reference.text("name").isEmpty { errors.append(.required(at[field]["name"])) }
            let key = reference.text("key")
            if key.isEmpty {
                errors.append(.required(at[field]["key"]))
            } else {
                errors += Names.configKeyFaults(key).map { .invalid(at[field]["key"], .string(key), $0) }
            }
        }
        if let reference = source["fieldRef"] {
            errors += fieldReference(reference, Self.podFields, at["fieldRef"])
        }
        if let reference = source["resourceFieldRef"], reference.text("resource").isEmpty {
            errors.append(.required(at["resourceFieldRef"]["resource"]))
        }
        if given.isEmpty {
            errors.append(
                .invalid(
                    at, "",
                    "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or "
                        + "`fileKeyRef`"))
        } else if hasValue {
            errors.append(.invalid(at, "", "may not be specified when `value` is not empty"))
        } else if given.count > 1 {
            errors.append(.invalid(at, "", "may not have more than one field specified at a time"))
        }
        return errors
    }

    /// A path into the Pod itself. Known paths that may not stand here are "not supported", unknown ones "invalid".
    func fieldReference(_ reference: JSONValue, _ supported: Set<String>, _ at: FieldPath) -> [FieldError] {
        let text = reference.text("fieldPath")
        if reference.text("apiVersion").isEmpty { return [.required(at["apiVersion"])] }
        if text.isEmpty { return [.required(at["fieldPath"])] }
        for map in ["metadata.labels", "metadata.annotations"] where text.hasPrefix(map + "['") && text.hasSuffix("']")
        {
            let key = String(text.dropFirst(map.count + 2).dropLast(2))
            return Names.qualifiedNameFaults(key).map { .invalid(at, .string(key), $0) }
        }
        let known = Self.podFields.union([
            "metadata.labels", "metadata.annotations", "spec.restartPolicy", "spec.schedulerName", "spec.hostNetwork",
            "status.phase", "status.nominatedNodeName",
        ])
        guard known.contains(text) else {
            return [
                .invalid(
                    at["fieldPath"], .string(text),
                    "error converting fieldPath: field label not supported: \(text)")
            ]
        }
        guard !supported.contains(text) else { return [] }
        return [.notSupported(at["fieldPath"], text, supported.sorted())]
    }

    // MARK: Probes and hooks

    private func probe(_ probe: JSONValue, isReadiness: Bool, _ at: FieldPath) -> [FieldError] {
        var errors = handler(probe, ["exec", "httpGet", "tcpSocket", "grpc"], at)
        let counts = [
            "initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold",
        ]
        for field in counts { errors += Self.notNegative(probe[field], at[field]) }
        if !isReadiness, let count = probe["successThreshold"]?.integer, count != 1 {
            errors.append(.invalid(at["successThreshold"], .integer(count), "must be 1"))
        }
        if let seconds = probe["terminationGracePeriodSeconds"]?.integer {
            if isReadiness {
                errors.append(
                    .invalid(
                        at["terminationGracePeriodSeconds"], .integer(seconds), "must not be set for readinessProbes"))
            } else if seconds <= 0 {
                errors.append(
                    .invalid(at["terminationGracePeriodSeconds"], .integer(seconds), "must be greater than 0"))
            }
        }
        return errors
    }

    private func lifecycle(_ lifecycle: JSONValue?, _ at: FieldPath) -> [FieldError] {
        var errors: [FieldError] = []
        for hook in ["postStart", "preStop"] {
            guard let handler = lifecycle?[hook] else { continue }
            errors += self.handler(handler, ["exec", "httpGet", "tcpSocket", "sleep"], at[hook])
        }
        return errors
    }

    /// Exactly one way to act.
    private func handler(_ handler: JSONValue, _ kinds: [String], _ at: FieldPath) -> [FieldError] {
        var errors: [FieldError] = []
        var given = 0
        for kind in kinds {
            guard let action = handler[kind] else { continue }
            given += 1
            if given > 1 {
                errors.append(.forbidden(at[kind], "may not specify more than 1 handler type"))
                continue
            }
            switch kind {
            case "exec":
                if action["command"]?.elements.isEmpty ?? true { errors.append(.required(at[kind]["command"])) }
            case "httpGet": errors += http(action, at[kind])
            case "tcpSocket": errors += ServiceValidation.portReference(action["port"], at[kind]["port"])
            case "grpc": errors += Self.port(action["port"], at[kind]["port"])
            default: errors += Self.notNegative(action["seconds"], at[kind])
            }
        }
        if given == 0 { errors.append(.required(at, "must specify a handler type")) }
        return errors
    }

    private func http(_ action: JSONValue, _ at: FieldPath) -> [FieldError] {
        var errors: [FieldError] = []
        if action.text("path").isEmpty { errors.append(.required(at["path"])) }
        errors += ServiceValidation.portReference(action["port"], at["port"])
        errors += supported(action.text("scheme"), ["HTTP", "HTTPS"], at["scheme"])
        for (index, header) in (action["httpHeaders"]?.elements ?? []).enumerated() {
            let name = header.text("name")
            let isToken = name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"()<>@,;:\\\"/[]?={}".utf8.contains($0) }
            if name.isEmpty || !isToken {
                errors.append(
                    .invalid(
                        at["httpHeaders"][index]["name"], .string(name),
                        "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name')"))
            }
        }
        return errors
    }

    // MARK: Security

    private func containerSecurity(_ context: JSONValue?, _ at: FieldPath) -> [FieldError] {
        guard let context else { return [] }
        var errors: [FieldError] = []
        if context["privileged"] == true, !allowsPrivileged {
            errors.append(.forbidden(at["privileged"], "disallowed by cluster policy"))
        }
        for field in ["runAsUser", "runAsGroup"] { errors += Self.userID(context[field], at[field]) }
        errors += supported(context.text("procMount"), ["Default", "Unmasked"], at["procMount"])
        errors += seccomp(context["seccompProfile"], at["seccompProfile"])
        if context["allowPrivilegeEscalation"] == false {
            if context["privileged"] == true {
                errors.append(
                    .invalid(at, context, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"))
            }
            let added = context["capabilities"]?["add"]?.elements ?? []
            if added.contains("CAP_SYS_ADMIN") || added.contains("SYS_ADMIN") {
                errors.append(
                    .invalid(
                        at, context,
                        "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"))
            }
        }
        return errors
    }
}
