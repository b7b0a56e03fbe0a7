import JSONText

/// Where a Pod may run.
extension PodValidation {
    var scheduling: [FieldError] { tolerations + spread + gates }

    private var tolerations: [FieldError] {
        var errors: [FieldError] = []
        for (index, toleration) in (spec["tolerations"]?.elements ?? []).enumerated() {
            let at = path["tolerations"][index]
            let key = toleration.text("key")
            let operation = toleration.text("operator")
            if !key.isEmpty {
                errors += Names.qualifiedNameFaults(key).map { .invalid(at["key"], .string(key), $0) }
            } else if operation != "Exists" {
                errors.append(
                    .invalid(
                        at["operator"], .string(operation),
                        "operator must be Exists when `key` is empty, which means \"match all values and all keys\""))
            }
            if toleration["tolerationSeconds"] != nil, toleration.text("effect") != "NoExecute" {
                errors.append(
                    .invalid(
                        at["effect"], .string(toleration.text("effect")),
                        "effect must be 'NoExecute' when `tolerationSeconds` is set"))
            }
            switch operation {
            case "", "Equal":
                errors += Names.labelValueFaults(toleration.text("value")).map {
                    .invalid(at["operator"], .string(toleration.text("value")), $0)
                }
            case "Exists":
                if !toleration.text("value").isEmpty {
                    errors.append(
                        .invalid(
                            at["operator"], .string(toleration.text("value")),
                            "value must be empty when `operator` is 'Exists'"))
                }
            default: errors.append(.notSupported(at["operator"], operation, ["Equal", "Exists"]))
            }
            errors += supported(
                toleration.text("effect"), ["NoSchedule", "PreferNoSchedule", "NoExecute"], at["effect"])
        }
        return errors
    }

    private var spread: [FieldError] {
        var errors: [FieldError] = []
        var pairs = Set<String>()
        for (index, constraint) in (spec["topologySpreadConstraints"]?.elements ?? []).enumerated() {
            let at = path["topologySpreadConstraints"][index]
            let skew = constraint["maxSkew"]?.integer ?? 0
            if skew <= 0 { errors.append(.invalid(at["maxSkew"], .integer(skew), "must be greater than zero")) }
            let key = constraint.text("topologyKey")
            errors += topologyKey(key, at["topologyKey"])
            let action = constraint.text("whenUnsatisfiable")
            if !["DoNotSchedule", "ScheduleAnyway"].contains(action) {
                errors.append(.notSupported(at["whenUnsatisfiable"], action, ["DoNotSchedule", "ScheduleAnyway"]))
            }
            let pair = "{\(key), \(action)}"
            if !pairs.insert(pair).inserted {
                errors.append(.duplicate(at["{topologyKey, whenUnsatisfiable}"], .string(pair)))
            }
            if let least = constraint["minDomains"]?.integer {
                if least <= 0 {
                    errors.append(.invalid(at["minDomains"], .integer(least), "must be greater than zero"))
                }
                if action != "DoNotSchedule" {
                    errors.append(
                        .invalid(
                            at["minDomains"], .integer(least),
                            "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not \(action)"))
                }
            }
            errors += supported(
                constraint.text("nodeAffinityPolicy"), ["Honor", "Ignore"], at["nodeAffinityPolicy"])
            errors += supported(constraint.text("nodeTaintsPolicy"), ["Honor", "Ignore"], at["nodeTaintsPolicy"])
            errors += LabelSelectorRules.validate(constraint["labelSelector"], at["labelSelector"])
        }
        return errors
    }

    private func topologyKey(_ key: String, _ at: FieldPath) -> [FieldError] {
        var errors: [FieldError] = []
        if key.isEmpty { errors.append(.required(at, "can not be empty")) }
        return errors + Names.qualifiedNameFaults(key).map { .invalid(at, .string(key), $0) }
    }

    private var gates: [FieldError] {
        var errors: [FieldError] = []
        var names = Set<String>()
        for (index, gate) in (spec["schedulingGates"]?.elements ?? []).enumerated() {
            let at = path["schedulingGates"][index]
            let name = gate.text("name")
            errors += Names.qualifiedNameFaults(name).map { .invalid(at, .string(name), $0) }
            if !names.insert(name).inserted { errors.append(.duplicate(at, .string(name))) }
        }
        if !names.isEmpty, !spec.text("nodeName").isEmpty {
            errors.append(.forbidden(path["nodeName"], "cannot be set until all schedulingGates have been cleared"))
        }
        return errors
    }

    var affinity: [FieldError] {
        let affinity = spec["affinity"] ?? .object([:])
        let at = path["affinity"]
        let required = "requiredDuringSchedulingIgnoredDuringExecution"
        let preferred = "preferredDuringSchedulingIgnoredDuringExecution"
        var errors: [FieldError] = []
        for field in ["podAffinity", "podAntiAffinity"] {
            for (index, term) in (affinity[field]?[required]?.elements ?? []).enumerated() {
                errors += podTerm(term, at[field][required][index])
            }
            for (index, weighted) in (affinity[field]?[preferred]?.elements ?? []).enumerated() {
                let place = at[field][preferred][index]
                errors += weight(weighted, place)
                errors += podTerm(weighted["podAffinityTerm"] ?? .object([:]), place["podAffinityTerm"])
            }
        }
        let node = at["nodeAffinity"]
        if let selector = affinity["nodeAffinity"]?[required] {
            let terms = selector["nodeSelectorTerms"]?.elements ?? []
            let place = node[required]["nodeSelectorTerms"]
            if terms.isEmpty { errors.append(.required(place, "must have at least one node selector term")) }
            for (index, term) in terms.enumerated() { errors += nodeTerm(term, place[index]) }
        }
        for (index, weighted) in (affinity["nodeAffinity"]?[preferred]?.elements ?? []).enumerated() {
            let place = node[preferred][index]
            errors += weight(weighted, place)
            errors += nodeTerm(weighted["preference"] ?? .object([:]), place["preference"])
        }
        return errors
    }

    private func weight(_ term: JSONValue, _ at: FieldPath) -> [FieldError] {
        let weight = term["weight"]?.integer ?? 0
        guard !(1...100).contains(weight) else { return [] }
        return [.invalid(at["weight"], .integer(weight), "must be in the range 1-100")]
    }

    private func podTerm(_ term: JSONValue, _ at: FieldPath) -> [FieldError] {
        var errors = LabelSelectorRules.validate(term["labelSelector"], at["labelSelector"])
        errors += LabelSelectorRules.validate(term["namespaceSelector"], at["namespaceSelector"])
        for (index, name) in (term["namespaces"]?.elements ?? []).enumerated() {
            if let fault = Names.labelFault(name.string ?? "") {
                errors.append(.invalid(at["namespace"][index], name, fault))
            }
        }
        return errors + topologyKey(term.text("topologyKey"), at["topologyKey"])
    }

    private func nodeTerm(_ term: JSONValue, _ at: FieldPath) -> [FieldError] {
        var errors: [FieldError] = []
        for (index, requirement) in (term["matchExpressions"]?.elements ?? []).enumerated() {
            errors += nodeRequirement(requirement, at["matchExpressions"][index])
        }
        for (index, requirement) in (term["matchFields"]?.elements ?? []).enumerated() {
            let place = at["matchFields"][index]
            if requirement.text("key") != "metadata.name" {
                errors.append(
                    .invalid(
                        place["key"], .string(requirement.text("key")), "not a valid field selector key"))
            }
            if requirement["values"]?.elements.count ?? 0 != 1 {
                errors.append(
                    .required(
                        place["values"],
                        "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"))
            }
        }
        return errors
    }

    private func nodeRequirement(_ requirement: JSONValue, _ at: FieldPath) -> [FieldError] {
        var errors: [FieldError] = []
        let values = requirement["values"]?.elements ?? []
        switch requirement.text("operator") {
        case "In", "NotIn":
            if values.isEmpty {
                errors.append(.required(at["values"], "must be specified when `operator` is 'In' or 'NotIn'"))
            }
        case "Exists", "DoesNotExist":
            if !values.isEmpty {
                errors.append(
                    .forbidden(at["values"], "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
            }
        case "Gt", "Lt":
            if values.count != 1 {
                errors.append(
                    .required(at["values"], "must be specified single value when `operator` is 'Lt' or 'Gt'"))
            }
        default:
            errors.append(
                .invalid(at["operator"], .string(requirement.text("operator")), "not a valid selector operator"))
        }
        let key = requirement.text("key")
        return errors + Names.qualifiedNameFaults(key).map { .invalid(at["key"], .string(key), $0) }
    }
}
