/// The mounts of this mount namespace (`/proc/self/mountinfo`, proc(5)).
struct MountTable {
    struct Mount: Hashable {
        let point: String
        let type: String
    }

    /// In the order of mounting.
    let mounts: [Mount]

    init() { self.init(parsing: NodeFiles.read("/proc/self/mountinfo") ?? "") }

    init(parsing text: String) {
        mounts = text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ")
            guard let dash = fields.firstIndex(of: "-"), dash > 5, fields.count > dash + 1 else { return nil }
            return Mount(point: Self.unescape(fields[4]), type: String(fields[dash + 1]))
        }
    }

    /// Mounts at `directory` or below, the last made first.
    func below(_ directory: String) -> [Mount] {
        mounts.filter { $0.point == directory || $0.point.hasPrefix(directory + "/") }.reversed()
    }

    func points(ofType type: String) -> [String] { mounts.filter { $0.type == type }.map(\.point) }

    /// Space, tab, line end and backslash stand as octal numbers.
    private static func unescape(_ field: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(field.utf8)[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3,
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
            {
                bytes.append(value)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
