import JSONText
import KubeObjects

/// `k8s-e2e-netpol-api.json`: which policies the parser takes, that admission and the compiler share. Cases with steps
/// are played to an API server over a fresh store.
enum PolicyAPIRunner {
    static func run(_ file: JSONValue) async throws -> FileResult {
        var result = FileResult()
        let cases = file["cases"]?.array ?? []
        for entry in cases {
            let id = entry["id"]?.string ?? "?"
            guard let request = entry["request"] else {
                let steps = (entry["steps"]?.array ?? []).compactMap(\.string)
                let faults = try await ExchangeRunner.withCore { core in
                    var run = PolicyAPISteps(core)
                    return await run.play(steps)
                }
                result.count(id, faults)
                continue
            }
            var object = request["object"]
            if let base = request["patchOf"]?.string {
                object = cases.first { $0["id"]?.string == base }?["request"]?["object"]
                for (name, value) in request.object ?? [:] where name.hasPrefix("spec.") {
                    object?["spec"]?[String(name.dropFirst("spec.".count))] = value
                }
            }
            var refusal: ObjectError?
            do { _ = try NetworkPolicy(object ?? .null) } catch { refusal = error }
            let wanted = entry["expect"]?.string
            let isRight = wanted == (refusal == nil ? "created" : "error")
            result.count(id, isRight ? [] : ["expected \(wanted ?? "?"), refusal: \(refusal?.description ?? "none")"])
        }
        return result
    }
}
