/// Numbers of a series, and how a reader wants to see them.
package enum Figure {
    /// Two decimals below ten, one below a hundred, none above; "not measured" for what is no number.
    package static func text(_ value: Double) -> String {
        guard value.isFinite else { return "not measured" }
        let scale = abs(value) < 9.995 ? 100.0 : abs(value) < 99.95 ? 10.0 : 1.0
        let scaled = (value * scale).rounded()
        let whole = Int64(scaled)
        guard scale > 1 else { return grouped(whole) }
        let digits = scale == 100 ? 2 : 1
        let fraction = String(whole.magnitude % UInt64(scale))
        let zeros = String(repeating: "0", count: digits - fraction.count)
        return (whole < 0 ? "-" : "") + "\(whole.magnitude / UInt64(scale)).\(zeros)\(fraction)"
    }

    /// Thousands apart: 12,800.
    private static func grouped(_ value: Int64) -> String {
        var out = ""
        for (index, digit) in String(value.magnitude).reversed().enumerated() {
            if index > 0, index % 3 == 0 { out.append(",") }
            out.append(digit)
        }
        return (value < 0 ? "-" : "") + String(out.reversed())
    }

    /// The middle of the values; the lower of two. `nan` for none.
    package static func median(_ values: [Double]) -> Double { quantile(values, 0.5) }

    /// The smallest value that at least `share` (0 to 1) of the values do not exceed. `nan` for none.
    package static func quantile(_ values: [Double], _ share: Double) -> Double {
        guard !values.isEmpty else { return .nan }
        let sorted = values.sorted()
        let rank = Int((Double(sorted.count) * share).rounded(.up))
        return sorted[min(sorted.count, max(1, rank)) - 1]
    }

    /// Round by round, `part` over `whole`: what a round's neighbours on the machine did to both falls out.
    package static func ratios(_ part: [Double], to whole: [Double]) -> [Double] {
        zip(part, whole).map { $0 / $1 }
    }
}
