import JSONText

/// Cuts a watch's body into lines and reads each as an event. A struct fed with whatever arrives.
struct WatchDecoder {
    /// One event's text; an object has at most 3 MiB.
    static let lineBytesMax = 8 << 20

    private var pending: [UInt8] = []
    private let resource: APIResource

    init(_ resource: APIResource) { self.resource = resource }

    /// Events that are complete with these bytes. Throws what the server reports as an error, and what is no event.
    mutating func feed(_ bytes: some Collection<UInt8>) throws(APIError) -> [WatchEvent] {
        var events: [WatchEvent] = []
        var searched = pending.count
        pending += bytes
        var start = 0
        while let end = pending[searched...].firstIndex(of: UInt8(ascii: "\n")) {
            if end > start, let event = try event(Array(pending[start..<end])) { events.append(event) }
            start = end + 1
            searched = start
        }
        if start > 0 { pending.removeFirst(start) }
        guard pending.count <= Self.lineBytesMax else {
            throw APIError(code: 0, reason: "", message: "a watch event has more than \(Self.lineBytesMax) bytes")
        }
        return events
    }

    private func event(_ line: [UInt8]) throws(APIError) -> WatchEvent? {
        let value = try HTTPSClient.parse(line)
        guard let type = value["type"]?.string, var object = value["object"] else {
            throw APIError(code: 0, reason: "", message: "a watch event lacks type or object")
        }
        HTTPSClient.complete(&object, resource)
        switch type {
        case "ADDED": return .added(object)
        case "MODIFIED": return .modified(object)
        case "DELETED": return .deleted(object)
        case "BOOKMARK":
            return .bookmark(resourceVersion: object[path: "metadata", "resourceVersion"]?.string ?? "")
        case "ERROR": throw APIError(status: object, code: 500)
        // A type that this version does not know concerns nobody here.
        default: return nil
        }
    }
}

extension APIError {
    /// From a Status object; `code` where it has none.
    init(status: JSONValue, code: Int) {
        self.init(
            code: status["code"]?.integer.map(Int.init) ?? code, reason: status["reason"]?.string ?? "",
            message: status["message"]?.string ?? "the server answered \(code)", status: status)
    }
}
