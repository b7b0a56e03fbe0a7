import APIMachinery

/// The form in which an answer goes out, as the `Accept` header asks for it.
struct Negotiation: Hashable, Sendable {
    enum Format: Hashable, Sendable {
        case json
        case yaml
        case protobuf

        var contentType: String {
            switch self {
            case .json: "application/json"
            case .yaml: "application/yaml"
            case .protobuf: "application/vnd.kubernetes.protobuf"
            }
        }
    }

    enum Form: Hashable, Sendable {
        case object
        case table
        /// `PartialObjectMetadata`, or its list.
        case metadata(isList: Bool)
    }

    var format: Format = .json
    var form: Form = .object
    var isPretty = false
    /// `v1`, or `v1beta1` of `meta.k8s.io`.
    var formVersion = "v1"

    /// What a request may come back as.
    struct Offer: Sendable {
        /// Whether Table and PartialObjectMetadata are made.
        var hasForms = true
        var hasProtobuf = true
        var isWatch = false
        /// Lists may be watched too, and the refusal's wording lists that.
        var isCollection = false
    }

    private static let all = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"]

    init(accept: String?, prettyQuery: Bool = false, offer: Offer) throws(APIStatus) {
        isPretty = prettyQuery
        let clauses = Self.clauses(accept ?? "")
        if clauses.isEmpty { return }
        var sawUnknownForm = false
        for clause in clauses {
            guard let format = Self.format(clause.type, offer) else { continue }
            guard let form = Self.form(clause, offer) else {
                sawUnknownForm = true
                continue
            }
            self.format = format
            self.form = form
            formVersion = clause.parameters["v"] ?? "v1"
            if let pretty = clause.parameters["pretty"] { isPretty = pretty == "1" || pretty == "true" }
            return
        }
        if sawUnknownForm {
            throw .notAcceptable("only the following media types are accepted: \(Self.all.joined(separator: ", "))")
        }
        var offered = Self.all
        if offer.isCollection {
            offered += ["application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch"]
        }
        throw .notAcceptable(
            "406: Not Acceptable\n\nAvailable representations: \(offered.joined(separator: ", "))", details: .init())
    }

    struct Clause: Sendable {
        var type: String
        var parameters: [String: String]
        var quality: Double
    }

    /// The clauses of an `Accept` header, best first.
    static func clauses(_ accept: String) -> [Clause] {
        var found: [Clause] = []
        for part in accept.split(separator: ",") {
            var pieces = part.split(separator: ";").map { $0.trimmingSpaces }
            guard !pieces.isEmpty else { continue }
            let type = pieces.removeFirst().lowercased()
            var parameters: [String: String] = [:]
            for piece in pieces {
                let pair = piece.split(separator: "=", maxSplits: 1)
                if pair.count == 2 { parameters[pair[0].trimmingSpaces] = pair[1].trimmingSpaces }
            }
            let quality = parameters.removeValue(forKey: "q").flatMap(Double.init) ?? 1
            found.append(Clause(type: type, parameters: parameters, quality: quality))
        }
        // A stable order: clauses of equal quality stay as the client listed them.
        return found.enumerated()
            .sorted { ($0.element.quality, -$0.offset) > ($1.element.quality, -$1.offset) }
            .map(\.element)
    }

    private static func format(_ type: String, _ offer: Offer) -> Format? {
        switch type {
        case "application/json", "*/*", "application/*": .json
        case "application/yaml" where !offer.isWatch: .yaml
        case "application/vnd.kubernetes.protobuf" where offer.hasProtobuf: .protobuf
        default: nil
        }
    }

    private static func form(_ clause: Clause, _ offer: Offer) -> Form? {
        guard let name = clause.parameters["as"] else { return .object }
        let version = clause.parameters["v"] ?? ""
        guard offer.hasForms, clause.parameters["g"] == "meta.k8s.io", version == "v1" || version == "v1beta1" else {
            return nil
        }
        switch name {
        case "Table": return .table
        case "PartialObjectMetadata": return .metadata(isList: false)
        case "PartialObjectMetadataList": return .metadata(isList: true)
        default: return nil
        }
    }
}

extension StringProtocol {
    var trimmingSpaces: String {
        var text = Substring(self)
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
