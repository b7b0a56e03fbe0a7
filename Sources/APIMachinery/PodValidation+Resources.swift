import JSONText

/// Amounts that containers ask for.
extension PodValidation {
    private static let standard: Set<String> = ["cpu", "memory", "ephemeral-storage"]

    private static func isHugePages(_ name: String) -> Bool { name.hasPrefix("hugepages-") }

    /// `example.com/thing`
    private static func isExtended(_ name: String) -> Bool {
        name.contains("/") && !name.contains("kubernetes.io/") && !name.hasPrefix("requests.")
    }

    func resources(_ resources: JSONValue, _ at: FieldPath) -> [FieldError] {
        let limits = resources["limits"]?.members ?? [:]
        let requests = resources["requests"]?.members ?? [:]
        var errors: [FieldError] = []
        for (name, value) in limits.sorted(by: { $0.key < $1.key }) {
            errors += amount(name, value, at["limits"].key(name))
        }
        var isLimitMissing = false
        for (name, value) in requests.sorted(by: { $0.key < $1.key }) {
            errors += amount(name, value, at["requests"].key(name))
            let mustEqual = Self.isHugePages(name) || Self.isExtended(name)
            guard let limit = limits[name] else {
                if mustEqual { isLimitMissing = true }
                continue
            }
            guard let asked = Quantity(value.string ?? ""), let bound = Quantity(limit.string ?? "") else { continue }
            if mustEqual, asked.nano != bound.nano {
                errors.append(.invalid(at["requests"], value, "must be equal to \(name) limit of \(bound.text)"))
            } else if asked > bound {
                errors.append(
                    .invalid(at["requests"], value, "must be less than or equal to \(name) limit of \(bound.text)"))
            }
        }
        if isLimitMissing {
            errors.append(.required(at["limits"], "Limit must be set for non overcommitable resources"))
        }
        let all = Set(limits.keys).union(requests.keys)
        if all.contains(where: Self.isHugePages), !all.contains("cpu"), !all.contains("memory") {
            errors.append(.forbidden(at, "HugePages require cpu or memory"))
        }
        return errors
    }

    private func amount(_ name: String, _ value: JSONValue, _ at: FieldPath) -> [FieldError] {
        var errors = Names.qualifiedNameFaults(name).map { FieldError.invalid(at, .string(name), $0) }
        if !name.contains("/"), !Self.standard.contains(name), !Self.isHugePages(name) {
            errors.append(.invalid(at, .string(name), "must be a standard resource type or fully qualified"))
            errors.append(.invalid(at, .string(name), "must be a standard resource for containers"))
        }
        guard let quantity = Quantity(value.string ?? "") else { return errors }
        if quantity.nano < 0 {
            errors.append(.invalid(at, value, "must be greater than or equal to 0"))
        } else if Self.isExtended(name), quantity.milliValue % 1000 != 0 {
            errors.append(.invalid(at, value, "must be an integer"))
        } else if Self.isHugePages(name), let page = Quantity(String(name.dropFirst("hugepages-".count))),
            page.nano > 0, quantity.nano % page.nano != 0
        {
            errors.append(
                .invalid(at, value, "\(quantity.text) is not positive integer multiple of \(name)"))
        }
        return errors
    }
}
