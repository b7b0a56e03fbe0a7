package import BPFRuntime
import CMartletABI
import Glibc
import MapLayout
package import NetTypes
package import PolicyCompiler
import Reconcile

/// The kernel programs as an engine: the compiler's deltas go through the planner into the maps, and the detached
/// program `explain`, built of the data path's own policy stage, answers. Nothing is attached; the pins stand on a
/// bpffs of this run's own. No packet runs meanwhile, so every grace period is over at once. Policy cases, random
/// flows and `martlet policy test` run through it.
package final class KernelEngine {
    private typealias Planner = GenerationPlanner<PolicySlot, PolicySlotValue, MapOperation, RetiredNumber>

    /// Where the pods of the cases have their addresses; nodes have theirs elsewhere.
    package static let clusterPods = ["10.0.0.0/8", "192.168.0.0/16", "fc00::/7"].compactMap { CIDR($0) }

    package struct Fault: Error, CustomStringConvertible {
        package let message: String

        package init(message: String) { self.message = message }

        package var description: String { message }
    }

    /// Test runs take place on the loopback device, behind which every pod is.
    package static let interface: UInt32 = 1

    private let directory: String
    package let datapath: KernelDatapath
    private var planner = Planner()

    /// Loads the programs; needs root. An address in `clusterPods` that is no pod's is one of a pod not known yet.
    package init(clusterPods: [CIDR] = KernelEngine.clusterPods) throws {
        var template = Array("/tmp/martlet-kernel-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Fault(message: "mkdtemp: errno \(errno)") }
        directory = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard mount("bpf", directory, "bpf", 0, nil) == 0 else {
            let code = errno
            rmdir(directory)
            throw Fault(message: "no bpffs can be mounted (errno \(code)); it needs root")
        }
        var settings = DatapathSettings(pinDirectory: directory + "/pins")
        withUnsafeMutableBytes(of: &settings.configuration.cluster_pods) { prefixes in
            let room = prefixes.bindMemory(to: martlet_prefix.self)
            for (index, block) in clusterPods.enumerated() where index < room.count {
                room[index] = martlet_prefix(block)
            }
        }
        settings.configuration.cluster_pods_count = UInt32(clusterPods.count)
        settings.configuration.pod_mtu = 1500
        settings.configuration.uplink_mtu = 1500
        do {
            datapath = try KernelDatapath(settings)
        } catch {
            umount2(directory, 0)
            rmdir(directory)
            throw error
        }
    }

    /// Takes the pins off.
    package func close() {
        umount2(directory, 0)
        rmdir(directory)
    }

    /// Empties the maps for another case.
    package func reset() throws {
        for map in [
            MapCatalog.endpointIDs.identity, MapCatalog.networkIDs.identity, MapCatalog.flows.identity,
            MapCatalog.halfFlows.identity,
        ] {
            for entry in try datapath.entries(map) { _ = try datapath.remove(map, key: entry.key) }
        }
        for (map, count) in [
            (MapCatalog.endpoints.identity, 1024 * MemoryLayout<martlet_endpoint>.stride),
            (MapCatalog.networks.identity, 4096 * MemoryLayout<martlet_network>.stride),
            (MapCatalog.classLists.identity, 2048 * MemoryLayout<martlet_class_lists>.stride),
            (MapCatalog.control.identity, MemoryLayout<martlet_control>.stride),
        ] {
            try datapath.write(map, at: 0, [UInt8](repeating: 0, count: count))
        }
        planner = Planner()
        planner.start()
    }

    package func setPod(endpoint: UInt32, addresses: [IPAddress]) throws {
        let base = Int(endpoint) * MemoryLayout<martlet_endpoint>.stride
        let flags = MemoryLayout<martlet_endpoint>.offset(of: \.flags) ?? 20
        let interface = MemoryLayout<martlet_endpoint>.offset(of: \.ifindex) ?? 24
        let value = MARTLET_ENDPOINT_LIVE.rawValue | MARTLET_ENDPOINT_LOCAL.rawValue
        try datapath.write(MapCatalog.endpoints.identity, at: base + flags, MapBytes.of(UInt32(value)))
        try datapath.write(MapCatalog.endpoints.identity, at: base + interface, MapBytes.of(Self.interface))
        for address in addresses {
            let key = address.mapped
            try datapath.put(MapCatalog.endpointIDs, key, TaggedNumber(endpoint: endpoint, address: key).word)
        }
    }

    package func removePod(addresses: [IPAddress]) throws {
        for address in addresses { try datapath.remove(MapCatalog.endpointIDs, address.mapped) }
    }

    /// Writes a delta and everything that follows from its grace periods.
    package func take(
        _ delta: PolicyDelta, _ compiler: inout PolicyCompiler, following: (PolicyDelta) -> Void
    ) throws {
        var actions = planner.submit(Self.change(delta))
        while !actions.isEmpty {
            var next: [Planner.Action] = []
            for action in actions { next += try perform(action, &compiler, following) }
            actions = next
        }
    }

    private func perform(
        _ action: Planner.Action, _ compiler: inout PolicyCompiler, _ following: (PolicyDelta) -> Void
    ) throws -> [Planner.Action] {
        switch action {
        case .write(let operations): for operation in operations { try perform(operation) }
        case .fill(let values): for slot in 0..<MapLimits.generationSlots { try store(values, slot) }
        case .writeSlot(let slot, let values): try store(values, slot)
        case .publish(let generation): try datapath.publish(generation: generation)
        case .awaitGrace(let ticket): return planner.graceElapsed(ticket)
        case .release(let retired):
            let delta = compiler.release(retired)
            following(delta)
            return planner.submit(Self.change(delta))
        }
        return []
    }

    private static func change(_ delta: PolicyDelta) -> Planner.Change {
        .init(
            operations: delta.operations, births: delta.bornValues, voided: delta.bornWithoutValue,
            values: delta.switchedValues, retired: delta.retired)
    }

    private func store(_ values: [PolicySlot: PolicySlotValue], _ slot: Int) throws {
        for (place, value) in values {
            for operation in place.operations(slot: slot, value) { try perform(operation) }
        }
    }

    private func perform(_ operation: MapOperation) throws {
        switch operation {
        case .store(let map, let offset, let bytes): try datapath.write(map, at: offset, bytes)
        case .copy(let map, let from, let to, let count):
            try datapath.write(map, at: to, datapath.read(map, bytes: from..<from + count))
        case .put(let map, let key, let value): try datapath.put(map, key: key, value: value, mode: .any)
        case .remove(let map, let key): _ = try datapath.remove(map, key: key)
        }
    }

    /// Both directions of a flow, as the kernel judges it.
    package func judge(
        from source: IPAddress, to destination: IPAddress, transport: UInt8, port: UInt16
    ) throws -> (egress: PolicyMaps.Verdict, ingress: PolicyMaps.Verdict) {
        var question = martlet_question()
        question.source = source.mapped
        question.destination = destination.mapped
        question.destination_port = port.bigEndian
        question.protocol = transport
        let answer = try datapath.explain(question)
        let allow = UInt8(MARTLET_ACTION_ALLOW.rawValue)
        return (
            PolicyMaps.Verdict(isAllowed: answer.egress_verdict == allow, ruleID: answer.egress_rule),
            PolicyMaps.Verdict(isAllowed: answer.ingress_verdict == allow, ruleID: answer.ingress_rule)
        )
    }
}
