import JSONText
import NIOPosix
import YAMLText

/// Reads Pods from the files of a folder: pods that run without an API server.
struct StaticPods: Sendable {
    let folder: String
    let node: String

    /// Pods by uid, and why files were left out. Blocks.
    func read() -> (pods: [String: PodObject], faults: [String]) {
        var pods: [String: PodObject] = [:]
        var faults: [String] = []
        for name in FileCalls.names(in: folder) {
            let path = folder + "/" + name
            guard [".yaml", ".yml", ".json"].contains(where: name.hasSuffix) else { continue }
            guard let bytes = FileCalls.read(path, limit: 1 << 20) else { continue }
            do {
                let pod = try pod(from: String(decoding: bytes, as: UTF8.self), file: path)
                pods[pod.uid] = pod
            } catch {
                faults.append(error.message)
            }
        }
        return (pods, faults)
    }

    /// The pod of a file as it stands on this node: named after the node, with a digest of the file as its uid.
    func pod(from text: String, file: String) throws(NodeAgentError) -> PodObject {
        let tree: JSONValue
        do throws(YAMLError) { tree = try YAMLReader.parse(Array(text.utf8)).value } catch {
            throw NodeAgentError(.configuration, "\(file): \(error)")
        }
        if tree.isNull { throw NodeAgentError(.configuration, "\(file): empty") }
        guard tree["kind"]?.string == "Pod", let name = tree[path: "metadata", "name"]?.string else {
            throw NodeAgentError(.configuration, "\(file): kind: expected a Pod with metadata.name")
        }
        let digest = Digest.fnv1a([file, text]) + Digest.fnv1a([text, node])
        var metadata = tree["metadata"] ?? .null
        metadata["name"] = .string("\(name)-\(node)")
        metadata["namespace"] = metadata["namespace"] ?? "default"
        metadata["uid"] = .string(digest)
        var annotations = metadata["annotations"] ?? .object([:])
        annotations[PodAnnotation.hash] = .string(digest)
        annotations[PodAnnotation.source] = "file"
        metadata["annotations"] = annotations
        var spec = tree["spec"] ?? .null
        spec["nodeName"] = .string(node)
        guard let pod = PodObject(["apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec]) else {
            throw NodeAgentError(.configuration, "\(file): spec.containers: at least one is needed")
        }
        return pod
    }

    /// What the API is shown of a static pod.
    static func mirror(of pod: PodObject) -> JSONValue {
        var metadata = pod.json["metadata"] ?? .null
        metadata["uid"] = nil
        var annotations = metadata["annotations"] ?? .object([:])
        annotations[PodAnnotation.mirror] = .string(pod.uid)
        metadata["annotations"] = annotations
        return ["apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod.spec]
    }
}
