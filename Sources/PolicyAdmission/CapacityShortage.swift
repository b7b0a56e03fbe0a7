import KubeObjects
import PolicyCompiler
import ServiceCompiler

/// What makes two reports one: counts in their texts may change.
struct CapacityPlace: Hashable {
    let kind: AdmittedObject.Kind
    let object: ObjectKey
    let code: String
}

/// What finds no room.
enum CapacityShortage {
    case policy(PolicyError)
    case pod(PolicyError)
    case service(ServiceError)

    var place: CapacityPlace {
        switch self {
        case .policy(let error):
            CapacityPlace(
                kind: error.object.namespace.isEmpty ? .clusterNetworkPolicy : .networkPolicy,
                object: error.object, code: error.code.rawValue)
        case .pod(let error): CapacityPlace(kind: .pod, object: error.object, code: error.code.rawValue)
        case .service(let error): CapacityPlace(kind: .service, object: error.service, code: error.code.rawValue)
        }
    }

    /// What pods of one class have in common.
    var message: String {
        switch self {
        case .policy(let error), .pod(let error): error.message
        case .service(let error): error.message
        }
    }
}

/// A shortage as it is told, but for what was there before the write.
struct CapacityShortfall {
    /// A pod's list that became too long.
    struct LongList {
        let direction: RuleInfo.Direction
        let rules: Int
    }

    let table: String
    let place: CapacityPlace
    /// Whom it is about, where that does not go without saying.
    let prefix: String
    let message: String
    let list: LongList?
    /// Who takes most.
    let most: String
}

extension CapacityShadow {
    /// What is to be said of shortages, as it stands with `objects` taken. Pods that lack the same are told as one.
    func gathered(_ shortages: [CapacityShortage], _ objects: [AdmittedObject]) -> [CapacityShortfall] {
        var told: [CapacityShortfall] = []
        var alike: [String: [CapacityShortage]] = [:]
        for shortage in shortages {
            guard case .pod = shortage else {
                told.append(shortfall(shortage, others: 0, objects))
                continue
            }
            alike[shortage.place.code + shortage.message, default: []].append(shortage)
        }
        for (_, pods) in alike.sorted(by: { $0.key < $1.key }) {
            let isWritten = { (pod: CapacityShortage) in
                objects.contains { $0.kind == .pod && $0.key == pod.place.object }
            }
            if let one = pods.first(where: isWritten) ?? pods.first {
                told.append(shortfall(one, others: pods.count - 1, objects))
            }
        }
        return told
    }

    private func shortfall(_ shortage: CapacityShortage, others: Int, _ objects: [AdmittedObject])
        -> CapacityShortfall
    {
        switch shortage {
        case .policy(let error), .pod(let error): shortfall(error, shortage.place, others: others, objects)
        case .service(let error): shortfall(error, shortage.place)
        }
    }

    private func shortfall(_ problem: PolicyError, _ place: CapacityPlace, others: Int, _ objects: [AdmittedObject])
        -> CapacityShortfall
    {
        let table: String
        let unit: String
        switch problem.code {
        case .listTooLong: (table, unit) = ("list", "rule")
        case .noSelectorFree: (table, unit) = ("selectors", "selector")
        case .noBlockFree: (table, unit) = ("blocks", "block")
        case .noNetworkFree: (table, unit) = ("networks", "network")
        case .noCIDRClassFree: (table, unit) = ("cidrClasses", "network")
        case .noClassFree: (table, unit) = ("classes", "selector")
        case .noRulesFree: (table, unit) = ("rules", "rule")
        }
        let own = objects.filter(\.isPolicy).map(\.key)
        let most = world.policy.heaviest(for: problem).filter { !own.contains($0.policy) }
            .map { "\($0.policy) (\($0.share.counted(unit)))" }
        var list: CapacityShortfall.LongList?
        if place.kind == .pod, problem.code == .listTooLong {
            let direction = world.policy.longerDirection(of: place.object)
            list = .init(direction: direction, rules: rules(place.object, direction))
        }
        let isAlone = objects.count == 1 && objects[0].kind == place.kind && objects[0].key == place.object
        let subject = (place.kind == .pod ? "Pod " : "") + "\(place.object)"
        var prefix = isAlone ? "" : "\(subject): "
        if others > 0 { prefix = "\(subject) and \(others.counted("more pod")): " }
        return CapacityShortfall(
            table: table, place: place, prefix: prefix, message: problem.message, list: list, most: Self.list(most))
    }

    private func shortfall(_ problem: ServiceError, _ place: CapacityPlace) -> CapacityShortfall {
        let isFrontend = problem.code == .noServiceFree
        let most = services.heaviest(for: problem.code).map {
            "\($0.service) (\($0.share.counted(isFrontend ? "frontend" : "backend")))"
        }
        return CapacityShortfall(
            table: isFrontend ? "frontends" : "backends", place: place, prefix: "Service \(problem.service): ",
            message: problem.message, list: nil, most: Self.list(most))
    }

    /// The refusal, once the state is again as it was before the write.
    func refusal(_ shortfall: CapacityShortfall) -> CapacityRefusal {
        var message = shortfall.message
        if let list = shortfall.list {
            let (before, limit) = (rules(shortfall.place.object, list.direction), world.policy.limits.listRules)
            let need = (list.rules - before).counted("\(before > 0 ? "more " : "")\(list.direction.rawValue) rule")
            message = "needs \(need) in a list; \(max(0, limit - before)) of \(limit) are free"
        }
        return CapacityRefusal(
            table: shortfall.table, kind: shortfall.place.kind, object: shortfall.place.object,
            message: shortfall.prefix + message + shortfall.most)
    }

    private func rules(_ pod: ObjectKey, _ direction: RuleInfo.Direction) -> Int {
        world.policy.list(of: pod, direction).reduce(0) { $0 + $1.share }
    }

    private static func list(_ most: [String]) -> String {
        most.isEmpty ? "" : "; most is taken by " + most.joined(separator: ", ")
    }
}
