package import JSONText

/// A file of a ConfigMap, Secret, downward or projected volume.
package struct VolumeFile: Hashable, Sendable {
    /// Relative, without `..`.
    package var path: String
    package var bytes: [UInt8]
    package var mode: UInt32

    package init(path: String, bytes: [UInt8], mode: UInt32) {
        self.path = path
        self.bytes = bytes
        self.mode = mode
    }
}

/// A token that a projected volume holds.
package struct TokenSource: Hashable, Sendable {
    package var audience: String
    package var expirationSeconds: Int64

    init(_ source: JSONValue) {
        audience = source["audience"]?.string ?? ""
        expirationSeconds = source["expirationSeconds"]?.integer ?? 3600
    }
}

/// Computes what stands in the files of a pod's volumes.
package struct ProjectedContent {
    private let pod: PodObject
    private let objects: ReferencedObjects
    private let environment: PodEnvironment
    private let tokens: [TokenSource: String]

    package init(
        _ pod: PodObject, _ objects: ReferencedObjects, environment: PodEnvironment, tokens: [TokenSource: String]
    ) {
        self.pod = pod
        self.objects = objects
        self.environment = environment
        self.tokens = tokens
    }

    /// The tokens that the pod's volumes ask for.
    package static func tokenSources(of pod: PodObject) -> Set<TokenSource> {
        let sources = (pod.spec["volumes"]?.array ?? []).flatMap { $0[path: "projected", "sources"]?.array ?? [] }
        return Set(sources.compactMap { $0["serviceAccountToken"].map(TokenSource.init) })
    }

    /// nil where the volume is of another kind (emptyDir, hostPath).
    package func files(of volume: JSONValue) throws(NodeAgentError) -> [VolumeFile]? {
        let name = volume["name"]?.string ?? ""
        var files: [VolumeFile]
        if let source = volume["configMap"] {
            files = try keys(source, "ConfigMap", source["name"]?.string ?? "", mode: mode(source), volume: name)
        } else if let source = volume["secret"] {
            files = try keys(source, "Secret", source["secretName"]?.string ?? "", mode: mode(source), volume: name)
        } else if let source = volume["downwardAPI"] {
            files = try downward(source, mode: mode(source), volume: name)
        } else if let source = volume["projected"] {
            files = []
            for item in source["sources"]?.array ?? [] {
                files += try projected(item, mode: mode(source), volume: name)
            }
        } else {
            return nil
        }
        for file in files where file.path.hasPrefix("/") || file.path.split(separator: "/").contains("..") {
            throw NodeAgentError(.volume, "volume \(name): path \"\(file.path)\" leaves the volume")
        }
        guard files.reduce(0, { $0 + $1.bytes.count }) <= 4 * NodeAgentConfiguration.Limit.projectedBytes else {
            throw NodeAgentError(.volume, "volume \(name): its files hold more than 4 MiB")
        }
        return files
    }

    private func mode(_ source: JSONValue) -> UInt32 { UInt32(clamping: source["defaultMode"]?.integer ?? 0o644) }

    private func projected(_ item: JSONValue, mode: UInt32, volume: String) throws(NodeAgentError) -> [VolumeFile] {
        if let source = item["serviceAccountToken"] {
            guard let token = tokens[TokenSource(source)] else {
                throw NodeAgentError(.volume, "volume \(volume): no token for service account of pod \(pod.name)")
            }
            return [
                VolumeFile(
                    path: source["path"]?.string ?? "token", bytes: Array(token.utf8), mode: runsAsOther ? 0o644 : 0o600
                )
            ]
        }
        if let source = item["configMap"] {
            return try keys(source, "ConfigMap", source["name"]?.string ?? "", mode: mode, volume: volume)
        }
        if let source = item["secret"] {
            return try keys(source, "Secret", source["name"]?.string ?? "", mode: mode, volume: volume)
        }
        if let source = item["downwardAPI"] { return try downward(source, mode: mode, volume: volume) }
        return []
    }

    /// A token has to be readable by containers that do not run as root; without a user set, the image may name one.
    private var runsAsOther: Bool {
        let specs = pod.containers + pod.initContainers
        let users = specs.map {
            $0.json[path: "securityContext", "runAsUser"]?.integer
                ?? pod.spec[path: "securityContext", "runAsUser"]?.integer
        }
        return !users.allSatisfy { $0 == 0 }
    }

    private func keys(_ source: JSONValue, _ kind: String, _ name: String, mode: UInt32, volume: String)
        throws(NodeAgentError) -> [VolumeFile]
    {
        let isOptional = source["optional"]?.bool == true
        guard let object = objects.object(kind, name) else {
            if isOptional { return [] }
            throw NodeAgentError(.volume, "volume \(volume): \(kind) \"\(name)\" not found")
        }
        let data = PodEnvironment.data(of: object, kind: kind)
        guard let items = source["items"]?.array, !items.isEmpty else {
            return data.sorted { $0.key < $1.key }.map { VolumeFile(path: $0.key, bytes: $0.value, mode: mode) }
        }
        var files: [VolumeFile] = []
        for item in items {
            let key = item["key"]?.string ?? ""
            guard let bytes = data[key] else {
                if isOptional { continue }
                throw NodeAgentError(.volume, "volume \(volume): \(kind) \"\(name)\" has no key \"\(key)\"")
            }
            let own = item["mode"]?.integer.map { UInt32(clamping: $0) }
            files.append(VolumeFile(path: item["path"]?.string ?? key, bytes: bytes, mode: own ?? mode))
        }
        return files
    }

    private func downward(_ source: JSONValue, mode: UInt32, volume: String) throws(NodeAgentError) -> [VolumeFile] {
        var files: [VolumeFile] = []
        for item in source["items"]?.array ?? [] {
            let path = item["path"]?.string ?? ""
            let text: String?
            if let field = item[path: "fieldRef", "fieldPath"]?.string {
                text = environment.field(field)
            } else if let reference = item["resourceFieldRef"],
                let container = pod.container(reference["containerName"]?.string ?? "")
            {
                text = environment.resource(reference, of: container)
            } else {
                text = nil
            }
            guard let text else {
                throw NodeAgentError(.volume, "volume \(volume): \(path) refers to no field that a file can hold")
            }
            let own = item["mode"]?.integer.map { UInt32(clamping: $0) }
            files.append(VolumeFile(path: path, bytes: Array(text.utf8), mode: own ?? mode))
        }
        return files
    }
}
