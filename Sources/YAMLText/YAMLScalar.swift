import JSONText
import Yams

/// What a YAML scalar means.
enum YAMLScalar {
    static func value(_ scalar: Node.Scalar) -> JSONValue {
        guard scalar.style == .plain || scalar.style == .any else { return .string(scalar.string) }
        return plain(scalar.string)
    }

    static func plain(_ text: String) -> JSONValue {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y": return true
        case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "N": return false
        default: return number(text) ?? .string(text)
        }
    }

    private static func number(_ text: String) -> JSONValue? {
        guard let first = text.utf8.first, (0x30...0x39).contains(first) || "+-.".utf8.contains(first) else {
            return nil
        }
        let digits = text.replacing("_", with: "")
        let isNegative = digits.hasPrefix("-")
        let bare = isNegative || digits.hasPrefix("+") ? String(digits.dropFirst()) : digits
        let sign: Int64 = isNegative ? -1 : 1
        for (prefix, radix) in [("0x", 16), ("0b", 2), ("0o", 8)] where bare.hasPrefix(prefix) {
            return Int64(bare.dropFirst(2), radix: radix).map { .integer(sign * $0) }
        }
        if bare.count > 1, bare.hasPrefix("0"), let octal = Int64(bare, radix: 8) { return .integer(sign * octal) }
        if let integer = Int64(digits) { return .integer(integer) }
        let isNumeric = bare.utf8.allSatisfy { (0x30...0x39).contains($0) || ".eE+-".utf8.contains($0) }
        guard isNumeric, let fraction = Double(digits), fraction.isFinite else { return nil }
        return .number(fraction)
    }
}
