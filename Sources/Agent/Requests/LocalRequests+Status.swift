import APIClient
import BPFRuntime
import CMartletABI
import DaemonAPI
import Informers
import JSONText
import KubeObjects
import MapLayout
import NetTypes
import PodNetwork
import PolicyCompiler
import Reconcile
import ServiceCompiler

/// `status` and `maps`: what is in force, with what is wrong first.
extension LocalRequests {
    private static let fullestMaps = 3
    /// Objects that are not enforced and are named.
    private static let missingMax = 32

    func status() async throws -> JSONValue {
        let inventory = try datapath.inventory()
        let attachments = try datapath.attachments()
        let counters = try datapath.counters()
        let fill = try MapFill.read(datapath)
        let parts = await parts()
        await self.connect.testOnce(engine.serviceEntries)
        let connect = await self.connect.state
        return [
            "problems": .array(await problems(counters, connect, fill, parts)),
            "node": [
                "name": .string(configuration.nodeName),
                "addresses": .array(configuration.nodeAddresses.map { .string($0.description) }),
                "podCIDRs": .array(configuration.podCIDRs.map { .string($0.description) }),
                "uptimeSeconds": .integer((ContinuousClock.now - started).components.seconds),
            ],
            "policy": await policySummary(),
            "tables": .array(
                await engine.fill.map { table in
                    [
                        "name": .string(table.table), "used": .integer(Int64(table.used)),
                        "free": .integer(Int64(table.free)), "limit": .integer(Int64(table.limit)),
                    ]
                }),
            "services": [
                "frontends": .integer(Int64(await engine.serviceEntries.count)),
                "connect": connect.isEmpty ? "in effect" : .string(connect),
            ],
            "endpoints": [
                "total": .integer(Int64(await engine.endpointViews.count)),
                "unmanaged": .integer(Int64(await engine.endpointViews.count { $0.owner == "unmanaged" })),
            ],
            "parts": .array(parts.map(\.json)),
            "maps": .array(
                fill.filter { ($0.used ?? 0) > 0 }.sorted { $0.share > $1.share }.prefix(Self.fullestMaps).map { map in
                    [
                        "name": .string(map.name), "used": .integer(Int64(map.used ?? 0)),
                        "capacity": .integer(Int64(map.capacity)),
                    ]
                }),
            "unmanaged": .array(
                await network.attachments.filter { $0.owner == .unmanaged }.map { attachment in
                    [
                        "interface": .string(attachment.hostInterface),
                        "container": .string(attachment.key.containerID),
                        "addresses": .array(attachment.addresses.map { .string($0.description) }),
                    ]
                }),
            "programs": .array(
                inventory.programs.sorted { $0.name < $1.name }.map { program in
                    [
                        "name": .string(program.name), "id": .integer(Int64(program.id)),
                        "verifiedInstructions": .integer(Int64(program.verifiedInstructions)),
                        "adopted": .bool(program.adopted),
                        "attached": .integer(Int64(attachments.count { $0.program == program.name })),
                    ]
                }),
            "drops": dropCounts(counters),
            "forwarded": [
                "packets": .integer(Int64(counters[Int(MARTLET_COUNTER_FORWARDED_PACKETS.rawValue)])),
                "bytes": .integer(Int64(counters[Int(MARTLET_COUNTER_FORWARDED_BYTES.rawValue)])),
            ],
            "flows": await observer.summary,
        ]
    }

    private func policySummary() async -> JSONValue {
        let written = engine.writer.writes.counts
        return [
            "written": [
                "writes": .integer(Int64(written.writes)), "endpoints": .integer(Int64(written.endpoints)),
                "classes": .integer(Int64(written.classes)), "rules": .integer(Int64(written.rules)),
                "networks": .integer(Int64(written.networks)),
            ],
            "revision": await engine.enforcement.reported.map { .integer($0) } ?? .null,
            "generation": .integer(Int64(await engine.planner.generation)),
            "policies": .integer(
                Int64(await engine.knownPolicies.count + engine.knownClusterPolicies.count)),
            "classes": .integer(Int64(await engine.liveClasses.count)),
            "networks": .integer(Int64(await engine.liveNetworks.count)),
        ]
    }

    private func dropCounts(_ counters: [UInt64]) -> JSONValue {
        var counts: [String: JSONValue] = [:]
        for reason in DropReason.allCases {
            let index = Int(MARTLET_COUNTER_DROPS.rawValue) + Int(reason.rawValue)
            guard counters.indices.contains(index), counters[index] > 0 else { continue }
            counts[reason.name] = .integer(Int64(counters[index]))
        }
        return .object(counts)
    }

    // MARK: What is wrong

    private struct Problems {
        var found: [JSONValue] = []

        mutating func add(_ severity: String, _ message: String, next: String) {
            found.append(["severity": .string(severity), "message": .string(message), "next": .string(next)])
        }
    }

    /// Errors first; what lets packets through or loses them before what only hinders changes.
    private func problems(_ counters: [UInt64], _ connect: String, _ fill: [MapFill], _ parts: [PartReport]) async
        -> [JSONValue]
    {
        var problems = Problems()
        await hookProblems(&problems)
        await policyProblems(&problems)
        for part in parts where !part.fault.isEmpty {
            problems.add("error", "\(part.name): \(part.fault)", next: part.next)
        }
        for map in fill where map.share >= MapFill.warnShare {
            problems.add(
                map.share < 1 ? "warning" : "error", "map \(map.name) holds \(map.used ?? 0) of \(map.capacity)",
                next: "fewer objects, or a node more: what does not fit is refused or closed")
        }
        if !connect.isEmpty, !connect.hasPrefix("not tested") {
            problems.add(
                "warning", "connect is \(connect)", next: "nothing: Services are translated per packet instead")
        }
        let lost = counters[Int(MARTLET_COUNTER_EVENTS_LOST.rawValue)]
        if lost > 0 {
            problems.add("warning", "\(lost) flow events were lost", next: "nothing: counters are still exact")
        }
        for attachment in await network.attachments where attachment.owner == .unmanaged {
            problems.add(
                "warning",
                "\(attachment.hostInterface) (container \(attachment.key.containerID)) is attached without a Pod: "
                    + "only ipBlock matches it",
                next: "intended? else take allowUnmanaged out of the network configuration")
        }
        return problems.found
    }

    private func hookProblems(_ problems: inout Problems) async {
        // Which pods are here is known from the first compile on.
        guard await engine.enforcedRevision != nil else { return }
        do {
            for difference in try await engine.hookDifferences(wantedHooks, repair: false) {
                problems.add("error", difference.sentence, next: "martlet fsck --repair")
            }
        } catch {
            problems.add("error", "the hooks cannot be looked at: \(error)", next: "see the daemon's log")
        }
    }

    private func policyProblems(_ problems: inout Problems) async {
        if let error = await engine.lastError {
            problems.add("error", error, next: "martlet fsck; see the daemon's log")
        }
        if let fault = await engine.journalFault {
            problems.add(
                "warning", "\(fault): a restart may give other numbers, enforcement goes on",
                next: "is the disk of the state directory full?")
        }
        if let journal = engine.policyJournal {
            if !journal.fault.isEmpty {
                problems.add(
                    "warning",
                    "\(journal.fault): after a restart no last good version of a policy is known, and one that "
                        + "cannot be read or does not fit isolates",
                    next: "is the disk of the state directory full?")
            }
            if !journal.damage.isEmpty {
                problems.add("warning", journal.damage, next: "nothing, where no policy stands here as not enforced")
            }
        }
        if !informers.isSynced {
            problems.add(
                "error", "the objects of the API are not read yet",
                next: "is the API server up? kubectl get --raw /readyz")
        } else if await engine.enforcedRevision == nil {
            problems.add("error", "no policy is in the kernel yet", next: "see the daemon's log")
        }
        let missing = await engine.report(faults: informers.snapshot().faults).notEnforced
        for entry in missing.prefix(Self.missingMax) {
            problems.add(
                "error",
                "\(entry.resource.kind) \(entry.key): \(entry.sentence)", next: Self.next(entry))
        }
        if missing.count > Self.missingMax {
            problems.add(
                "error", "\(missing.count - Self.missingMax) more objects are not enforced, \(missing.count) in all",
                next: "kubectl get ndp \(configuration.nodeName) -o yaml")
        }
    }

    private static func next(_ entry: NotEnforced) -> String {
        switch entry.reason {
        case "Unreadable": return "correct the object"
        case "AddressTaken": return "kubectl get pods -A -o wide; delete the pod that is gone, or correct its status"
        case "NoEndpointFree": return "fewer pods in the cluster"
        default: break
        }
        switch entry.resource {
        case .services: return "kubectl describe service -n \(entry.key.namespace)"
        case .pods: return "martlet policies; fewer or shorter policies on it"
        default: return "martlet policies"
        }
    }

    // MARK: Maps

    /// Entries of one map that are shown; all are counted.
    private static let mapRowsMax = 10_000

    /// Fill of every map; with `name`, its content at the generation in force.
    func maps(_ params: JSONValue) async throws -> JSONValue {
        if let name = params["name"]?.string { return try await content(ofMap: name) }
        let image = try datapath.image()
        let rows = try MapFill.read(datapath).map { map -> JSONValue in
            [
                "name": .string(map.name), "capacity": .integer(Int64(map.capacity)),
                "used": map.used.map { .integer(Int64($0)) } ?? .null, "bytes": .integer(Int64(map.bytes)),
            ]
        }
        return ["items": .array(rows), "generation": .integer(Int64(image.generation))]
    }

    /// `items` of `key` and `value`, numbers with what they stand for; `total` counts those left out too.
    private func content(ofMap name: String) async throws -> JSONValue {
        guard MapDump.maps.contains(name) else {
            throw DaemonError(.notFound, "no map \(name) to show; one of: \(MapDump.maps.joined(separator: ", "))")
        }
        let dump = MapDump(datapath, names: await engine.mapNames)
        let content = try dump.content(name, limit: Self.mapRowsMax)
        let rows = content.rows.map { row -> JSONValue in ["key": .string(row.key), "value": .string(row.value)] }
        return ["items": .array(rows), "total": .integer(Int64(content.total))]
    }
}
