import CMartletABI
import MapLayout
import NetTypes
import PolicyCompiler
import Reconcile
import ServiceCompiler

/// What a generation may change, by the number it belongs to.
enum SlotKey: Hashable, Sendable {
    case endpoint(UInt32)
    case network(UInt32)
    case lists(UInt32)
    /// Whether a live block overlaps a pod CIDR.
    case coverage
}

enum SlotValue: Equatable, Sendable {
    case classID(UInt32)
    case lists(ClassLists)
    case coverage(Bool)
}

/// Data that no generation switches: nothing in force reads it yet, or nothing does any longer.
enum KernelOperation: Sendable {
    case rules(offset: UInt32, [CompiledRule])
    case classRow(UInt32, [UInt64])
    case blockRow(UInt32, [UInt64])
    case networkBirth(NetworkBirth)
    case networkGone(CIDR)
}

/// A number that is free one grace period after what used it.
enum RetiredKernelNumber: Sendable {
    case policy(RetiredNumber)
    case endpoint(UInt32)
    case service(RetiredService)
}

typealias KernelPlanner = GenerationPlanner<SlotKey, SlotValue, KernelOperation, RetiredKernelNumber>

extension GenerationPlanner.Change
where Key == SlotKey, Value == SlotValue, Operation == KernelOperation, Retired == RetiredKernelNumber {
    init(_ delta: PolicyDelta) {
        self.init()
        operations += delta.rules.map { .rules(offset: $0.key, $0.value) }
        operations += delta.classRows.map { .classRow($0.key, $0.value) }
        operations += delta.blockRows.map { .blockRow($0.key, $0.value) }
        operations += delta.bornNetworks.map { .networkBirth($0) }
        operations += delta.networksGone.map { .networkGone($0) }
        for (number, lists) in delta.bornClasses { births[.lists(number)] = .lists(lists) }
        for (number, classID) in delta.bornEndpoints { births[.endpoint(number)] = .classID(classID) }
        voided = delta.bornNetworks.map { .network($0.number) }
        for (number, classID) in delta.endpointClasses { values[.endpoint(number)] = .classID(classID) }
        for (number, classID) in delta.networkClasses { values[.network(number)] = .classID(classID) }
        for (number, lists) in delta.classLists { values[.lists(number)] = .lists(lists) }
        if let covers = delta.blocksCoverPods { values[.coverage] = .coverage(covers) }
        retired = delta.retired.map { .policy($0) }
    }
}

extension martlet_list {
    init(_ list: CompiledList) {
        self.init()
        offset = list.extent.offset
        count = UInt16(list.extent.count)
        flags = list.flags.rawValue
        version = list.version
        isolation_rule_id = list.isolationRuleID
    }
}

extension martlet_rule {
    init(_ rule: CompiledRule) {
        self.init()
        switch rule.peer {
        case .any: peer_kind = UInt8(MARTLET_PEER_ANY.rawValue)
        case .selector(let bit):
            peer_kind = UInt8(MARTLET_PEER_SELECTOR.rawValue)
            peer = bit
        case .block(let bit):
            peer_kind = UInt8(MARTLET_PEER_BLOCK.rawValue)
            peer = bit
        }
        rule_id = rule.ruleID
        port_low = rule.ports.low
        port_high = rule.ports.high
        `protocol` = rule.transport
        action = rule.action.rawValue
        tier = rule.tier.rawValue
    }
}
