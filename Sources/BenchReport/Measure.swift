import JSONText

/// A result: a figure, and the aim that it is held against where there is one.
package struct Measure: Sendable {
    package enum Aim: Sendable {
        case atMost(Double)
        case atLeast(Double)

        func isReached(by value: Double) -> Bool {
            switch self {
            case .atMost(let limit): value <= limit
            case .atLeast(let limit): value >= limit
            }
        }

        var text: String {
            switch self {
            case .atMost(let limit): "≤ \(Figure.text(limit))"
            case .atLeast(let limit): "≥ \(Figure.text(limit))"
            }
        }
    }

    package enum Verdict: String, Sendable {
        case reached, missed
    }

    /// The part of the benchmark that it comes from.
    package let part: String
    package let name: String
    package let value: Double
    /// `×` (a ratio), `ms`, `µs`, `ns`, `MiB`, `1/s`; or what is counted: `writes`, `flows`, `packets`.
    package let unit: String
    package let aim: Aim?
    /// The quarter and three-quarter points of the rounds, where the value is their median.
    package let spread: (low: Double, high: Double)?

    package init(part: String, _ name: String, _ value: Double, _ unit: String, _ aim: Aim? = nil) {
        self.init(part: part, name: name, value: value, unit: unit, aim: aim, spread: nil)
    }

    /// The median of rounds.
    package init(part: String, _ name: String, rounds: [Double], _ unit: String, _ aim: Aim? = nil) {
        self.init(
            part: part, name: name, value: Figure.median(rounds), unit: unit, aim: aim,
            spread: (Figure.quantile(rounds, 0.25), Figure.quantile(rounds, 0.75)))
    }

    private init(
        part: String, name: String, value: Double, unit: String, aim: Aim?, spread: (low: Double, high: Double)?
    ) {
        self.part = part
        self.name = name
        self.value = value
        self.unit = unit
        self.aim = aim
        self.spread = spread
    }

    /// Nil without an aim. What is no number has missed it.
    package var verdict: Verdict? { aim.map { $0.isReached(by: value) ? .reached : .missed } }

    private var valueText: String { value.isFinite ? "\(Figure.text(value)) \(unit)" : Figure.text(value) }

    /// As it is printed when it is obtained.
    package var line: String {
        var text = "\(part): \(name): \(valueText)"
        if let spread { text += " (\(Figure.text(spread.low)) to \(Figure.text(spread.high)))" }
        if let aim, let verdict { text += ", aim \(aim.text): \(verdict)" }
        return text
    }

    /// A row of `BenchReport.table`.
    var row: String {
        let range = spread.map { "\(Figure.text($0.low)) – \(Figure.text($0.high))" } ?? ""
        return "| \(name) | \(valueText) | \(range) | \(aim?.text ?? "") | \(verdict?.rawValue ?? "") |"
    }

    /// `part`, `name`, `value`, `unit`; where there are, `low` and `high`, `aim` and `verdict`.
    var json: JSONValue {
        var object: JSONValue = [
            "part": .string(part), "name": .string(name), "value": Self.number(value), "unit": .string(unit),
        ]
        if let spread {
            object["low"] = Self.number(spread.low)
            object["high"] = Self.number(spread.high)
        }
        if let aim, let verdict {
            object["aim"] = .string(aim.text)
            object["verdict"] = .string(verdict.rawValue)
        }
        return object
    }

    /// Three decimals; JSON knows no infinity.
    private static func number(_ value: Double) -> JSONValue {
        value.isFinite ? .number((value * 1_000).rounded() / 1_000) : .null
    }
}
