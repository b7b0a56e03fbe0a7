package import JSONText
import KubeObjects

/// What a client should know about an object that is accepted all the same (`Warning: 299`).
package enum ObjectWarnings {
    package static func list(_ object: JSONValue, old: JSONValue?, _ resource: ResourceDefinition) -> [String] {
        switch object.text("kind") {
        case "Pod": return old == nil || old?["spec"] != object["spec"] ? pod(object) : []
        case "Service": return service(object, old: old)
        case "EndpointSlice":
            return object["addressType"] == "FQDN" ? ["spec.addressType: FQDN endpoints are deprecated"] : []
        case "Secret": return old == nil ? secret(object) : []
        case "NetworkPolicy", "ClusterNetworkPolicy": return dryRun(object, old: old)
        default: return []
        }
    }

    private static func service(_ service: JSONValue, old: JSONValue?) -> [String] {
        guard old == nil || old?["spec"] != service["spec"] else { return [] }
        var warnings: [String] = []
        let spec = service["spec"] ?? .object([:])
        if spec["externalIPs"]?.elements.isEmpty == false {
            warnings.append("spec.externalIPs is deprecated and may no longer be implemented in some clusters")
        }
        if spec["trafficDistribution"] == "PreferClose" {
            warnings.append("spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"")
        }
        if !spec.text("loadBalancerIP").isEmpty {
            warnings.append("spec.loadBalancerIP: deprecated in v1.24, use loadBalancer-specific annotations")
        }
        return warnings
    }

    private static func dryRun(_ policy: JSONValue, old: JSONValue?) -> [String] {
        let name = "\(policy.text("kind")) \(policy["metadata"]?.text("name") ?? "")"
        let value = policy[path: "metadata", "annotations", ObjectMeta.dryRunAnnotation]?.string
        if let value, value != "true", value != "false" {
            return ["\(name) is enforced: \(ObjectMeta.dryRunAnnotation) is \"\(value)\", neither true nor false"]
        }
        guard ObjectMeta.isDryRun(policy), old.map(ObjectMeta.isDryRun) != true else { return [] }
        return [
            old == nil
                ? "\(name) is a dry run: it enforces nothing, and events of new flows say what it would do"
                : "\(name) is a dry run now: it is not enforced any more, which counts as its deletion"
        ]
    }

    private static func secret(_ secret: JSONValue) -> [String] {
        guard secret["type"] == "kubernetes.io/tls" else { return [] }
        let bytes = Base64.decode(secret["data"]?.text("tls.crt") ?? "").bytes
        guard !String(decoding: bytes, as: UTF8.self).contains("-----BEGIN ") else { return [] }
        return ["tls: failed to find any PEM data in certificate input"]
    }

    private static func pod(_ pod: JSONValue) -> [String] {
        let spec = pod["spec"] ?? .object([:])
        var warnings: [String] = []
        for (index, secret) in (spec["imagePullSecrets"]?.elements ?? []).enumerated()
        where secret.text("name").isEmpty {
            warnings.append("spec.imagePullSecrets[\(index)].name: invalid empty name \"\"")
        }
        for field in ["initContainers", "containers"] {
            for (index, container) in (spec[field]?.elements ?? []).enumerated() {
                warnings += self.container(container, FieldPath("spec")[field][index])
            }
        }
        if let seconds = spec["terminationGracePeriodSeconds"]?.integer, seconds < 0 {
            warnings.append(
                "spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1"
            )
        }
        return warnings
    }

    private static func container(_ container: JSONValue, _ path: FieldPath) -> [String] {
        var warnings: [String] = []
        var names = Set<String>()
        for (index, variable) in (container["env"]?.elements ?? []).enumerated() {
            let name = variable.text("name")
            if !names.insert(name).inserted {
                warnings.append(
                    "\(path["env"][index].text): hides previous definition of \"\(name)\", which may be dropped when "
                        + "using apply")
            }
        }
        var ports: [String: Int] = [:]
        for (index, port) in (container["ports"]?.elements ?? []).enumerated() {
            let at = path["ports"]
            let id = "\(port.text("protocol"))/\(port["containerPort"]?.integer ?? 0)/\(port["hostPort"]?.integer ?? 0)"
            if let first = ports[id] {
                warnings.append("\(at[index].text): duplicate port definition with \(at[first].text)")
            }
            ports[id] = ports[id] ?? index
            if !port.text("hostIP").isEmpty, port["hostPort"]?.integer ?? 0 == 0 {
                warnings.append("\(at[index].text): hostIP set without hostPort")
            }
        }
        return warnings
    }
}
