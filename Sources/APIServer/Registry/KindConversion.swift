import APIMachinery
import JSONText

/// Kinds that show the objects of another one: `events.k8s.io/v1` shows the core group's Events.
extension ResourceDefinition {
    /// Whether what lies in the store is written in another version than this one.
    var needsConversion: Bool { group == "events.k8s.io" }

    private static let eventFields = [
        ("regarding", "involvedObject"), ("note", "message"), ("reportingController", "reportingComponent"),
        ("deprecatedSource", "source"), ("deprecatedFirstTimestamp", "firstTimestamp"),
        ("deprecatedLastTimestamp", "lastTimestamp"), ("deprecatedCount", "count"),
    ]

    /// The object as this kind shows it.
    func fromStorage(_ object: JSONValue) -> JSONValue {
        guard needsConversion else { return object }
        return rename(object, Self.eventFields.map { ($0.1, $0.0) }, apiVersion: apiVersion)
    }

    /// The object as it is kept.
    func toStorage(_ object: JSONValue) -> JSONValue {
        guard needsConversion else { return object }
        return rename(object, Self.eventFields, apiVersion: "v1")
    }

    private func rename(_ object: JSONValue, _ names: [(String, String)], apiVersion: String) -> JSONValue {
        guard case .object(var members) = object else { return object }
        for (old, new) in names {
            guard let value = members.removeValue(forKey: old) else { continue }
            members[new] = value
        }
        members["apiVersion"] = .string(apiVersion)
        var decoder = ObjectDecoder()
        let target = apiVersion == "v1" ? "core.v1.Event" : "events.v1.Event"
        guard let type = Schema.builtin.index(of: target) else { return .object(members) }
        // What was decoded once decodes again; the canonical form adds what this version always writes.
        return (try? decoder.object(.object(members), type: type)) ?? .object(members)
    }

    /// A bookmark carries an empty object of the kind.
    func bookmark(_ head: JSONValue) -> JSONValue {
        var object = ObjectDecoder.zero(type).object ?? [:]
        for (name, value) in head.object ?? [:] { object[name] = value }
        object["metadata"]?["creationTimestamp"] = head[path: "metadata", "creationTimestamp"]
        return .object(object)
    }
}
