import JSONText

/// One run of the plugin: environment and standard input, validated as CNI 1.1.0 asks ("Parameters", "Network
/// configuration format").
package struct CNIInvocation: Sendable, Hashable {
    package enum Verb: Sendable, Hashable {
        case add(CNIRequest)
        case delete(CNIRequest)
        case check(CNIRequest)
        case collect(CNICollectRequest)
        case status
        /// The version that was named, to be echoed.
        case version(String)
    }

    package let verb: Verb
    package let version: CNIVersion
    /// Path of the daemon's socket: the network configuration's `socket`.
    package let socketPath: String

    package static let defaultSocketPath = "/run/martlet/martletd.sock"
    /// Bytes of standard input.
    package static let inputBytesMax = 4 << 20

    /// `environment`: the variables that start with `CNI_`. `started`: CLOCK_BOOTTIME, nanoseconds. Throws the error
    /// that the specification names: 4 for a variable, 6 for input that is no JSON object, 1 for a version, 7 for a
    /// field.
    package init(environment: [String: String], input: [UInt8], started: Int64) throws(DaemonError) {
        let command = try Self.variable("CNI_COMMAND", environment)
        let commands = ["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"]
        guard commands.contains(command) else {
            throw DaemonError(.invalidEnvironment, "CNI_COMMAND is \(command), not one of \(commands)")
        }
        let configuration = try Self.parse(input)
        let named = try Self.text("cniVersion", configuration) ?? "0.2.0"
        if command == "VERSION" {
            self.init(verb: .version(named), version: .newest, socketPath: "")
            return
        }
        guard let version = CNIVersion(rawValue: named) else {
            let known = CNIVersion.allCases.map(\.rawValue)
            throw DaemonError(.incompatibleVersion, "cniVersion \(named) is not one of \(known)")
        }
        if !version.hasCollect, command == "GC" || command == "STATUS" {
            throw DaemonError(.incompatibleVersion, "\(command) needs cniVersion 1.1.0, not \(named)")
        }
        let verb = try Self.verb(command, CNIInput(environment, configuration, version, started))
        let socketPath = try Self.text("socket", configuration) ?? Self.defaultSocketPath
        guard socketPath.utf8.first == UInt8(ascii: "/") else {
            throw DaemonError(.invalidConfiguration, "socket is \(socketPath), not an absolute path")
        }
        self.init(verb: verb, version: version, socketPath: socketPath)
    }

    private init(verb: Verb, version: CNIVersion, socketPath: String) {
        self.verb = verb
        self.version = version
        self.socketPath = socketPath
    }

    /// What an error answer may say as `cniVersion`: the one named in `input` where it is known, else the newest.
    package static func answerVersion(input: [UInt8]) -> CNIVersion {
        let named = (try? JSONValue(parsing: input))?["cniVersion"]?.string
        return named.flatMap(CNIVersion.init(rawValue:)) ?? .newest
    }

    private static func verb(_ command: String, _ input: CNIInput) throws(DaemonError) -> Verb {
        switch command {
        case "ADD": return .add(try input.request(namespaceRequired: true, previousRequired: false))
        case "DEL": return .delete(try input.request(namespaceRequired: false, previousRequired: false))
        case "CHECK": return .check(try input.request(namespaceRequired: true, previousRequired: true))
        case "GC": return .collect(try input.collectRequest())
        default:
            _ = try input.networkName()
            return .status
        }
    }

    private static func parse(_ input: [UInt8]) throws(DaemonError) -> JSONValue {
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONValue(parsing: input)
        } catch {
            throw DaemonError(.decodingFailure, "the network configuration is no JSON: \(error.description)")
        }
        guard value.object != nil else {
            throw DaemonError(.decodingFailure, "the network configuration is no JSON object")
        }
        return value
    }

    static func variable(_ name: String, _ environment: [String: String]) throws(DaemonError) -> String {
        guard let value = environment[name], !value.isEmpty else {
            throw DaemonError(.invalidEnvironment, "\(name) is not set")
        }
        return value
    }

    static func text(_ field: String, _ configuration: JSONValue) throws(DaemonError) -> String? {
        guard let value = configuration[field], !value.isNull else { return nil }
        guard let text = value.string else { throw DaemonError(.invalidConfiguration, "\(field) is no string") }
        return text
    }
}

/// The parameters of one invocation while they are read.
private struct CNIInput {
    private let environment: [String: String]
    private let configuration: JSONValue
    private let version: CNIVersion
    private let started: Int64

    init(_ environment: [String: String], _ configuration: JSONValue, _ version: CNIVersion, _ started: Int64) {
        self.environment = environment
        self.configuration = configuration
        self.version = version
        self.started = started
    }

    func request(namespaceRequired: Bool, previousRequired: Bool) throws(DaemonError) -> CNIRequest {
        let containerID = try CNIInvocation.variable("CNI_CONTAINERID", environment)
        guard CNIName.isIdentifier(containerID) else {
            throw DaemonError(
                .invalidEnvironment,
                "CNI_CONTAINERID \(containerID) is not a letter or digit followed by letters, digits, '.', '_' or '-'")
        }
        let interface = try CNIInvocation.variable("CNI_IFNAME", environment)
        guard CNIName.isInterface(interface) else {
            throw DaemonError(
                .invalidEnvironment,
                "CNI_IFNAME \(interface) is not an interface name: 1 to 15 bytes without '/', ':' and space")
        }
        let namespacePath =
            namespaceRequired
            ? try CNIInvocation.variable("CNI_NETNS", environment) : environment["CNI_NETNS"] ?? ""
        let network = try networkName()
        let key = AttachmentKey(containerID: containerID, interface: interface)
        return CNIRequest(
            key: key, namespacePath: namespacePath, owner: try owner(), network: network,
            allowUnmanaged: try flag("allowUnmanaged"), mtu: try mtu(), startedNanoseconds: started,
            previous: try previous(key, namespacePath, required: previousRequired))
    }

    func collectRequest() throws(DaemonError) -> CNICollectRequest {
        let network = try networkName()
        let field = configuration["cni.dev/valid-attachments"] ?? configuration["cni.dev/attachments"]
        guard let list = field?.array else {
            throw DaemonError(.invalidConfiguration, "cni.dev/valid-attachments is missing or no list")
        }
        var valid: [AttachmentKey] = []
        for element in list {
            guard let containerID = element["containerID"]?.string, let interface = element["ifname"]?.string else {
                throw DaemonError(
                    .invalidConfiguration, "cni.dev/valid-attachments holds an element without containerID and ifname")
            }
            valid.append(AttachmentKey(containerID: containerID, interface: interface))
        }
        return CNICollectRequest(network: network, valid: valid, startedNanoseconds: started)
    }

    func networkName() throws(DaemonError) -> String {
        guard let name = try CNIInvocation.text("name", configuration), CNIName.isIdentifier(name) else {
            throw DaemonError(
                .invalidConfiguration,
                "name is not a letter or digit followed by letters, digits, '.', '_' or '-': "
                    + "\(configuration["name"]?.compactText ?? "absent")")
        }
        return name
    }

    /// From `CNI_ARGS`, whose pairs come in any order. Arguments that are not ours are passed over.
    private func owner() throws(DaemonError) -> AttachmentOwner {
        var arguments: [Substring: String] = [:]
        for pair in (environment["CNI_ARGS"] ?? "").split(separator: ";") {
            let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard halves.count == 2 else {
                throw DaemonError(.invalidEnvironment, "CNI_ARGS holds \"\(pair)\", which is not NAME=VALUE")
            }
            arguments[halves[0]] = String(halves[1])
        }
        let namespace = arguments["K8S_POD_NAMESPACE"] ?? ""
        let name = arguments["K8S_POD_NAME"] ?? ""
        if namespace.isEmpty, name.isEmpty { return .unmanaged }
        guard !namespace.isEmpty, !name.isEmpty else {
            throw DaemonError(
                .invalidEnvironment, "CNI_ARGS names only one of K8S_POD_NAMESPACE and K8S_POD_NAME; both or none")
        }
        let uid = arguments["K8S_POD_UID"] ?? ""
        return .pod(namespace: namespace, name: name, uid: uid.isEmpty ? nil : uid)
    }

    private func flag(_ field: String) throws(DaemonError) -> Bool {
        guard let value = configuration[field], !value.isNull else { return false }
        guard let flag = value.bool else {
            throw DaemonError(.invalidConfiguration, "\(field) is neither true nor false")
        }
        return flag
    }

    private func mtu() throws(DaemonError) -> Int? {
        guard let value = configuration["mtu"], !value.isNull else { return nil }
        guard let number = value.integer, (0...65_535).contains(number), number == 0 || number >= 1_280 else {
            throw DaemonError(.invalidConfiguration, "mtu is not 0 (the daemon's choice) or 1280…65535")
        }
        return number == 0 ? nil : Int(number)
    }

    private func previous(_ key: AttachmentKey, _ namespacePath: String, required: Bool) throws(DaemonError)
        -> CNIResult?
    {
        guard required else { return nil }
        guard let value = configuration["prevResult"], !value.isNull else {
            throw DaemonError(.invalidConfiguration, "prevResult is missing: CHECK needs what ADD answered")
        }
        return try CNIResult(previous: value, key: key, namespacePath: namespacePath)
    }
}

/// Names as the specification and the kernel allow them.
enum CNIName {
    static func isIdentifier(_ text: String) -> Bool {
        guard let first = text.utf8.first, isAlphanumeric(first) else { return false }
        return text.utf8.allSatisfy {
            isAlphanumeric($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
        }
    }

    static func isInterface(_ text: String) -> Bool {
        (1...15).contains(text.utf8.count) && text != "." && text != ".."
            && text.utf8.allSatisfy { $0 > 32 && $0 != 127 && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ":") }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"):
            true
        default: false
        }
    }
}
