import Controllers
import JSONText
import KubeObjects

/// `endpointslice.json`: what becomes of a Service's slices; one endpoint of a pod; the ports of a Service on a pod.
///
/// Endpoints and ports are compared as sets. What the API server sets (name, uid, version, generation) and the time of
/// the last change are left out. With the annotation `Auto` the choice of the endpoints that serve another zone is
/// free: hints are then compared by how many each zone gives to which.
enum EndpointSliceRunner {
    static func run(_ file: JSONValue) -> FileResult {
        var result = FileResult()
        for entry in file["cases"]?.array ?? [] {
            let id = entry["id"]?.string ?? "?"
            do {
                switch entry["fn"]?.string {
                case "reconcile": result.count(id, try reconcile(entry))
                case "podToEndpoint": result.count(id, try podToEndpoint(entry))
                case "getEndpointPorts": result.count(id, try getEndpointPorts(entry))
                default: result.count(id, ["unknown function \(entry["fn"]?.string ?? "")"])
                }
            } catch {
                result.count(id, ["not readable: \(error)"])
            }
        }
        return result
    }

    private static func reconcile(_ entry: JSONValue) throws -> [String] {
        let service = SliceService(entry["service"] ?? .null)
        let existing = entry["existingSlices"]?.array ?? []
        let reconciliation = SliceReconciliation(
            service: service, nodes: (entry["nodes"]?.array ?? []).map { SliceNode($0) },
            endpointsMax: Int(entry["maxEndpointsPerSlice"]?.integer ?? 100))
        let changes = reconciliation.changes(
            pods: try (entry["pods"]?.array ?? []).map { try Pod($0) }, existing: existing.map { PlannedSlice($0) })
        let touched = Set((changes.update + changes.delete).map(\.name))
        let serviceName = entry[path: "service", "metadata", "name"]?.string ?? ""
        let untouched = existing.filter { !touched.contains($0[path: "metadata", "name"]?.string ?? "") }
        let written = (changes.update + changes.create).map { $0.object(serviceName: serviceName) }
        let isAuto =
            entry[path: "service", "metadata", "annotations", "service.kubernetes.io/topology-aware-hints"]?.string
            == "Auto"
        let actual = (untouched + written).map { normal($0, isAuto) }.sorted()
        let wanted = (entry["resultSlices"]?.array ?? []).map { normal($0, isAuto) }.sorted()
        var faults: [String] = []
        if actual != wanted { faults.append("expected \(wanted), got \(actual)") }
        let mayFail = entry["error"]?.string != nil
        if mayFail != !changes.skipped.isEmpty {
            faults.append("expected pods to be skipped: \(mayFail), got \(changes.skipped)")
        }
        return faults
    }

    private static func podToEndpoint(_ entry: JSONValue) throws -> [String] {
        let input = entry["input"]
        let node = input?[1].flatMap { $0.isNull ? nil : SliceNode($0) }
        let actual = SliceContents.endpointObject(
            pod: try Pod(input?[0] ?? .null), node: node, service: SliceService(input?[2] ?? .null),
            addressType: input?[3]?.string ?? "")
        return compare(actual, entry["output"] ?? .null)
    }

    private static func getEndpointPorts(_ entry: JSONValue) throws -> [String] {
        let service = SliceService(entry["input"]?[0] ?? .null)
        let actual = SliceContents.portObjects(pod: try Pod(entry["input"]?[1] ?? .null), service: service)
        let wanted = (entry["output"]?.array ?? []).map(\.compactText).sorted()
        let texts = actual.map(\.compactText).sorted()
        return texts == wanted ? [] : ["expected \(wanted), got \(texts)"]
    }

    private static func compare(_ actual: JSONValue, _ wanted: JSONValue) -> [String] {
        actual == wanted ? [] : ["expected \(wanted.compactText), got \(actual.compactText)"]
    }

    /// A slice as text that is the same for the same content.
    private static func normal(_ slice: JSONValue, _ countsHints: Bool) -> String {
        var endpoints = slice["endpoints"]?.array ?? []
        var hints: [String] = []
        if countsHints {
            hints = endpoints.map { "\($0["zone"]?.string ?? "")→\($0["hints"]?.compactText ?? "")" }.sorted()
            for index in endpoints.indices { endpoints[index]["hints"] = nil }
        }
        let result: JSONValue = [
            "addressType": slice["addressType"] ?? .null,
            "labels": slice[path: "metadata", "labels"] ?? [:],
            "owners": slice[path: "metadata", "ownerReferences"] ?? [],
            "namespace": slice[path: "metadata", "namespace"] ?? "",
            "ports": .array(
                (slice["ports"]?.array ?? []).map { .string($0.compactText) }.sorted { text($0) < text($1) }),
            "endpoints": .array(endpoints.map { .string($0.compactText) }.sorted { text($0) < text($1) }),
            "hints": .array(hints.map { .string($0) }),
        ]
        return result.compactText
    }

    private static func text(_ value: JSONValue) -> String { value.string ?? "" }
}
