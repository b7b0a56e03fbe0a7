package import NetTypes

/// An end of flows that are counted together: a workload or pod by name, everything else by address.
package enum FlowParty: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// Of counted flows a workload (`Pod.workload`), of open connections a pod.
    case name(ObjectKey)
    case address(IPAddress)

    /// Reads what `description` wrote.
    package init?(_ text: String) {
        if let address = IPAddress(text) {
            self = .address(address)
        } else if let slash = text.firstIndex(of: "/") {
            self = .name(ObjectKey(String(text[..<slash]), String(text[text.index(after: slash)...])))
        } else {
            return nil
        }
    }

    package var description: String {
        switch self {
        case .name(let key): "\(key)"
        case .address(let address): "\(address)"
        }
    }

    package static func < (left: Self, right: Self) -> Bool { left.description < right.description }
}
