/// Paths and queries of the Kubernetes API.
package struct RequestPath: Sendable, Equatable {
    package let path: String
    /// In the order given; empty values are left out.
    package let query: [(name: String, value: String)]

    package init(_ path: String, query: [(name: String, value: String)] = []) {
        self.path = path
        self.query = query.filter { !$0.value.isEmpty }
    }

    package static func collection(_ resource: APIResource, namespace: String) -> String {
        let root = resource.group.isEmpty ? "/api/\(resource.version)" : "/apis/\(resource.apiVersion)"
        let scope = resource.isNamespaced && !namespace.isEmpty ? "/namespaces/\(encode(namespace))" : ""
        return "\(root)\(scope)/\(resource.name)"
    }

    package static func object(_ object: ObjectReference, subresource: String = "") -> String {
        let suffix = subresource.isEmpty ? "" : "/\(subresource)"
        return collection(object.resource, namespace: object.namespace) + "/" + encode(object.name) + suffix
    }

    /// Path and query, percent-encoded.
    package var text: String {
        guard !query.isEmpty else { return path }
        return path + "?" + query.map { "\(Self.encode($0.name))=\(Self.encode($0.value))" }.joined(separator: "&")
    }

    /// RFC 3986: everything but the unreserved characters, and the colon, which names of roles have.
    static func encode(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"), UInt8(ascii: ":"):
                bytes.append(byte)
            default:
                bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    package static func == (left: Self, right: Self) -> Bool { left.text == right.text }
}
