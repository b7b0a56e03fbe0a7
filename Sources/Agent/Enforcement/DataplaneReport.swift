package import APIClient
package import Informers
package import JSONText
package import KubeObjects
package import PolicyCompiler
import Reconcile
import RouteCompiler
import ServiceCompiler

/// An object that is not in force as the API has it.
package struct NotEnforced: Hashable, Sendable {
    package let resource: APIResource
    package let key: ObjectKey
    /// The version that is not in force; empty where it is no version but the object's place that is missing.
    package let resourceVersion: String
    /// One word: `NoRulesFree`, `Unreadable`.
    package let reason: String
    package let message: String
    /// The version that is in force instead; nil where there is none.
    package var enforcedVersion: String?
    /// What holds instead, in words; empty where the message says it.
    package var instead = ""

    /// Why, and what holds instead; without the object's name.
    package var sentence: String { message + (instead.isEmpty ? "" : "; \(instead)") }

    package var json: JSONValue {
        var members: [String: JSONValue] = [
            "kind": .string(resource.kind), "name": .string(key.name), "reason": .string(reason),
            "message": .string(message),
        ]
        if !key.namespace.isEmpty { members["namespace"] = .string(key.namespace) }
        if !resourceVersion.isEmpty { members["resourceVersion"] = .string(resourceVersion) }
        if let enforcedVersion { members["enforcedVersion"] = .string(enforcedVersion) }
        return .object(members)
    }

    /// Whether a version that is not in force belongs to everything up to a revision. An object whose place is missing
    /// has none and always does.
    static func isMissing(_ resourceVersion: String, upTo revision: Int64) -> Bool {
        Int64(resourceVersion).map { $0 <= revision } ?? true
    }

    /// `NetworkPolicy shop/db: too long, and 2 more`, of an entry as `json` gives it.
    static func sentence(_ entry: JSONValue, others: Int) -> String {
        let key = ObjectKey(entry["namespace"]?.string ?? "", entry["name"]?.string ?? "")
        let rest = others > 0 ? ", and \(others) more" : ""
        return "\(entry["kind"]?.string ?? "") \(key): \(entry["message"]?.string ?? "")\(rest)"
    }
}

/// What a NodeDataplane says of a node.
package struct DataplaneReport: Hashable, Sendable {
    /// Entries of `notEnforced` that are written; the count is exact.
    package static let notEnforcedMax = 100

    /// All that the node reads of the API up to this revision is in force; nil before the first full compile.
    package let revision: Int64?
    package let generation: UInt32
    package let tables: [TableFill]
    package let notEnforced: [NotEnforced]
    /// Empty: none.
    package let lastError: String

    package init(
        revision: Int64?, generation: UInt32, tables: [TableFill], notEnforced: [NotEnforced], lastError: String
    ) {
        self.revision = revision
        self.generation = generation
        self.tables = tables
        self.notEnforced = notEnforced
        self.lastError = lastError
    }

    /// Status, reason and message of the condition `Enforced`.
    package var condition: (isTrue: Bool, reason: String, message: String) {
        if revision == nil { return (false, "Starting", "nothing is in the kernel yet") }
        if !lastError.isEmpty { return (false, "ChangeFailed", lastError) }
        guard let first = notEnforced.first else { return (true, "InForce", "everything is in force") }
        return (false, "ObjectsNotEnforced", NotEnforced.sentence(first.json, others: notEnforced.count - 1))
    }

    /// As it stands in `status`. `transition` is when the condition last changed its status, in RFC 3339.
    package func status(transition: String) -> JSONValue {
        let condition = condition
        var members: [String: JSONValue] = [
            "generation": .integer(Int64(generation)),
            "tables": .array(
                tables.map {
                    ["name": .string($0.table), "used": .integer(Int64($0.used)), "limit": .integer(Int64($0.limit))]
                }),
            "notEnforced": .array(notEnforced.prefix(Self.notEnforcedMax).map(\.json)),
            "notEnforcedCount": .integer(Int64(notEnforced.count)),
            "conditions": [
                [
                    "type": "Enforced", "status": condition.isTrue ? "True" : "False",
                    "reason": .string(condition.reason), "message": .string(condition.message),
                    "lastTransitionTime": .string(transition),
                ]
            ],
        ]
        if let revision { members["enforcedRevision"] = .integer(revision) }
        if !lastError.isEmpty { members["lastError"] = .string(lastError) }
        return .object(members)
    }
}

/// When a report is to be written: where it differs from what was written, at most once a second. Nothing but the
/// report decides, so that writing it, or time passing, makes no further write.
package struct ReportSchedule: Sendable {
    package static let interval = Duration.seconds(1)

    private var written: DataplaneReport?
    private var nextAt = Duration.zero

    package init() {}

    /// How long nothing may be written yet; nil where it may.
    /// - Parameter now: monotonic, since any moment.
    package func pause(now: Duration) -> Duration? { now < nextAt ? nextAt - now : nil }

    package func isDue(_ report: DataplaneReport, now: Duration) -> Bool { report != written && now >= nextAt }

    /// A write was tried.
    package mutating func tried(_ report: DataplaneReport, succeeded: Bool, now: Duration) {
        if succeeded { written = report }
        nextAt = now + Self.interval
    }

    /// The object is not as it was left: it has to be written anew.
    package mutating func lost() { written = nil }
}

extension Engine {
    /// - Parameter faults: objects whose present version the caches refused.
    package func report(faults: [ClusterSnapshot.Fault]) -> DataplaneReport {
        let unreadable = faults.map(unreadable)
        let named = Set(unreadable.map { [$0.resource.kind, $0.key.description] })
        let others = refusals.filter { !named.contains([$0.resource.kind, $0.key.description]) }
        return DataplaneReport(
            revision: enforcement.reported, generation: planner.generation, tables: fill,
            notEnforced: unreadable + others, lastError: lastError ?? journalFault ?? "")
    }

    private func unreadable(_ fault: ClusterSnapshot.Fault) -> NotEnforced {
        var entry = NotEnforced(
            resource: fault.resource, key: fault.key, resourceVersion: fault.resourceVersion, reason: "Unreadable",
            message: fault.reason, enforcedVersion: fault.lastGood, instead: fault.instead)
        // The version before it did not fit: one before that is in force, or none.
        if fault.resource.isPolicy, policy.misfits.contains(fault.key) {
            entry.enforcedVersion = policy.version(of: fault.key)
            entry.instead = ClusterSnapshot.Fault.instead(of: entry.enforcedVersion)
        }
        return entry
    }

    /// What the tables have no room for.
    private var refusals: [NotEnforced] {
        policy.refusals.map { refused($0.error, version: $0.resourceVersion) }
            + serviceProblems.map { error in
                NotEnforced(
                    resource: .services, key: error.service, resourceVersion: "",
                    reason: Self.reason(error.code.rawValue), message: error.message, enforcedVersion: nil)
            }
            + routes.problems.map { pod, error in
                NotEnforced(
                    resource: .pods, key: pod, resourceVersion: "", reason: Self.reason(error.code.rawValue),
                    message: "\(error.message); it is no pod to policies", enforcedVersion: nil)
            }
            + policy.podsWithoutRoom.map { error in
                NotEnforced(
                    resource: .pods, key: error.object, resourceVersion: "", reason: Self.reason(error.code.rawValue),
                    message: error.sentence, enforcedVersion: nil)
            }
    }

    func refused(_ error: PolicyError, version: String) -> NotEnforced {
        let isCluster = error.object.namespace.isEmpty
        let compiled = policy.version(of: error.object)
        let instead: String
        if !error.effect.isEmpty {
            instead = error.effect
        } else if let compiled {
            instead = compiled == version ? "it stays in force as it was before" : "version \(compiled) stays in force"
        } else {
            instead =
                "no version of it fitted: "
                + (isCluster ? "where it does more than accept, nothing passes" : "what it selects is isolated")
        }
        return NotEnforced(
            resource: isCluster ? .clusterNetworkPolicies : .networkPolicies, key: error.object,
            resourceVersion: version, reason: Self.reason(error.code.rawValue), message: error.message,
            enforcedVersion: compiled == version ? nil : compiled, instead: instead)
    }

    /// `noRulesFree` as conditions and Events spell it.
    private static func reason(_ code: String) -> String { code.prefix(1).uppercased() + code.dropFirst() }
}
