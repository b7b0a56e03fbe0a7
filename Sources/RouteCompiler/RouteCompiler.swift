package import KubeObjects
package import MapLayout
package import NetTypes

/// What a change of attachments or pods did to the endpoint table. Journal first, then `gone`, then `born`; a number of
/// `gone` is handed to `release` one grace period later.
package struct RouteDelta: Hashable, Sendable {
    package var gone: [EndpointRecord] = []
    package var born: [EndpointRecord] = []
    package var journal: [JournalEntry] = []

    package init() {}

    package var isEmpty: Bool { gone.isEmpty && born.isEmpty && journal.isEmpty }

    package mutating func append(_ later: RouteDelta) {
        gone += later.gone
        born += later.born
        journal += later.journal
    }
}

package struct RouteError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        case noEndpointFree
        case addressTaken
    }

    package let code: Code
    package let message: String
    package var description: String { message }
}

/// Attachments and pods in, endpoint numbers out. A pod of this node is an endpoint from its attachment on; a pod of
/// another node from the addresses in its status. Pods in the host's network and pods that have ended are none.
///
/// After a restart: `init(journal:)`, all attachments and pods, then `finishAdoption`.
package struct RouteCompiler: Sendable {

    private let nodeName: String
    private var numbers: IDAllocator
    private var incarnations: UInt32 = 0
    private var holdings: [String: EndpointRecord] = [:]
    private var byAddress: [IPAddress: String] = [:]
    private var byPod: [ObjectKey: String] = [:]
    private var byNumber: [UInt32: String] = [:]
    private var adoptable: [String: (number: UInt32, incarnation: UInt32)] = [:]
    /// Numbers that the kernel uses and the journal does not know.
    private var strangers: Set<UInt32> = []
    private var waiting: [ObjectKey: Waiting] = [:]

    /// A pod of another node that should have an endpoint and has none.
    private struct Waiting: Sendable {
        let uid: String
        let addresses: [IPAddress]
        let error: RouteError
    }

    /// - Parameters:
    ///   - capacity: of the endpoint array; number 0 is never given.
    ///   - journal: what a former run wrote, by key; other keys are ignored.
    package init(nodeName: String, capacity: UInt32 = UInt32(MapLimits.endpoints), journal: [String: String] = [:]) {
        self.nodeName = nodeName
        numbers = IDAllocator(1..<capacity)
        incarnations = journal[Self.counterKey].flatMap { UInt32($0) } ?? 0
        for (key, value) in journal where key.hasPrefix(Self.prefix) {
            let parts = value.split(separator: " ").compactMap { UInt32($0) }
            guard parts.count == 2, numbers.reserve(parts[0]) else { continue }
            adoptable[String(key.dropFirst(Self.prefix.count))] = (parts[0], parts[1])
        }
    }

    private static let prefix = "endpoint/"
    private static let counterKey = "counter/endpoints"

    // MARK: Reading

    package var records: some Collection<EndpointRecord> { holdings.values }
    package func record(of address: IPAddress) -> EndpointRecord? { byAddress[address].flatMap { holdings[$0] } }
    package func record(of pod: ObjectKey) -> EndpointRecord? { byPod[pod].flatMap { holdings[$0] } }
    package func record(number: UInt32) -> EndpointRecord? { byNumber[number].flatMap { holdings[$0] } }

    // MARK: Changes

    /// A link was made. A former attachment of the same pod gives way: the pod is where it was attached last.
    package mutating func attach(_ attachment: LocalAttachment) throws(RouteError) -> RouteDelta {
        var delta = RouteDelta()
        try place(
            id: "local " + attachment.id, owner: attachment.owner, addresses: attachment.addresses,
            link: attachment.link, &delta)
        return delta
    }

    /// What is not known is no error.
    package mutating func detach(id: String) -> RouteDelta {
        var delta = RouteDelta()
        remove("local " + id, &delta)
        return delta
    }

    /// A pod as the API has it now. Pods of this node are placed by `attach` alone. One of another node that finds no
    /// place is among `problems` until `retry` finds it one: what another node reports stops nothing here.
    package mutating func update(_ pod: Pod) -> RouteDelta {
        let isRemote = !pod.nodeName.isEmpty && pod.nodeName != nodeName && !pod.isHostNetwork
        guard isRemote, !pod.phase.isTerminal, !pod.addresses.isEmpty else { return removePod(pod.key) }
        return seat(pod.key, uid: pod.metadata.uid, pod.addresses)
    }

    package mutating func removePod(_ key: ObjectKey) -> RouteDelta {
        waiting[key] = nil
        var delta = RouteDelta()
        remove("remote \(key)", &delta)
        return delta
    }

    /// Gives places to pods that found none before and whose addresses nobody has.
    package mutating func retry() -> RouteDelta {
        var delta = RouteDelta()
        for (key, pod) in waiting.sorted(by: { $0.key < $1.key })
        where numbers.freeCount > 0 && pod.addresses.allSatisfy({ byAddress[$0] == nil }) {
            delta.append(seat(key, uid: pod.uid, pod.addresses))
        }
        return delta
    }

    /// Pods of other nodes that have no endpoint though they should, by name.
    package var problems: [(pod: ObjectKey, error: RouteError)] {
        waiting.map { ($0.key, $0.value.error) }.sorted { $0.0 < $1.0 }
    }

    private mutating func seat(_ key: ObjectKey, uid: String, _ addresses: [IPAddress]) -> RouteDelta {
        var delta = RouteDelta()
        do throws(RouteError) {
            try place(id: "remote \(key)", owner: .pod(key, uid: uid), addresses: addresses, link: nil, &delta)
            waiting[key] = nil
        } catch {
            waiting[key] = Waiting(uid: uid, addresses: addresses, error: error)
        }
        return delta
    }

    /// Numbers of `gone` endpoints, one grace period after the kernel forgot them.
    package mutating func release(_ released: some Sequence<UInt32>) {
        for number in released where byNumber[number] == nil { numbers.free(number) }
    }

    /// Takes numbers that the kernel has under an address and the journal does not know: they are given out again only
    /// after `finishAdoption` and a grace period. Called before the first attachment.
    package mutating func reserve(inForce standing: some Sequence<UInt32>) {
        for number in standing where numbers.reserve(number) { strangers.insert(number) }
    }

    /// After the first full round: endpoints that a former run had and that nobody claimed.
    package mutating func finishAdoption() -> (journal: [JournalEntry], unclaimed: [UInt32]) {
        let left = adoptable.sorted { $0.value.number < $1.value.number }
        let unclaimed = (left.map(\.value.number) + strangers).sorted()
        (adoptable, strangers) = ([:], [])
        return (left.map { JournalEntry(Self.prefix + $0.key, nil) }, unclaimed)
    }

    // MARK: Inside

    private mutating func place(
        id: String, owner: EndpointOwner, addresses: [IPAddress], link: LocalLink?, _ delta: inout RouteDelta
    ) throws(RouteError) {
        if let held = holdings[id] {
            if held.owner == owner, held.addresses == addresses, held.link == link { return }
            remove(id, &delta)
        }
        if let pod = owner.pod, let former = byPod[pod] { remove(former, &delta) }
        // All that may refuse comes before anything is taken: who finds no place costs nobody else theirs.
        for address in addresses {
            // A remote pod's status may lag behind an address that was given again; a local attachment never does.
            if let taker = byAddress[address], !taker.hasPrefix("remote ") {
                throw Self.taken(address, owner, by: taker)
            }
        }
        let record = try allocate(id, owner, addresses, link, &delta)
        for address in addresses { takeAway(address, for: id, &delta) }
        holdings[id] = record
        byNumber[record.number] = id
        for address in addresses { byAddress[address] = id }
        if let pod = owner.pod { byPod[pod] = id }
        delta.born.append(record)
    }

    /// The pod that had the address waits until it is free again.
    private mutating func takeAway(_ address: IPAddress, for id: String, _ delta: inout RouteDelta) {
        guard let taker = byAddress[address] else { return }
        if let loser = holdings[taker], case .pod(let key, let uid) = loser.owner {
            waiting[key] = Waiting(
                uid: uid, addresses: loser.addresses, error: Self.taken(address, loser.owner, by: id))
        }
        remove(taker, &delta)
    }

    private static func taken(_ address: IPAddress, _ owner: EndpointOwner, by taker: String) -> RouteError {
        RouteError(code: .addressTaken, message: "\(address) of \(owner) belongs to \(taker)")
    }

    private mutating func allocate(
        _ id: String, _ owner: EndpointOwner, _ addresses: [IPAddress], _ link: LocalLink?, _ delta: inout RouteDelta
    ) throws(RouteError) -> EndpointRecord {
        if let former = adoptable.removeValue(forKey: id) {
            return EndpointRecord(
                number: former.number, incarnation: former.incarnation, owner: owner, addresses: addresses, link: link)
        }
        guard let number = numbers.allocate() else {
            throw RouteError(
                code: .noEndpointFree, message: "\(owner): all \(numbers.range.count) endpoint numbers are taken")
        }
        incarnations &+= 1
        delta.journal.append(JournalEntry(Self.counterKey, "\(incarnations)"))
        delta.journal.append(JournalEntry(Self.prefix + id, "\(number) \(incarnations)"))
        return EndpointRecord(
            number: number, incarnation: incarnations, owner: owner, addresses: addresses, link: link)
    }

    private mutating func remove(_ id: String, _ delta: inout RouteDelta) {
        guard let record = holdings.removeValue(forKey: id) else { return }
        byNumber[record.number] = nil
        for address in record.addresses where byAddress[address] == id { byAddress[address] = nil }
        if let pod = record.owner.pod, byPod[pod] == id { byPod[pod] = nil }
        delta.gone.append(record)
        delta.journal.append(JournalEntry(Self.prefix + id, nil))
    }
}
