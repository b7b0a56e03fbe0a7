import APIMachinery
import JSONText
import Testing

@Suite struct CanonicalFormTests {
    private func canonical(_ text: String, _ type: String) throws -> (JSONValue, [String]) {
        let index = try #require(Schema.builtin.index(of: type))
        var decoder = ObjectDecoder()
        return (try decoder.object(try JSONValue(parsing: text), type: index), decoder.faults)
    }

    @Test func emptyMembersGoButForThoseThatAreAlwaysWritten() throws {
        let (pod, _) = try canonical(
            #"""
            {"metadata":{"name":"p","labels":{},"annotations":null},"spec":{"containers":[{"name":"c",
            "stdin":false,"args":[]}],"hostNetwork":false}}
            """#,
            "core.v1.Pod")
        #expect(
            pod == [
                "metadata": ["name": "p"], "status": .object([:]),
                "spec": ["containers": [["name": "c", "resources": .object([:])]]],
            ])
    }

    @Test func scalarsThatTellAbsentFromZeroAreKept() throws {
        let (spec, _) = try canonical(
            #"{"containers":[],"enableServiceLinks":false,"terminationGracePeriodSeconds":0,"hostPID":false}"#,
            "core.v1.PodSpec")
        #expect(spec == ["containers": .array([]), "enableServiceLinks": false, "terminationGracePeriodSeconds": 0])
    }

    @Test func unknownMembersAreNamedByTheirPath() throws {
        let (_, faults) = try canonical(
            #"{"metadata":{"lables":1},"spec":{"containers":[{"name":"c"},{"name":"d","imge":"x"}]},"Kind":"Pod"}"#,
            "core.v1.Pod")
        #expect(
            Set(faults) == [
                #"unknown field "metadata.lables""#, #"unknown field "spec.containers[1].imge""#,
                #"unknown field "Kind""#,
            ])
    }

    @Test(arguments: [
        (
            #"{"spec":{"containers":{"name":"c"}}}"#,
            "cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container"
        ),
        (
            #"{"metadata":{"labels":{"a":1}}}"#,
            "cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string"
        ),
        (
            #"{"spec":{"containers":[{"ports":[{"containerPort":"80"}]}]}}"#,
            "cannot unmarshal string into Go struct field ContainerPort.spec.containers.ports.containerPort of"
        ),
        (
            #"{"spec":{"containers":[{"ports":[{"containerPort":4294967376}]}]}}"#,
            "cannot unmarshal number 4294967376 into Go struct field ContainerPort.spec.containers.ports."
        ),
        (#"{"metadata":{"creationTimestamp":"yesterday"}}"#, #"parsing time "yesterday""#),
    ])
    func membersOfTheWrongTypeAreRefusedByPath(text: String, message: String) throws {
        let status = try #require(refusal { try canonical(text, "core.v1.Pod") })
        #expect(status.code == 400)
        #expect(status.message.contains(message), "\(status.message)")
    }

    @Test(arguments: [
        ("1000m", "1"), ("0.5", "500m"), ("1024Mi", "1Gi"), ("1500Mi", "1500Mi"), ("1e3", "1e3"), ("1k", "1k"),
        ("1u", "1u"), ("0.1n", "1n"), ("-1", "-1"), ("0", "0"), ("1.5Gi", "1536Mi"), ("512Ki", "512Ki"),
        ("12E", "9223372036854775807"),
        ("0.5Ki", "512"), ("+2", "2"), ("100000", "100k"), (".5", "500m"), ("1E3", "1e3"),
    ])
    func quantitiesHaveOneText(given: String, text: String) {
        #expect(Quantity(given)?.text == text)
    }

    @Test(arguments: ["", "x", "1x", "1mm", "--1", "1.2.3", "1 ", "Ki", "1e", "e3"])
    func textsThatAreNoQuantityAreRefused(text: String) {
        #expect(Quantity(text) == nil)
    }

    @Test func timesAreKeptInUTC() {
        #expect(Timestamp("2024-02-29T23:30:00+01:00")?.text == "2024-02-29T22:30:00Z")
        #expect(Timestamp("1970-01-01T00:00:00Z")?.secondsSince1970 == 0)
        #expect(Timestamp("2024-01-01T00:00:00.123456789Z")?.microText == "2024-01-01T00:00:00.123456Z")
        #expect(Timestamp("0001-01-01T00:00:00Z")?.text == "0001-01-01T00:00:00Z")
        for bad in [
            "2023-02-29T00:00:00Z", "2024-13-01T00:00:00Z", "2024-01-01", "2024-01-01T00:00:00", "x",
            "2024-01-01T00:00:00.Z",
        ] {
            #expect(Timestamp(bad) == nil, "\(bad)")
        }
    }

    @Test func everyMomentReadsBackAsItIsWritten() {
        var random = SeededRandom(7)
        for _ in 0..<2000 {
            let time = Timestamp(
                secondsSince1970: Int64(random.below(8_000_000_000)) - 2_000_000_000,
                microseconds: Int32(random.below(1_000_000)))
            #expect(Timestamp(time.microText) == time)
        }
    }

    @Test func base64IsStrict() {
        #expect(Base64.decode("YQ==").bytes == [0x61])
        #expect(Base64.decode("!!").wrongAt == 0)
        #expect(Base64.decode("YQ=").wrongAt != nil)
        #expect(Base64.decode("YQ==YQ==").wrongAt != nil)
        #expect(Base64.decode("YWJ\nj").bytes == Array("abc".utf8))
        for count in 0..<20 {
            let bytes = (0..<count).map { UInt8($0 * 13 & 255) }
            #expect(Base64.decode(Base64.encode(bytes)).bytes == bytes)
        }
    }

    @Test func strictDecodingRefusesAndWarningTells() throws {
        var object = try WriterFixture("configmaps", name: "m")
        let text = #"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m"},"dta":{},"data":{"a":"1","a":"2"}}"#
        let status = try #require(refusal { try object.create(text) })
        #expect(status.code == 400)
        #expect(
            status.message == "ConfigMap \"m\" in version \"v1\" cannot be handled as a ConfigMap: strict decoding "
                + "error: duplicate field \"data.a\", unknown field \"dta\"")
        try object.create(text, validation: .warn)
        #expect(object.warnings == [#"duplicate field "data.a""#, #"unknown field "dta""#])
        #expect(object.stored?["data"] == ["a": "2"])
    }
}
