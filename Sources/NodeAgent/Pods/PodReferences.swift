import JSONText

/// Which objects a pod's variables and volumes name.
struct PodReferences: Hashable, Sendable {
    var configMaps: Set<String> = []
    var secrets: Set<String> = []

    /// Those of every variable and volume.
    init(_ pod: PodObject) {
        for container in pod.containers + pod.initContainers { add(variablesOf: container) }
        for volume in pod.spec["volumes"]?.array ?? [] { add(volume: volume) }
    }

    private mutating func add(variablesOf container: ContainerSpec) {
        for source in container.json["envFrom"]?.array ?? [] {
            if let name = source[path: "configMapRef", "name"]?.string { configMaps.insert(name) }
            if let name = source[path: "secretRef", "name"]?.string { secrets.insert(name) }
        }
        for item in container.json["env"]?.array ?? [] {
            if let name = item[path: "valueFrom", "configMapKeyRef", "name"]?.string { configMaps.insert(name) }
            if let name = item[path: "valueFrom", "secretKeyRef", "name"]?.string { secrets.insert(name) }
        }
    }

    private mutating func add(volume: JSONValue) {
        if let name = volume[path: "configMap", "name"]?.string { configMaps.insert(name) }
        if let name = volume[path: "secret", "secretName"]?.string { secrets.insert(name) }
        for source in volume[path: "projected", "sources"]?.array ?? [] {
            if let name = source[path: "configMap", "name"]?.string { configMaps.insert(name) }
            if let name = source[path: "secret", "name"]?.string { secrets.insert(name) }
        }
    }
}
