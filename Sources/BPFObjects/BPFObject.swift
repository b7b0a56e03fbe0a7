/// A compiled kernel object, carried inside the binary: a node needs no compiler and no file beside the daemon.
package struct BPFObject: Sendable {
    /// The stem of its source, `bpf/NAME.bpf.c`.
    package let name: String
    private let text: StaticString

    /// All data-path programs: pod and network hooks, connect hooks, explain.
    package static let martlet = BPFObject(name: "martlet", text: martletText)

    /// The ELF file. Decoded on each call; callers keep it no longer than the load takes.
    package func elfBytes() -> [UInt8] {
        text.withUTF8Buffer { Base64.decode($0) }
    }
}
