import DaemonAPI
import JSONText
import KubeObjects
import MapLayout
import NetTypes

/// Maps as people read them: numbers with the names that they stand for.
struct MapDump {
    let image: MapImage
    let engine: Engine

    static let names = ["endpoint_ids", "endpoints", "network_ids", "class_lists", "rules", "frontends"]

    static func used(_ image: MapImage) -> [String: Int] {
        [
            "endpoint_ids": image.endpointOfAddress.count, "endpoints": image.endpoints.count,
            "network_ids": image.numberOfNetwork.count, "networks": image.networkClasses.count,
            "class_lists": image.classLists.count, "class_rows": image.classRows.count,
            "block_rows": image.blockRows.count, "rules": image.rules.count,
            "frontends": image.serviceOfFrontend.count, "services": image.services.count,
            "backends": image.backends.count, "pod_netns": image.endpointOfNamespace.count,
        ]
    }

    func dump(_ name: String) async throws(DaemonError) -> JSONValue {
        switch name {
        case "endpoint_ids": return await addresses()
        case "endpoints": return await endpoints()
        case "network_ids": return networks()
        case "class_lists": return lists()
        case "rules": return await rules()
        case "frontends": return frontends()
        default:
            throw DaemonError(
                .notFound, "map \(name) cannot be shown; one of: \(Self.names.joined(separator: ", "))")
        }
    }

    private func addresses() async -> JSONValue {
        var rows: [JSONValue] = []
        for (address, number) in image.endpointOfAddress.sorted(by: { $0.key < $1.key }) {
            let pod = await engine.pod(at: address)
            rows.append([
                "address": .string(address.description), "endpoint": .integer(Int64(number)),
                "pod": pod.map { .string($0.description) } ?? .null,
            ])
        }
        return ["items": .array(rows)]
    }

    private func endpoints() async -> JSONValue {
        let owners = Dictionary(await engine.endpointViews.map { ($0.number, $0.owner) }, uniquingKeysWith: { $1 })
        let rows = image.endpoints.sorted { $0.key < $1.key }.map { number, entry -> JSONValue in
            [
                "endpoint": .integer(Int64(number)), "owner": owners[number].map { .string($0) } ?? .null,
                "class": .integer(Int64(ClassNumber(entry.classID).index)),
                "incarnation": .integer(Int64(entry.incarnation)), "interface": .integer(Int64(entry.interface)),
            ]
        }
        return ["items": .array(rows)]
    }

    private func networks() -> JSONValue {
        let rows = image.numberOfNetwork.sorted { $0.key < $1.key }.map { block, number -> JSONValue in
            [
                "network": .string(block.description), "number": .integer(Int64(number)),
                "cidrClass": .integer(Int64(ClassNumber(image.networkClasses[number] ?? 0).index)),
            ]
        }
        return ["items": .array(rows)]
    }

    private func lists() -> JSONValue {
        let rows = image.classLists.sorted { $0.key < $1.key }.map { index, lists -> JSONValue in
            [
                "class": .integer(Int64(index)), "ingressRules": .integer(Int64(lists.ingress.extent.count)),
                "ingressOffset": .integer(Int64(lists.ingress.extent.offset)),
                "egressRules": .integer(Int64(lists.egress.extent.count)),
                "egressOffset": .integer(Int64(lists.egress.extent.offset)),
            ]
        }
        return ["items": .array(rows)]
    }

    private func rules() async -> JSONValue {
        var rows: [JSONValue] = []
        for (index, rule) in image.rules.sorted(by: { $0.key < $1.key }) {
            rows.append([
                "index": .integer(Int64(index)), "rule": await engine.ruleJSON(rule.ruleID),
                "peer": .string("\(rule.peer)"), "protocol": .integer(Int64(rule.transport)),
                "ports": .string("\(rule.ports.low)-\(rule.ports.high)"), "action": .string("\(rule.action)"),
            ])
        }
        return ["items": .array(rows)]
    }

    private func frontends() -> JSONValue {
        let rows = image.serviceOfFrontend.sorted { $0.key < $1.key }.map { frontend, number -> JSONValue in
            [
                "address": .string(frontend.address.description), "port": .integer(Int64(frontend.port)),
                "protocol": .integer(Int64(frontend.transport)), "number": .integer(Int64(number)),
                "backends": .array(
                    (image.backends(of: frontend) ?? []).map { .string("\($0.address) \($0.port)") }),
            ]
        }
        return ["items": .array(rows)]
    }
}
