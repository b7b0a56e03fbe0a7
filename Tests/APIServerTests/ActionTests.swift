import APIMachinery
import JSONText
import Testing

@testable import APIServer

/// What is posted to paths below an object, and reviews.
@Suite struct ActionTests {
    private static let pods = "/api/v1/namespaces/a/pods"
    private static let account = "/api/v1/namespaces/a/serviceaccounts/default"

    private func server(boundTo node: String? = nil) async throws -> TestServer {
        let server = try TestServer()
        await server.makeNamespace("a")
        var spec: [String: JSONValue] = ["containers": [["name": "c", "image": "i"]]]
        spec["nodeName"] = node.map { .string($0) }
        let made = await server.call(
            "POST", Self.pods, ["apiVersion": "v1", "kind": "Pod", "metadata": ["name": "p"], "spec": .object(spec)])
        #expect(made.status == 201)
        return server
    }

    @Test func deleteOptionsOfAWrongTypeDeleteNothing() async throws {
        let server = try await server()
        let wrong: [JSONValue] = [
            ["gracePeriodSeconds": "x"], ["preconditions": ["uid": 5]], ["dryRun": "All"], ["kind": "Pod"], [],
        ]
        for options in wrong {
            let answer = await server.call("DELETE", "\(Self.pods)/p", options)
            #expect(answer.status == 400, "\(options)")
            #expect(answer.json["message"]?.string?.contains("DeleteOptions") == true)
        }
        #expect(await server.call("GET", "\(Self.pods)/p").status == 200)
        let group: JSONValue = ["apiVersion": "networking.k8s.io/v1", "kind": "DeleteOptions", "dryRun": ["All"]]
        #expect(await server.call("DELETE", "\(Self.pods)/p", group).status == 200)
        #expect(await server.call("GET", "\(Self.pods)/p").status == 200)
    }

    @Test func preconditionsGuardADelete() async throws {
        let server = try await server()
        let pod = await server.call("GET", "\(Self.pods)/p").json
        let wrong: [JSONValue] = [
            ["uid": "x"], ["resourceVersion": "1"], ["uid": .string(pod.uid), "resourceVersion": "1"],
        ]
        for wrong in wrong {
            #expect(await server.call("DELETE", "\(Self.pods)/p", ["preconditions": wrong]).status == 409)
        }
        let right: JSONValue = ["uid": .string(pod.uid), "resourceVersion": .string(pod.resourceVersion)]
        #expect(await server.call("DELETE", "\(Self.pods)/p", ["preconditions": right]).status == 200)
    }

    @Test func anEvictionNamesItsPodAndIsReadByItsType() async throws {
        let server = try await server(boundTo: "n")
        func evict(_ body: JSONValue) async -> Int {
            await server.call("POST", "\(Self.pods)/p/eviction", body).status
        }
        #expect(await evict(["kind": "Eviction", "metadata": ["name": "q"]]) == 400)
        #expect(await evict(["kind": "Pod", "metadata": ["name": "p"]]) == 400)
        #expect(await evict(["metadata": ["name": "p"], "deleteOptions": ["gracePeriodSeconds": "x"]]) == 400)
        #expect(await evict(["metadata": ["name": "p"], "deleteOptions": ["preconditions": ["uid": "x"]]]) == 409)
        #expect(await evict(["metadata": ["name": "p"], "deleteOptions": ["dryRun": ["All"]]]) == 201)
        #expect(await server.call("GET", "\(Self.pods)/p").json.isBeingDeleted == false)
        #expect(await evict(["metadata": ["name": "p"], "deleteOptions": ["gracePeriodSeconds": 7]]) == 201)
        let left = await server.call("GET", "\(Self.pods)/p").json
        #expect(left[path: "metadata", "deletionGracePeriodSeconds"] == 7)
    }

    @Test func aBindingNamesItsPodOnEitherPath() async throws {
        let server = try await server()
        let path = "\(Self.pods)/p/binding"
        #expect(await server.call("POST", path, ["metadata": ["name": "q"], "target": ["name": "n"]]).status == 400)
        #expect(
            await server.call("POST", path, ["metadata": ["name": "p", "uid": "x"], "target": ["name": "n"]]).status
                == 409)
        let unknown = await server.call(
            "POST", "\(path)?fieldValidation=Strict", ["metadata": ["name": "p"], "target": ["name": "n"], "x": 1])
        #expect(unknown.status == 400)
        let body: JSONValue = ["metadata": ["name": "p"], "target": ["kind": "Node", "name": "n"]]
        #expect(await server.call("POST", "/api/v1/namespaces/a/bindings", body).status == 201)
        #expect(await server.call("GET", "\(Self.pods)/p").json[path: "spec", "nodeName"] == "n")
        #expect(await server.call("POST", path, body).status == 409)
    }

    @Test func aTokenRequestIsReadByItsType() async throws {
        let server = try await server()
        let path = "\(Self.account)/token"
        #expect(await server.call("POST", path, ["spec": ["expirationSeconds": "x"]]).status == 400)
        #expect(await server.call("POST", path, ["spec": ["audiences": "x"]]).status == 400)
        let other = await server.call("POST", path, ["metadata": ["name": "other"], "spec": [:]])
        #expect(other.status == 422)
        #expect(other.json[path: "details", "causes"]?[0]?["field"] == "metadata.name")
        #expect(await server.call("POST", path, ["spec": [:]]).status == 201)
    }

    @Test func logOptionsAreCheckedAndAnUnplacedPodHasNoLog() async throws {
        let server = try await server()
        #expect(await server.call("GET", "\(Self.pods)/p/log").status == 204)
        #expect(await server.call("GET", "\(Self.pods)/p/log?container=x").status == 400)
        #expect(await server.call("GET", "\(Self.pods)/none/log").status == 404)
        #expect(await server.call("GET", "\(Self.pods)/p/log?sinceTime=yesterday").status == 400)
        let low = await server.call("GET", "\(Self.pods)/p/log?tailLines=-1&limitBytes=0")
        #expect(low.status == 422)
        let fields = (low.json[path: "details", "causes"]?.array ?? []).compactMap { $0["field"]?.string }
        #expect(fields == ["tailLines", "limitBytes"])
        let both = await server.call("GET", "\(Self.pods)/p/log?sinceSeconds=1&sinceTime=2024-01-01T00:00:00Z")
        #expect(both.status == 422)
    }

    private func review(_ server: TestServer, _ plural: String, _ body: JSONValue) async -> TestServer.Answer {
        let group = plural == "tokenreviews" ? "authentication" : "authorization"
        let scope = plural.hasPrefix("local") ? "namespaces/a/" : ""
        return await server.call("POST", "/apis/\(group).k8s.io/v1/\(scope)\(plural)", body)
    }

    private func fields(_ answer: TestServer.Answer) -> [String] {
        (answer.json[path: "details", "causes"]?.array ?? []).compactMap { $0["field"]?.string }
    }

    @Test func aReviewAsksOneThingOfOneSubject() async throws {
        let server = try await server()
        let resource: JSONValue = ["verb": "get", "resource": "pods"]
        let path: JSONValue = ["verb": "get", "path": "/"]
        let neither = await review(server, "subjectaccessreviews", ["spec": [:]])
        #expect(fields(neither) == ["spec.resourceAttributes", "spec.user"])
        let both = await review(
            server, "selfsubjectaccessreviews",
            ["spec": ["resourceAttributes": resource, "nonResourceAttributes": path]])
        #expect(fields(both) == ["spec.nonResourceAttributes"])
        let named = await review(
            server, "selfsubjectaccessreviews", ["metadata": ["name": "x"], "spec": ["resourceAttributes": resource]])
        #expect(fields(named) == ["metadata"])
        let answered = await review(server, "selfsubjectaccessreviews", ["spec": ["resourceAttributes": resource]])
        #expect(answered.json[path: "status", "allowed"] == true)
        #expect(answered.json[path: "metadata", "managedFields"]?[0]?["manager"] == "test")
    }

    @Test func aLocalReviewStaysInItsNamespace() async throws {
        let server = try await server()
        func local(_ namespace: String, _ metadata: JSONValue = [:]) async -> TestServer.Answer {
            await review(
                server, "localsubjectaccessreviews",
                [
                    "metadata": metadata,
                    "spec": [
                        "user": "u",
                        "resourceAttributes": ["verb": "get", "resource": "pods", "namespace": .string(namespace)],
                    ],
                ])
        }
        let inside = await local("a")
        #expect(inside.status == 201)
        #expect(inside.json.namespace == "a")
        #expect(fields(await local("b")) == ["spec.resourceAttributes.namespace"])
        #expect(await local("a", ["namespace": "b"]).status == 400)
        let path = await review(
            server, "localsubjectaccessreviews",
            ["spec": ["user": "u", "nonResourceAttributes": ["verb": "get", "path": "/"]]])
        #expect(fields(path) == ["spec.nonResourceAttributes"])
    }

    @Test func rulesAndTokensAreAskedForWithWhatTheyNeed() async throws {
        let server = try await server()
        #expect(await review(server, "selfsubjectrulesreviews", ["spec": [:]]).status == 400)
        #expect(await review(server, "selfsubjectrulesreviews", ["spec": ["namespace": "a"]]).status == 201)
        #expect(await review(server, "tokenreviews", ["spec": [:]]).status == 400)
        #expect(await review(server, "tokenreviews", ["spec": ["token": "x"]]).json[path: "status", "error"] != nil)
    }

    @Test func aNamespacesFinalizersAreNames() async throws {
        let server = try await server()
        func finalize(_ finalizers: JSONValue) async -> TestServer.Answer {
            await server.call(
                "PUT", "/api/v1/namespaces/a/finalize",
                ["metadata": ["name": "a"], "spec": ["finalizers": finalizers]])
        }
        #expect(fields(await finalize(["kubernetes", "bad"])) == ["spec.finalizers[1]"])
        #expect(await finalize(["kubernetes", "example.com/x"]).status == 200)
    }
}
