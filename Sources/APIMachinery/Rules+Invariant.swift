package import JSONText
import KubeObjects

/// NetworkInvariants (`martlet.io`). What the checker can read is what may be stored.
package enum NetworkInvariantRules: KindRules {
    package static func prepareForCreate(_ object: inout JSONValue) { object["status"] = Optional.none }

    package static func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, subresource: String) {
        if subresource == "status" {
            object["spec"] = old["spec"]
        } else {
            object["status"] = old["status"]
        }
    }

    package static func resetFields(subresource: String) -> [[String]] {
        subresource == "status" ? [["spec"]] : [["status"]]
    }

    package static func generationChanged(_ object: JSONValue, old: JSONValue) -> Bool? {
        object["spec"] != old["spec"]
    }

    package static func validateCreate(_ object: JSONValue, _ context: ValidationContext) -> [FieldError] {
        do throws(ObjectError) {
            _ = try NetworkInvariant(object)
            return []
        } catch {
            let path = FieldPath(error.field)
            switch error.code {
            case .missing: return [.required(path, error.message)]
            case .unsupported: return [.forbidden(path, error.message)]
            case .invalid, .wrongType:
                let members = error.field.split(separator: ".").map(String.init)
                let found = members.reduce(Optional(object)) { value, member in value?[member] }
                return [.invalid(path, found ?? .null, error.message)]
            }
        }
    }

    package static func validateUpdate(_ object: JSONValue, old: JSONValue, _ context: ValidationContext)
        -> [FieldError]
    { validateCreate(object, context) }

    package static var table: TableColumns { TableColumns(["Name", "Statement", "From", "To", "Holds", "Age"]) }
    package static func tableCells(_ object: JSONValue, now: Timestamp) -> [JSONValue] {
        let spec = object["spec"]
        let holds = (object["status"]?["conditions"]?.elements ?? []).first { $0.text("type") == "Holds" }
        return [
            .string(object.name), .string(spec?.text("statement") ?? ""), .string(pods(spec?["from"])),
            .string(pods(spec?["to"])), .string(holds?.text("status") ?? "Unknown"),
            .string(TableText.age(object, now)),
        ]
    }

    private static func pods(_ pods: JSONValue?) -> String {
        "ns: \(LabelSelectorRules.text(pods?["namespaceSelector"])), "
            + "pods: \(LabelSelectorRules.text(pods?["podSelector"]))"
    }
}
