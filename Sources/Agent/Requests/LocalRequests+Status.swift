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
    func status() async throws -> JSONValue {
        let inventory = try datapath.inventory()
        let attachments = try datapath.attachments()
        let counters = try datapath.counters()
        let connect = await connectState()
        return [
            "problems": .array(try await problems(counters, connect)),
            "node": [
                "name": .string(configuration.nodeName),
                "addresses": .array(configuration.nodeAddresses.map { .string($0.description) }),
                "podCIDRs": .array(configuration.podCIDRs.map { .string($0.description) }),
                "uptimeSeconds": .integer((ContinuousClock.now - started).components.seconds),
            ],
            "policy": await policySummary(),
            "services": [
                "frontends": .integer(Int64(await engine.serviceEntries.count)),
                "connect": connect.isEmpty ? "in effect" : .string(connect),
            ],
            "endpoints": [
                "total": .integer(Int64(await engine.endpointViews.count)),
                "unmanaged": .integer(Int64(await engine.endpointViews.count { $0.owner == "unmanaged" })),
            ],
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
        [
            "revision": await engine.enforcedRevision.map { .integer($0) } ?? .null,
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

    /// Empty where `connect` translates for the node's own sockets; otherwise why it does not.
    private func connectState() async -> String {
        guard configuration.connectCgroup != nil else { return "off: switched off by option" }
        guard
            let frontend = await engine.serviceEntries.first(where: {
                $0.key.transport == .tcp && !$0.value.backends.isEmpty
            })?.key
        else { return "not tested: no Service has an endpoint yet" }
        return ConnectProbe.failure(frontend: frontend.address, port: frontend.port, datapath: datapath)
            .map { "not in effect: \($0)" } ?? ""
    }

    // MARK: What is wrong

    private func problems(_ counters: [UInt64], _ connect: String) async throws -> [JSONValue] {
        var found: [JSONValue] = []
        func add(_ severity: String, _ message: String, next: String) {
            found.append(["severity": .string(severity), "message": .string(message), "next": .string(next)])
        }
        if let error = await engine.lastError { add("error", error, next: "martlet fsck; see the daemon's log") }
        if !informers.isSynced {
            add(
                "error", "the objects of the API are not read yet",
                next: "is the API server up? kubectl get --raw /readyz")
        } else if await engine.enforcedRevision == nil {
            add("error", "no policy is in the kernel yet", next: "see the daemon's log")
        }
        for problem in await engine.problems {
            add("error", problem.description, next: "martlet policies; the last good version stays in force")
        }
        for problem in await engine.serviceProblems {
            add("error", problem.description, next: "kubectl describe service -n \(problem.service.namespace)")
        }
        for fault in informers.snapshot().faults {
            add("error", "\(fault.resource.kind) \(fault.key): \(fault.reason)", next: "correct the object")
        }
        if !connect.isEmpty, !connect.hasPrefix("not tested") {
            add("warning", "connect is \(connect)", next: "Services are translated per packet instead")
        }
        let lost = counters[Int(MARTLET_COUNTER_EVENTS_LOST.rawValue)]
        if lost > 0 { add("warning", "\(lost) flow events were lost", next: "counters are still exact") }
        for attachment in await network.attachments where attachment.owner == .unmanaged {
            add(
                "warning", "\(attachment.hostInterface) is attached without a Pod: only ipBlock matches it",
                next: "take allowUnmanaged out of the network configuration")
        }
        return found
    }

    // MARK: Maps

    /// Fill of every map; with `name`, its content at the generation in force.
    func maps(_ params: JSONValue) async throws -> JSONValue {
        let image = try datapath.image()
        if let name = params["name"]?.string { return try await MapDump(image: image, engine: engine).dump(name) }
        let used = MapDump.used(image)
        let rows = try datapath.inventory().maps.sorted { $0.name < $1.name }.map { map -> JSONValue in
            [
                "name": .string(map.name), "capacity": .integer(Int64(map.capacity)),
                "used": used[map.name].map { .integer(Int64($0)) } ?? .null,
                "bytes": .integer(Int64(map.capacity) * Int64(map.keyBytes + map.valueBytes)),
            ]
        }
        return ["items": .array(rows), "generation": .integer(Int64(image.generation))]
    }
}
