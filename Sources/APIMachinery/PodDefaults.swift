import JSONText

/// What an API server fills in a Pod's `spec`.
enum PodDefaults {
    static func spec(_ spec: JSONValue) -> JSONValue {
        var spec = spec
        set(&spec, "restartPolicy", "Always")
        set(&spec, "terminationGracePeriodSeconds", 30)
        set(&spec, "dnsPolicy", "ClusterFirst")
        set(&spec, "schedulerName", "default-scheduler")
        set(&spec, "enableServiceLinks", true)
        if spec["securityContext"] == nil { spec["securityContext"] = .object([:]) }
        if let account = spec["serviceAccountName"] ?? spec["serviceAccount"] {
            spec["serviceAccountName"] = account
            spec["serviceAccount"] = account
        }
        let isHost = spec["hostNetwork"] == true
        for field in ["initContainers", "containers", "ephemeralContainers"] {
            map(&spec, field) { container($0, isHostNetwork: isHost) }
        }
        map(&spec, "volumes", volume)
        return spec
    }

    private static func set(_ object: inout JSONValue, _ field: String, _ value: JSONValue?) {
        if object[field] == nil, let value { object[field] = value }
    }

    private static func map(_ object: inout JSONValue, _ field: String, _ change: (JSONValue) -> JSONValue) {
        guard case .array(let elements)? = object[field] else { return }
        object[field] = .array(elements.map(change))
    }

    // MARK: Containers

    private static func container(_ container: JSONValue, isHostNetwork: Bool) -> JSONValue {
        var container = container
        set(&container, "terminationMessagePath", "/dev/termination-log")
        set(&container, "terminationMessagePolicy", "File")
        set(&container, "imagePullPolicy", .string(pullPolicy(container.text("image"))))
        map(&container, "ports") { port in
            var port = port
            set(&port, "protocol", "TCP")
            if isHostNetwork { set(&port, "hostPort", port["containerPort"]) }
            return port
        }
        map(&container, "env") { variable in
            var variable = variable
            if variable["valueFrom"]?["fieldRef"] != nil, variable["valueFrom"]?["fieldRef"]?["apiVersion"] == nil {
                variable["valueFrom"]?["fieldRef"]?["apiVersion"] = "v1"
            }
            return variable
        }
        for probe in ["livenessProbe", "readinessProbe", "startupProbe"] where container[probe] != nil {
            container[probe] = container[probe].map(self.probe)
        }
        for hook in ["postStart", "preStop"] {
            guard let action = container["lifecycle"]?[hook] else { continue }
            container["lifecycle"]?[hook] = handler(action)
        }
        container["resources"] = container["resources"].map(resources)
        return container
    }

    /// `Always` for the tag `latest` or none, unless a digest stands there.
    private static func pullPolicy(_ image: String) -> String {
        if image.contains("@") { return "IfNotPresent" }
        let name = image.split(separator: "/").last ?? ""
        guard let colon = name.firstIndex(of: ":") else { return "Always" }
        return name[name.index(after: colon)...] == "latest" ? "Always" : "IfNotPresent"
    }

    private static func handler(_ handler: JSONValue) -> JSONValue {
        guard handler["httpGet"] != nil else { return handler }
        var handler = handler
        if handler["httpGet"]?["path"] == nil { handler["httpGet"]?["path"] = "/" }
        if handler["httpGet"]?["scheme"] == nil { handler["httpGet"]?["scheme"] = "HTTP" }
        return handler
    }

    private static func probe(_ probe: JSONValue) -> JSONValue {
        var probe = handler(probe)
        set(&probe, "timeoutSeconds", 1)
        set(&probe, "periodSeconds", 10)
        set(&probe, "successThreshold", 1)
        set(&probe, "failureThreshold", 3)
        if probe["grpc"] != nil, probe["grpc"]?["service"] == nil { probe["grpc"]?["service"] = "" }
        return probe
    }

    /// Amounts finer than a thousandth are rounded up; a limit is also the request that was left out.
    private static func resources(_ resources: JSONValue) -> JSONValue {
        var resources = resources
        for list in ["limits", "requests"] {
            for (name, value) in resources[list]?.members ?? [:] {
                resources[list]?[name] = roundedToMilli(value)
            }
        }
        for (name, limit) in resources["limits"]?.members ?? [:] where resources["requests"]?[name] == nil {
            if resources["requests"] == nil { resources["requests"] = .object([:]) }
            resources["requests"]?[name] = limit
        }
        return resources
    }

    private static func roundedToMilli(_ value: JSONValue) -> JSONValue {
        guard let text = value.string, let quantity = Quantity(text) else { return value }
        let milli: Int128 = 1_000_000
        guard quantity.nano % milli != 0 else { return value }
        let up = (quantity.nano / milli + (quantity.nano > 0 ? 1 : 0)) * milli
        return .string(Quantity(nano: up, format: quantity.format).text)
    }

    // MARK: Volumes

    private static func volume(_ volume: JSONValue) -> JSONValue {
        var volume = volume
        let sources = volume.members.keys.filter { $0 != "name" }
        if sources.isEmpty { volume["emptyDir"] = .object([:]) }
        for source in ["configMap", "secret", "downwardAPI", "projected"] where volume[source] != nil {
            if volume[source]?["defaultMode"] == nil { volume[source]?["defaultMode"] = 420 }
        }
        if volume["hostPath"] != nil, volume["hostPath"]?["type"] == nil { volume["hostPath"]?["type"] = "" }
        if case .array(let items)? = volume["downwardAPI"]?["items"] {
            volume["downwardAPI"]?["items"] = .array(items.map(downwardItem))
        }
        if case .array(let list)? = volume["projected"]?["sources"] {
            volume["projected"]?["sources"] = .array(list.map(projection))
        }
        legacy(&volume)
        return volume
    }

    private static func downwardItem(_ item: JSONValue) -> JSONValue {
        guard item["fieldRef"] != nil, item["fieldRef"]?["apiVersion"] == nil else { return item }
        var item = item
        item["fieldRef"]?["apiVersion"] = "v1"
        return item
    }

    private static func projection(_ source: JSONValue) -> JSONValue {
        var source = source
        if source["serviceAccountToken"] != nil, source["serviceAccountToken"]?["expirationSeconds"] == nil {
            source["serviceAccountToken"]?["expirationSeconds"] = 3600
        }
        if case .array(let items)? = source["downwardAPI"]?["items"] {
            source["downwardAPI"]?["items"] = .array(items.map(downwardItem))
        }
        return source
    }

    /// Kinds of volumes that the schema gives defaults.
    private static func legacy(_ volume: inout JSONValue) {
        let defaults: [(source: String, field: String, value: JSONValue)] = [
            ("iscsi", "iscsiInterface", "default"), ("rbd", "pool", "rbd"), ("rbd", "user", "admin"),
            ("rbd", "keyring", "/etc/ceph/keyring"), ("azureDisk", "cachingMode", "ReadWrite"),
            ("azureDisk", "fsType", "ext4"), ("azureDisk", "readOnly", false), ("azureDisk", "kind", "Shared"),
            ("scaleIO", "storageMode", "ThinProvisioned"), ("scaleIO", "fsType", "xfs"),
        ]
        for preset in defaults where volume[preset.source] != nil && volume[preset.source]?[preset.field] == nil {
            volume[preset.source]?[preset.field] = preset.value
        }
    }
}
