import JSONText

/// What may change in a Pod that exists.
enum PodUpdate {
    static let containerImages = ["containers", "initContainers"]

    static func errors(_ pod: JSONValue, old: JSONValue, allowsPrivileged: Bool) -> [FieldError] {
        let spec = pod["spec"] ?? .object([:])
        let before = old["spec"] ?? .object([:])
        let path: FieldPath = "spec"
        var errors = PodValidation(spec, allowsPrivileged: allowsPrivileged).errors
        for field in containerImages {
            if spec[field]?.elements.count ?? 0 != before[field]?.elements.count ?? 0 {
                errors.append(.forbidden(path[field], "pod updates may not add or remove containers"))
                return errors
            }
            for (index, container) in (spec[field]?.elements ?? []).enumerated() where container.text("image").isEmpty {
                errors.append(.required(path[field][index]["image"]))
            }
        }
        errors += deadline(spec, before, path)
        errors += gates(spec, before, path)
        guard errors.isEmpty else { return errors }
        errors += tolerations(spec, before, path)
        if withoutMutable(spec, like: before) != before {
            errors.append(
                .forbidden(
                    path,
                    "pod updates may not change fields other than `spec.containers[*].image`,"
                        + "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only "
                        + "additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be "
                        + "set to 1 if it was previously negative)"))
        }
        return errors
    }

    /// A deadline may appear and shrink.
    private static func deadline(_ spec: JSONValue, _ before: JSONValue, _ path: FieldPath) -> [FieldError] {
        guard let old = before["activeDeadlineSeconds"]?.integer else { return [] }
        let at = path["activeDeadlineSeconds"]
        guard let new = spec["activeDeadlineSeconds"]?.integer else {
            return [.invalid(at, .null, "must not update from a positive integer to nil value")]
        }
        guard new > old else { return [] }
        return [.invalid(at, .integer(new), "must be less than or equal to previous value")]
    }

    private static func gates(_ spec: JSONValue, _ before: JSONValue, _ path: FieldPath) -> [FieldError] {
        let known = Set((before["schedulingGates"]?.elements ?? []).map { $0.text("name") })
        return (spec["schedulingGates"]?.elements ?? []).enumerated().compactMap { index, gate in
            guard !known.contains(gate.text("name")) else { return nil }
            return .forbidden(
                path["schedulingGates"][index]["name"],
                "only deletion is allowed, but found new scheduling gate '\(gate.text("name"))'")
        }
    }

    private static func tolerations(_ spec: JSONValue, _ before: JSONValue, _ path: FieldPath) -> [FieldError] {
        let now = Set(spec["tolerations"]?.elements ?? [])
        let kept = (before["tolerations"]?.elements ?? []).allSatisfy { old in
            now.contains(old) || now.contains { sameButSeconds($0, old) }
        }
        guard !kept else { return [] }
        return [
            .forbidden(path["tolerations"], "existing toleration can not be modified except its tolerationSeconds")
        ]
    }

    private static func sameButSeconds(_ left: JSONValue, _ right: JSONValue) -> Bool {
        var left = left
        var right = right
        left["tolerationSeconds"] = nil
        right["tolerationSeconds"] = nil
        return left == right
    }

    /// The new spec with all that may change set back to what it was.
    private static func withoutMutable(_ spec: JSONValue, like before: JSONValue) -> JSONValue {
        var spec = spec
        for field in containerImages {
            guard case .array(let containers)? = spec[field] else { continue }
            spec[field] = .array(
                containers.enumerated().map { index, container in
                    var container = container
                    container["image"] = before[field]?[index]?["image"]
                    return container
                })
        }
        for field in ["activeDeadlineSeconds", "tolerations", "schedulingGates"] { spec[field] = before[field] }
        if let old = before["terminationGracePeriodSeconds"]?.integer, old < 0,
            spec["terminationGracePeriodSeconds"] == 1
        {
            spec["terminationGracePeriodSeconds"] = .integer(old)
        }
        if before["schedulingGates"]?.elements.isEmpty == false {
            for field in ["nodeSelector", "affinity"] { spec[field] = before[field] }
        }
        return spec
    }

    /// A status that does not fit its Pod.
    static func statusErrors(_ pod: JSONValue, old: JSONValue) -> [FieldError] {
        let path: FieldPath = "status"
        var errors: [FieldError] = []
        if let node = pod["status"]?["nominatedNodeName"]?.string, let fault = Names.subdomainFault(node) {
            errors.append(.invalid(path["nominatedNodeName"], .string(node), fault))
        }
        for (index, entry) in (pod["status"]?["podIPs"]?.elements ?? []).enumerated() {
            errors += Addresses.addressFaults(entry.text("ip"), path["podIPs"][index])
        }
        for (index, condition) in (pod["status"]?["conditions"]?.elements ?? []).enumerated() {
            errors += Names.qualifiedNameFaults(condition.text("type")).map {
                .invalid(path["conditions"][index]["type"], .string(condition.text("type")), $0)
            }
        }
        return errors
    }
}
