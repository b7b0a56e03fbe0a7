import JSONText

/// A resource quantity (`resource.Quantity`): a decimal number with a decimal, binary or exponent suffix. Kept in
/// thousandths, rounded up; what would not fit is held at the limit.
struct Quantity: Hashable, Sendable {
    let milliUnits: Int64

    var units: Int64 { (milliUnits + 999) / 1_000 }

    /// Nil where absent or malformed.
    init?(_ value: JSONValue?) {
        switch value {
        case .integer(let number): milliUnits = Self.bounded(Double(number) * 1_000)
        case .number(let number): milliUnits = Self.bounded(number * 1_000)
        case .string(let text):
            guard let parsed = Self.parse(text) else { return nil }
            milliUnits = parsed
        case .null, .bool, .array, .object, nil: return nil
        }
    }

    private static let suffixes: [String: Double] = [
        "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
        "Ki": 1_024, "Mi": 1_048_576, "Gi": 1_073_741_824, "Ti": 1_099_511_627_776, "Pi": 1_125_899_906_842_624,
        "Ei": 1_152_921_504_606_846_976,
    ]

    private static func parse(_ text: String) -> Int64? {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == "." || $0 == "-" || $0 == "+") }
        let suffix = String(text.dropFirst(digits.count))
        guard let number = Double(digits), number.isFinite else { return nil }
        if let factor = suffixes[suffix] { return bounded(number * factor * 1_000) }
        guard let mark = suffix.first, mark == "e" || mark == "E", let exact = Double(text) else { return nil }
        return bounded(exact * 1_000)
    }

    private static func bounded(_ value: Double) -> Int64 {
        // Just under 2^63, which a Double cannot hold exactly.
        let limit = 9.2e18
        // Decimal fractions are not exact in binary: what is as good as whole is not rounded up.
        let nearest = value.rounded()
        let whole = abs(value - nearest) <= 1e-9 * max(abs(value), 1) ? nearest : value.rounded(.up)
        return Int64(min(max(whole, -limit), limit))
    }
}
