import APIMachinery
import JSONText
import Testing

@testable import APIServer

@Suite struct AccessTests {
    private static let roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/a/roles"
    private static let bindings = "/apis/rbac.authorization.k8s.io/v1/namespaces/a/rolebindings"
    private static let alice = UserInfo(name: "alice", groups: ["devs", UserInfo.authenticatedGroup])

    private func server() async throws -> TestServer {
        let server = try TestServer()
        try await server.core.bootstrap(endpoints: ["192.0.2.10"], port: 6443)
        await server.makeNamespace("a")
        return server
    }

    private func role(_ name: String, _ verbs: [String], _ group: String, _ resource: String) -> JSONValue {
        [
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": ["name": .string(name)],
            "rules": [
                [
                    "verbs": .array(verbs.map { .string($0) }), "apiGroups": [.string(group)],
                    "resources": [.string(resource)],
                ]
            ],
        ]
    }

    private func binding(_ name: String, role: String, kind: String = "Role") -> JSONValue {
        [
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": ["name": .string(name)],
            "roleRef": [
                "apiGroup": "rbac.authorization.k8s.io", "kind": .string(kind), "name": .string(role),
            ],
            "subjects": [["kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "alice"]],
        ]
    }

    @Test func rolesDecideAndAChangeCountsAtOnce() async throws {
        let server = try await server()
        let maps = "/api/v1/namespaces/a/configmaps"
        #expect(await server.call("GET", maps, user: Self.alice).status == 403)
        await server.call("POST", Self.roles, role("r", ["list"], "", "configmaps"))
        await server.call("POST", Self.bindings, binding("b", role: "r"))
        #expect(await server.call("GET", maps, user: Self.alice).status == 200)
        #expect(await server.call("GET", "\(maps)/m", user: Self.alice).status == 403)
        #expect(await server.call("GET", "/api/v1/configmaps", user: Self.alice).status == 403)
        await server.call("DELETE", "\(Self.bindings)/b")
        #expect(await server.call("GET", maps, user: Self.alice).status == 403)
    }

    @Test func nobodyGrantsWhatHeDoesNotHold() async throws {
        let server = try await server()
        let group = "rbac.authorization.k8s.io"
        var writer = role("w", ["create"], group, "roles")
        writer["rules"] = [
            ["verbs": ["create"], "apiGroups": [.string(group)], "resources": ["roles", "rolebindings"]],
            ["verbs": ["get"], "apiGroups": [""], "resources": ["configmaps"]],
        ]
        await server.call("POST", Self.roles, writer)
        await server.call("POST", Self.bindings, binding("b", role: "w"))
        let held = await server.call("POST", Self.roles, role("ok", ["get"], "", "configmaps"), user: Self.alice)
        #expect(held.status == 201)
        let more = await server.call("POST", Self.roles, role("no", ["get"], "", "secrets"), user: Self.alice)
        #expect(more.status == 403)
        #expect(more.json["message"]?.string?.contains("not currently held") == true)
        let bound = await server.call(
            "POST", Self.bindings, binding("admin", role: "cluster-admin", kind: "ClusterRole"), user: Self.alice)
        #expect(bound.status == 403)
    }

    @Test func tokensStandForTheirAccountUntilTheyEnd() async throws {
        let server = try await server()
        let path = "/api/v1/namespaces/a/serviceaccounts/default/token"
        let made = await server.call("POST", path, ["spec": ["expirationSeconds": 600]])
        #expect(made.status == 201)
        let token = try #require(made.json[path: "status", "token"]?.string)
        let headers = [("authorization", "Bearer \(token)")]
        let review = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
        let who = await server.call("POST", review, [:], user: nil, headers: headers)
        #expect(who.json[path: "status", "userInfo", "username"] == "system:serviceaccount:a:default")
        let other = await server.call(
            "POST", "/apis/authentication.k8s.io/v1/tokenreviews",
            ["spec": ["token": .string(token), "audiences": ["elsewhere"]]])
        #expect(other.json[path: "status", "authenticated"] != true)
        var forged = Array(token)
        forged[forged.count - 10] = forged[forged.count - 10] == "A" ? "B" : "A"
        let wrong = [("authorization", "Bearer \(String(forged))")]
        #expect(await server.call("POST", review, [:], user: nil, headers: wrong).status == 401)
        server.clock.advance(601)
        #expect(await server.call("POST", review, [:], user: nil, headers: headers).status == 401)
        #expect(await server.call("POST", path, ["spec": ["expirationSeconds": 10]]).status == 422)
    }

    @Test func aTokenBoundToAPodEndsWithIt() async throws {
        let server = try await server()
        let pod: JSONValue = [
            "apiVersion": "v1", "kind": "Pod", "metadata": ["name": "p"],
            "spec": ["containers": [["name": "c", "image": "i"]]],
        ]
        await server.call("POST", "/api/v1/namespaces/a/pods", pod)
        let made = await server.call(
            "POST", "/api/v1/namespaces/a/serviceaccounts/default/token",
            ["spec": ["boundObjectRef": ["kind": "Pod", "apiVersion": "v1", "name": "p"]]])
        let token = try #require(made.json[path: "status", "token"]?.string)
        let review = "/apis/authentication.k8s.io/v1/tokenreviews"
        let lives = await server.call("POST", review, ["spec": ["token": .string(token)]])
        #expect(lives.json[path: "status", "authenticated"] == true)
        await server.call("DELETE", "/api/v1/namespaces/a/pods/p")
        let gone = await server.call("POST", review, ["spec": ["token": .string(token)]])
        #expect(gone.json[path: "status", "authenticated"] != true)
    }

    @Test func impersonationNeedsTheRight() async throws {
        let server = try await server()
        let headers = [("impersonate-user", "bob"), ("impersonate-group", "ops")]
        let review = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
        let shown = await server.call("POST", review, [:], headers: headers)
        #expect(shown.json[path: "status", "userInfo", "username"] == "bob")
        #expect(shown.json[path: "status", "userInfo", "groups"] == ["ops", "system:authenticated"])
        #expect(await server.call("POST", review, [:], user: Self.alice, headers: headers).status == 403)
    }

    @Test func reviewsSayWhatRequestsWouldMeet() async throws {
        let server = try await server()
        let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        let question: JSONValue = [
            "spec": ["resourceAttributes": ["namespace": "a", "verb": "get", "resource": "configmaps"]]
        ]
        #expect(await server.call("POST", path, question).json[path: "status", "allowed"] == true)
        let no = await server.call("POST", path, question, user: Self.alice)
        #expect(no.json[path: "status", "allowed"] == false)
        #expect(await server.call("POST", path, ["spec": [:]], user: Self.alice).status == 422)
    }

    @Test func aStartMakesTheStandardObjectsAndRestoresDefaultRoles() async throws {
        let server = try await server()
        let roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
        for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
            #expect(await server.call("GET", "/api/v1/namespaces/\(name)").status == 200)
        }
        let service = await server.call("GET", "/api/v1/namespaces/default/services/kubernetes")
        #expect(service.json[path: "spec", "clusterIP"] == "10.96.0.1")
        let slice = await server.call(
            "GET", "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes")
        #expect(slice.json["endpoints"]?[0]?["addresses"] == ["192.0.2.10"])
        var view = await server.call("GET", "\(roles)/system:discovery").json
        view["rules"] = []
        #expect(await server.call("PUT", "\(roles)/system:discovery", view).status == 200)
        try await server.core.bootstrap(endpoints: ["192.0.2.10"], port: 6443)
        let restored = await server.call("GET", "\(roles)/system:discovery")
        #expect(restored.json["rules"]?.array?.isEmpty == false)
    }
}
