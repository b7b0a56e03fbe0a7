import APIMachinery
import JSONText

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
        do throws(YAMLBody.Fault) {
            let (value, duplicates) = try YAMLBody.parse(bytes)
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
