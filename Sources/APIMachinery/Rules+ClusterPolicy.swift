package import JSONText
import KubeObjects

/// ClusterNetworkPolicies (`policy.networking.k8s.io`). What the compiler can read is what may be stored: the object
/// goes through its reader.
package enum ClusterNetworkPolicyRules: GeneratedStatusRules {
    package static func validateCreate(_ object: JSONValue, _ context: ValidationContext) -> [FieldError] {
        let errors =
            ChangeMode.validate(object) + selectors(object["spec"], "spec") + repeatedNetworks(object["spec"])
        guard errors.isEmpty else { return errors }
        do {
            _ = try ClusterNetworkPolicy(object)
            return []
        } catch {
            return [error.fieldError(in: object)]
        }
    }

    /// Of a status it is asked whether that can be read: the spec may be one that nobody can.
    package static func validateUpdate(_ object: JSONValue, old: JSONValue, _ context: ValidationContext)
        -> [FieldError]
    {
        guard context.subresource == "status" else { return validateCreate(object, context) }
        let annotation = object[path: "metadata", "annotations", ChangeMode.annotation]
        let isKept = annotation == old[path: "metadata", "annotations", ChangeMode.annotation]
        let errors = isKept ? [] : ChangeMode.validate(object)
        do {
            _ = try PolicyCondition(status: FieldReader(object)["status"])
            return errors
        } catch {
            return errors + [error.fieldError(in: object)]
        }
    }

    /// Faults of every label selector below a value.
    private static func selectors(_ value: JSONValue?, _ path: FieldPath) -> [FieldError] {
        switch value {
        case .object(let members)?:
            return members.sorted { $0.key < $1.key }.flatMap { name, member in
                switch name {
                case "namespaces", "nodes", "namespaceSelector", "podSelector":
                    LabelSelectorRules.validate(member, path[name])
                default: selectors(member, path[name])
                }
            }
        case .array(let elements)?:
            return elements.enumerated().flatMap { selectors($1, path[$0]) }
        case .null?, .bool?, .integer?, .number?, .string?, nil: return []
        }
    }

    /// Blocks that a peer names twice: `networks` is a set.
    private static func repeatedNetworks(_ spec: JSONValue?) -> [FieldError] {
        var errors: [FieldError] = []
        let path: FieldPath = "spec"
        for (rule, body) in (spec?["egress"]?.elements ?? []).enumerated() {
            for (peer, body) in (body["to"]?.elements ?? []).enumerated() {
                var seen: Set<String> = []
                for (index, block) in (body["networks"]?.elements ?? []).enumerated() {
                    guard let text = block.string, !seen.insert(text).inserted else { continue }
                    errors.append(.duplicate(path["egress"][rule]["to"][peer]["networks"][index], block))
                }
            }
        }
        return errors
    }

    package static var table: TableColumns { TableColumns(["Name", "Tier", "Priority", "Subject", "Enforced", "Age"]) }
    package static func tableCells(_ object: JSONValue, now: Timestamp) -> [JSONValue] {
        let spec = object["spec"]
        return [
            .string(object.name), .string(spec?.text("tier") ?? ""),
            .string(spec?["priority"]?.integer.map(String.init) ?? ""), .string(subject(spec?["subject"])),
            .string(enforced(object)), .string(TableText.age(object, now)),
        ]
    }

    private static func subject(_ subject: JSONValue?) -> String {
        guard let pods = subject?["pods"] else { return "ns: \(LabelSelectorRules.text(subject?["namespaces"]))" }
        return LabelSelectorRules.pods(pods)
    }

    /// What the condition of that name says; `Unknown` where no node has said anything yet.
    private static func enforced(_ object: JSONValue) -> String {
        let conditions = object["status"]?["conditions"]?.elements ?? []
        return conditions.first { $0.text("type") == PolicyCondition.type }?.text("status") ?? "Unknown"
    }
}

extension ChangeMode {
    /// The annotation of a policy of either kind.
    static func validate(_ object: JSONValue) -> [FieldError] {
        guard let value = object[path: "metadata", "annotations", annotation] else { return [] }
        do {
            _ = try Self(text: value.string ?? "")
            return []
        } catch {
            return [error.fieldError(in: object)]
        }
    }
}

extension ObjectError {
    /// As the API answers it.
    func fieldError(in object: JSONValue) -> FieldError {
        let path = FieldPath(field)
        switch code {
        case .missing: return .required(path, message == "is required" ? "" : message)
        case .unsupported: return .forbidden(path, message)
        case .invalid, .wrongType: return .invalid(path, Self.value(at: field, in: object), message)
        }
    }

    /// - Parameter field: as in `spec.rules[0].ports` and `metadata.annotations[example.org/key]`.
    private static func value(at field: String, in object: JSONValue) -> JSONValue {
        var value = object
        for piece in field.split(separator: "[") {
            let parts = piece.split(separator: "]", omittingEmptySubsequences: false)
            let path = parts.count > 1 ? [parts[0]] + parts[1].split(separator: ".") : piece.split(separator: ".")
            for part in path { value = (Int(part).flatMap { value[$0] } ?? value[String(part)]) ?? .null }
        }
        return value
    }
}
