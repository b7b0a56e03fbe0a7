package import JSONText

/// OpenAPI 3.0 documents, one for each group and version, out of the schema and the registry. Clients read types,
/// list kinds and merge keys from them (`kubectl explain`, `apply`) and learn whether the server validates fields.
package struct OpenAPIDocuments: Sendable {
    private let schema: Schema
    private let registry: ResourceRegistry

    package init(schema: Schema = .builtin, registry: ResourceRegistry = .builtin) {
        self.schema = schema
        self.registry = registry
    }

    /// `api/v1` or `apis/GROUP/VERSION`
    private static func path(_ group: String, _ version: String) -> String {
        group.isEmpty ? "api/\(version)" : "apis/\(group)/\(version)"
    }

    /// `/openapi/v3`. `hash` changes whenever the documents may (the program's version, say).
    package func index(hash: String) -> JSONValue {
        var paths: [String: JSONValue] = [:]
        for group in registry.groups {
            for version in group.versions {
                let path = Self.path(group.name, version)
                paths[path] = ["serverRelativeURL": .string("/openapi/v3/\(path)?hash=\(hash)")]
            }
        }
        return ["paths": .object(paths)]
    }

    /// `/openapi/v2` as a `Document` of gnostic's openapiv2, without definitions. kubectl reads it before it sends a
    /// `List`, and leaves the validation of kinds that are not in it to the server (`fieldValidation`), which validates
    /// each item.
    package static var emptySwagger: [UInt8] {
        var info = ProtobufWriter()
        info.field(1, Array("Kubernetes".utf8))
        info.field(2, Array("v1.32.0".utf8))
        var document = ProtobufWriter()
        document.field(1, Array("2.0".utf8))
        document.field(2, info.bytes)
        return document.bytes
    }

    /// The document of a group and version; nil where it is not served.
    package func document(group: String, version: String) -> JSONValue? {
        let resources = registry.resources(group: group, version: version)
        guard !resources.isEmpty else { return nil }
        var used: Set<Int> = []
        var paths: [String: JSONValue] = [:]
        for resource in resources {
            collect(resource.type, into: &used)
            if let list = schema.index(of: schema[resource.type].name + "List") { collect(list, into: &used) }
            addPaths(resource, to: &paths)
        }
        for name in ["meta.v1.DeleteOptions", "meta.v1.Status"] {
            if let index = schema.index(of: name) { collect(index, into: &used) }
        }
        for resource in resources {
            for part in resource.subresources {
                if let type = schema.index(apiVersion: part.kind.apiVersion, kind: part.kind.kind) {
                    collect(type, into: &used)
                }
            }
        }
        var schemas: [String: JSONValue] = [:]
        for index in used { schemas[componentName(schema[index].name)] = component(index) }
        return [
            "openapi": "3.0.0", "info": ["title": "Kubernetes", "version": "v1.32.0"], "paths": .object(paths),
            "components": ["schemas": .object(schemas)],
        ]
    }

    private func collect(_ type: Int, into used: inout Set<Int>) {
        guard used.insert(type).inserted else { return }
        for field in schema[type].fields { collect(field.type, into: &used) }
    }

    private func collect(_ type: FieldType, into used: inout Set<Int>) {
        switch type {
        case .message(let index): collect(index, into: &used)
        case .list(let element), .map(let element): collect(element, into: &used)
        case .quantity, .time, .microTime, .intOrString, .fieldsV1:
            if let index = schema.types.firstIndex(where: { $0.alias == type }) { used.insert(index) }
        case .string, .boolean, .int32, .int64, .double, .bytes, .any: break
        }
    }

    // MARK: Types

    private func componentName(_ name: String) -> String {
        if name.hasPrefix("meta.") { return "io.k8s.apimachinery.pkg.apis." + name }
        if name.hasPrefix("api.") || name.hasPrefix("util.") { return "io.k8s.apimachinery.pkg." + name }
        if name.hasPrefix("policynetworking.") { return "io.k8s.networking.policy." + name.dropFirst(17) }
        if name.hasPrefix("martlet.") { return "io.martlet." + name.dropFirst(8) }
        return "io.k8s.api." + name
    }

    private func reference(_ name: String) -> JSONValue {
        ["$ref": .string("#/components/schemas/" + componentName(name))]
    }

    private func component(_ index: Int) -> JSONValue {
        let type = schema[index]
        if let alias = type.alias { return aliased(alias) }
        var properties: [String: JSONValue] = [:]
        for field in type.fields { properties[field.name] = property(field, of: type) }
        var result: [String: JSONValue] = ["type": "object", "properties": .object(properties)]
        let required = type.fields.filter(\.isRequired).map { JSONValue.string($0.name) }
        if !required.isEmpty { result["required"] = .array(required) }
        if let text = SchemaDescriptions.text(type: type.name) { result["description"] = .string(text) }
        if type.isAtomic { result["x-kubernetes-map-type"] = "atomic" }
        if !type.groupVersionKind.isEmpty {
            result["x-kubernetes-group-version-kind"] = .array([groupVersionKind(type.groupVersionKind)])
        }
        return .object(result)
    }

    private func groupVersionKind(_ text: String) -> JSONValue {
        let parts = text.split(separator: "/").map { JSONValue.string(String($0)) }
        return parts.count == 3
            ? ["group": parts[0], "version": parts[1], "kind": parts[2]]
            : ["group": "", "version": parts[0], "kind": parts[parts.count - 1]]
    }

    private func aliased(_ type: FieldType) -> JSONValue {
        switch type {
        case .time, .microTime: return ["type": "string", "format": "date-time"]
        case .quantity: return ["oneOf": [["type": "string"], ["type": "number"]]]
        case .intOrString: return ["oneOf": [["type": "integer"], ["type": "string"]], "format": "int-or-string"]
        case .string, .boolean, .int32, .int64, .double, .bytes, .any, .fieldsV1, .message, .list, .map:
            return ["type": "object"]
        }
    }

    private func property(_ field: SchemaField, of type: SchemaType) -> JSONValue {
        var result = shape(field.type).members
        switch field.list {
        case .unspecified: break
        case .atomic: result["x-kubernetes-list-type"] = "atomic"
        case .set: result["x-kubernetes-list-type"] = "set"
        case .map(let keys):
            result["x-kubernetes-list-type"] = "map"
            result["x-kubernetes-list-map-keys"] = .array(keys.map { .string($0) })
        }
        if field.patchMerges || field.patchRetainsKeys {
            let strategy = [field.patchMerges ? "merge" : nil, field.patchRetainsKeys ? "retainKeys" : nil]
            result["x-kubernetes-patch-strategy"] = .string(strategy.compactMap { $0 }.joined(separator: ","))
        }
        if let key = field.mergeKey { result["x-kubernetes-patch-merge-key"] = .string(key) }
        if field.isAtomic { result["x-kubernetes-map-type"] = "atomic" }
        if let preset = field.defaultValue { result["default"] = preset }
        let text = SchemaDescriptions.text(field: field.name, of: type.name)
        if let text { result["description"] = .string(text) }
        // A reference stands alone in OpenAPI 3.0; what goes with it needs `allOf`.
        if result["$ref"] != nil, result.count > 1 {
            result["allOf"] = .array([["$ref": result["$ref"] ?? ""]])
            result["$ref"] = nil
        }
        return .object(result)
    }

    private func shape(_ type: FieldType) -> JSONValue {
        switch type {
        case .string: return ["type": "string"]
        case .boolean: return ["type": "boolean"]
        case .int32: return ["type": "integer", "format": "int32"]
        case .int64: return ["type": "integer", "format": "int64"]
        case .double: return ["type": "number", "format": "double"]
        case .bytes: return ["type": "string", "format": "byte"]
        case .any: return ["type": "object"]
        case .message(let index): return reference(schema[index].name)
        case .list(let element): return ["type": "array", "items": shape(element)]
        case .map(let element): return ["type": "object", "additionalProperties": shape(element)]
        case .quantity, .time, .microTime, .intOrString, .fieldsV1:
            return schema.types.first { $0.alias == type }.map { reference($0.name) } ?? ["type": "object"]
        }
    }

    // MARK: Paths

    private static let actions: [(verb: Verb, method: String, isItem: Bool)] = [
        (.list, "get", false), (.create, "post", false), (.deletecollection, "delete", false), (.get, "get", true),
        (.update, "put", true), (.patch, "patch", true), (.delete, "delete", true),
    ]

    private func addPaths(_ resource: ResourceDefinition, to paths: inout [String: JSONValue]) {
        let root = "/" + Self.path(resource.group, resource.version)
        let collection = root + (resource.isNamespaced ? "/namespaces/{namespace}/" : "/") + resource.plural
        for action in Self.actions where resource.verbs.contains(action.verb) {
            let path = action.isItem ? collection + "/{name}" : collection
            if paths[path] == nil { paths[path] = .object([:]) }
            paths[path]?[action.method] = operation(resource, action.verb)
        }
    }

    private func operation(_ resource: ResourceDefinition, _ verb: Verb) -> JSONValue {
        var parameters: [JSONValue] = []
        if [.create, .update, .patch].contains(verb) {
            for name in ["dryRun", "fieldManager", "fieldValidation"] {
                parameters.append(["name": .string(name), "in": "query", "schema": ["type": "string"]])
            }
        }
        if verb == .patch { parameters.append(["name": "force", "in": "query", "schema": ["type": "boolean"]]) }
        let type = schema[resource.type].name
        let isList = verb == .list && schema.index(of: type + "List") != nil
        let answer = reference(isList ? type + "List" : type)
        let gvk: JSONValue = [
            "group": .string(resource.group), "version": .string(resource.version),
            "kind": .string(resource.kind.kind),
        ]
        return [
            "operationId": .string("\(verb.rawValue)\(resource.group)\(resource.version)\(resource.kind.kind)"),
            "parameters": .array(parameters), "x-kubernetes-action": .string(Self.actionName(verb)),
            "x-kubernetes-group-version-kind": gvk,
            "responses": [
                "200": ["description": "OK", "content": ["application/json": ["schema": answer]]]
            ],
        ]
    }

    private static func actionName(_ verb: Verb) -> String {
        switch verb {
        case .create: return "post"
        case .update: return "put"
        case .get, .list, .patch, .delete, .deletecollection, .watch: return verb.rawValue
        }
    }
}
