import KubeObjects
import NetTypes

/// How much lint compares rules and blocks with others in one run, so that it ends soon whatever it reads.
package struct ComparisonBudget: Sendable {
    /// Steps: an entry of one rule against one of another.
    package static let stepsMax = 8_000_000

    package private(set) var left: Int
    /// Rules and blocks that were compared with a part of the others alone.
    package private(set) var cut = 0

    package init(_ steps: Int = stepsMax) { left = steps }

    /// False where none are left.
    mutating func spend(_ steps: Int = 1) -> Bool {
        left = max(0, left - steps)
        return left > 0
    }

    mutating func noteCut() { cut += 1 }
}

/// Selectors by what their first requirement asks for, so that one is compared with those alone that may cover it.
struct SelectorIndex {
    private var everything: [Int] = []
    private var byKey: [String: [Int]] = [:]
    private var byValue: [String: [String: [Int]]] = [:]

    mutating func add(_ selector: LabelSelector, _ place: Int) {
        guard let need = selector.requirements.first else { return everything.append(place) }
        guard need.operation == .isIn else { return byKey[need.key, default: []].append(place) }
        for value in need.values { byValue[need.key, default: [:]][value, default: []].append(place) }
    }

    /// Places of all that cover `other`, and of some that do not; in no order, some twice.
    func candidates(_ other: LabelSelector) -> [Int] {
        var found = everything
        for need in other.requirements {
            found += byKey[need.key] ?? []
            guard need.operation == .isIn, let value = need.values.first else { continue }
            found += byValue[need.key]?[value] ?? []
        }
        return found
    }
}

/// Blocks by the network that they lie in.
struct BlockIndex: Sendable {
    private var all: [Int] = []
    private var wide: [Int] = []
    private var near: [IPAddress: [Int]] = [:]

    /// A /16 of IPv4, a /32 of IPv6.
    private static func network(_ cidr: CIDR) -> IPAddress? {
        let bits = cidr.family == .v4 ? 112 : 32
        return cidr.mappedPrefixLength < bits ? nil : cidr.address.masked(to: bits)
    }

    mutating func add(_ cidr: CIDR, _ place: Int) {
        all.append(place)
        guard let network = Self.network(cidr) else { return wide.append(place) }
        near[network, default: []].append(place)
    }

    /// Places of all that overlap with it, and of some that do not; in no order.
    func candidates(_ cidr: CIDR) -> [Int] {
        Self.network(cidr).map { wide + (near[$0] ?? []) } ?? all
    }
}

/// Rules of policies of one namespace by their peers and by their ports.
struct RuleIndex {
    private struct PortKey: Hashable {
        let transport: TransportProtocol
        let number: UInt16
    }

    private var all: [Int] = []
    private var ofAnybody: [Int] = []
    private var ofPods = SelectorIndex()
    private var ofBlocks = BlockIndex()
    private var ofPort: [PortKey: [Int]] = [:]
    private var ofOtherPorts: [Int] = []

    private static func number(_ port: PolicyPort) -> PortKey? {
        guard case .range(let range) = port.target, range.low == range.high else { return nil }
        return PortKey(transport: port.transport, number: range.low)
    }

    mutating func add(_ peers: [PolicyPeer], _ ports: [PolicyPort], _ place: Int) {
        all.append(place)
        for peer in peers {
            switch peer {
            case .pods(_, let pods): ofPods.add(pods, place)
            // Blocks of everywhere are as good as anybody, and stand for pods too where there are both.
            case .block(let block) where block.cidr.prefixLength == 0: ofAnybody.append(place)
            case .block(let block): ofBlocks.add(block.cidr, place)
            }
        }
        if peers.isEmpty { ofAnybody.append(place) }
        let numbers = ports.compactMap(Self.number)
        if ports.isEmpty || numbers.count < ports.count { return ofOtherPorts.append(place) }
        for number in numbers { ofPort[number, default: []].append(place) }
    }

    /// Places of all rules that take some part of this one away, and of some that do not, in their order.
    func candidates(_ peers: [PolicyPeer], _ ports: [PolicyPort]) -> [Int] {
        var byPeer = ofAnybody
        for peer in peers {
            switch peer {
            case .pods(_, let pods): byPeer += ofPods.candidates(pods)
            case .block(let block): byPeer += ofBlocks.candidates(block.cidr)
            }
        }
        let numbers = ports.compactMap(Self.number)
        guard !ports.isEmpty, numbers.count == ports.count else { return Set(byPeer).sorted() }
        let byPort = ofOtherPorts + numbers.flatMap { ofPort[$0] ?? [] }
        return Set(byPort.count < byPeer.count ? byPort : byPeer).sorted()
    }
}
