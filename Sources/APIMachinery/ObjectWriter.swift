package import JSONText

/// One write, as the API server received it. Time and chance come from the caller.
package struct WriteRequest: Sendable {
    package let resource: ResourceDefinition
    /// `status`, `finalize`, or empty for the object itself.
    package var subresource: String
    /// Of the path; empty for kinds without namespace.
    package var namespace: String
    /// Of the path; empty when an object is posted to the collection.
    package var name: String
    /// `fieldManager`, or what stands before the first `/` of the User-Agent.
    package var manager: String
    package var now: Timestamp
    /// For a new object.
    package var uid: String
    /// Five random characters for `generateName`.
    package var nameSuffix: String
    /// Server-side apply takes fields from their owners.
    package var isForced = false
    package var fieldValidation = FieldValidation.warn
    package var context = ValidationContext()

    package init(
        _ resource: ResourceDefinition, subresource: String = "", namespace: String, name: String = "", manager: String,
        now: Timestamp, uid: String, nameSuffix: String
    ) {
        self.resource = resource
        self.subresource = subresource
        self.namespace = namespace
        self.name = name
        self.manager = manager
        self.now = now
        self.uid = uid
        self.nameSuffix = nameSuffix
    }
}

/// The way of a write through the kinds' tables. Pure; the server puts its own steps between:
///
///     create:  decode → beginCreate → [mutating admission] → finishCreate → [addresses, checks, store]
///     update:  decode → beginUpdate(old) → [mutating admission] → finishUpdate(old) → [… store]
///     patch:   patched(old, patch) → [mutating admission] → finishUpdate(old) → [… store]
///     apply:   applied(old or nil, configuration) → as patch, or [mutating admission] → finishCreate
package struct ObjectWriter {
    package let request: WriteRequest
    let schema: Schema
    /// What the client should be told (`Warning: 299`).
    package internal(set) var warnings: [String] = []

    package init(_ request: WriteRequest, schema: Schema = .builtin) {
        self.request = request
        self.schema = schema
    }

    private var resource: ResourceDefinition { request.resource }
    private var rules: any KindRules.Type { request.resource.rules }

    var ownership: FieldOwnership {
        FieldOwnership(
            type: resource.type, apiVersion: resource.apiVersion, manager: request.manager,
            subresource: request.subresource, now: request.now,
            resetFields: rules.resetFields(subresource: request.subresource), schema: schema)
    }

    // MARK: Decode

    /// A body as an object of the resource. `duplicates` are the names that stood twice, in the wording of its format
    /// (`duplicate field "data"`, or YAML's). An empty apiVersion or kind is filled.
    package mutating func decode(_ body: JSONValue, duplicates: [String] = []) throws(APIStatus) -> JSONValue {
        guard case .object(var members) = body else {
            throw .badRequest(
                "the object provided is unrecognized (must be of type \(resource.kind.kind)): couldn't get "
                    + "version/kind; json parse error: json: cannot unmarshal \(ObjectDecoder.jsonKind(body)) into Go "
                    + "value of type struct { APIVersion string; Kind string }")
        }
        for name in ["apiVersion", "kind"] where members[name] == nil || members[name] == "" {
            members[name] = .string(name == "kind" ? resource.kind.kind : resource.apiVersion)
        }
        guard members["kind"]?.string == resource.kind.kind, members["apiVersion"]?.string == resource.apiVersion else {
            throw .badRequest(
                "\(members["kind"]?.string ?? "") in version \"\(resource.version)\" cannot be handled as a "
                    + "\(resource.kind.kind): converting to (\(resource.kind.kind)): unknown conversion")
        }
        return try canonical(.object(members), duplicates: duplicates)
    }

    /// The canonical form with defaults; unknown and duplicate members are refused, warned of or ignored.
    mutating func canonical(_ object: JSONValue, duplicates: [String] = []) throws(APIStatus) -> JSONValue {
        var decoder = ObjectDecoder(schema: schema)
        var result: JSONValue
        do throws(APIStatus) {
            result = try decoder.object(object, type: resource.type)
        } catch {
            throw .badRequest(handled(object) + error.message)
        }
        let faults = duplicates + decoder.faults
        switch request.fieldValidation {
        case .ignore: break
        case .warn: warnings += faults
        case .strict:
            if !faults.isEmpty {
                let list = faults.joined(separator: ", ")
                throw .badRequest(handled(object) + "strict decoding error: " + list)
            }
        }
        rules.applyDefaults(&result)
        // An empty list, unlike none, takes all owners away; the canonical form knows no empty list.
        if object["metadata"]?["managedFields"] == .array([]) {
            result["metadata"]?["managedFields"] = FieldOwnership.reset
        }
        return result
    }

    private func handled(_ object: JSONValue) -> String {
        let name = object.name.isEmpty ? request.name : object.name
        let shown = name.isEmpty ? "" : " \"\(name)\""
        return "\(resource.kind.kind)\(shown) in version \"\(resource.version)\" cannot be handled as a "
            + "\(resource.kind.kind): "
    }

    // MARK: Create

    /// Name and namespace agree with the path; the writer owns what it set.
    package func beginCreate(_ object: JSONValue) throws(APIStatus) -> JSONValue {
        var object = object
        try matchNamespace(&object)
        if !request.name.isEmpty, request.subresource.isEmpty {
            if object.name.isEmpty { object["metadata"]?["name"] = .string(request.name) }
            guard object.name == request.name else { throw nameMismatch(object.name) }
        }
        clearServerFields(&object)
        return ownership.updated(object, old: nil)
    }

    private func clearServerFields(_ object: inout JSONValue) {
        for field in ["selfLink", "deletionTimestamp", "deletionGracePeriodSeconds"] {
            object["metadata"]?[field] = nil
        }
    }

    private func matchNamespace(_ object: inout JSONValue) throws(APIStatus) {
        guard resource.isNamespaced else { return }
        if object.namespace.isEmpty { object["metadata"]?["namespace"] = .string(request.namespace) }
        guard object.namespace == request.namespace else {
            throw .badRequest(
                "the namespace of the provided object does not match the namespace sent on the request")
        }
    }

    private func nameMismatch(_ name: String) -> APIStatus {
        .badRequest(
            "the name of the object (\(name)) does not match the name on the URL (\(request.name))")
    }

    /// Identity, time and generation are set, what a client may not set is reset, all fields are checked.
    package mutating func finishCreate(_ object: JSONValue) throws(APIStatus) -> JSONValue {
        var object = object
        if !object.resourceVersion.isEmpty {
            throw APIStatus(
                code: 500, reason: "InternalError",
                message: "resourceVersion should not be set on objects to be created")
        }
        clearServerFields(&object)
        rules.prepareForCreate(&object)
        object["metadata"]?["uid"] = .string(request.uid)
        object["metadata"]?["creationTimestamp"] = .string(request.now.text)
        object["metadata"]?["resourceVersion"] = nil
        stampConditions(&object)
        let counts = rules.generationChanged(object, old: object) != nil
        object["metadata"]?["generation"] = counts ? .integer(1) : nil
        let generateName = object["metadata"]?["generateName"]?.string ?? ""
        if object.name.isEmpty, !generateName.isEmpty {
            object["metadata"]?["name"] = .string(String(generateName.prefix(58)) + request.nameSuffix)
        }
        if !resource.isNamespaced { object["metadata"]?["namespace"] = nil }
        let errors =
            MetadataRules.validateCreate(object, resource) + rules.validateCreate(object, request.context)
        try refuse(errors, object.name)
        warnings += ObjectWarnings.list(object, old: nil, resource)
        return ObjectDecoder.stored(object, type: resource.type, schema: schema)
    }

    /// Conditions that an object is born with begin now.
    private func stampConditions(_ object: inout JSONValue) {
        guard case .array(let conditions)? = object["status"]?["conditions"] else { return }
        object["status"]?["conditions"] = .array(
            conditions.map { condition in
                guard condition["lastTransitionTime"] == .null else { return condition }
                var condition = condition
                condition["lastTransitionTime"] = .string(request.now.text)
                return condition
            })
    }

    private func refuse(_ errors: [FieldError], _ name: String) throws(APIStatus) {
        guard !errors.isEmpty else { return }
        throw .invalid(group: resource.statusGroup, kind: resource.kind.kind, name: name, errors)
    }

    // MARK: Update

    /// Name, namespace, uid and revision agree with what is stored; the writer owns what it changed.
    package func beginUpdate(_ object: JSONValue, old: JSONValue) throws(APIStatus) -> JSONValue {
        var object = object
        try matchNamespace(&object)
        guard !object.name.isEmpty else {
            throw .badRequest(
                "the name of the object (\(request.name) based on URL) was undeterminable: name must be provided")
        }
        guard object.name == request.name else { throw nameMismatch(object.name) }
        try checkIdentity(&object, old: old)
        return ownership.updated(object, old: old)
    }

    private func checkIdentity(_ object: inout JSONValue, old: JSONValue) throws(APIStatus) {
        if !object.uid.isEmpty, object.uid != old.uid {
            throw .conflict(
                group: resource.group, resource: resource.plural, name: old.name,
                "Precondition failed: UID in precondition: \(object.uid), UID in object meta: \(old.uid)")
        }
        if !object.resourceVersion.isEmpty, object.resourceVersion != old.resourceVersion {
            throw .stale(group: resource.group, resource: resource.plural, name: old.name)
        }
        for field in ["uid", "resourceVersion", "creationTimestamp", "generation", "selfLink"] {
            let given = object["metadata"]?[field]
            if given == nil || field == "generation" { object["metadata"]?[field] = old["metadata"]?[field] }
        }
        for field in ["deletionTimestamp", "deletionGracePeriodSeconds"] {
            object["metadata"]?[field] = old["metadata"]?[field]
        }
    }

    /// What this write may not touch is put back, a change counts as a generation, all fields are checked.
    /// The result is `old` itself where nothing but the times of owners would change: nothing needs to be stored.
    package mutating func finishUpdate(_ object: JSONValue, old: JSONValue) throws(APIStatus) -> JSONValue {
        var object = object
        rules.prepareForUpdate(&object, old: old, subresource: request.subresource)
        if let changed = rules.generationChanged(object, old: old) {
            let generation = old["metadata"]?["generation"]?.integer ?? 0
            let next = generation + (changed ? 1 : 0)
            object["metadata"]?["generation"] = next == 0 ? nil : .integer(next)
        } else {
            object["metadata"]?["generation"] = old["metadata"]?["generation"]
        }
        var context = request.context
        context.subresource = request.subresource
        let errors =
            MetadataRules.validateUpdate(object, old: old, resource)
            + rules.validateUpdate(object, old: old, context)
        try refuse(errors, old.name)
        warnings += ObjectWarnings.list(object, old: old, resource)
        object = ObjectDecoder.stored(object, type: resource.type, schema: schema)
        return Self.sameButOwnerTimes(object, old) ? old : object
    }

    /// Equal but for the times in `managedFields`.
    static func sameButOwnerTimes(_ left: JSONValue, _ right: JSONValue) -> Bool {
        func timeless(_ object: JSONValue) -> JSONValue {
            guard case .array(let entries)? = object["metadata"]?["managedFields"] else { return object }
            var object = object
            let bare = entries.map { entry in
                var entry = entry
                entry["time"] = nil
                return entry
            }
            object["metadata"]?["managedFields"] = .array(bare.sorted { $0.compactText < $1.compactText })
            return object
        }
        return timeless(left) == timeless(right)
    }
}
