import APIMachinery
import APIServer
import JSONText
import KubeObjects
import PolicyAdmission
import ServiceCompiler

/// Refuses what the datapath cannot do, by the field's path: nothing is accepted and then ignored. Notes who gave the
/// reason for a deletion that breaks an invariant.
struct DatapathAdmission: AdmissionPlugin {
    func admit(_ object: inout JSONValue, _ request: AdmissionRequest) async throws {
        switch request.operation {
        case .create, .update: break
        case .delete: return
        }
        let storage = (request.group.isEmpty ? "core" : request.group) + "/" + request.resource
        guard let kind = AdmittedObject.Kind(storage: storage) else { return }
        if kind.mayBreakInvariants {
            InvariantOverride.sign(&object, old: request.old, user: request.user.name)
        }
        guard kind == .service, request.subresource.isEmpty else { return }
        let refused = ServiceSupport.unsupportedFields(object)
        guard !refused.isEmpty else { return }
        throw APIStatus.invalid(
            group: "", kind: "Service", name: request.name,
            refused.map { FieldError.forbidden(FieldPath($0.field), $0.message) })
    }
}
