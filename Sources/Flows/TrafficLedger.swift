import CMartletABI
package import JSONText
package import KubeObjects
import MapLayout
package import NetTypes

/// Who talked to whom in the last hour: flows and policy drops counted by workload pair and port. Bounded: when it is
/// full, the quarter that was quiet longest goes, and is counted. It is kept over a restart as `json`.
package struct TrafficLedger: Sendable {
    /// Pairs with a port that are kept (about 250 bytes each).
    package static let pairsMax = 8_192
    /// An hour in slots of five minutes; a slot is the number of five minutes since 1970.
    package static let slotCount = 12
    static let slotSeconds: UInt64 = 300

    package struct Pair: Hashable, Sendable {
        package let source: FlowParty
        package let destination: FlowParty
        package let family: IPFamily
        /// IANA number.
        package let transport: UInt8
        /// Of the destination.
        package let port: UInt16
        /// False: a policy dropped it.
        package let isAllowed: Bool

        package init(
            source: FlowParty, destination: FlowParty, family: IPFamily, transport: UInt8, port: UInt16, isAllowed: Bool
        ) {
            self.source = source
            self.destination = destination
            self.family = family
            self.transport = transport
            self.port = port
            self.isAllowed = isAllowed
        }
    }

    struct Count: Hashable, Sendable {
        /// Flows by slot number modulo `slotCount`.
        var slots: [UInt32] = Array(repeating: 0, count: TrafficLedger.slotCount)
        /// The newest slot that counted something.
        var slot: UInt64 = 0
        /// Seconds since 1970.
        var last: UInt64 = 0

        mutating func add(_ flows: UInt32, at seconds: UInt64) {
            let now = seconds / TrafficLedger.slotSeconds
            if now > slot {
                for passed in 0..<min(now - slot, UInt64(slots.count)) {
                    slots[Int((now - passed) % UInt64(slots.count))] = 0
                }
                slot = now
            }
            // What comes late counts where it belongs, while that is still held.
            guard slot - now < UInt64(slots.count) else { return }
            slots[Int(now % UInt64(slots.count))] &+= flows
            last = max(last, seconds)
        }

        /// Flows of the hour that ends with `seconds`.
        func flows(at seconds: UInt64) -> UInt64 {
            let now = seconds / TrafficLedger.slotSeconds
            var sum: UInt64 = 0
            for age in 0..<UInt64(slots.count) where slot >= age {
                let number = slot - age
                if number + UInt64(slots.count) > now { sum += UInt64(slots[Int(number % UInt64(slots.count))]) }
            }
            return sum
        }
    }

    package let capacity: Int
    private var counts: [Pair: Count] = [:]
    /// How many pairs were thrown away for room.
    package private(set) var evicted: UInt64 = 0
    /// Whether something came in since `json` was read last.
    package private(set) var isDirty = false

    package init(capacity: Int = Self.pairsMax) {
        precondition(capacity > 0, "a ledger holds something")
        self.capacity = capacity
    }

    package var count: Int { counts.count }

    /// Takes a flow or a drop by policy; other records are passed over, and so is what policy is not asked about (a pod
    /// with its own node or with itself). An answer that is dropped is no flow: its opener's was counted. A flow that
    /// was picked up by an answer counts as its opener's. `workload`: of a pod, where it is still known.
    package mutating func add(_ record: FlowRecord, workload: (ObjectKey) -> ObjectKey?) {
        let event = record.event
        switch event.kind {
        case .flow: break
        case .drop where event.reason == .policy && !event.isAnswer: break
        case .drop, .close, .reset: return
        }
        if MARTLET_RULE_NODE.rawValue == event.ruleID || MARTLET_RULE_SELF.rawValue == event.ruleID { return }
        func party(_ end: FlowEvent.End, _ pod: ObjectKey?) -> FlowParty {
            pod.map { .name(workload($0) ?? $0) } ?? .address(end.address)
        }
        let sender = party(event.source, record.sourcePod)
        let receiver = party(event.destination, record.destinationPod)
        add(
            Pair(
                source: event.isAnswer ? receiver : sender, destination: event.isAnswer ? sender : receiver,
                family: event.destination.address.family, transport: event.transport,
                port: event.isAnswer ? event.source.port : event.destination.port, isAllowed: event.kind == .flow),
            at: record.unixNanoseconds / 1_000_000_000)
    }

    package mutating func add(_ pair: Pair, flows: UInt32 = 1, at seconds: UInt64) {
        if counts[pair] == nil, counts.count >= capacity { evictQuarter() }
        counts[pair, default: Count()].add(flows, at: seconds)
        isDirty = true
    }

    /// Takes what another ledger counted up to `seconds`; what it says of later is no count.
    package mutating func append(_ other: TrafficLedger, at seconds: UInt64) {
        for (pair, count) in other.counts where count.slot <= seconds / Self.slotSeconds && count.last <= seconds {
            for age in 0..<UInt64(Self.slotCount) where count.slot >= age {
                let flows = count.slots[Int((count.slot - age) % UInt64(Self.slotCount))]
                let time = age == 0 ? count.last : (count.slot - age) * Self.slotSeconds
                if flows > 0 { add(pair, flows: flows, at: time) }
            }
        }
    }

    private mutating func evictQuarter() {
        let goes = counts.sorted { $0.value.last < $1.value.last }.prefix(max(1, capacity / 4))
        for (pair, _) in goes { counts[pair] = nil }
        evicted += UInt64(goes.count)
    }

    /// Pairs with flows in the hour that ends with `seconds`, most flows first, as `policy diff` reads them.
    package func rows(at seconds: UInt64) -> [JSONValue] {
        counts.map { ($0.key, $0.value.flows(at: seconds), $0.value.last) }.filter { $0.1 > 0 }
            .sorted { left, right in
                if left.1 != right.1 { return left.1 > right.1 }
                return Self.order(left.0) < Self.order(right.0)
            }
            .map { pair, flows, last in
                var row = Self.json(pair)
                row["flows"] = .integer(Int64(clamping: flows))
                row["last"] = .string(TimeText.seconds(unixNanoseconds: last * 1_000_000_000))
                return row
            }
    }

    private static func order(_ pair: Pair) -> (String, String, IPFamily, UInt8, UInt16) {
        (pair.source.description, pair.destination.description, pair.family, pair.transport, pair.port)
    }

    private static func json(_ pair: Pair) -> JSONValue {
        [
            "source": .string(pair.source.description), "destination": .string(pair.destination.description),
            "family": .string(pair.family.kubernetesName),
            "transport": .integer(Int64(pair.transport)), "port": .integer(Int64(pair.port)),
            "allowed": .bool(pair.isAllowed),
        ]
    }
}

// MARK: Over a restart

extension TrafficLedger {
    /// Everything, for a file. What is older than an hour is left out.
    package mutating func json(at seconds: UInt64) -> JSONValue {
        isDirty = false
        for (pair, count) in counts where count.flows(at: seconds) == 0 { counts[pair] = nil }
        let rows = counts.map { pair, count -> JSONValue in
            var row = Self.json(pair)
            row["slots"] = .array(count.slots.map { .integer(Int64($0)) })
            row["slot"] = .integer(Int64(clamping: count.slot))
            row["last"] = .integer(Int64(clamping: count.last))
            return row
        }
        return ["version": 1, "pairs": .array(rows)]
    }

    /// What `json` wrote; a row that is not understood is left out.
    package init(_ json: JSONValue, capacity: Int = Self.pairsMax) {
        self.init(capacity: capacity)
        guard json["version"] == 1 else { return }
        for row in (json["pairs"]?.array ?? []).prefix(capacity) {
            guard let source = row["source"]?.string.flatMap(FlowParty.init),
                let destination = row["destination"]?.string.flatMap(FlowParty.init),
                let family = row["family"]?.string.flatMap(IPFamily.init(kubernetesName:)),
                let transport = row["transport"]?.integer.flatMap(UInt8.init(exactly:)),
                let port = row["port"]?.integer.flatMap(UInt16.init(exactly:)), let isAllowed = row["allowed"]?.bool,
                let slot = row["slot"]?.integer.flatMap(UInt64.init(exactly:)),
                let last = row["last"]?.integer.flatMap(UInt64.init(exactly:))
            else { continue }
            let slots = (row["slots"]?.array ?? []).compactMap { $0.integer.flatMap(UInt32.init(exactly:)) }
            guard slots.count == Self.slotCount else { continue }
            let pair = Pair(
                source: source, destination: destination, family: family, transport: transport, port: port,
                isAllowed: isAllowed)
            counts[pair] = Count(slots: slots, slot: slot, last: last)
        }
    }
}
