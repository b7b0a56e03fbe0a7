import Flows
import KubeObjects
import MapLayout
import PolicyCompiler
import ServiceCompiler

/// What numbers in the maps stand for, as the engine knew it at one moment.
struct EngineMapNames: MapNames {
    private let endpoints: [UInt32: String]
    private let services: [UInt32: String]
    private let selectors: [UInt32: String]
    private let blocks: [UInt32: String]
    private let policy: PolicyCompiler

    init(endpoints: [EndpointView], services: [Frontend: ServiceCompiler.Entry], policy: PolicyCompiler) {
        self.endpoints = Dictionary(endpoints.map { ($0.number, $0.owner) }, uniquingKeysWith: { $1 })
        self.services = Dictionary(
            services.values.map { ($0.number, $0.service.description) }, uniquingKeysWith: { $1 })
        (selectors, blocks) = policy.bitNames
        self.policy = policy
    }

    func endpoint(_ number: UInt32) -> String? { endpoints[number] }
    func service(_ number: UInt32) -> String? { services[number] }
    func rule(_ id: UInt32) -> String? { policy.rule(id).map { FlowRule($0).text } }
    func selector(_ bit: UInt32) -> String? { selectors[bit] }
    func block(_ bit: UInt32) -> String? { blocks[bit] }
}

extension FlowRule {
    init(_ info: RuleInfo) {
        self.init(
            policy: info.policy, kind: info.kind, direction: info.direction == .ingress ? .ingress : .egress,
            index: info.index)
    }
}
