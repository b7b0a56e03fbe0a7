import JSONText
import KubeObjects
import NetTypes

/// The node gives addresses of its own. Blocks of a case's policies are exchanged for blocks that hold the same pods.
struct AddressSubstitution {
    /// Of each pod: what the case says, and what it has.
    private let pairs: [(stated: IPAddress, real: IPAddress)]

    struct Fault: Error, CustomStringConvertible {
        let description: String
    }

    init(_ pairs: [(stated: IPAddress, real: IPAddress)]) {
        self.pairs = pairs
    }

    /// The policy with its `ipBlock`s exchanged.
    func policy(_ value: JSONValue) throws -> JSONValue {
        switch value {
        case .object(let members):
            if let block = members["ipBlock"] { return ["ipBlock": try self.block(block)] }
            return .object(try members.mapValues { try policy($0) })
        case .array(let elements): return .array(try elements.map { try policy($0) })
        case .null, .bool, .integer, .number, .string: return value
        }
    }

    private func block(_ value: JSONValue) throws -> JSONValue {
        var result: [String: JSONValue] = ["cidr": .string(try exchange(value["cidr"]?.string ?? ""))]
        if let except = value["except"]?.array {
            result["except"] = .array(try except.map { .string(try exchange($0.string ?? "")) })
        }
        return .object(result)
    }

    /// The block itself where it holds the same pods, else the one of the same length around one of its pods.
    private func exchange(_ text: String) throws -> String {
        guard let block = CIDR(text) else { throw Fault(description: "\(text) is no block") }
        let wanted = pairs.map { block.contains($0.stated) }
        let around = pairs.filter { block.contains($0.stated) }.compactMap {
            CIDR($0.real.masked(to: block.mappedPrefixLength), prefixLength: block.prefixLength)
        }
        for candidate in [block] + around where pairs.map({ candidate.contains($0.real) }) == wanted {
            return candidate.description
        }
        throw Fault(description: "no block of length \(block.prefixLength) holds the pods that \(text) holds")
    }
}
