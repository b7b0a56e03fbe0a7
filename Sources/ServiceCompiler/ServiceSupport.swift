package import JSONText
package import KubeObjects

/// What a Service may ask that is not enforced yet. Admission refuses it by field instead of taking and ignoring it.
package enum ServiceSupport {
    package static func unsupportedFields(_ service: JSONValue) -> [ObjectError] {
        let spec = FieldReader(service)["spec"]
        var found: [ObjectError] = []
        func refuse(_ field: String, _ message: String) {
            found.append(ObjectError(.unsupported, field: spec[field].path.description, message))
        }
        func text(_ field: String) -> String? { spec[field].value?.string }
        if let type = text("type"), type == "NodePort" || type == "LoadBalancer" {
            refuse("type", "\(type) is not supported: use ClusterIP")
        }
        if spec["externalIPs"].value?.array?.isEmpty == false {
            refuse("externalIPs", "external addresses are not supported")
        }
        if let affinity = text("sessionAffinity"), affinity != "None" {
            refuse("sessionAffinity", "\(affinity) is not supported: use None")
        }
        for field in ["internalTrafficPolicy", "externalTrafficPolicy"] where text(field) == "Local" {
            refuse(field, "Local is not supported: use Cluster")
        }
        for port in spec["ports"].value?.array?.indices ?? 0..<0 {
            let entry = spec["ports"].value?[port]
            guard entry?["protocol"]?.string == "SCTP", let target = entry?["targetPort"], !target.isNull,
                target.integer != 0, target.integer != entry?["port"]?.integer
            else { continue }
            // A name may still resolve to the Service's own port.
            guard target.string == nil else { continue }
            found.append(
                ObjectError(
                    .unsupported, field: "spec.ports[\(port)].targetPort",
                    "an SCTP Service keeps its port: its checksum covers the ports"))
        }
        return found
    }
}
