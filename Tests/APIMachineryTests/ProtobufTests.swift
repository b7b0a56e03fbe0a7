import APIMachinery
import FoundationEssentials
import JSONText
import Testing

/// Acceptance data from outside of the project; absent data fails under `CI=true`.
enum CaseFiles {
    static func json(_ path: String, below: String = "cases") throws -> JSONValue? {
        let environment = ProcessInfo.processInfo.environment
        let root = environment["MARTLET_CASES"] ?? "../shared/cases"
        let folder = below == "cases" ? root : "\(root)/../\(below)"
        guard let data = FileManager.default.contents(atPath: "\(folder)/\(path)") else {
            if environment["CI"] == "true" { Issue.record("no \(folder)/\(path)") }
            print("not run: no \(folder)/\(path)")
            return nil
        }
        return try JSONValue(parsing: Array(data))
    }

    /// A schema of every type in the reference, in the grammar of the table.
    static func schema(_ facts: JSONValue) -> Schema {
        var lines: [String] = []
        for (name, fact) in (facts["types"]?.object ?? [:]).sorted(by: { $0.key < $1.key }) {
            var head = "@\(name)"
            if let kind = fact["gvk"]?.string { head += " G=\(kind)" }
            if let alias = fact["is"]?.string { head += " I=\(alias)" }
            lines.append(head)
            for (field, value) in (fact["fields"]?.object ?? [:]).sorted(by: { $0.key < $1.key }) {
                let numbers = value["proto"].map { $0.array ?? [$0] } ?? []
                let path = numbers.compactMap { $0.integer.map(String.init) }.joined(separator: ".")
                lines.append("\(field) \(value["t"]?.string ?? "any")" + (path.isEmpty ? "" : " #\(path)"))
            }
        }
        return Schema(table: lines.joined(separator: "\n"))
    }
}

@Suite struct ProtobufTests {
    private func canonical(_ object: JSONValue, _ schema: Schema) throws -> JSONValue {
        let name = "\(object["apiVersion"]?.string ?? "")/\(object["kind"]?.string ?? "")"
        let type = try #require(schema.types.firstIndex { $0.groupVersionKind == name }, "\(name)")
        var decoder = ObjectDecoder(schema: schema)
        return try decoder.object(object, type: type)
    }

    /// Whether the object holds all that another one holds.
    private func holds(_ object: JSONValue, _ part: JSONValue) -> Bool {
        guard case .object(let members) = part else { return object == part }
        return members.allSatisfy { name, value in object[name].map { holds($0, value) } ?? false }
    }

    @Test func bodiesOfRealClientsReadAsTheJSONThatTheyStandFor() throws {
        guard let file = try CaseFiles.json("protobuf/protobuf-bodies.json"),
            let facts = try CaseFiles.json("schema.json", below: "reference")
        else { return }
        let everything = CaseFiles.schema(facts)
        var passed = 0
        for item in file["cases"]?.array ?? [] {
            let bytes = Base64.decode(item["bodyBase64"]?.string ?? "").bytes
            let expected = try #require(item["expectedJSON"])
            let kind = "\(expected["apiVersion"]?.string ?? "")/\(expected["kind"]?.string ?? "")"
            let isServed = Schema.builtin.types.contains { $0.groupVersionKind == kind }
            let schema = isServed ? Schema.builtin : everything
            let decoded = try canonical(try ProtobufCodec(schema: schema).decode(bytes), schema)
            let wanted = try canonical(expected, schema)
            let isSubset = item["expectedNote"] != nil
            let agrees = isSubset ? holds(decoded, expected) : decoded == wanted
            #expect(agrees, "\(item["id"]?.string ?? ""): \(decoded.compactText) ≠ \(wanted.compactText)")
            if agrees { passed += 1 }
        }
        print("protobuf-bodies.json: \(passed) passed, \((file["cases"]?.array ?? []).count - passed) failed")
    }

    /// The committed table says what the reference says.
    @Test func theTableAgreesWithTheReference() throws {
        guard let facts = try CaseFiles.json("schema.json", below: "reference") else { return }
        let reference = CaseFiles.schema(facts)
        // ClusterNetworkPolicy and our own kinds are no part of Kubernetes itself, and have no protobuf.
        let own = ["policynetworking.", "martlet."]
        for type in Schema.builtin.types where !own.contains(where: type.name.hasPrefix) {
            let other = try #require(reference.type(named: type.name), "\(type.name)")
            #expect(type.fields.map(\.name) == other.fields.map(\.name), "\(type.name)")
            #expect(type.fields.map(\.protobuf) == other.fields.map(\.protobuf), "\(type.name)")
        }
    }

    private static let samples = [
        #"""
        {"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","labels":{"a":"b"},
        "creationTimestamp":"2024-01-02T03:04:05Z","managedFields":[{"manager":"m",
        "operation":"Apply","apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{}}}]},
        "spec":{"containers":[{"name":"c","image":"i","resources":{"limits":{"cpu":"100m"}},
        "ports":[{"containerPort":80,"protocol":"TCP"}],"livenessProbe":{"httpGet":{"port":"http"}},
        "securityContext":{"runAsUser":0,"privileged":false}}],"volumes":[{"name":"v",
        "configMap":{"name":"x","defaultMode":0}}],"tolerations":[{"operator":"Exists",
        "tolerationSeconds":0}]},"status":{"conditions":[{"type":"Ready","status":"True"}]}}
        """#,
        #"""
        {"apiVersion":"v1","kind":"Service","metadata":{"name":"s"},"spec":{"ports":[{"port":80,
        "targetPort":"http"},{"port":81,"targetPort":8081}],"selector":{"a":"b"},
        "clusterIPs":["10.0.0.1"]}}
        """#,
        #"""
        {"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},"data":{"a":"AAECAw=="},
        "type":"Opaque","immutable":false}
        """#,
        #"""
        {"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"n"},
        "spec":{"podSelector":{"matchExpressions":[{"key":"a","operator":"In",
        "values":["x"]}]},"ingress":[{"from":[{"ipBlock":{"cidr":"10.0.0.0/8",
        "except":["10.1.0.0/16"]}}],"ports":[{"protocol":"TCP","port":80,"endPort":90}]}],
        "policyTypes":["Ingress"]}}
        """#,
        #"""
        {"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"l"},
        "spec":{"holderIdentity":"","renewTime":"2024-01-02T03:04:05.000006Z"}}
        """#,
        #"""
        {"apiVersion":"authorization.k8s.io/v1","kind":"SubjectAccessReview",
        "spec":{"user":"u","extra":{"k":["a","b"]}}}
        """#,
    ]

    @Test(arguments: samples)
    func whatIsWrittenReadsBackEqual(text: String) throws {
        let object = try canonical(try JSONValue(parsing: text), .builtin)
        let bytes = try #require(ProtobufCodec().encode(object))
        #expect(bytes.starts(with: [0x6B, 0x38, 0x73, 0]))
        #expect(try canonical(try ProtobufCodec().decode(bytes), .builtin) == object)
    }

    /// Damaged bodies are read or refused with 400, and never trap.
    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func damagedBodiesAreRefused(seed: UInt64) throws {
        var random = SeededRandom(seed)
        var refused = 0
        for _ in 0..<1000 {
            let object = try canonical(
                try JSONValue(parsing: Self.samples[random.below(Self.samples.count)]), .builtin)
            var bytes = try #require(ProtobufCodec().encode(object))
            for _ in 0...random.below(4) {
                let at = 4 + random.below(bytes.count - 4)
                switch random.below(3) {
                case 0: bytes[at] = UInt8(random.below(256))
                case 1: bytes.removeSubrange(at...)
                default: bytes.insert(UInt8(random.below(256)), at: at)
                }
                if bytes.count <= 5 { break }
            }
            if let status = refusal({ try ProtobufCodec().decode(bytes) }) {
                refused += 1
                #expect(status.code == 400, "seed \(seed)")
            }
        }
        #expect(refused > 100)
    }

    @Test func messagesThatAreNestedTooDeepAreRefused() throws {
        var inner: [UInt8] = []
        for _ in 0..<5000 {
            var length: [UInt8] = []
            var rest = inner.count
            while rest >= 0x80 {
                length.append(UInt8(rest & 0x7F) | 0x80)
                rest >>= 7
            }
            inner = [0x0A] + length + [UInt8(rest)] + inner
        }
        let meta: [UInt8] = [0x0A, 2] + Array("v1".utf8) + [0x12, 3] + Array("Pod".utf8)
        let body: [UInt8] = [0x6B, 0x38, 0x73, 0, 0x0A, UInt8(meta.count)] + meta + [0x12, 3, 0x12, 1, 0x08]
        #expect(refusal { try ProtobufCodec().decode(body) }?.code == 400)
        #expect(refusal { try ProtobufCodec().decode([0x6B, 0x38, 0x73, 0] + inner) }?.code == 400)
        #expect(refusal { try ProtobufCodec().decode(Array("{}".utf8)) }?.code == 400)
    }
}
