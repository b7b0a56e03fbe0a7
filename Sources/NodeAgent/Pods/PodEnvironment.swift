package import JSONText

/// Objects that a pod's variables and volumes refer to, as they were fetched.
package struct ReferencedObjects: Hashable, Sendable {
    /// By name, in the pod's namespace. A name that was looked for and not found is absent.
    package var configMaps: [String: JSONValue] = [:]
    package var secrets: [String: JSONValue] = [:]
    /// Services of the pod's namespace, and `kubernetes` of `default`.
    package var services: [JSONValue] = []

    package init() {}

    func object(_ kind: String, _ name: String) -> JSONValue? {
        kind == "ConfigMap" ? configMaps[name] : secrets[name]
    }
}

/// A variable of a container.
package struct EnvironmentVariable: Hashable, Sendable {
    package let name: String
    package var value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// Computes a container's variables: those of Services, then `envFrom`, then `env`; a later one replaces an earlier.
package struct PodEnvironment {
    private let pod: PodObject
    private let objects: ReferencedObjects
    private let addresses: [String]
    private let configuration: NodeAgentConfiguration

    package init(
        _ pod: PodObject, _ objects: ReferencedObjects, addresses: [String], configuration: NodeAgentConfiguration
    ) {
        self.pod = pod
        self.objects = objects
        self.addresses = addresses
        self.configuration = configuration
    }

    package func variables(of container: ContainerSpec) throws(NodeAgentError) -> [EnvironmentVariable] {
        var order: [String] = []
        var values: [String: String] = [:]
        func set(_ name: String, _ value: String) {
            if values.updateValue(value, forKey: name) == nil { order.append(name) }
        }
        for variable in serviceVariables() { set(variable.name, variable.value) }
        for source in container.json["envFrom"]?.array ?? [] {
            for variable in try bulk(source, of: container) { set(variable.name, variable.value) }
        }
        for item in container.json["env"]?.array ?? [] {
            guard let name = item["name"]?.string else { continue }
            if let source = item["valueFrom"], !source.isNull {
                if let value = try value(from: source, of: container, variable: name) { set(name, value) }
            } else {
                set(name, Self.expand(item["value"]?.string ?? "", values))
            }
        }
        return order.map { EnvironmentVariable($0, values[$0] ?? "") }
    }

    /// Replaces `$(NAME)` where NAME is known; `$$` is a dollar sign that begins nothing.
    package static func expand(_ text: String, _ values: [String: String]) -> String {
        guard text.contains("$") else { return text }
        var result = ""
        var rest = Substring(text)
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            rest = rest[rest.index(after: dollar)...]
            if rest.first == "$" {
                result += "$"
                rest = rest.dropFirst()
            } else if rest.first == "(", let close = rest.firstIndex(of: ")") {
                let name = String(rest[rest.index(after: rest.startIndex)..<close])
                result += values[name] ?? "$(\(name))"
                rest = rest[rest.index(after: close)...]
            } else {
                result += "$"
            }
        }
        return result + rest
    }

    // MARK: Sources

    private func bulk(_ source: JSONValue, of container: ContainerSpec) throws(NodeAgentError) -> [EnvironmentVariable]
    {
        let prefix = source["prefix"]?.string ?? ""
        var found: [EnvironmentVariable] = []
        for (field, kind) in [("configMapRef", "ConfigMap"), ("secretRef", "Secret")] {
            guard let reference = source[field], let name = reference["name"]?.string else { continue }
            guard let object = objects.object(kind, name) else {
                if reference["optional"]?.bool == true { continue }
                throw NodeAgentError(
                    .configuration, "container \(container.name): envFrom.\(field): \(kind) \"\(name)\" not found")
            }
            for (key, value) in Self.data(of: object, kind: kind).sorted(by: { $0.key < $1.key })
            where Self.isName(prefix + key) {
                found.append(EnvironmentVariable(prefix + key, String(decoding: value, as: UTF8.self)))
            }
        }
        return found
    }

    private static func isName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.allSatisfy { $0 > 32 && $0 < 127 && $0 != UInt8(ascii: "=") }
    }

    private func value(from source: JSONValue, of container: ContainerSpec, variable: String)
        throws(NodeAgentError) -> String?
    {
        let place = "container \(container.name): env \(variable)"
        if let path = source[path: "fieldRef", "fieldPath"]?.string {
            guard let value = field(path) else {
                throw NodeAgentError(.configuration, "\(place): fieldRef \(path) is no field that a variable can hold")
            }
            return value
        }
        if let reference = source["resourceFieldRef"] {
            let owner = reference["containerName"]?.string.flatMap { pod.container($0) } ?? container
            guard let value = resource(reference, of: owner) else {
                throw NodeAgentError(.configuration, "\(place): resourceFieldRef names no resource")
            }
            return value
        }
        for (field, kind) in [("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")] {
            guard let reference = source[field] else { continue }
            let name = reference["name"]?.string ?? ""
            let key = reference["key"]?.string ?? ""
            if let object = objects.object(kind, name), let value = Self.data(of: object, kind: kind)[key] {
                return String(decoding: value, as: UTF8.self)
            }
            if reference["optional"]?.bool == true { return nil }
            let missing =
                objects.object(kind, name) == nil ? "\"\(name)\" not found" : "\"\(name)\" has no key \"\(key)\""
            throw NodeAgentError(.configuration, "\(place): \(kind) \(missing)")
        }
        return nil
    }

    /// A field of the pod by the path that the downward API uses; nil where there is no such path.
    package func field(_ path: String) -> String? {
        for (prefix, values) in [("metadata.labels", pod.labels), ("metadata.annotations", pod.annotations)] {
            if path == prefix {
                return values.sorted { $0.key < $1.key }.map { "\($0.key)=\(Self.quoted($0.value))" }
                    .joined(separator: "\n")
            }
            if path.hasPrefix(prefix + "['"), path.hasSuffix("']") {
                return values[String(path.dropFirst(prefix.count + 2).dropLast(2))] ?? ""
            }
        }
        switch path {
        case "metadata.name": return pod.name
        case "metadata.namespace": return pod.namespace
        case "metadata.uid": return pod.uid
        case "spec.nodeName": return pod.nodeName
        case "spec.serviceAccountName": return pod.spec["serviceAccountName"]?.string ?? ""
        case "status.hostIP": return configuration.nodeAddresses.first ?? ""
        case "status.hostIPs": return configuration.nodeAddresses.joined(separator: ",")
        case "status.podIP": return addresses.first ?? ""
        case "status.podIPs": return addresses.joined(separator: ",")
        default: return nil
        }
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case "\r": result += "\\r"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    /// A request or limit in units of its divisor, rounded up; without a limit, what the node has.
    package func resource(_ reference: JSONValue, of container: ContainerSpec) -> String? {
        let parts = (reference["resource"]?.string ?? "").split(separator: ".", maxSplits: 1).map(String.init)
        guard parts.count == 2, ["limits", "requests"].contains(parts[0]) else { return nil }
        let given = container.json[path: "resources", parts[0], parts[1]]?.string.flatMap { ResourceQuantity($0) }
        let capacity: Int64 =
            parts[1] == "cpu"
            ? configuration.cpuCount * 1000 : parts[1] == "memory" ? configuration.memoryBytes * 1000 : 0
        let thousandths = given?.thousandths ?? (parts[0] == "limits" ? capacity : 0)
        let divisor = reference["divisor"]?.string.flatMap { ResourceQuantity($0) }?.thousandths ?? 1000
        let unit = divisor > 0 ? divisor : 1000
        return String((thousandths + unit - 1) / unit)
    }

    /// `data` of a ConfigMap or Secret as bytes, `binaryData` included.
    static func data(of object: JSONValue, kind: String) -> [String: [UInt8]] {
        let plain = (object["data"]?.object ?? [:]).compactMapValues { $0.string }
        if kind == "Secret" { return plain.compactMapValues { Base64.decode($0) } }
        let binary = (object["binaryData"]?.object ?? [:]).compactMapValues { $0.string.flatMap { Base64.decode($0) } }
        return plain.mapValues { Array($0.utf8) }.merging(binary) { first, _ in first }
    }

    // MARK: Services

    private func serviceVariables() -> [EnvironmentVariable] {
        let linked = pod.spec["enableServiceLinks"]?.bool ?? true
        return objects.services.sorted {
            ($0[path: "metadata", "name"]?.string ?? "") < ($1[path: "metadata", "name"]?.string ?? "")
        }
        .flatMap { service -> [EnvironmentVariable] in
            let name = service[path: "metadata", "name"]?.string ?? ""
            let isAPI = name == "kubernetes" && service[path: "metadata", "namespace"]?.string == "default"
            let address = service[path: "spec", "clusterIP"]?.string ?? ""
            guard linked || isAPI, !address.isEmpty, address != "None" else { return [] }
            return Self.variables(of: service, name: name, address: address)
        }
    }

    private static func variables(of service: JSONValue, name: String, address: String) -> [EnvironmentVariable] {
        func upper(_ text: String) -> String { text.uppercased().replacing("-", with: "_") }
        let prefix = upper(name)
        let host = address.contains(":") ? "[\(address)]" : address
        var found = [EnvironmentVariable(prefix + "_SERVICE_HOST", address)]
        for (index, port) in (service[path: "spec", "ports"]?.array ?? []).enumerated() {
            let number = port["port"]?.integer ?? 0
            let transport = port["protocol"]?.string ?? "TCP"
            let url = "\(transport.lowercased())://\(host):\(number)"
            if index == 0 {
                found.append(EnvironmentVariable(prefix + "_SERVICE_PORT", "\(number)"))
                found.append(EnvironmentVariable(prefix + "_PORT", url))
            }
            if let name = port["name"]?.string, !name.isEmpty {
                found.append(EnvironmentVariable("\(prefix)_SERVICE_PORT_\(upper(name))", "\(number)"))
            }
            let port = "\(prefix)_PORT_\(number)_\(transport.uppercased())"
            found.append(EnvironmentVariable(port, url))
            found.append(EnvironmentVariable(port + "_PROTO", transport.lowercased()))
            found.append(EnvironmentVariable(port + "_PORT", "\(number)"))
            found.append(EnvironmentVariable(port + "_ADDR", address))
        }
        return found
    }
}

/// RFC 4648 base64 with padding.
enum Base64 {
    static func decode(_ text: String) -> [UInt8]? {
        var result: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        for byte in text.utf8 where byte != UInt8(ascii: "=") && byte != UInt8(ascii: "\n") {
            let value: UInt8
            switch byte {
            case 65...90: value = byte - 65
            case 97...122: value = byte - 71
            case 48...57: value = byte + 4
            case UInt8(ascii: "+"): value = 62
            case UInt8(ascii: "/"): value = 63
            default: return nil
            }
            bits = bits << 6 | UInt32(value)
            count += 1
            if count == 4 {
                result += [
                    UInt8(truncatingIfNeeded: bits >> 16), UInt8(truncatingIfNeeded: bits >> 8),
                    UInt8(truncatingIfNeeded: bits),
                ]
                (bits, count) = (0, 0)
            }
        }
        switch count {
        case 0: return result
        case 2: return result + [UInt8(truncatingIfNeeded: bits >> 4)]
        case 3: return result + [UInt8(truncatingIfNeeded: bits >> 10), UInt8(truncatingIfNeeded: bits >> 2)]
        default: return nil
        }
    }
}
