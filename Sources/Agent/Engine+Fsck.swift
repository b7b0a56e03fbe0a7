import BPFRuntime
import CMartletABI
import KubeObjects
import MapLayout
import NetTypes
import PolicyCompiler
import RouteCompiler
import ServiceCompiler

/// One value that the kernel has and should not, or should have and has not.
struct Difference: Sendable, Equatable {
    let map: String
    let key: String
    let wanted: String
    let found: String
    var isRepaired = false

    /// In words, for `status`.
    var sentence: String {
        if found == Self.absent { return "\(key) is missing" }
        return wanted == Self.absent ? "\(key) should not be there" : "\(key) is \(found), not \(wanted)"
    }

    static let absent = "absent"
}

/// The desired state against the kernel's.
extension Engine {
    /// Compares every value that a packet can reach, and the hooks. `repair` writes what is wanted over what differs,
    /// and attaches what is missing.
    func differences(hooks: WantedHooks, repair: Bool) throws -> [Difference] {
        let image = try datapath.image()
        var found = image.faults.map { Difference(map: "faults", key: $0, wanted: "-", found: "-") }
        checkedValues = 0
        found += try compareEndpoints(image, repair)
        found += try comparePolicy(image, repair)
        found += try compareNetworks(image, repair)
        found += try compareServices(image, repair)
        return try found + hookDifferences(hooks, repair: repair)
    }

    func difference<Value: Equatable>(
        _ map: String, _ key: some CustomStringConvertible, wanted: Value?, found: Value?, repair: Bool,
        _ write: () throws(DatapathError) -> Void
    ) throws(DatapathError) -> Difference? {
        checkedValues += 1
        guard wanted != found else { return nil }
        if repair { try write() }
        return Difference(
            map: map, key: key.description, wanted: wanted.map { "\($0)" } ?? Difference.absent,
            found: found.map { "\($0)" } ?? Difference.absent, isRepaired: repair)
    }

    // MARK: Endpoints

    private func compareEndpoints(_ image: MapImage, _ repair: Bool) throws -> [Difference] {
        var result: [Difference?] = []
        for address in Set(image.endpointOfAddress.keys).union(routes.records.flatMap(\.addresses)) {
            let record = routes.record(of: address)
            result.append(
                try difference(
                    "endpoint_ids", address, wanted: record?.number, found: image.endpointOfAddress[address],
                    repair: repair
                ) { () throws(DatapathError) in
                    if let record {
                        try write(record)
                    } else {
                        try writer.remove(MapCatalog.endpointIDs, address.mapped)
                    }
                })
        }
        for record in routes.records {
            let classID = desired.endpoints[record.number] ?? 0
            let wanted = MapImage.Endpoint(
                classID: classID, incarnation: record.incarnation,
                flags: record.entry(class: 0, closed: unborn.contains(record.number)).flags,
                interface: record.link?.interface ?? 0,
                mac: record.link?.podMAC ?? MACAddress(bytes: [0, 0, 0, 0, 0, 0]))
            result.append(
                try difference(
                    "endpoints", "\(record.number) (\(record.owner))", wanted: wanted,
                    found: image.endpoints[record.number], repair: repair
                ) { () throws(DatapathError) in
                    try writer.fill([.endpointClass(record.number): .word(classID)])
                    try write(record)
                })
        }
        return result.compactMap { $0 }
    }

    // MARK: Policy

    private func comparePolicy(_ image: MapImage, _ repair: Bool) throws -> [Difference] {
        var result: [Difference?] = []
        for (index, lists) in desired.classLists where liveClasses.contains(index) {
            result.append(
                try difference(
                    "class_lists", index, wanted: lists, found: image.classLists[index] ?? .open, repair: repair
                ) { () throws(DatapathError) in try writer.fill([.lists(index): .lists(lists)]) })
            for list in [lists.ingress, lists.egress] {
                for number in list.extent.offset..<list.extent.end {
                    guard let rule = desired.rules[number] else { continue }
                    result.append(
                        try difference(
                            "rules", number, wanted: rule, found: image.rules[number],
                            repair: repair
                        ) { () throws(DatapathError) in
                            try writer.perform([.store(MapCatalog.rules, at: number, rule.layout)])
                        })
                }
            }
            let row = desired.classRows[index] ?? []
            result.append(
                try difference(
                    "class_rows", index, wanted: Self.bits(row), found: Self.bits(image.classRows[index] ?? []),
                    repair: repair
                ) { () throws(DatapathError) in try writer.perform([.store(MapCatalog.classRows, row: index, row)]) })
        }
        let wantsCover = desired.blocksCoverPods
        let covers = image.controlFlags & MARTLET_CONTROL_BLOCKS_COVER_PODS.rawValue != 0
        result.append(
            try difference("control", "blocks cover pods", wanted: wantsCover, found: covers, repair: repair) {
                () throws(DatapathError) in try writer.fill([.controlFlags: .word(wantsCover ? 1 : 0)])
            })
        return result.compactMap { $0 }
    }

    private func compareNetworks(_ image: MapImage, _ repair: Bool) throws -> [Difference] {
        var result: [Difference?] = []
        for block in Set(image.numberOfNetwork.keys).union(desired.networks.keys) {
            let number = desired.networks[block]
            result.append(
                try difference(
                    "network_ids", block, wanted: number, found: image.numberOfNetwork[block], repair: repair
                ) { () throws(DatapathError) in
                    if let number {
                        try writer.put(MapCatalog.networkIDs, martlet_network_key(block), UInt64(number))
                    } else {
                        try writer.remove(MapCatalog.networkIDs, martlet_network_key(block))
                    }
                })
            guard let number else { continue }
            let classID = desired.networkClasses[number] ?? 0
            let row = classID & 0xffff
            let blocks = desired.blockRows[row] ?? []
            result.append(
                try difference(
                    "block_rows", row, wanted: Self.bits(blocks), found: Self.bits(image.blockRows[row] ?? []),
                    repair: repair
                ) { () throws(DatapathError) in
                    try writer.perform([.store(MapCatalog.blockRows, row: row, blocks)])
                })
            result.append(
                try difference(
                    "networks", block, wanted: classID, found: image.networkClasses[number], repair: repair
                ) { () throws(DatapathError) in try writer.fill([.networkClass(number): .word(classID)]) })
        }
        return result.compactMap { $0 }
    }

    private static func bits(_ words: [UInt64]) -> [Int] {
        words.indices.flatMap { word in (0..<64).filter { words[word] & (1 << UInt64($0)) != 0 }.map { word * 64 + $0 }
        }
    }

    // MARK: Services

    private func compareServices(_ image: MapImage, _ repair: Bool) throws -> [Difference] {
        var wanted: [MapImage.Frontend: Frontend] = [:]
        for frontend in services.entries.keys {
            let key = MapImage.Frontend(
                address: frontend.address, port: frontend.port, transport: frontend.transport.rawValue)
            wanted[key] = frontend
        }
        var result: [Difference?] = []
        for key in Set(wanted.keys).union(image.serviceOfFrontend.keys) {
            let backends = wanted[key].flatMap { services.entries[$0] }?.backends.map(\.description).sorted()
            let held = image.backends(of: key)?.map { Backend($0.address, $0.port).description }.sorted()
            result.append(
                try difference(
                    "frontends", "\(key.address) port \(key.port)", wanted: backends, found: held, repair: repair
                ) { () throws(DatapathError) in
                    if let frontend = wanted[key] {
                        try writer.perform(services.operations(restoring: frontend))
                    } else {
                        try writer.remove(
                            MapCatalog.frontends,
                            martlet_frontend_key(address: key.address, port: key.port, protocol: key.transport))
                    }
                })
        }
        return result.compactMap { $0 }
    }
}
