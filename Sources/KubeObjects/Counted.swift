extension BinaryInteger {
    /// `1 flow`, `2 flows`; `several` where an s does not do.
    package func counted(_ one: String, several: String? = nil) -> String {
        "\(self) \(self == 1 ? one : several ?? one + "s")"
    }
}
