import JSONText

/// Plays recorded exchanges (`api-exchanges/1`) to a server and holds its answers against the recorded ones.
struct ExchangePlayer {
    let transport: any ExchangeTransport

    /// Plays one case in a namespace of its own and says what speaks against it.
    func play(_ entry: JSONValue, namespace: String) async -> [String] {
        let steps = entry["steps"]?.array ?? []
        let makesItsOwn = entry["id"] == "create-misc/namespace"
        var faults: [String] = []
        do {
            if !makesItsOwn, steps.contains(where: { $0["path"]?.string?.contains("$NS") ?? false }) {
                try await makeNamespace(namespace)
            }
            var run = ExchangeRun(namespace: namespace)
            for (index, step) in steps.enumerated() {
                let reply = try await transport.send(run.request(step))
                faults += run.check(reply, step).map { "step \(index): \($0)" }
            }
            if entry["group"] != "x" {
                _ = try await transport.send(
                    ExchangeRequest(method: "DELETE", target: "/api/v1/namespaces/\(namespace)"))
            }
        } catch {
            faults.append("not answered: \(error)")
        }
        return faults
    }

    /// The service account comes from a controller elsewhere; here nothing runs beside the server.
    private func makeNamespace(_ name: String) async throws {
        let namespace: JSONValue = ["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(name)]]
        let account: JSONValue = ["apiVersion": "v1", "kind": "ServiceAccount", "metadata": ["name": "default"]]
        for (path, object) in [
            ("/api/v1/namespaces", namespace), ("/api/v1/namespaces/\(name)/serviceaccounts", account),
        ] {
            _ = try await transport.send(
                ExchangeRequest(method: "POST", target: path, body: object.compactBytes))
        }
    }
}

/// One case while it is played: what it saved, and its marks.
struct ExchangeRun {
    private let namespace: String
    private var marks: ExchangeMarks
    private var saved: [String: String] = [:]

    init(namespace: String) {
        self.namespace = namespace
        marks = ExchangeMarks(namespace: namespace)
    }

    // MARK: Requests

    mutating func request(_ step: JSONValue) -> ExchangeRequest {
        let body = step["bodyText"]?.string ?? step["body"]?.compactText
        marks.give(body ?? "")
        var request = ExchangeRequest(
            method: step["method"]?.string ?? "", target: filled(step["path"]?.string ?? ""),
            body: body.map { Array(filled($0).utf8) })
        request.contentType = step["contentType"]?.string ?? request.contentType
        request.accept = step["accept"]?.string ?? request.accept
        if let user = step["user"]?.string, user != "admin" { request.impersonated = user }
        return request
    }

    /// The text with the values in place of `$NS`, `${name}` and `$repeat(c,n)`.
    private func filled(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "$")) else { return text }
        var result = ""
        var rest = text[...]
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            rest = rest[dollar...]
            if rest.hasPrefix("$NS") {
                result += namespace
                rest = rest.dropFirst(3)
            } else if rest.hasPrefix("${"), let end = rest.firstIndex(of: "}"),
                let value = saved[String(rest.dropFirst(2)[..<end])]
            {
                result += value
                rest = rest[rest.index(after: end)...]
            } else if rest.hasPrefix("$repeat("), let (text, end) = Self.repeated(rest) {
                result += text
                rest = rest[end...]
            } else {
                result += "$"
                rest = rest.dropFirst()
            }
        }
        return result + rest
    }

    private static func repeated(_ text: Substring) -> (text: String, end: Substring.Index)? {
        let inside = text.dropFirst("$repeat(".count)
        guard let character = inside.first, inside.dropFirst().first == ",", let end = inside.firstIndex(of: ")"),
            let count = Int(inside.dropFirst(2)[..<end])
        else { return nil }
        return (String(repeating: character, count: count), inside.index(after: end))
    }

    // MARK: Answers

    /// What speaks against an answer.
    mutating func check(_ reply: ExchangeReply, _ step: JSONValue) -> [String] {
        let expect = step["expect"] ?? .null
        let raw = Self.read(reply.body, isEvents: expect["events"] != nil)
        for (name, pointer) in step["save"]?.object ?? [:] { saved[name] = Self.value(raw, at: pointer.string ?? "") }
        let answer = marks.normalised(raw)
        guard let code = expect["code"]?.integer else {
            return reply.status < 400 ? ["\(reply.status), expected an error"] : []
        }
        guard reply.status == code else {
            return ["\(reply.status), expected \(code): \(ExchangeComparison.shown(answer))"]
        }
        guard let wanted = expect["events"] ?? expect["body"], !wanted.isNull else { return [] }
        var faults: [String] = []
        let warnings = expect["warnings"]?.array?.count ?? 0
        if reply.warnings.count != warnings {
            faults.append("warnings \(reply.warnings), expected \(warnings)")
        }
        let shaped = ExchangeComparison.shaped(answer, like: wanted)
        return faults
            + ExchangeComparison.differences(
                ExchangeComparison.softened(shaped), ExchangeComparison.softened(wanted))
    }

    private static func read(_ bytes: [UInt8], isEvents: Bool) -> JSONValue {
        do throws(JSONError) {
            guard isEvents else { return try JSONValue(parsing: bytes) }
            var events: [JSONValue] = []
            for line in bytes.split(separator: UInt8(ascii: "\n")) {
                events.append(try JSONValue(parsing: Array(line)))
            }
            return .array(events)
        } catch {
            return ["text": .string(String(String(decoding: bytes, as: UTF8.self).prefix(2000)))]
        }
    }

    private static func value(_ root: JSONValue, at pointer: String) -> String {
        var value: JSONValue? = root
        for step in pointer.split(separator: "/") {
            if value?.array != nil, let index = Int(step) {
                value = value?[index]
            } else {
                value = value?[String(step)]
            }
        }
        return value?.string ?? value?.compactText ?? ""
    }
}
