import APIMachinery
import JSONText
import YAMLText

/// Reading bodies: JSON, YAML, protobuf.
extension APICore {
    /// A body as a tree, and the names that stood twice in it, in the wording of its format.
    struct Body: Sendable {
        var value: JSONValue
        var duplicates: [String] = []
    }

    /// The content type without parameters; JSON where none is given.
    func mediaType(_ request: APIRequest) -> String {
        let given = request.header("content-type") ?? ""
        let type = (given.split(separator: ";").first.map { $0.trimmingSpaces } ?? "").lowercased()
        return type.isEmpty ? "application/json" : type
    }

    /// - Parameters:
    ///   - typeName: the kind that the path takes, for refusals.
    ///   - kind: how a protobuf body without type is read.
    func parseBody(_ request: APIRequest, typeName: String, kind: GroupVersionKind? = nil) throws(APIStatus) -> Body {
        switch mediaType(request) {
        case "application/json": return try parseText(request.body, typeName: typeName)
        case "application/yaml", "text/yaml", "application/x-yaml":
            return try parseYAML(request.body, typeName: typeName)
        case "application/vnd.kubernetes.protobuf":
            return Body(value: try Self.decodeProtobuf(request.body))
        default:
            throw .unsupportedMediaType([
                "application/json", "application/yaml", "application/vnd.kubernetes.protobuf",
            ])
        }
    }

    func parseText(_ bytes: [UInt8], typeName: String, isPatch: Bool = false) throws(APIStatus) -> Body {
        do throws(JSONError) {
            let document = try JSONDocument(parsing: bytes)
            return Body(
                value: document.value, duplicates: document.duplicates.map { "duplicate field \"\($0)\"" })
        } catch {
            if isPatch { throw .badRequest("error decoding patch: \(error)") }
            throw Self.unreadable(typeName, "json parse error: \(error)")
        }
    }

    func parseYAML(_ bytes: [UInt8], typeName: String) throws(APIStatus) -> Body {
        // JSON is YAML, and its own parser is the faster and stricter one.
        if bytes.first == UInt8(ascii: "{"), let body = try? parseText(bytes, typeName: typeName) { return body }
        do throws(YAMLError) {
            let (value, duplicates) = try YAMLReader.parse(bytes)
            return Body(value: value, duplicates: duplicates)
        } catch {
            throw Self.unreadable(typeName, error.message)
        }
    }

    static func unreadable(_ typeName: String, _ why: String) -> APIStatus {
        .badRequest(
            "the object provided is unrecognized (must be of type \(typeName)): couldn't get version/kind; \(why)")
    }
}

/// What is posted to a path of another kind: a pod's binding or eviction, the request of a token; and the options of a
/// delete. The value is the type's name in the schema.
enum ActionBody: String {
    case binding = "core.v1.Binding"
    case deleteOptions = "meta.v1.DeleteOptions"
    case eviction = "policy.v1.Eviction"
    case tokenRequest = "authentication.v1.TokenRequest"

    var kind: String { rawValue.split(separator: ".").last.map(String.init) ?? rawValue }
}

extension APICore {
    /// A body in the canonical form of its type, and what the client should be warned of. Another kind, and members of
    /// a wrong type, are refused with 400; unknown and duplicate members as `validation` says.
    func actionBody(_ request: APIRequest, _ type: ActionBody, _ validation: FieldValidation) throws(APIStatus)
        -> (object: JSONValue, warnings: [String])
    {
        guard let index = Schema.builtin.index(of: type.rawValue) else {
            throw .internalError("no type \(type.rawValue) in the schema")
        }
        let body = try parseBody(request, typeName: type.kind)
        let given = body.value["kind"]?.string ?? ""
        let handled = "\(given.isEmpty ? type.kind : given) cannot be handled as a \(type.kind): "
        guard given.isEmpty || given == type.kind else { throw .badRequest(handled + "unknown conversion") }
        var decoder = ObjectDecoder()
        let object: JSONValue
        do throws(APIStatus) { object = try decoder.object(body.value, type: index) } catch {
            throw .badRequest(handled + error.message)
        }
        let faults = body.duplicates + decoder.faults
        switch validation {
        case .ignore: return (object, [])
        case .warn: return (object, faults)
        case .strict:
            if faults.isEmpty { return (object, []) }
            throw .badRequest(handled + "strict decoding error: " + faults.joined(separator: ", "))
        }
    }

    /// Refuses a body that names another object than its path does.
    func requirePath(_ object: JSONValue, _ context: RequestContext, _ type: ActionBody) throws(APIStatus) {
        guard object.name == context.info.name else {
            throw .badRequest(
                "name in URL (\(context.info.name)) does not match name in \(type.kind) object (\(object.name))")
        }
        guard object.namespace.isEmpty || object.namespace == context.info.namespace else {
            throw .badRequest(
                "the namespace of the provided object does not match the namespace sent on the request")
        }
    }
}
