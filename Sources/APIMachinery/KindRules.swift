package import JSONText

/// What validation may ask besides the objects.
package struct ValidationContext: Sendable {
    /// The subresource that is written; empty for the object itself.
    package var subresource = ""
    /// Address ranges and node ports of Services.
    package var services = ServiceRanges()

    /// Whether containers may be privileged in this cluster.
    package var allowsPrivileged = true

    package init(
        subresource: String = "", services: ServiceRanges = ServiceRanges(), allowsPrivileged: Bool = true
    ) {
        self.allowsPrivileged = allowsPrivileged
        self.subresource = subresource
        self.services = services
    }
}

/// What differs from kind to kind. Objects are canonical trees (see `ObjectDecoder`).
package protocol KindRules: SendableMetatype {
    /// Fills what the kind fills in every decoded object (Kubernetes' versioned defaults).
    static func applyDefaults(_ object: inout JSONValue)

    /// Before an object is made: what a client may not set is reset.
    static func prepareForCreate(_ object: inout JSONValue)

    /// Before a change of the object itself (`subresource` empty) or of a part of it.
    static func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, subresource: String)

    static func validateCreate(_ object: JSONValue, _ context: ValidationContext) -> [FieldError]

    static func validateUpdate(_ object: JSONValue, old: JSONValue, _ context: ValidationContext) -> [FieldError]

    /// Fields that a writer of the object (or of the subresource) never owns.
    static func resetFields(subresource: String) -> [[String]]

    /// How the object's name must look; nil where good.
    static func nameFault(_ name: String, generated: Bool) -> String?

    /// Whether a change of these objects counts as a new generation; kinds that keep none return nil.
    static func generationChanged(_ object: JSONValue, old: JSONValue) -> Bool?

    /// Values that a field selector may ask for, beside `metadata.name` and `metadata.namespace`.
    static func selectableFields(_ object: JSONValue) -> [String: String]
    static var selectableFieldNames: [String] { get }

    static var table: TableColumns { get }
    static func tableCells(_ object: JSONValue, now: Timestamp) -> [JSONValue]
    /// Conditions of a row, such as that the object has done its work.
    static func tableConditions(_ object: JSONValue) -> [JSONValue]
}

extension KindRules {
    package static func applyDefaults(_ object: inout JSONValue) {}
    package static func prepareForCreate(_ object: inout JSONValue) {}
    package static func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, subresource: String) {}
    package static func validateCreate(_ object: JSONValue, _ context: ValidationContext) -> [FieldError] { [] }
    package static func validateUpdate(_ object: JSONValue, old: JSONValue, _ context: ValidationContext)
        -> [FieldError]
    {
        validateCreate(object, context)
    }
    package static func resetFields(subresource: String) -> [[String]] { [] }
    package static func nameFault(_ name: String, generated: Bool) -> String? {
        Names.subdomainFault(name, generated: generated)
    }
    package static func generationChanged(_ object: JSONValue, old: JSONValue) -> Bool? { nil }
    package static func selectableFields(_ object: JSONValue) -> [String: String] { [:] }
    package static var selectableFieldNames: [String] { [] }
    package static var table: TableColumns { TableColumns.nameAndAge }
    package static func tableConditions(_ object: JSONValue) -> [JSONValue] { [] }
    package static func tableCells(_ object: JSONValue, now: Timestamp) -> [JSONValue] {
        [.string(object.name), .string(TableText.age(object, now))]
    }
}

/// Kinds whose `spec` is written with the object and whose `status` is written through the subresource of that name.
package protocol SpecAndStatusRules: KindRules {}

extension SpecAndStatusRules {
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
}

/// Such a kind whose status is the server's alone from the start, and whose `spec` counts generations.
package protocol GeneratedStatusRules: SpecAndStatusRules {}

extension GeneratedStatusRules {
    package static func prepareForCreate(_ object: inout JSONValue) { object["status"] = nil }

    package static func generationChanged(_ object: JSONValue, old: JSONValue) -> Bool? {
        object["spec"] != old["spec"]
    }
}

/// Reviews and bindings: answered at once, never kept.
package enum ReviewRules: KindRules {
    package static func nameFault(_ name: String, generated: Bool) -> String? { nil }
}

extension JSONValue {
    /// `metadata.name`, or empty.
    package var name: String { self["metadata"]?["name"]?.string ?? "" }
    package var namespace: String { self["metadata"]?["namespace"]?.string ?? "" }
    package var resourceVersion: String { self["metadata"]?["resourceVersion"]?.string ?? "" }
    package var uid: String { self["metadata"]?["uid"]?.string ?? "" }

    /// The elements of an array; none where this is no array.
    var elements: [JSONValue] { array ?? [] }
    /// The members of an object; none where this is no object.
    var members: [String: JSONValue] { object ?? [:] }
    /// The string at a member, or empty.
    func text(_ key: String) -> String { self[key]?.string ?? "" }
}
