import APIMachinery
import AsyncHTTPClient
import JSONText
import Testing

@testable import APIServer

/// Input that cannot be taken, through TLS: each is refused with the object and the field, and the server goes on.
@Suite struct BadInputTests {
    /// 0 is no port, and not the same as none, which means all.
    @Test(
        arguments: [
            (["port": 0], "port"), (["port": 65_536], "port"), (["port": -1], "port"),
            (["port": 80, "endPort": 0], "endPort"),
            (["port": 80, "endPort": 79], "endPort"), (["endPort": 80], "endPort"),
        ] as [(JSONValue, String)])
    func aPortOfAnInvariantThatIsNoneIsRefused(port: JSONValue, field: String) async throws {
        let server = try TestServer()
        func make(_ port: JSONValue) async -> (status: Int, text: String) {
            let answer = await server.call(
                "POST", "/apis/martlet.io/v1alpha1/networkinvariants",
                [
                    "apiVersion": "martlet.io/v1alpha1", "kind": "NetworkInvariant", "metadata": ["name": "i"],
                    "spec": ["statement": "Never", "from": [:], "to": [:], "ports": [port]],
                ])
            return (answer.status, answer.text)
        }
        let refused = await make(port)
        #expect(refused.status == 422 && refused.text.contains("spec.ports[0].\(field)\""), "\(refused.text)")
        #expect(await make(["protocol": "UDP"]).status == 201)
    }

    private static let maps = "/api/v1/namespaces/default/configmaps"

    /// A body, how it is sent, what the refusal has to name.
    struct Case: Sendable, CustomTestStringConvertible {
        let what: String
        var path = maps
        var content = "application/json"
        let body: [UInt8]
        var status = 400
        let names: [String]
        var testDescription: String { what }

        init(
            _ what: String, _ path: String, content: String = "application/json", _ body: String, status: Int = 400,
            names: String...
        ) {
            self.what = what
            self.path = path
            self.content = content
            self.body = Array(body.utf8)
            self.status = status
            self.names = names
        }

        init(
            _ what: String, content: String = "application/json", _ body: String, status: Int = 400, names: String...
        ) {
            self.what = what
            self.content = content
            self.body = Array(body.utf8)
            self.status = status
            self.names = names
        }

        init(_ what: String, protobuf body: [UInt8], names: String...) {
            self.what = what
            content = "application/vnd.kubernetes.protobuf"
            self.body = body
            self.names = names
        }
    }

    private static let yaml = "application/yaml"
    private static let mark: [UInt8] = [0x6B, 0x38, 0x73, 0]

    private static let malformed = [
        Case("JSON that ends early", #"{"kind":"ConfigMap","metadata":{"name":"x""#, names: "ConfigMap", "byte"),
        Case("JSON with a tail", #"{"metadata":{"name":"x"}} {}"#, names: "ConfigMap", "byte"),
        Case("JSON that is a list", "[]", names: "ConfigMap", "array"),
        Case("no body", "", names: "ConfigMap"),
        Case("YAML that ends early", content: yaml, "metadata: {name: x", names: "ConfigMap", "yaml"),
        Case("YAML with a tab", content: yaml, "metadata:\n\tname: x", names: "ConfigMap", "yaml"),
        Case("YAML with an unknown anchor", content: yaml, "data: *x", names: "ConfigMap", "yaml"),
        Case("YAML of bombs", content: yaml, bomb, names: "ConfigMap", "yaml"),
        Case("protobuf without its mark", protobuf: [1, 2, 3], names: "protobuf"),
        Case("protobuf that ends early", protobuf: mark + [0x0A, 0x7F, 1], names: "proto", "byte"),
        Case("protobuf of an unknown kind", protobuf: mark + [0x0A, 4, 0x12, 2, 0x41, 0x42], names: "AB"),
    ]

    /// Ten levels of ten aliases each.
    private static let bomb: String = {
        var text = "a0: &a0 x\n"
        for level in 1...10 {
            let aliases = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ",")
            text += "a\(level): &a\(level) [\(aliases)]\n"
        }
        return text
    }()

    private static func nested(_ open: String, _ close: String, _ depth: Int) -> String {
        String(repeating: open, count: depth) + String(repeating: close, count: depth)
    }

    private static let deep = [
        Case("JSON lists", #"{"data":"# + nested("[", "]", 100_000) + "}", names: "ConfigMap"),
        Case("JSON objects", nested(#"{"a":"#, "}", 100_000), names: "ConfigMap"),
        Case("YAML lists", content: yaml, "data: " + nested("[", "]", 100_000), names: "ConfigMap"),
        Case("YAML sequences", content: yaml, String(repeating: "- ", count: 100_000) + "x", names: "ConfigMap"),
    ]

    private static let strict = maps + "?fieldValidation=Strict"
    private static let types = [
        Case("an unknown field", strict, #"{"metadata":{"name":"x","lables":{}}}"#, names: #""x""#, "metadata.lables"),
        Case("a field twice", strict, #"{"metadata":{"name":"x"},"data":{"a":"1","a":"2"}}"#, names: #""x""#, "data.a"),
        Case(
            "an unknown field of YAML", strict, content: yaml, "metadata: {name: x}\nfoo: 1", names: #""x""#, "foo"),
        Case("a number for text", #"{"metadata":{"name":"x"},"data":{"a":1}}"#, names: #""x""#, "data"),
        Case(
            "no base64", "/api/v1/namespaces/default/secrets", #"{"metadata":{"name":"x"},"data":{"a":"!"}}"#,
            names: #""x""#, "data.a"),
        Case(
            "no quantity", "/api/v1/nodes", #"{"metadata":{"name":"x"},"status":{"capacity":{"cpu":"1z"}}}"#,
            names: #""x""#, "status.capacity.cpu"),
        Case(
            "no time", "/apis/coordination.k8s.io/v1/namespaces/default/leases",
            #"{"metadata":{"name":"x"},"spec":{"renewTime":"noon"}}"#, names: #""x""#, "spec.renewTime"),
        Case(
            "a number too large", "/api/v1/namespaces/default/services",
            #"{"metadata":{"name":"x"},"spec":{"ports":[{"port":99999999999}]}}"#, names: #""x""#, "ports.port"),
    ]

    private static let policies = "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies"
    private static let slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
    private static let ranges = [
        Case("a name", #"{"metadata":{"name":"Bad_Name"}}"#, status: 422, names: #""Bad_Name""#, "metadata.name"),
        Case(
            "a long name", #"{"metadata":{"name":""# + String(repeating: "x", count: 254) + #""}}"#, status: 422,
            names: "metadata.name"),
        Case("a label", #"{"metadata":{"name":"x","labels":{"a b":""}}}"#, status: 422, names: "metadata.labels"),
        Case("a key", #"{"metadata":{"name":"x"},"data":{"a b":""}}"#, status: 422, names: "data[a b]"),
        Case(
            "a port", "/api/v1/namespaces/default/services",
            #"{"metadata":{"name":"x"},"spec":{"ports":[{"port":70000}]}}"#, status: 422, names: "spec.ports[0].port"),
        Case(
            "a node port", "/api/v1/namespaces/default/services",
            #"{"metadata":{"name":"x"},"spec":{"type":"NodePort","ports":[{"port":1,"nodePort":1}]}}"#, status: 422,
            names: "spec.ports[0].nodePort"),
        Case(
            "a container's port", "/api/v1/namespaces/default/pods",
            #"{"metadata":{"name":"x"},"spec":{"containers":[{"name":"c","image":"i","ports":[{"containerPort":-1}]}"#
                + "]}}",
            status: 422, names: "spec.containers[0].ports[0].containerPort"),
        Case(
            "a block", policies,
            #"{"metadata":{"name":"x"},"spec":{"podSelector":{},"ingress":[{"from":[{"ipBlock":{"cidr":"10.0.0.0/33"}}"#
                + "]}]}}",
            status: 422, names: "spec.ingress[0].from[0].ipBlock.cidr"),
        Case(
            "the end of ports", policies,
            #"{"metadata":{"name":"x"},"spec":{"podSelector":{},"egress":[{"ports":[{"port":80,"endPort":70000}]}]}}"#,
            status: 422, names: "spec.egress[0].ports[0].endPort"),
        Case(
            "a pod block", "/api/v1/nodes", #"{"metadata":{"name":"x"},"spec":{"podCIDR":"10.0.0.0/40"}}"#,
            status: 422, names: "spec.podCIDRs[0]"),
        Case(
            "an address", slices,
            #"{"metadata":{"name":"x"},"addressType":"IPv4","endpoints":[{"addresses":["300.1.1.1"]}]}"#,
            status: 422, names: "endpoints[0].addresses[0]"),
    ]

    @Test func eachIsRefusedByNameAndTheServerGoesOn() async throws {
        try await HTTPSServer.run { server in
            try await makeAccount(server)
            let admin = try server.client(isHTTP1: false)
            for wrong in Self.malformed + Self.deep + Self.types + Self.ranges {
                let answer = try await server.send(
                    admin, "POST", server.url + wrong.path, wrong.body, content: wrong.content)
                #expect(answer.status == wrong.status, "\(wrong.what)")
                #expect(answer.json["kind"] == "Status", "\(wrong.what)")
                let said = answer.json["message"]?.string ?? ""
                for name in wrong.names { #expect(said.contains(name), "\(wrong.what): \(said.prefix(400))") }
                if wrong.status == 422 {
                    #expect(answer.json[path: "details", "causes"]?[0]?["field"] != nil, "\(wrong.what)")
                }
            }
            let list = try await server.send(admin, "GET", "\(server.url)/api/v1/namespaces/default/configmaps")
            #expect(list.json["items"] == [])
            let good = TestServer.configMap("m").compactBytes
            #expect(try await server.send(admin, "POST", server.url + Self.maps, good).status == 201)
            try await admin.shutdown()
        }
    }

    /// Pods are refused without their account; its controller does not run here.
    private func makeAccount(_ server: HTTPSServer) async throws {
        let admin = try server.client(isHTTP1: true)
        let made = try await server.send(
            admin, "POST", "\(server.url)/api/v1/namespaces/default/serviceaccounts",
            Array(#"{"metadata":{"name":"default"}}"#.utf8))
        #expect(made.status == 201)
        try await admin.shutdown()
    }

    private func expectGoesOn(_ server: HTTPSServer) async throws {
        let admin = try server.client(isHTTP1: true)
        let name = "m\(UInt32.random(in: 0...UInt32.max))"
        let good = TestServer.configMap(name).compactBytes
        #expect(try await server.send(admin, "POST", server.url + Self.maps, good).status == 201)
        #expect(try await server.send(admin, "GET", "\(server.url)\(Self.maps)/cut").status == 404)
        try await admin.shutdown()
    }

    @Test func aChunkedBodyOverTheLimitIsCutOff() async throws {
        try await HTTPSServer.run { server in
            let connection = try await server.connection()
            try await connection.write(
                "POST \(Self.maps) HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n"
                    + "content-type: application/json\r\n\r\n")
            let chunk = "10000\r\n" + String(repeating: " ", count: 0x10000) + "\r\n"
            for _ in 0..<(3 << 20) / 0x10000 { try await connection.write(chunk) }
            try await connection.write("1\r\n \r\n0\r\n\r\n")
            let answer = await connection.text(until: "\"code\":413")
            #expect(answer.hasPrefix("HTTP/1.1 413 "))
            #expect(answer.contains("RequestEntityTooLarge"))
            try await expectGoesOn(server)
        }
    }

    @Test func aBodyThatIsCutShortMakesNothing() async throws {
        try await HTTPSServer.run { server in
            let whole = TestServer.configMap("cut").compactText
            for sent in [0, 1, whole.utf8.count - 1] {
                let connection = try await server.connection()
                try await connection.write(
                    "POST \(Self.maps) HTTP/1.1\r\nhost: x\r\ncontent-length: \(whole.utf8.count)\r\n"
                        + "content-type: application/json\r\n\r\n" + whole.prefix(sent))
                try await connection.close()
            }
            try await expectGoesOn(server)
        }
    }

    @Test func whatIsNoHTTPIsAnsweredOnce() async throws {
        try await HTTPSServer.run { server in
            let connection = try await server.connection()
            try await connection.write("hello\r\n\r\n")
            let answer = await connection.text(until: "never")
            #expect(answer.hasPrefix("HTTP/1.1 4"))
            #expect(answer.contains(#""kind":"Status""#))
            try await expectGoesOn(server)
        }
    }

    @Test func aWatcherThatGoesAwayIsForgotten() async throws {
        try await HTTPSServer.run { server in
            let connection = try await server.connection()
            try await connection.write("GET \(Self.maps)?watch=1 HTTP/1.1\r\nhost: x\r\n\r\n")
            #expect(await connection.text(until: "\r\n\r\n").hasPrefix("HTTP/1.1 200 "))
            let open = server.service.core.cache.watchCount
            try await connection.close()
            let deadline = ContinuousClock.now + .seconds(20)
            while server.service.core.cache.watchCount == open, ContinuousClock.now < deadline {
                try await Task.sleep(for: .milliseconds(10))
            }
            #expect(server.service.core.cache.watchCount == open - 1)
            try await expectGoesOn(server)
        }
    }

    @Test func aClientThatDoesNotWaitForItsAnswerHarmsNobody() async throws {
        try await HTTPSServer.run { server in
            for index in 0..<20 {
                let body = TestServer.configMap("gone\(index)").compactText
                let connection = try await server.connection()
                try await connection.write(
                    "POST \(Self.maps) HTTP/1.1\r\nhost: x\r\ncontent-length: \(body.utf8.count)\r\n"
                        + "content-type: application/json\r\n\r\n" + body)
                try await connection.close()
            }
            try await expectGoesOn(server)
        }
    }
}
