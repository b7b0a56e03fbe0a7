/// Columns of text for a terminal: upper-case heads, two blanks between columns, the last column ragged.
package struct TextTable: Sendable {
    package let columns: [String]
    package private(set) var rows: [[String]] = []

    package init(_ columns: String...) { self.columns = columns }
    package init(columns: [String]) { self.columns = columns }

    /// Cells beyond the columns are dropped; missing ones are `-`.
    package mutating func add(_ cells: [String]) {
        let padded = cells.prefix(columns.count) + Array(repeating: "-", count: max(0, columns.count - cells.count))
        rows.append(padded.map { $0.isEmpty ? "-" : $0 })
    }

    package var text: String {
        let lines = [columns.map { $0.uppercased() }] + rows
        let widths = columns.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { line in
            var out = ""
            for (column, cell) in line.enumerated() {
                out += cell
                if column < line.count - 1 {
                    out += String(repeating: " ", count: widths[column] - cell.count + 2)
                }
            }
            return out + "\n"
        }.joined()
    }
}
