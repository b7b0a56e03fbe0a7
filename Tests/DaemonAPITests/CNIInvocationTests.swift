import DaemonAPI
import JSONText
import Testing

struct CNIInvocationTests {
    static let environment = [
        "CNI_COMMAND": "ADD", "CNI_CONTAINERID": "c1", "CNI_NETNS": "/run/netns/x", "CNI_IFNAME": "eth0",
        "CNI_ARGS": "K8S_POD_UID=u;K8S_POD_NAME=p;IgnoreUnknown=1;K8S_POD_NAMESPACE=n",
    ]
    static let configuration: JSONValue = ["cniVersion": "1.1.0", "name": "martlet", "type": "martlet-cni"]

    static func read(_ changes: [String: String?] = [:], _ configuration: JSONValue = configuration) throws(DaemonError)
        -> CNIInvocation
    {
        var environment = environment
        for (name, value) in changes { environment[name] = value }
        return try CNIInvocation(environment: environment, input: configuration.compactBytes, started: 5)
    }

    static func code(_ changes: [String: String?] = [:], _ configuration: JSONValue = configuration)
        -> DaemonError.Code?
    {
        do throws(DaemonError) {
            _ = try read(changes, configuration)
            return nil
        } catch {
            return error.code
        }
    }

    @Test func podArgumentsAreReadInAnyOrder() throws {
        guard case .add(let request) = try Self.read().verb else {
            Issue.record("not an ADD")
            return
        }
        #expect(request.owner == .pod(namespace: "n", name: "p", uid: "u"))
        #expect(request.key == AttachmentKey(containerID: "c1", interface: "eth0"))
        #expect(request.startedNanoseconds == 5 && !request.allowUnmanaged && request.mtu == nil)
    }

    @Test func variablesAreCheckedAndNamed() {
        for name in ["CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"] {
            #expect(Self.code([name: nil as String?]) == .invalidEnvironment, "\(name) absent")
        }
        let bad: [(String, String)] = [
            ("CNI_COMMAND", "FLY"), ("CNI_CONTAINERID", "../x"), ("CNI_CONTAINERID", ".x"), ("CNI_CONTAINERID", "a b"),
            ("CNI_IFNAME", "a/b"), ("CNI_IFNAME", "a:b"), ("CNI_IFNAME", "."), ("CNI_IFNAME", ".."),
            ("CNI_IFNAME", "a b"), ("CNI_IFNAME", "sixteen-letters-"), ("CNI_ARGS", "novalue"),
            ("CNI_ARGS", "K8S_POD_NAME=p"),
        ]
        for (name, value) in bad { #expect(Self.code([name: value]) == .invalidEnvironment, "\(name)=\(value)") }
    }

    @Test func configurationIsCheckedAndItsFieldsNamed() {
        let bad: [(String, JSONValue?)] = [
            ("name", nil), ("name", "b@d!"), ("name", 3), ("socket", "relative/path"), ("socket", 1), ("mtu", 100),
            ("mtu", "1500"), ("allowUnmanaged", "yes"),
        ]
        for (field, value) in bad {
            var configuration = Self.configuration
            configuration[field] = value
            #expect(Self.code([:], configuration) == .invalidConfiguration, "\(field) = \(String(describing: value))")
        }
        var other = Self.configuration
        other["cniVersion"] = "9.9.9"
        #expect(Self.code([:], other) == .incompatibleVersion)
        #expect(Self.code([:], "no object") == .decodingFailure)
    }

    @Test func checkNeedsAPreviousResultAndGCItsList() {
        #expect(Self.code(["CNI_COMMAND": "CHECK"]) == .invalidConfiguration)
        #expect(Self.code(["CNI_COMMAND": "GC"]) == .invalidConfiguration)
        var old = Self.configuration
        old["cniVersion"] = "1.0.0"
        #expect(Self.code(["CNI_COMMAND": "GC"], old) == .incompatibleVersion)
        #expect(Self.code(["CNI_COMMAND": "STATUS"], old) == .incompatibleVersion)
        #expect(Self.code(["CNI_COMMAND": "DEL", "CNI_NETNS": nil as String?]) == nil)
    }

    @Test func fuzzedInputIsAnsweredAndNeverCrashes() {
        var state: UInt64 = 42
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(bound))
        }
        var accepted = 0
        for _ in 0..<4_000 {
            var input = Self.configuration.compactBytes
            for _ in 0..<random(3) { input[random(input.count)] = UInt8(random(256)) }
            if random(4) == 0 { input.removeLast(random(input.count)) }
            var environment = Self.environment
            let name = environment.keys.sorted()[random(environment.count)]
            if random(2) == 0 {
                environment[name] = String(decoding: (0..<random(20)).map { _ in UInt8(random(256)) }, as: UTF8.self)
            }
            if (try? CNIInvocation(environment: environment, input: input, started: 0)) != nil { accepted += 1 }
        }
        #expect(accepted > 0 && accepted < 4_000)
    }
}
