import APIMachinery
import JSONText

/// One object in memory, written through the real pipeline.
struct WriterFixture {
    var stored: JSONValue?
    var warnings: [String] = []
    private let resource: ResourceDefinition
    private let name: String
    private var revision = 0

    /// `path` is `pods`, or `group/version/plural`.
    init(_ path: String, name: String) throws {
        let parts = path.split(separator: "/").map(String.init)
        let group = parts.count == 3 ? parts[0] : ""
        let version = parts.count == 3 ? parts[1] : "v1"
        guard
            let found = ResourceRegistry.builtin.resource(
                group: group, version: version, plural: parts[parts.count - 1])
        else { throw APIStatus.badRequest("no resource \(path)") }
        resource = found
        self.name = name
    }

    func request(_ manager: String, subresource: String = "", force: Bool = false, second: Int64 = 0) -> WriteRequest {
        var request = WriteRequest(
            resource, subresource: subresource, namespace: resource.isNamespaced ? "ns" : "", name: name,
            manager: manager, now: Timestamp(secondsSince1970: 1_700_000_000 + second), uid: "uid-1",
            nameSuffix: "abcde")
        request.isForced = force
        return request
    }

    private mutating func store(_ object: JSONValue) -> JSONValue {
        guard object != stored else { return object }
        var object = object
        revision += 1
        object["metadata"]?["resourceVersion"] = .string("\(revision)")
        stored = object
        return object
    }

    @discardableResult
    mutating func create(_ text: String, manager: String = "test", validation: FieldValidation = .strict) throws
        -> JSONValue
    {
        var request = request(manager)
        request.name = ""
        request.fieldValidation = validation
        var writer = ObjectWriter(request)
        let document = try JSONDocument(parsing: Array(text.utf8))
        let object = try writer.decode(
            document.value, duplicates: document.duplicates.map { "duplicate field \"\($0)\"" })
        let result = try writer.finishCreate(try writer.beginCreate(object))
        warnings = writer.warnings
        return store(result)
    }

    @discardableResult
    mutating func update(_ text: String, manager: String = "test", subresource: String = "") throws -> JSONValue {
        var writer = ObjectWriter(request(manager, subresource: subresource))
        let old = stored ?? .null
        let object = try writer.beginUpdate(try writer.decode(try JSONValue(parsing: text)), old: old)
        return store(try writer.finishUpdate(object, old: old))
    }

    @discardableResult
    mutating func patch(
        _ kind: PatchKind, _ text: String, manager: String = "test", subresource: String = "", second: Int64 = 0
    ) throws -> JSONValue {
        var writer = ObjectWriter(request(manager, subresource: subresource, second: second))
        let old = stored ?? .null
        let object = try writer.patched(old, kind: kind, patch: try JSONValue(parsing: text))
        return store(try writer.finishUpdate(object, old: old))
    }

    @discardableResult
    mutating func apply(_ text: String, manager: String, force: Bool = false, second: Int64 = 0) throws -> JSONValue {
        var writer = ObjectWriter(request(manager, force: force, second: second))
        let object = try writer.applied(try JSONValue(parsing: text), to: stored)
        let result = try stored.map { try writer.finishUpdate(object, old: $0) } ?? writer.finishCreate(object)
        return store(result)
    }

    /// `manager operation` → fields.
    var owners: [String: JSONValue] {
        var found: [String: JSONValue] = [:]
        for entry in stored?["metadata"]?["managedFields"]?.array ?? [] {
            let key = "\(entry["manager"]?.string ?? "") \(entry["operation"]?.string ?? "")"
            found[key] = entry["fieldsV1"]
        }
        return found
    }
}

/// The refusal that a closure throws, if it does.
func refusal(_ body: () throws -> some Any) -> APIStatus? {
    do {
        _ = try body()
        return nil
    } catch { return error as? APIStatus }
}
