import APIMachinery
import JSONText
import Testing

@testable import APIServer

@Suite struct ReadTests {
    private func names(_ answer: TestServer.Answer) -> [String] {
        (answer.json["items"]?.array ?? []).map(\.name)
    }

    @Test func pagesShowTheStateOfTheFirstPage() async throws {
        let server = try TestServer()
        await server.makeNamespace("a")
        for index in 0..<5 {
            await server.call("POST", "/api/v1/namespaces/a/configmaps", TestServer.configMap("m\(index)"))
        }
        let first = await server.call("GET", "/api/v1/namespaces/a/configmaps?limit=2")
        #expect(names(first) == ["m0", "m1"])
        #expect(first.json[path: "metadata", "remainingItemCount"] == 3)
        await server.call("POST", "/api/v1/namespaces/a/configmaps", TestServer.configMap("m11"))
        await server.call("DELETE", "/api/v1/namespaces/a/configmaps/m3")
        let token = try #require(first.json[path: "metadata", "continue"]?.string)
        let second = await server.call("GET", "/api/v1/namespaces/a/configmaps?limit=2&continue=\(token)")
        #expect(names(second) == ["m2", "m3"])
        let whole = await server.call("GET", "/api/v1/namespaces/a/configmaps")
        #expect(names(whole) == ["m0", "m1", "m11", "m2", "m4"])
    }

    @Test func aPageTooLateTellsHowToGoOn() async throws {
        let server = try TestServer { $0.watchHistoryEventsMax = 8 }
        await server.makeNamespace("a")
        let path = "/api/v1/namespaces/a/configmaps"
        for index in 0..<5 { await server.call("POST", path, TestServer.configMap("m\(index)")) }
        let first = await server.call("GET", "\(path)?limit=2")
        let token = try #require(first.json[path: "metadata", "continue"]?.string)
        for index in 5..<9 {
            await server.call("POST", path, TestServer.configMap("m\(index)"))
            await server.call("DELETE", "\(path)/m\(index)")
            await server.call("POST", path, TestServer.configMap("m\(index)"))
        }
        let late = await server.call("GET", "\(path)?limit=2&continue=\(token)")
        #expect(late.status == 410)
        #expect(late.reason == "Expired")
        let present = try #require(late.json[path: "metadata", "continue"]?.string)
        let second = await server.call("GET", "\(path)?limit=2&continue=\(present)")
        #expect(names(second) == ["m2", "m3"])
        let third = try #require(second.json[path: "metadata", "continue"]?.string)
        #expect(names(await server.call("GET", "\(path)?continue=\(third)")) == ["m4", "m5", "m6", "m7", "m8"])
    }

    @Test func selectorsPickByLabelsAndFields() async throws {
        let server = try TestServer()
        await server.makeNamespace("a")
        for (name, labels) in [("x", ["k": "1"]), ("y", ["k": "2", "l": "z"]), ("z", [:])] {
            await server.call("POST", "/api/v1/namespaces/a/configmaps", TestServer.configMap(name, labels: labels))
        }
        func select(_ query: String) async -> [String] {
            names(await server.call("GET", "/api/v1/namespaces/a/configmaps?\(query)"))
        }
        #expect(await select("labelSelector=k%3D1") == ["x"])
        #expect(await select("labelSelector=k%21%3D1") == ["y", "z"])
        #expect(await select("labelSelector=k%20in%20(1,2),l") == ["y"])
        #expect(await select("labelSelector=%21k") == ["z"])
        #expect(await select("fieldSelector=metadata.name%3Dy") == ["y"])
        let unknown = await server.call("GET", "/api/v1/configmaps?fieldSelector=data.a%3D1")
        #expect(unknown.status == 400)
        #expect(unknown.json["message"]?.string?.contains("data.a") == true)
    }

    @Test func anObjectComesAsJSONYAMLTableOrMetadata() async throws {
        let server = try TestServer()
        await server.makeNamespace("a")
        await server.call("POST", "/api/v1/namespaces/a/configmaps", TestServer.configMap("m"))
        let path = "/api/v1/namespaces/a/configmaps/m"
        #expect(await server.call("GET", path, accept: "application/yaml").text.contains("kind: ConfigMap\n"))
        let table = await server.call("GET", path, accept: "application/json;as=Table;v=v1;g=meta.k8s.io")
        #expect(table.json["kind"] == "Table")
        #expect(table.json["rows"]?[0]?["cells"]?[1] == 1)
        let partial = await server.call(
            "GET", path, accept: "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io")
        #expect(partial.json["kind"] == "PartialObjectMetadata")
        #expect(partial.json["data"] == nil)
        #expect(await server.call("GET", path, accept: "application/xml").status == 406)
    }

    @Test func openPathsNeedNoIdentityAndNothingElseIsOpen() async throws {
        let server = try TestServer()
        for path in ["/healthz", "/livez", "/readyz", "/version"] {
            #expect(await server.call("GET", path, user: nil).status == 200)
        }
        for path in ["/api", "/apis", "/openapi/v3", "/metrics", "/api/v1/pods", "/"] {
            #expect(await server.call("GET", path, user: nil).status == 401)
        }
    }

    /// As kubectl asks for it before it sends a `List`: without definitions, each item is validated by the server.
    @Test func theOlderOpenAPIDocumentIsThereAsProtobufAndEmpty() async throws {
        let server = try TestServer()
        let type = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
        let answer = await server.call("GET", "/openapi/v2?timeout=32s", accept: type)
        #expect(answer.status == 200)
        #expect(
            answer.headers.first { $0.name == "content-type" }?.value
                == "application/com.github.proto-openapi.spec.v2.v1.0+protobuf")
        // Field 1, "2.0"; field 2 with title and version.
        let info = [0x0A, 10] + Array("Kubernetes".utf8) + [0x12, 7] + Array("v1.32.0".utf8)
        #expect(Array(answer.text.utf8) == [0x0A, 3] + Array("2.0".utf8) + [0x12, UInt8(info.count)] + info)
        #expect(await server.call("GET", "/openapi/v2").status == 404)
        #expect(await server.call("GET", "/openapi/v2", accept: type, user: nil).status == 401)
    }

    @Test func eachMetricHasItsHelpAndItsType() async throws {
        let server = try TestServer()
        await server.makeNamespace("a")
        let lines = await server.call("GET", "/metrics").text.split(separator: "\n")
        let names = Set(lines.filter { !$0.hasPrefix("#") }.map { String($0.prefix { $0 != "{" && $0 != " " }) })
        #expect(names.count == 4 && names.allSatisfy { $0.hasPrefix("martlet_api_") })
        for name in names {
            #expect(lines.count { $0.hasPrefix("# HELP \(name) ") && $0.hasSuffix(".") } == 1)
            #expect(lines.count { ["gauge", "counter"].map { "# TYPE \(name) \($0)" }.contains($0) } == 1)
        }
    }

    @Test func unknownKindsAndMethodsAreRefusedAsKubernetesDoes() async throws {
        let server = try TestServer()
        #expect(await server.call("GET", "/apis/apps/v1/deployments").status == 404)
        #expect(await server.call("PUT", "/api/v1/namespaces/default/configmaps").status == 405)
        #expect(await server.call("POST", "/api/v1/configmaps", TestServer.configMap("m")).status == 405)
        #expect(await server.call("POST", "/api/v1/namespaces/default/endpoints", [:]).status == 405)
        #expect(await server.call("FOO", "/api/v1/namespaces/default/configmaps").status == 405)
    }
}
