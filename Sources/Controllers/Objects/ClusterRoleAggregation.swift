import APIClient
import Informers
import JSONText
import KubeObjects
import ServiceLifecycle

/// Writes into each ClusterRole with an `aggregationRule` the rules of all ClusterRoles that one of its selectors
/// matches, in the order of their names, each rule once. The authorizer reads the same from the selectors themselves;
/// what is stored is for those who look at the role.
final class ClusterRoleAggregation: ServiceLifecycle.Service, Sendable {
    private static let resource = APIResource(
        group: "rbac.authorization.k8s.io", version: "v1", name: "clusterroles", kind: "ClusterRole",
        isNamespaced: false)

    private let context: ControllerContext
    private let roles: Informer<Role>
    private let feed = ChangeFeed()

    struct Role: Sendable {
        let name: String
        let labels: [String: String]
        let rules: [JSONValue]
        /// Nil where the role is not aggregated.
        let selectors: [LabelSelector]?

        init(_ object: JSONValue) throws {
            name = object.objectName
            labels = object["metadata"]?["labels"]?.stringMap ?? [:]
            rules = object["rules"]?.array ?? []
            selectors = try object["aggregationRule"]?["clusterRoleSelectors"]?.array?.map {
                try LabelSelector(FieldReader($0))
            }
        }
    }

    init(_ context: ControllerContext) {
        self.context = context
        roles = Informer(Self.resource, client: context.client, logger: context.logger) { try Role($0) }
    }

    func run() async throws {
        roles.report(to: feed)
        let loop = ControllerLoop<String>(
            ControllerLoop.Plan(
                name: "cluster role aggregation", waitForSync: { await self.roles.waitForSync() },
                keys: { _ in self.aggregated }, allKeys: { self.aggregated }, work: { try await self.aggregate($0) }),
            feed: feed, clock: context.clock, logger: context.logger)
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { try await self.roles.run() }
            group.addTask { try await loop.run() }
        }
    }

    /// Any role may be a part of any aggregated one.
    private var aggregated: [String] { roles.cache.items.filter { $0.selectors != nil }.map(\.name) }

    private func aggregate(_ name: String) async throws -> Duration? {
        guard let role = roles.get(ObjectKey("", name)), let selectors = role.selectors else { return nil }
        let rules = Self.rules(for: name, selectors, of: Array(roles.cache.items))
        if rules != role.rules {
            _ = try await context.client.mergePatch(
                ObjectReference(Self.resource, name: name), ["rules": .array(rules)])
        }
        return nil
    }

    static func rules(for name: String, _ selectors: [LabelSelector], of roles: [Role]) -> [JSONValue] {
        var rules: [JSONValue] = []
        for role in roles.sorted(by: { $0.name < $1.name }) where role.name != name {
            guard selectors.contains(where: { $0.matches(role.labels) }) else { continue }
            for rule in role.rules where !rules.contains(rule) { rules.append(rule) }
        }
        return rules
    }
}
