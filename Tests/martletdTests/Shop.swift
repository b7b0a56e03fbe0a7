import APIClient
import Foundation
import JSONText
import NetTypes
import Netlink
import TestKit
import Testing

/// Two servers in real containers, a Service before one of them, and a visitor that policy keeps from the other.
struct Shop: Sendable {
    let node: OwnNode
    let serviceAddress: String
    let webAddress: String
    let ordersAddress: String
    let visitor: PodSockets
    let web: PodSockets
    let orders: PodSockets

    static let pods = ["web", "orders", "visitor"]

    static func pod(_ name: String, command: String = "[/bin/shop]") -> String {
        """
        apiVersion: v1
        kind: Pod
        metadata: {name: \(name), namespace: default, labels: {app: \(name)}}
        spec:
          terminationGracePeriodSeconds: 1
          containers:
            - name: main
              image: martlet.local/shop:1
              imagePullPolicy: IfNotPresent
              command: \(command)

        """
    }

    private static let objects = [
        pod("web"), pod("orders"), pod("visitor", command: "[/bin/shop, wait]"),
        """
        apiVersion: v1
        kind: Service
        metadata: {name: web, namespace: default}
        spec:
          selector: {app: web}
          ports: [{port: 80, targetPort: 8080}]
        """,
        """
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: orders, namespace: default}
        spec:
          podSelector: {matchLabels: {app: orders}}
          ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]
        """,
    ]

    /// Opens the shop on a node, and returns when it serves and the policy is in force.
    init(on node: OwnNode) async throws {
        let image = try await OwnNode.daemonProgram(["node", "image", "--id", node.id, "--shop"])
        try #require(image.status == 0, "\(image.output)")
        try await node.apply(Self.objects.joined(separator: "\n---\n"))
        var addresses: [String] = []
        try await until("the pods are Ready") {
            addresses = try await Self.pods.asyncMap { try await Self.readyAddress(of: $0, on: node) }.compactMap { $0 }
            return addresses.count == Self.pods.count
        }
        try #require(addresses.count == Self.pods.count)
        self.node = node
        (webAddress, ordersAddress) = (addresses[0], addresses[1])
        (visitor, web) = (try Self.sockets(addresses[2], node), try Self.sockets(addresses[0], node))
        orders = try Self.sockets(addresses[1], node)
        let service = try await node.withClient {
            try await $0.get(ObjectReference(.services, namespace: "default", name: "web"), subresource: "")
        }
        serviceAddress = try #require(service[path: "spec", "clusterIP"]?.string)
        let shop = self
        try await until("the Service answers") {
            try shop.visitor.ask(shop.serviceAddress, 80, milliseconds: 500) == "web"
        }
        try await until("the servers hear whom they may") {
            try shop.web.ask(shop.ordersAddress, 8_080, milliseconds: 500) == "orders"
                && shop.visitor.ask(shop.ordersAddress, 8_080, milliseconds: 100) == nil
        }
    }

    static func readyAddress(of pod: String, on node: OwnNode) async throws -> String? {
        let object = try await node.withClient {
            try await $0.get(ObjectReference(.pods, namespace: "default", name: pod), subresource: "")
        }
        let isReady = object[path: "status", "conditions"]?.array?.contains {
            $0["type"] == "Ready" && $0["status"] == "True"
        }
        return isReady == true ? object[path: "status", "podIP"]?.string : nil
    }

    /// The namespace that has the address, among those that containerd keeps.
    private static func sockets(_ address: String, _ node: OwnNode) throws -> PodSockets {
        let folder = node.directory + "/containerd/state/io.containerd.grpc.v1.cri/netns"
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
            let namespace = try NetworkNamespace(path: "\(folder)/\(name)")
            let own = try namespace.connect().addresses().map(\.address.description)
            if own.contains(address) { return PodSockets(namespace: namespace) }
        }
        throw OwnNode.Fault(description: "no network namespace has \(address)")
    }

    /// Container ids with their restart counts: whatever happened to the daemon, these stay.
    func containers() async throws -> [String] {
        try await node.withClient { client in
            try await Self.pods.asyncMap { pod in
                let object = try await client.get(
                    ObjectReference(.pods, namespace: "default", name: pod), subresource: "")
                let status = object[path: "status", "containerStatuses"]?[0]
                return "\(pod) \(status?["containerID"]?.string ?? "none") \(status?["restartCount"]?.integer ?? -1)"
            }
        }
    }

    /// The Ready condition of the Node: status and reason.
    func nodeReady() async throws -> String {
        let object = try await node.withClient {
            try await $0.get(ObjectReference(.nodes, name: "martlet-\(node.id)"), subresource: "")
        }
        let ready = object[path: "status", "conditions"]?.array?.first { $0["type"] == "Ready" }
        return "\(ready?["status"]?.string ?? "none") \(ready?["reason"]?.string ?? "none")"
    }
}

extension Sequence {
    fileprivate func asyncMap<Value>(_ body: (Element) async throws -> Value) async throws -> [Value] {
        var values: [Value] = []
        for element in self { values.append(try await body(element)) }
        return values
    }
}

/// A node with the shop for the time of `body`.
func withShop(program: String? = nil, _ body: (Shop) async throws -> Void) async throws {
    try await withNode(program: program) { node in try await body(try await Shop(on: node)) }
}
