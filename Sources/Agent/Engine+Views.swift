import Flows
import JSONText
import KubeObjects
import MapLayout
import NetTypes
import PolicyCompiler
import RouteCompiler
import ServiceCompiler

/// One endpoint, for display.
struct EndpointView: Sendable {
    let number: UInt32
    let incarnation: UInt32
    let owner: String
    let addresses: [IPAddress]
    let classID: UInt32
    /// 0 for pods of other nodes.
    let interface: UInt32
}

/// What the local socket shows of the engine.
extension Engine {
    var serviceEntries: [Frontend: ServiceCompiler.Entry] { services.entries }

    /// How full the tables of this node are.
    var fill: [TableFill] {
        let ofServices = services.fill
        return policy.fill + [
            TableFill("endpoints", used: routes.records.count, limit: MapLimits.endpoints - 1),
            TableFill("frontends", used: ofServices.frontends.used, limit: ofServices.frontends.limit),
            TableFill("backends", used: ofServices.backends.used, limit: ofServices.backends.limit),
        ]
    }

    var endpointViews: [EndpointView] {
        routes.records.map { record in
            EndpointView(
                number: record.number, incarnation: record.incarnation, owner: record.owner.description,
                addresses: record.addresses, classID: record.owner.pod.flatMap { policy.classID(of: $0) } ?? 0,
                interface: record.link?.interface ?? 0)
        }
    }

    func frontends(at address: IPAddress) -> [Frontend: ServiceCompiler.Entry] {
        services.entries.filter { $0.key.address == address }
    }

    func pod(at address: IPAddress) -> ObjectKey? { routes.record(of: address)?.owner.pod }
    /// None where the endpoint of that name is a former Pod's.
    func addresses(of pod: ObjectKey) -> [IPAddress] {
        workloads[pod] == nil ? [] : routes.record(of: pod)?.addresses ?? []
    }
    var podCIDRs: [CIDR] { policy.podCIDRs }
    func revision(of generation: UInt32) -> Int64? { revisions[generation] }

    func agrees(
        _ verdict: PolicyMaps.Verdict, with decision: PolicyEvaluator.Decision, _ direction: RuleInfo.Direction
    ) -> Bool {
        policy.agrees(verdict, with: decision, direction)
    }

    /// What a rule id stands for: `policy`, `direction`, `index` (null for isolation) and the policy's `revision`.
    func ruleJSON(_ id: UInt32) -> JSONValue {
        guard let info = policy.rule(id) else { return id == 0 ? .null : ["id": .integer(Int64(id))] }
        return [
            "id": .integer(Int64(id)), "kind": .string(info.kind), "tier": .string(info.tier.apiName),
            "policy": .string(info.policy.description), "name": .string(info.ruleName),
            "direction": .string(info.direction.rawValue),
            "index": info.index.map { .integer(Int64($0)) } ?? .null, "revision": .string(info.resourceVersion),
        ]
    }

    /// Names as they hold now, for the numbers that the maps hold now.
    var mapNames: EngineMapNames {
        EngineMapNames(endpoints: endpointViews, services: services.entries, policy: policy)
    }

    /// Names as they hold now, for events that come in now.
    var flowNames: EngineNames {
        let policy = policy
        let services = services
        return EngineNames(
            pods: holders, workloads: workloads,
            rules: { id in policy.rule(id).map { FlowRule($0) } },
            revisions: revisions,
            services: { frontend in
                TransportProtocol(rawValue: frontend.transport).flatMap {
                    services.service(at: Frontend(frontend.address, frontend.port, $0))
                }
            })
    }
}
