import APIMachinery

/// What a list, a watch or a deletecollection selects by: labels and fields, judged by an object's projection.
struct ObjectSelector: Sendable {
    let labels: LabelQuery
    let fields: FieldQuery
    /// The name in a path, where a watch has one.
    var name: String?

    var isEmpty: Bool { labels.isEmpty && fields.isEmpty && name == nil }

    func matches(labels present: [String: String], fields values: [String: String]) -> Bool {
        if let name, values["metadata.name"] != name { return false }
        for term in fields.requirements where ((values[term.field] ?? "") == term.value) != term.isEqual {
            return false
        }
        return labels.requirements.allSatisfy { $0.operation.holds(present[$0.key]) }
    }

    init(labelText: String, fieldText: String, _ kind: ResourceDefinition) throws(APIStatus) {
        labels = try LabelQuery(labelText)
        fields = try FieldQuery(fieldText, for: kind)
    }
}

extension LabelQuery.Operator {
    /// Whether a label's value, nil where absent, fulfils it.
    fileprivate func holds(_ value: String?) -> Bool {
        switch self {
        case .isIn(let values): value.map(values.contains) ?? false
        case .isNotIn(let values): value.map { !values.contains($0) } ?? true
        case .exists: value != nil
        case .absent: value == nil
        case .greater(let bound): value.flatMap { Int64($0) }.map { $0 > bound } ?? false
        case .less(let bound): value.flatMap { Int64($0) }.map { $0 < bound } ?? false
        }
    }
}
