import APIMachinery
import APIServer
import JSONText
import KubeObjects
import ServiceCompiler

/// Refuses what the datapath cannot do, by the field's path: nothing is accepted and then ignored.
struct DatapathAdmission: AdmissionPlugin {
    func admit(_ object: inout JSONValue, _ request: AdmissionRequest) async throws {
        guard request.group.isEmpty, request.resource == "services", request.subresource.isEmpty else { return }
        switch request.operation {
        case .create, .update: break
        case .delete: return
        }
        let refused = ServiceSupport.unsupportedFields(object)
        guard !refused.isEmpty else { return }
        throw APIStatus.invalid(
            group: "", kind: "Service", name: request.name,
            refused.map { FieldError.forbidden(FieldPath($0.field), $0.message) })
    }
}
