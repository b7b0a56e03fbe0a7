import APIServer
import JSONText

/// One case whose steps are sentences, played to a server: each sentence is known here, or the case fails.
struct PolicyAPISteps {
    private static let path = "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies"
    private static let clusterPath = "/apis/networking.k8s.io/v1/networkpolicies"
    /// Events that a watch is read for before it is given up.
    private static let eventsMax = 16

    private let core: APICore
    private let unique = "u\(UInt32.random(in: 0 ... .max))"
    private var selector = ""
    private var created: [JSONValue] = []
    private var listVersion = ""
    private var watch: (any ByteStream)?

    init(_ core: APICore) { self.core = core }

    struct Fault: Error { let text: String }

    /// What speaks against it: the first step that does not hold, since the later ones build on it.
    mutating func play(_ steps: [String]) async -> [String] {
        defer { watch?.cancel() }
        if steps.isEmpty { return ["neither a request nor steps"] }
        for step in steps {
            do {
                try await play(step)
            } catch {
                return ["\(step): \((error as? Fault)?.text ?? "\(error)")"]
            }
        }
        return []
    }

    private mutating func play(_ step: String) async throws {
        if try await discovers(step) { return }
        if let match = step.wholeMatch(of: /create (\d+) with generateName and label ([a-z-]+)=<u>/) {
            selector = "labelSelector=\(match.2)%3D\(unique)"
            for _ in 0..<(Int(match.1) ?? 0) { try await create(label: String(match.2)) }
        } else if step == "get one: same uid as created" {
            let found = try await send("GET", try one().path)
            try expect(found[path: "metadata", "uid"] == created[0][path: "metadata", "uid"], found)
        } else if let match = step.wholeMatch(of: /list by labelSelector -> (\d+)/) {
            listVersion = try await list(Self.path, count: String(match.1))
        } else if let match = step.wholeMatch(of: /cluster-wide list by labelSelector -> (\d+)/) {
            listVersion = try await list(Self.clusterPath, count: String(match.1))
        } else if step == "watch (namespaced) from list resourceVersion with labelSelector" {
            watch = try await open(Self.path)
        } else if step == "cluster-wide watch opens" {
            try await open(Self.clusterPath).cancel()
        } else if step == "merge-patch metadata.annotations.patched=true -> returned" {
            let patch: JSONValue = ["metadata": ["annotations": ["patched": "true"]]]
            let answer = try await send("PATCH", try one().path, patch, type: "application/merge-patch+json")
            try expect(Self.annotation("patched", answer) == "true", answer)
        } else if step == "update adding annotation updated=true -> returned" {
            var object = try await send("GET", try one().path)
            object["metadata"]?["annotations"]?["updated"] = "true"
            let answer = try await send("PUT", try one().path, object)
            try expect(Self.annotation("updated", answer) == "true", answer)
        } else {
            try await playEnd(step)
        }
    }

    private mutating func playEnd(_ step: String) async throws {
        if step
            == "the namespaced watch delivers only MODIFIED events for it, one of which carries both annotations"
        {
            try await readWatch()
        } else if let match = step.wholeMatch(of: /delete one -> get eventually 404, list -> (\d+)/) {
            _ = try await send("DELETE", try one().path)
            _ = try await send("GET", try one().path, status: 404)
            _ = try await list(Self.path, count: String(match.1))
        } else if step == "deletecollection by labelSelector -> list eventually 0" {
            _ = try await send("DELETE", "\(Self.path)?\(selector)")
            _ = try await list(Self.path, count: "0")
        } else {
            throw Fault(text: "this step is not known")
        }
    }

    // MARK: Parts

    /// Whether the step is about discovery.
    private func discovers(_ step: String) async throws -> Bool {
        if let match = step.wholeMatch(of: /group (\S+) with version (\S+) present in GET (\S+)/) {
            let answer = try await send("GET", String(match.3))
            let group = answer["groups"]?.array?.first { $0["name"]?.string == String(match.1) }
            try expect(Self.has(group?["versions"], "version", String(match.2)), answer)
        } else if let match = step.wholeMatch(of: /version (\S+) present in GET (\S+)/) {
            let answer = try await send("GET", String(match.2))
            try expect(Self.has(answer["versions"], "version", String(match.1)), answer)
        } else if let match = step.wholeMatch(of: /(\S+) present in GET (\S+)/) {
            let answer = try await send("GET", String(match.2))
            try expect(Self.has(answer["resources"], "name", String(match.1)), answer)
        } else {
            return false
        }
        return true
    }

    private static func has(_ list: JSONValue?, _ field: String, _ value: String) -> Bool {
        list?.array?.contains { $0[field]?.string == value } == true
    }

    private mutating func create(label: String) async throws {
        let policy: JSONValue = [
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": ["generateName": "e2e-example-netpol", "labels": [label: .string(unique)]],
            "spec": ["podSelector": ["matchLabels": ["pod-name": "test-pod"]], "ingress": [[:]]],
        ]
        let answer = try await send("POST", Self.path, policy, status: 201)
        let names = created.map { $0[path: "metadata", "name"] }
        let name = answer[path: "metadata", "name"]
        try expect(name?.string?.hasPrefix("e2e-example-netpol") == true && !names.contains(name), answer)
        created.append(answer)
    }

    private func one() throws -> (path: String, uid: JSONValue?) {
        guard let first = created.first, let name = first[path: "metadata", "name"]?.string else {
            throw Fault(text: "nothing was created before")
        }
        return ("\(Self.path)/\(name)", first[path: "metadata", "uid"])
    }

    /// The list's version.
    private func list(_ path: String, count: String) async throws -> String {
        let answer = try await send("GET", "\(path)?\(selector)")
        try expect("\(answer["items"]?.array?.count ?? -1)" == count, answer)
        return answer[path: "metadata", "resourceVersion"]?.string ?? ""
    }

    private func open(_ path: String) async throws -> any ByteStream {
        let response = await respond(
            "GET", "\(path)?watch=true&timeoutSeconds=30&resourceVersion=\(listVersion)&\(selector)")
        guard response.status == 200, case .stream(let stream) = response.body else {
            throw Fault(text: "status \(response.status), and no stream")
        }
        return stream
    }

    /// Up to the event that has both annotations.
    private func readWatch() async throws {
        guard let watch else { throw Fault(text: "no watch was opened before") }
        let uid = try one().uid
        var lines: [UInt8] = []
        var seen = 0
        while seen < Self.eventsMax, let bytes = await watch.next() {
            lines += bytes
            while let end = lines.firstIndex(of: UInt8(ascii: "\n")) {
                let event = try JSONValue(parsing: Array(lines[..<end]))
                lines.removeSubrange(...end)
                seen += 1
                let object = event["object"] ?? .null
                try expect(event["type"] == "MODIFIED" && object[path: "metadata", "uid"] == uid, event)
                if Self.annotation("patched", object) == "true", Self.annotation("updated", object) == "true" { return }
            }
        }
        throw Fault(text: "\(seen) events, none with both annotations")
    }

    private static func annotation(_ name: String, _ object: JSONValue) -> JSONValue? {
        object[path: "metadata", "annotations", name]
    }

    private func expect(_ holds: Bool, _ answer: JSONValue) throws {
        if !holds { throw Fault(text: answer.compactText) }
    }

    private func send(
        _ method: String, _ target: String, _ body: JSONValue? = nil, type: String = "application/json",
        status: Int = 200
    ) async throws -> JSONValue {
        var request = ExchangeRequest(method: method, target: target, body: body?.compactBytes)
        request.contentType = type
        let reply = try await CoreTransport(core: core).send(request)
        let text = String(decoding: reply.body, as: UTF8.self)
        guard reply.status == status else { throw Fault(text: "status \(reply.status): \(text)") }
        return try JSONValue(parsing: reply.body)
    }

    private func respond(_ method: String, _ target: String) async -> APIResponse {
        let request = ExchangeRequest(method: method, target: target)
        return await core.respond(
            APIRequest(
                method: method, target: target, headers: request.headers, body: [], user: .master("kubernetes-admin")))
    }
}
