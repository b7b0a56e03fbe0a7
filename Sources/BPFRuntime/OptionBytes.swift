/// The `sz` of libbpf's option structs. It ends with the last field: libbpf refuses bytes beyond that are not zero, and
/// Swift leaves trailing padding as it happens to be.
enum OptionBytes {
    static func through<Options, Field>(_ last: KeyPath<Options, Field>) -> Int {
        guard let offset = MemoryLayout<Options>.offset(of: last) else {
            preconditionFailure("a field of a C struct has an offset")
        }
        return offset + MemoryLayout<Field>.size
    }
}
