import KubeObjects
import MapLayout

/// The text of journal values.
enum JournalText {
    static func classEntry(id: UInt32, signature: [UInt32]) -> String {
        "\(id) " + signature.map(String.init).joined(separator: ",")
    }

    static func readClass(_ text: String) -> (id: UInt32, signature: [UInt32])? {
        let parts = text.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 2, let id = UInt32(parts[0]) else { return nil }
        let signature = parts[1].split(separator: ",").compactMap { UInt32($0) }
        return (id, signature)
    }
}
