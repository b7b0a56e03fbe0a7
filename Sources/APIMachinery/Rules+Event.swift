package import JSONText

/// Events as the core group shows them.
package enum EventRules: KindRules {
    package static func validateCreate(_ object: JSONValue, _ context: ValidationContext) -> [FieldError] {
        EventValidation.validate(object, isNewAPI: false)
    }

    package static func validateUpdate(_ object: JSONValue, old: JSONValue, _ context: ValidationContext)
        -> [FieldError]
    {
        EventValidation.validate(object, isNewAPI: false)
    }

    package static var selectableFieldNames: [String] {
        [
            "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
            "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason",
            "reportingComponent", "source", "type",
        ]
    }

    package static func selectableFields(_ object: JSONValue) -> [String: String] {
        var fields: [String: String] = [:]
        let involved = object["involvedObject"] ?? .object([:])
        for name in ["kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"] {
            fields["involvedObject.\(name)"] = involved.text(name)
        }
        let reporter = object.text("reportingComponent")
        let source = object["source"]?.text("component") ?? ""
        fields["reason"] = object.text("reason")
        fields["reportingComponent"] = reporter
        fields["source"] = source.isEmpty ? reporter : source
        fields["type"] = object.text("type")
        return fields
    }

    package static var table: TableColumns {
        TableColumns(
            ["Last Seen", "Type", "Reason", "Object", "Message"].enumerated().map {
                TableColumns.column($1, "", 0)
            }
                + [
                    TableColumns.column("Subobject", "", 1), TableColumns.column("Source", "", 1),
                    TableColumns.column("First Seen", "", 1), TableColumns.column("Count", "", 1),
                    TableColumns.column("Name", "name", 1),
                ])
    }

    package static func tableCells(_ object: JSONValue, now: Timestamp) -> [JSONValue] {
        let involved = object["involvedObject"] ?? .object([:])
        let first = object["firstTimestamp"]?.string == nil ? object["eventTime"] : object["firstTimestamp"]
        let series = object["series"]
        let last =
            series?["lastObservedTime"] ?? (object["lastTimestamp"]?.string == nil ? first : object["lastTimestamp"])
        let count = series?["count"]?.integer ?? object["count"]?.integer ?? 1
        var source = object["source"]?.text("component") ?? ""
        if source.isEmpty { source = object.text("reportingComponent") }
        let host = object["source"]?.text("host") ?? ""
        let place = host.isEmpty ? object.text("reportingInstance") : host
        if !place.isEmpty { source += ", " + place }
        let target =
            involved.text("kind").lowercased() + (involved.text("name").isEmpty ? "" : "/" + involved.text("name"))
        return [
            .string(TableText.since(last, now)), .string(object.text("type")), .string(object.text("reason")),
            .string(target), .string(object.text("message").trimmedSpaces), .string(involved.text("fieldPath")),
            .string(source), .string(TableText.since(first, now)), .integer(count), .string(object.name),
        ]
    }
}

extension String {
    /// Without white space at both ends.
    fileprivate var trimmedSpaces: String {
        var text = self[...]
        while let last = text.last, last.isWhitespace { text.removeLast() }
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        return String(text)
    }
}

/// Events as `events.k8s.io` shows them: the same objects under other names.
package enum EventsV1Rules: KindRules {
    package static func validateCreate(_ object: JSONValue, _ context: ValidationContext) -> [FieldError] {
        EventValidation.validate(EventConversion.toCore(object), isNewAPI: true)
    }

    package static func validateUpdate(_ object: JSONValue, old: JSONValue, _ context: ValidationContext)
        -> [FieldError]
    {
        EventValidation.validate(EventConversion.toCore(object), isNewAPI: true)
    }

    package static var selectableFieldNames: [String] {
        [
            "regarding.kind", "regarding.namespace", "regarding.name", "regarding.uid", "reason", "reportingController",
            "type",
        ]
    }

    package static func selectableFields(_ object: JSONValue) -> [String: String] {
        let regarding = object["regarding"] ?? .object([:])
        var fields = ["reason": object.text("reason"), "type": object.text("type")]
        for name in ["kind", "namespace", "name", "uid"] { fields["regarding.\(name)"] = regarding.text(name) }
        fields["reportingController"] = object.text("reportingController")
        return fields
    }

    package static var table: TableColumns { EventRules.table }
    package static func tableCells(_ object: JSONValue, now: Timestamp) -> [JSONValue] {
        EventRules.tableCells(EventConversion.toCore(object), now: now)
    }
}

/// The two shapes of an Event. Objects are kept in the core shape.
package enum EventConversion {
    private static let names: [(core: String, new: String)] = [
        ("involvedObject", "regarding"), ("message", "note"), ("source", "deprecatedSource"),
        ("firstTimestamp", "deprecatedFirstTimestamp"), ("lastTimestamp", "deprecatedLastTimestamp"),
        ("count", "deprecatedCount"), ("reportingComponent", "reportingController"),
    ]

    /// `events.k8s.io/v1` → `v1`
    package static func toCore(_ object: JSONValue) -> JSONValue {
        guard object["apiVersion"] == "events.k8s.io/v1" else { return object }
        var result = object
        for name in names {
            let value = result[name.new]
            result[name.new] = nil
            result[name.core] = value
        }
        result["apiVersion"] = "v1"
        if result["reportingComponent"] == nil { result["reportingComponent"] = "" }
        if result["reportingInstance"] == nil { result["reportingInstance"] = "" }
        return result
    }

    /// `v1` → `events.k8s.io/v1`
    package static func toEventsV1(_ object: JSONValue) -> JSONValue {
        guard object["apiVersion"] == "v1" else { return object }
        var result = object
        for name in names {
            let value = result[name.core]
            result[name.core] = nil
            result[name.new] = value
        }
        result["apiVersion"] = "events.k8s.io/v1"
        for name in ["reportingController", "reportingInstance"] where result[name] == "" { result[name] = nil }
        return result
    }
}

enum EventValidation {
    static let noteBytesMax = 1024

    static func validate(_ event: JSONValue, isNewAPI: Bool) -> [FieldError] {
        var errors: [FieldError] = []
        let involved = event["involvedObject"]?.text("namespace") ?? ""
        let home = event.namespace
        // What lies in no namespace is told of in one of these.
        let agrees = involved.isEmpty ? home == "default" || home == "kube-system" : involved == home
        if !agrees {
            errors.append(
                .invalid("involvedObject.namespace", .string(involved), "does not match event.namespace"))
        }
        let isTimed = event["eventTime"]?.string != nil
        guard isNewAPI || isTimed else { return errors }
        if !isTimed { errors.append(.required("eventTime")) }
        if isNewAPI {
            let type = event.text("type")
            if type != "Normal", type != "Warning" {
                errors.append(.invalid("type", "", "has invalid value: \(type)"))
            }
            guard isTimed else { return errors }
        }
        return errors + timed(event)
    }

    private static func timed(_ event: JSONValue) -> [FieldError] {
        var errors: [FieldError] = []
        let reporter = event.text("reportingComponent")
        if reporter.isEmpty { errors.append(.required("reportingComponent")) }
        errors += Names.qualifiedNameFaults(reporter).map { .invalid("reportingComponent", .string(reporter), $0) }
        for field in ["reportingInstance", "action", "reason"] {
            let text = event.text(field)
            if text.isEmpty { errors.append(.required(FieldPath(field))) }
            if text.utf8.count > 128 {
                errors.append(.invalid(FieldPath(field), "", "can have at most 128 characters"))
            }
        }
        if event.text("message").utf8.count > noteBytesMax {
            errors.append(.invalid("message", "", "can have at most \(noteBytesMax) characters"))
        }
        return errors
    }
}
