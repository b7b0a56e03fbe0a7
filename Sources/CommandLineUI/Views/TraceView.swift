package import JSONText

/// `martlet trace`: a block for each version, oldest first.
package enum TraceView {
    package static func text(_ answer: JSONValue) -> String {
        (answer["versions"]?.array ?? []).map { version in
            var out = "\(ListView.cell(answer["kind"])) \(ListView.cell(answer["policy"])), "
            out += "version \(ListView.cell(version["version"]))"
            let generation = ListView.cell(version["generation"])
            out += generation.isEmpty ? ", under way\n" : ", generation \(generation)\n"
            var table = TextTable("step", "time", "since the step before")
            for step in version["steps"]?.array ?? [] {
                let time = step["time"]?.string ?? "not known"
                table.add([ListView.cell(step["step"]), time, milliseconds(step["sincePrevious"])])
            }
            return out + table.text
        }.joined(separator: "\n")
    }

    /// Seconds as milliseconds with three places.
    static func milliseconds(_ value: JSONValue?) -> String {
        let seconds: Double
        switch value {
        case .number(let number): seconds = number
        case .integer(let number): seconds = Double(number)
        case .null, .bool, .string, .array, .object, nil: return ""
        }
        let microseconds = Int64((seconds * 1_000_000).rounded())
        let fraction = String(abs(microseconds) % 1_000 + 1_000).dropFirst()
        return "\(microseconds < 0 ? "-" : "")\(abs(microseconds) / 1_000).\(fraction) ms"
    }
}
