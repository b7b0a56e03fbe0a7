import APIClient
import BPFRuntime
import DaemonAPI
import Informers
import JSONText
import KubeObjects
import MapLayout
import NetTypes
import PodNetwork
import PolicyCompiler
import ServiceCompiler

/// Serves what the CLI asks: everything of the local socket but the CNI methods.
struct LocalRequests: RequestHandler {
    let configuration: AgentConfiguration
    let datapath: any Datapath
    let informers: ClusterInformers
    let client: any APIClient
    let engine: Engine
    let network: PodNetworking
    let observer: FlowObserver
    let connect: ConnectCheck
    let started: ContinuousClock.Instant
    let parts: @Sendable () async -> [PartReport]

    func answer(_ request: Request, items: ReplyItems) async throws(DaemonError) -> JSONValue? {
        do {
            switch request.method {
            case .status: return try await status()
            case .flows: return try await observer.answer(request.params, items)
            case .explain: return try await explain(request.params)
            case .services: return try await services()
            case .endpoints: return await endpoints()
            case .policies: return await policies()
            case .maps: return try await maps(request.params)
            case .fsck: return try await fsck(request.params)
            case .uninstall: return try await uninstall()
            case .wait: return try await wait(request.params)
            case .trace: return try await trace(request.params)
            case .traffic: return try await traffic()
            case .cniAdd, .cniDel, .cniCheck, .cniGC, .cniStatus:
                throw DaemonError(.unknownMethod, "\(request.method.rawValue) is served by the pod network")
            }
        } catch let error as DaemonError {
            throw error
        } catch let error as AgentError {
            throw DaemonError(error.code == .notFound ? .notFound : .internalFailure, error.description)
        } catch {
            throw DaemonError(.internalFailure, "\(request.method.rawValue) failed", cause: "\(error)")
        }
    }

    // MARK: Lists

    /// Every frontend with its backends.
    private func services() async throws -> JSONValue {
        let entries = await engine.serviceEntries
        let rows = entries.sorted { $0.key < $1.key }.map { frontend, entry -> JSONValue in
            [
                "service": .string(entry.service.description), "frontend": .string(frontend.description),
                "number": .integer(Int64(entry.number)),
                "backends": .array(entry.backends.map { .string($0.description) }),
            ]
        }
        return ["items": .array(rows)]
    }

    private func endpoints() async -> JSONValue {
        let rows = await engine.endpointViews.sorted { $0.number < $1.number }.map { view -> JSONValue in
            [
                "number": .integer(Int64(view.number)), "owner": .string(view.owner),
                "addresses": .array(view.addresses.map { .string($0.description) }),
                "class": .integer(Int64(view.classID)), "interface": .integer(Int64(view.interface)),
                "incarnation": .integer(Int64(view.incarnation)),
            ]
        }
        return ["items": .array(rows)]
    }

    /// Every policy, how many pods it selects, and what is wrong with it.
    private func policies() async -> JSONValue {
        let snapshot = informers.snapshot()
        let problems = await policyProblems(snapshot)
        let namespaced = snapshot.networkPolicies.items.sorted { $0.key < $1.key }.map { policy -> JSONValue in
            let selected = snapshot.pods.items(in: policy.metadata.namespace).filter {
                !$0.isHostNetwork && policy.podSelector.matches($0.metadata.labels)
            }
            return row(
                policy.key, .networkPolicy, nil, selected.count, policy.ingress?.count, policy.egress?.count,
                policy.metadata, problems)
        }
        let ordered = snapshot.clusterNetworkPolicies.items.sorted {
            ($0.priority, $0.key.name) < ($1.priority, $1.key.name)
        }
        let cluster = ordered.map { policy -> JSONValue in
            let selected = snapshot.pods.items.filter { pod in
                let namespace = snapshot.namespaces[ObjectKey("", pod.metadata.namespace)]
                return !pod.isHostNetwork && policy.namespaces.matches(namespace?.metadata.labels ?? [:])
                    && policy.pods.matches(pod.metadata.labels)
            }
            return row(
                policy.key, policy.tier == .admin ? .admin : .baseline, policy.priority, selected.count,
                policy.ingress.isEmpty ? nil : policy.ingress.count, policy.egress.isEmpty ? nil : policy.egress.count,
                policy.metadata, problems)
        }
        let rows = cluster.filter { $0["tier"] == "Admin" } + namespaced + cluster.filter { $0["tier"] != "Admin" }
        return ["items": .array(rows)]
    }

    /// Why policies are not in force as the API has them.
    private func policyProblems(_ snapshot: ClusterSnapshot) async -> [ObjectKey: String] {
        let missing = await engine.report(faults: snapshot.faults).notEnforced.filter(\.resource.isPolicy)
        var problems = Dictionary(missing.map { ($0.key, $0.sentence) }, uniquingKeysWith: { first, _ in first })
        let compiled = await engine.policy
        if !compiled.podsWithoutRoom.isEmpty {
            for key in snapshot.networkPolicies.keys + snapshot.clusterNetworkPolicies.keys where problems[key] == nil {
                problems[key] = compiled.shortfall(of: key)
            }
        }
        return problems
    }

    private func row(
        _ key: ObjectKey, _ tier: RuleTier, _ priority: Int?, _ pods: Int, _ ingress: Int?, _ egress: Int?,
        _ metadata: ObjectMeta, _ problems: [ObjectKey: String]
    ) -> JSONValue {
        [
            "policy": .string(key.description), "kind": .string(tier.kind), "tier": .string(tier.apiName),
            "priority": priority.map { .integer(Int64($0)) } ?? .null, "pods": .integer(Int64(pods)),
            "ingressRules": ingress.map { .integer(Int64($0)) } ?? .null,
            "egressRules": egress.map { .integer(Int64($0)) } ?? .null, "revision": .string(metadata.resourceVersion),
            "problem": metadata.isDryRun
                ? "dry run: not enforced" : problems[key].map { .string($0) } ?? .null,
        ]
    }

    // MARK: Changes

    private func fsck(_ params: JSONValue) async throws -> JSONValue {
        let repair = params["repair"]?.bool ?? false
        // Before the first compile nothing is wanted yet, and a repair would take everything away.
        guard await engine.enforcedRevision != nil else {
            throw DaemonError(.tryAgainLater, "no policy is in the kernel yet")
        }
        let differences = try await engine.differences(hooks: wantedHooks, repair: repair)
        if differences.contains(where: { $0.map == "hooks" && $0.isRepaired }) { await connect.forget() }
        let rows = differences.map { difference -> JSONValue in
            [
                "map": .string(difference.map), "key": .string(difference.key), "wanted": .string(difference.wanted),
                "found": .string(difference.found), "repaired": .bool(difference.isRepaired),
            ]
        }
        return ["items": .array(rows), "checked": .integer(Int64(await engine.checkedValues))]
    }

    var wantedHooks: WantedHooks {
        WantedHooks(uplinks: configuration.uplinks, connectCgroup: configuration.connectCgroup)
    }

    /// Takes every program, filter, pin and link of ours off. Pods lose their network: closed filters go too.
    private func uninstall() async throws -> JSONValue {
        try datapath.uninstall()
        return ["uninstalled": true]
    }
}
