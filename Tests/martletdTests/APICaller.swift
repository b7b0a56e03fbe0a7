import Foundation
import JSONText
import TestKit
import Testing

/// The API by an administrator's certificate, in the name of others.
struct APICaller: Sendable {
    private let server: String
    private let options: [String]

    init(_ node: OwnNode) throws {
        let config = try String(contentsOfFile: node.directory + "/admin.kubeconfig", encoding: .utf8)
        server = String(try #require(config.firstMatch(of: /https:\/\/[0-9.:]+/)).output)
        var options = ["-sk", "-m", "20"]
        for (option, field) in [("--cert", "client-certificate-data"), ("--key", "client-key-data")] {
            let pattern = try Regex(field + ": \"?([A-Za-z0-9+/=]+)")
            let text = try #require(config.firstMatch(of: pattern)?.output[1].substring)
            let data = try #require(Data(base64Encoded: String(text)))
            let path = "\(node.directory)/\(field)"
            try data.write(to: URL(fileURLWithPath: path))
            options += [option, path]
        }
        self.options = options
    }

    /// The answer's text, headers before it where `more` asks curl for them.
    func text(
        _ method: String, _ path: String, _ body: JSONValue? = nil, as user: String? = nil, _ more: String...
    ) async throws -> String {
        let type = method == "PATCH" ? "application/merge-patch+json" : "application/json"
        var arguments = options + more + ["-X", method, "-H", "Content-Type: " + type, server + path]
        if let body { arguments += ["-d", body.compactText] }
        if let user {
            arguments += ["-H", "Impersonate-User: " + user, "-H", "Impersonate-Group: system:authenticated"]
        }
        return try await launch("/usr/bin/curl", arguments, environment: OwnNode.path).output
    }

    func callAsFunction(
        _ method: String, _ path: String, _ body: JSONValue? = nil, as user: String? = nil
    ) async throws -> JSONValue {
        let text = try await text(method, path, body, as: user)
        return try #require(try? JSONValue(parsing: Array(text.utf8)), "\(text)")
    }

    static func isRefused(_ answer: JSONValue, _ words: String...) -> Bool {
        let message = answer["message"]?.string ?? ""
        return answer["code"] == 403 && words.allSatisfy(message.contains)
    }

    /// What Events of a reason say.
    func events(_ reason: String) async throws -> [String] {
        let items = try await self("GET", "/api/v1/events")["items"]?.array ?? []
        return items.filter { $0["reason"]?.string == reason }.compactMap { $0["message"]?.string }
    }
}
