/// A resource amount (`resource.Quantity`): a number with a suffix, kept exactly to 10⁻⁹ and rounded up beyond.
package struct Quantity: Sendable, Hashable, Comparable {
    package enum Format: Sendable, Hashable {
        case decimal
        case binary
        case exponent
    }

    /// Billionths; saturates at ±(2⁶³ − 1) units.
    package let nano: Int128
    package let format: Format

    private static let unit: Int128 = 1_000_000_000
    private static let nanoMax = Int128(Int64.max) * unit

    package init(nano: Int128, format: Format = .decimal) {
        self.nano = max(-Self.nanoMax, min(Self.nanoMax, nano))
        self.format = format
    }

    package static func < (left: Self, right: Self) -> Bool { left.nano < right.nano }

    /// Units, rounded up.
    package var value: Int64 { Int64(Self.divideUp(nano, Self.unit)) }
    /// Thousandths, rounded up; saturates.
    package var milliValue: Int64 { Int64(clamping: Self.divideUp(nano, 1_000_000)) }

    private static func divideUp(_ number: Int128, _ divisor: Int128) -> Int128 {
        let (quotient, rest) = number.quotientAndRemainder(dividingBy: divisor)
        if rest > 0 { return quotient + 1 }
        return rest < 0 ? quotient - 1 : quotient
    }

    /// Reads `[+-]digits[.digits]` with a suffix of n u m k M G T P E, Ki Mi Gi Ti Pi Ei, or an exponent.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        var at = 0
        var negative = false
        if let sign = bytes.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") {
            negative = sign == UInt8(ascii: "-")
            at = 1
        }
        var mantissa: Int128 = 0
        var fractionDigits = 0
        var inFraction = false
        var digits = 0
        var dropped = false
        var droppedWhole = 0
        while at < bytes.count {
            let byte = bytes[at]
            if byte == UInt8(ascii: "."), !inFraction {
                inFraction = true
            } else if (0x30...0x39).contains(byte) {
                digits += 1
                if mantissa < 1_000_000_000_000_000_000_000_000 {
                    mantissa = mantissa * 10 + Int128(byte - 0x30)
                    if inFraction { fractionDigits += 1 }
                } else {
                    dropped = dropped || byte != 0x30
                    if !inFraction { droppedWhole += 1 }
                }
            } else {
                break
            }
            at += 1
        }
        guard digits > 0, let suffix = Self.suffix(String(decoding: bytes[at...], as: UTF8.self)) else { return nil }
        let scaled = Self.scale(
            mantissa, tens: droppedWhole - fractionDigits + suffix.tens, twos: suffix.twos, inexact: dropped)
        self.init(nano: negative ? -scaled : scaled, format: suffix.format)
    }

    private static func suffix(_ text: String) -> (tens: Int, twos: Int, format: Format)? {
        switch text {
        case "": return (0, 0, .decimal)
        case "n": return (-9, 0, .decimal)
        case "u": return (-6, 0, .decimal)
        case "m": return (-3, 0, .decimal)
        case "k": return (3, 0, .decimal)
        case "M": return (6, 0, .decimal)
        case "G": return (9, 0, .decimal)
        case "T": return (12, 0, .decimal)
        case "P": return (15, 0, .decimal)
        case "E": return (18, 0, .decimal)
        case "Ki": return (0, 10, .binary)
        case "Mi": return (0, 20, .binary)
        case "Gi": return (0, 30, .binary)
        case "Ti": return (0, 40, .binary)
        case "Pi": return (0, 50, .binary)
        case "Ei": return (0, 60, .binary)
        default:
            guard let head = text.first, head == "e" || head == "E", let tens = Int(text.dropFirst()),
                text.count <= 12
            else { return nil }
            return (tens, 0, .exponent)
        }
    }

    /// mantissa × 10^tens × 2^twos in billionths, rounded up, saturated.
    private static func scale(_ mantissa: Int128, tens: Int, twos: Int, inexact: Bool) -> Int128 {
        var value = mantissa
        var roundUp = inexact
        for _ in 0..<twos {
            if value > nanoMax { return nanoMax }
            value *= 2
        }
        var power = tens + 9
        while power > 0, value != 0 {
            if value > nanoMax { return nanoMax }
            value *= 10
            power -= 1
        }
        while power < 0, value != 0 {
            if value % 10 != 0 { roundUp = true }
            value /= 10
            power += 1
        }
        return roundUp ? value + 1 : value
    }

    /// The canonical text: the largest suffix that leaves a whole number.
    package var text: String {
        guard nano != 0 else { return "0" }
        if format == .binary, nano.magnitude >= UInt128(1024 * Self.unit) {
            var value = Self.divideUp(nano, Self.unit)
            var power = 0
            while value % 1024 == 0, power < 6 {
                value /= 1024
                power += 1
            }
            return "\(value)\(["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"][power])"
        }
        var value = nano
        var power = -9
        while value % 1000 == 0, power < 18 {
            value /= 1000
            power += 3
        }
        if format == .exponent { return power == 0 ? "\(value)" : "\(value)e\(power)" }
        let suffixes = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"]
        return "\(value)\(suffixes[(power + 9) / 3])"
    }
}
