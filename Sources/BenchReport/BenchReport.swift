package import JSONText

/// All results of one run, and the two forms in which they are kept.
package struct BenchReport: Sendable {
    /// What the run was made on.
    package struct Machine: Sendable {
        package let date: String
        package let kernel: String
        package let processor: String
        package let cores: Int
        /// Processes that waited for a core when the run began, a minute's average.
        package let load: Double
        package let version: String

        package init(date: String, kernel: String, processor: String, cores: Int, load: Double, version: String) {
            self.date = date
            self.kernel = kernel
            self.processor = processor
            self.cores = cores
            self.load = load
            self.version = version
        }
    }

    package let machine: Machine
    package private(set) var measures: [Measure] = []
    /// Parts that could not be measured, with the reason.
    package private(set) var failures: [(part: String, reason: String)] = []

    package init(_ machine: Machine) { self.machine = machine }

    package mutating func add(_ measure: Measure) { measures.append(measure) }
    package mutating func fail(_ part: String, _ reason: String) { failures.append((part, reason)) }

    /// An error as one line, without the folders it names.
    package static func reason(_ error: String, without folders: [String]) -> String {
        let words = error.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return folders.filter { $0.count > 1 }.sorted { $0.count > $1.count }.reduce(words) { text, folder in
            text.replacing("\(folder)/", with: "").replacing(folder, with: ".")
        }
    }

    package var missed: [Measure] { measures.filter { $0.verdict == .missed } }
    package var reachedCount: Int { measures.count { $0.verdict == .reached } }

    /// The content of `Benchmarks/results/latest.json`.
    package var json: JSONValue {
        [
            "date": .string(machine.date), "kernel": .string(machine.kernel), "processor": .string(machine.processor),
            "cores": .integer(Int64(machine.cores)), "loadBefore": .number(machine.load),
            "version": .string(machine.version), "measures": .array(measures.map(\.json)),
            "notMeasured": .array(failures.map { ["part": .string($0.part), "reason": .string($0.reason)] }),
        ]
    }

    /// One table a part, in the order in which they were measured.
    package var table: String {
        var lines = [
            "Measured \(machine.date) at \(machine.version): Linux \(machine.kernel), \(machine.processor), "
                + "\(machine.cores) cores, load before the run \(Figure.text(machine.load)). "
                + "\(reachedCount) aims reached, \(missed.count) missed."
        ]
        var parts: [String] = []
        for measure in measures where !parts.contains(measure.part) { parts.append(measure.part) }
        for part in parts {
            lines += [
                "", "### \(part)", "", "| measure | value | half of the rounds | aim | |",
                "| --- | --- | --- | --- | --- |",
            ]
            lines += measures.filter { $0.part == part }.map(\.row)
        }
        for failure in failures { lines += ["", "Not measured: \(failure.part): \(failure.reason)"] }
        return lines.joined(separator: "\n")
    }

    package static let begin = "<!-- written by make bench: begin -->"
    package static let end = "<!-- written by make bench: end -->"

    /// `page` with the table between its two marks. Nil where it has not both, in this order.
    package func written(into page: String) -> String? {
        let lines = page.split(separator: "\n", omittingEmptySubsequences: false)
        guard let first = lines.firstIndex(where: { $0 == Self.begin }),
            let last = lines[first...].firstIndex(where: { $0 == Self.end })
        else { return nil }
        let kept = lines[...first].map(String.init) + ["", table, ""] + lines[last...].map(String.init)
        return kept.joined(separator: "\n")
    }
}
