/// A Kubernetes quantity (`250m`, `1.5Gi`, `2e3`) as thousandths of its unit.
package struct ResourceQuantity: Hashable, Sendable {
    /// Saturates at the ends of 64 bits.
    package let thousandths: Int64

    /// Rounded up, as Kubernetes does.
    package var whole: Int64 { thousandths > 0 ? (thousandths - 1) / 1000 + 1 : thousandths / 1000 }

    /// nil where the text is no quantity.
    package init?(_ text: String) {
        let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == "." || $0 == "+" || $0 == "-") }
        guard let value = Double(number), let scale = Self.scale(of: text.dropFirst(number.count)) else { return nil }
        let result = (value * scale * 1000).rounded(.up)
        thousandths = result >= 9.2e18 ? .max : result <= -9.2e18 ? .min : Int64(result)
    }

    private static func scale(of suffix: Substring) -> Double? {
        let scales: [Substring: Double] = [
            "": 1, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
            "Ki": 1024, "Mi": 1_048_576, "Gi": 1_073_741_824, "Ti": 1_099_511_627_776,
            "Pi": 1_125_899_906_842_624, "Ei": 1_152_921_504_606_846_976,
        ]
        if let scale = scales[suffix] { return scale }
        guard let first = suffix.first, first == "e" || first == "E", let exponent = Int(suffix.dropFirst()),
            (-18...18).contains(exponent)
        else { return nil }
        return (0..<abs(exponent)).reduce(1.0) { value, _ in exponent > 0 ? value * 10 : value / 10 }
    }
}
