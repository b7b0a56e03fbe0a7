package import JSONText
import KubeObjects

/// NetworkInvariants (`martlet.io`). What the checker can read is what may be stored.
package enum NetworkInvariantRules: GeneratedStatusRules {
    package static func validateCreate(_ object: JSONValue, _ context: ValidationContext) -> [FieldError] {
        do throws(ObjectError) {
            _ = try NetworkInvariant(object)
            return ["from", "to"].flatMap { side in
                ["namespaceSelector", "podSelector"].flatMap { selector in
                    LabelSelectorRules.validate(
                        object["spec"]?[side]?[selector], FieldPath("spec")[side][selector])
                }
            }
        } catch {
            return [error.fieldError(in: object)]
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
            .string(object.name), .string(spec?.text("statement") ?? ""),
            .string(LabelSelectorRules.pods(spec?["from"])), .string(LabelSelectorRules.pods(spec?["to"])),
            .string(holds?.text("status") ?? "Unknown"), .string(TableText.age(object, now)),
        ]
    }
}
