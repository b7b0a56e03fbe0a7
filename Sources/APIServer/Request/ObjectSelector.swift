import APIMachinery

/// What a list, a watch or a deletecollection selects by: labels and fields, judged by an object's key and projection.
struct ObjectSelector: Sendable {
    private struct Term: Sendable {
        enum Source: Sendable {
            case name
            case namespace
            /// Place among the kind's selectable fields.
            case field(Int)
        }

        let source: Source
        let value: String
        let isEqual: Bool
    }

    let labels: LabelQuery
    let fields: FieldQuery
    /// The name in a path, where a watch has one.
    var name: String?
    private let ofKey: [Term]
    private let ofContent: [Term]

    var isEmpty: Bool { labels.isEmpty && fields.isEmpty && name == nil }

    /// - Parameter projection: asked for only where the key does not decide.
    func matches(key object: CachedObject, _ projection: () -> CachedObject.Projection) -> Bool {
        if let name, object.name != name { return false }
        for term in ofKey {
            let value = if case .name = term.source { object.name } else { object.namespace }
            if (value == term.value) != term.isEqual { return false }
        }
        if ofContent.isEmpty, labels.isEmpty { return true }
        let content = projection()
        for term in ofContent {
            guard case .field(let place) = term.source else { continue }
            if (content.fields[place] == term.value) != term.isEqual { return false }
        }
        return labels.requirements.allSatisfy { $0.operation.holds(content.labels[$0.key]) }
    }

    init(labelText: String, fieldText: String, _ kind: ResourceDefinition) throws(APIStatus) {
        labels = try LabelQuery(labelText)
        fields = try FieldQuery(fieldText, for: kind)
        let names = kind.rules.selectableFieldNames
        var (ofKey, ofContent): ([Term], [Term]) = ([], [])
        for wanted in fields.requirements {
            switch wanted.field {
            case "metadata.name":
                ofKey.append(Term(source: .name, value: wanted.value, isEqual: wanted.isEqual))
            case "metadata.namespace":
                ofKey.append(Term(source: .namespace, value: wanted.value, isEqual: wanted.isEqual))
            default:
                guard let place = names.firstIndex(of: wanted.field) else { continue }
                ofContent.append(Term(source: .field(place), value: wanted.value, isEqual: wanted.isEqual))
            }
        }
        (self.ofKey, self.ofContent) = (ofKey, ofContent)
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
