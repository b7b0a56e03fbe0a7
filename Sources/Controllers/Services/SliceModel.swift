package import JSONText
import KubeObjects

/// An endpoint as the controller writes it. Two are the same endpoint when `identity` is the same.
struct PlannedEndpoint: Hashable, Sendable {
    struct Identity: Hashable, Sendable {
        let addresses: [String]
        let kind: String
        let namespace: String
        let name: String
        let uid: String
    }

    var identity: Identity
    var isReady = true
    var isServing = true
    var isTerminating = false
    var hostname = ""
    var nodeName = ""
    var zone = ""
    var hintedZones: [String] = []
    var hintedNodes: [String] = []

    var object: JSONValue {
        let hints: [String: JSONValue?] = [
            "forZones": .nonEmpty(hintedZones.map { ["name": .string($0)] }),
            "forNodes": .nonEmpty(hintedNodes.map { ["name": .string($0)] }),
        ]
        let target: [String: JSONValue?] = [
            "kind": .nonEmpty(identity.kind), "namespace": .nonEmpty(identity.namespace),
            "name": .nonEmpty(identity.name), "uid": .nonEmpty(identity.uid),
        ]
        return .members([
            "addresses": .strings(identity.addresses),
            "conditions": [
                "ready": .bool(isReady), "serving": .bool(isServing), "terminating": .bool(isTerminating),
            ],
            "hostname": .nonEmpty(hostname), "nodeName": .nonEmpty(nodeName), "zone": .nonEmpty(zone),
            "hints": hints.values.contains { $0 != nil } ? .members(hints) : nil,
            "targetRef": identity.name.isEmpty ? nil : .members(target),
        ])
    }

    init(identity: Identity) { self.identity = identity }

    init(_ object: JSONValue) {
        let target = object["targetRef"]
        identity = Identity(
            addresses: object["addresses"]?.strings ?? [], kind: target?["kind"]?.string ?? "",
            namespace: target?["namespace"]?.string ?? "", name: target?["name"]?.string ?? "",
            uid: target?["uid"]?.string ?? "")
        isReady = object[path: "conditions", "ready"]?.bool ?? true
        isServing = object[path: "conditions", "serving"]?.bool ?? isReady
        isTerminating = object[path: "conditions", "terminating"]?.bool ?? false
        hostname = object["hostname"]?.string ?? ""
        nodeName = object["nodeName"]?.string ?? ""
        zone = object["zone"]?.string ?? ""
        hintedZones = (object[path: "hints", "forZones"]?.array ?? []).compactMap { $0["name"]?.string }
        hintedNodes = (object[path: "hints", "forNodes"]?.array ?? []).compactMap { $0["name"]?.string }
    }
}

struct PlannedPort: Hashable, Sendable, Comparable {
    var name: String
    var transport: String
    var number: Int64
    var appProtocol: String

    var object: JSONValue {
        .members([
            "name": .string(name), "protocol": .string(transport), "port": .integer(number),
            "appProtocol": .nonEmpty(appProtocol),
        ])
    }

    init(name: String, transport: String, number: Int64, appProtocol: String) {
        self.name = name
        self.transport = transport
        self.number = number
        self.appProtocol = appProtocol
    }

    init(_ object: JSONValue) {
        name = object["name"]?.string ?? ""
        transport = object["protocol"]?.string ?? "TCP"
        number = object["port"]?.integer ?? 0
        appProtocol = object["appProtocol"]?.string ?? ""
    }

    static func < (left: Self, right: Self) -> Bool {
        (left.name, left.transport, left.number, left.appProtocol)
            < (right.name, right.transport, right.number, right.appProtocol)
    }
}

/// An EndpointSlice of this controller's.
package struct PlannedSlice: Hashable, Sendable {
    static let serviceNameLabel = "kubernetes.io/service-name"
    static let managedByLabel = "endpointslice.kubernetes.io/managed-by"
    static let headlessLabel = "service.kubernetes.io/headless"
    static let controllerName = "endpointslice-controller.k8s.io"

    /// Empty for one that is to be created.
    package internal(set) var name = ""
    var namespace: String
    var resourceVersion = ""
    var addressType: String
    var labels: [String: String]
    var ownerUID: String
    var isBeingDeleted = false
    var ports: [PlannedPort]
    var endpoints: [PlannedEndpoint]

    var key: ObjectKey { ObjectKey(namespace, name) }

    package init(_ object: JSONValue) {
        let metadata = object["metadata"]
        name = object.objectName
        namespace = object.objectNamespace
        resourceVersion = metadata?["resourceVersion"]?.string ?? ""
        addressType = object["addressType"]?.string ?? ""
        labels = metadata?["labels"]?.stringMap ?? [:]
        let owners = metadata?["ownerReferences"]?.array ?? []
        ownerUID = owners.first { $0["controller"]?.bool == true }?["uid"]?.string ?? ""
        isBeingDeleted = object.isBeingDeleted
        ports = (object["ports"]?.array ?? []).map { PlannedPort($0) }.sorted()
        endpoints = (object["endpoints"]?.array ?? []).map { PlannedEndpoint($0) }
    }

    init(for service: SliceService, addressType: String, ports: [PlannedPort]) {
        namespace = service.key.namespace
        self.addressType = addressType
        labels = service.sliceLabels
        ownerUID = service.uid
        self.ports = ports
        endpoints = []
    }

    /// The whole object, owned by the service.
    package func object(serviceName: String) -> JSONValue {
        [
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": .members([
                "name": .nonEmpty(name), "generateName": name.isEmpty ? .string("\(serviceName)-") : nil,
                "namespace": .string(namespace), "resourceVersion": .nonEmpty(resourceVersion),
                "labels": .stringMap(labels),
                "ownerReferences": [
                    [
                        "apiVersion": "v1", "kind": "Service", "name": .string(serviceName), "uid": .string(ownerUID),
                        "controller": true, "blockOwnerDeletion": true,
                    ]
                ],
            ]),
            "addressType": .string(addressType),
            "ports": .array(ports.map(\.object)),
            "endpoints": .array(endpoints.map(\.object)),
        ]
    }
}
