import APIMachinery
import JSONText
import NetTypes
import Testing

@Suite struct DocumentTests {
    @Test func discoveryListsEveryResourceInEachForm() throws {
        let documents = DiscoveryDocuments()
        let core = documents.aggregated(core: true, version: "v2")
        let resources = core["items"]?[0]?["versions"]?[0]?["resources"]?.array ?? []
        let pods = try #require(resources.first { $0["resource"] == "pods" })
        #expect(pods["shortNames"] == ["po"])
        #expect(pods["scope"] == "Namespaced")
        let parts = (pods["subresources"]?.array ?? []).compactMap { $0["subresource"]?.string }
        #expect(Set(parts).isSuperset(of: ["binding", "eviction", "exec", "log", "status"]))
        let list = try #require(documents.resourceList(group: "", version: "v1"))
        let eviction = try #require((list["resources"]?.array ?? []).first { $0["name"] == "pods/eviction" })
        #expect(eviction["group"] == "policy")
        #expect(eviction["version"] == "v1")
        #expect(documents.resourceList(group: "apps", version: "v1") == nil)
        let groups = (documents.groupList["groups"]?.array ?? []).compactMap { $0["name"]?.string }
        #expect(groups.contains("networking.k8s.io"))
        #expect(documents.group("networking.k8s.io")?["preferredVersion"]?["version"] == "v1")
    }

    /// Every reference in every document leads to a type of the same document.
    @Test func openAPIDocumentsAreClosed() throws {
        func references(_ value: JSONValue, _ found: inout Set<String>) {
            switch value {
            case .object(let members):
                if let target = members["$ref"]?.string { found.insert(target) }
                for member in members.values { references(member, &found) }
            case .array(let elements): for element in elements { references(element, &found) }
            case .null, .bool, .integer, .number, .string: break
            }
        }
        for group in ResourceRegistry.builtin.groups {
            let version = try #require(group.versions.first)
            let document = try #require(OpenAPIDocuments().document(group: group.name, version: version))
            var found: Set<String> = []
            references(document, &found)
            let schemas = document["components"]?["schemas"]?.object ?? [:]
            for target in found {
                #expect(schemas[String(target.dropFirst("#/components/schemas/".count))] != nil, "\(target)")
            }
        }
    }

    @Test func openAPITellsListsKeysAndValidation() throws {
        let document = try #require(OpenAPIDocuments().document(group: "", version: "v1"))
        let schemas = document["components"]?["schemas"]
        let ports = schemas?["io.k8s.api.core.v1.ServiceSpec"]?["properties"]?["ports"]
        #expect(ports?["x-kubernetes-list-map-keys"] == ["port", "protocol"])
        #expect(ports?["x-kubernetes-patch-merge-key"] == "port")
        let kind = schemas?["io.k8s.api.core.v1.Pod"]?["x-kubernetes-group-version-kind"]?[0]
        #expect(kind == ["group": "", "version": "v1", "kind": "Pod"])
        let patch = document["paths"]?["/api/v1/namespaces/{namespace}/pods/{name}"]?["patch"]
        let names = (patch?["parameters"]?.array ?? []).compactMap { $0["name"]?.string }
        #expect(names.contains("fieldValidation"))
        #expect(patch?["x-kubernetes-group-version-kind"]?["kind"] == "Pod")
        #expect(OpenAPIDocuments().index(hash: "h")["paths"]?["apis/networking.k8s.io/v1"] != nil)
    }

    @Test func everyKindAndItsMembersAreDescribed() throws {
        for group in ResourceRegistry.builtin.groups {
            let version = try #require(group.versions.first)
            let document = try #require(OpenAPIDocuments().document(group: group.name, version: version))
            let schemas = document["components"]?["schemas"]?.object ?? [:]
            for resource in ResourceRegistry.builtin.resources(group: group.name, version: version) {
                let name = try #require(schemas.keys.first { $0.hasSuffix(".\(version).\(resource.kind.kind)") })
                #expect(schemas[name]?["description"] != nil, "\(name)")
                for member in ["apiVersion", "kind", "metadata", "spec", "data", "rules", "endpoints"] {
                    guard let property = schemas[name]?["properties"]?[member] else { continue }
                    #expect(property["description"] != nil, "\(name).\(member)")
                }
            }
        }
    }

    @Test func endpointsShowThreeAddressesAndCountTheRest() throws {
        let kind = try #require(ResourceRegistry.builtin.resource(group: "", version: "v1", plural: "endpoints"))
        let now = try #require(Timestamp("2024-01-01T02:00:00Z"))
        func shown(_ subsets: JSONValue) -> JSONValue? {
            let object: JSONValue = [
                "metadata": ["name": "e", "creationTimestamp": "2024-01-01T00:00:00Z"], "subsets": subsets,
            ]
            return ObjectTables.table([object], of: kind, listMetadata: [:], rowObject: .none, now: now)["rows"]?[0]?[
                "cells"]
        }
        let four: JSONValue = [["ip": "10.0.0.1"], ["ip": "10.0.0.2"], ["ip": "10.0.0.3"], ["ip": "fd00::1"]]
        #expect(
            shown([["addresses": four, "ports": [["port": 80]]]])
                == ["e", "10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 1 more...", "120m"])
        #expect(shown([["addresses": [["ip": "fd00::1"]], "ports": [["port": 80]]]]) == ["e", "[fd00::1]:80", "120m"])
        #expect(shown([["addresses": [["ip": "10.0.0.1"]]]]) == ["e", "10.0.0.1", "120m"])
        #expect(shown([["notReadyAddresses": [["ip": "10.0.0.1"]]]]) == ["e", "<none>", "120m"])
    }

    @Test func tablesShowWhatKubectlShows() throws {
        let now = try #require(Timestamp("2024-01-01T02:00:00Z"))
        let pods = try #require(ResourceRegistry.builtin.resource(group: "", version: "v1", plural: "pods"))
        let running: JSONValue = ["name": "c", "ready": true, "restartCount": 2, "state": ["running": .object([:])]]
        let pod: JSONValue = [
            "metadata": ["name": "p", "creationTimestamp": "2024-01-01T00:00:00Z"],
            "spec": ["containers": [["name": "c"]], "nodeName": "n"],
            "status": ["phase": "Running", "containerStatuses": [running], "podIPs": [["ip": "10.0.0.1"]]],
        ]
        let table = ObjectTables.table(
            [pod], of: pods, listMetadata: ["resourceVersion": "5"], rowObject: .metadata, now: now)
        #expect(
            table["rows"]?[0]?["cells"]
                == ["p", "1/1", "Running", "2", "120m", "10.0.0.1", "n", "<none>", "<none>"])
        #expect(table["rows"]?[0]?["object"]?["kind"] == "PartialObjectMetadata")
        #expect(table["columnDefinitions"]?.array?.count == 9)
    }

    @Test func whatSelectsEveryPodIsLeftOutOfAnInvariantsRow() throws {
        let kind = try #require(
            ResourceRegistry.builtin.resource(
                group: "martlet.io", version: "v1alpha1", plural: "networkinvariants"))
        let now = try #require(Timestamp("2024-01-01T02:00:00Z"))
        func shown(_ pods: JSONValue) -> JSONValue? {
            let object: JSONValue = [
                "metadata": ["name": "i", "creationTimestamp": "2024-01-01T00:00:00Z"],
                "spec": ["statement": "Never", "from": pods, "to": [:]],
            ]
            let table = ObjectTables.table([object], of: kind, listMetadata: [:], rowObject: .none, now: now)
            #expect(table["rows"]?[0]?["cells"]?[3] == "every pod")
            return table["rows"]?[0]?["cells"]?[2]
        }
        let (dev, db): (JSONValue, JSONValue) = (["matchLabels": ["env": "dev"]], ["matchLabels": ["app": "db"]])
        #expect(shown(["namespaceSelector": dev, "podSelector": db]) == "ns: env=dev, pods: app=db")
        #expect(shown(["namespaceSelector": dev]) == "ns: env=dev")
        #expect(shown(["namespaceSelector": [:], "podSelector": db]) == "pods: app=db")
        #expect(shown(["namespaceSelector": [:]]) == "every pod")
    }

    @Test func eventsHaveTwoShapes() {
        let core: JSONValue = [
            "apiVersion": "v1", "kind": "Event", "message": "m", "involvedObject": ["name": "p"],
            "reportingComponent": "c", "reportingInstance": "",
        ]
        let new = EventConversion.toEventsV1(core)
        #expect(new["note"] == "m")
        #expect(new["regarding"] == ["name": "p"])
        #expect(EventConversion.toCore(new) == core)
    }

    @Test func podsAreAdmittedWithAccountAndTolerations() throws {
        var pod: JSONValue = ["metadata": ["name": "p"], "spec": ["containers": [["name": "c"]]]]
        PodAdmission.addTolerations(&pod)
        PodAdmission.addTolerations(&pod)
        #expect(pod["spec"]?["tolerations"]?.array?.count == 2)
        let account = PodAdmission.ServiceAccount(["metadata": ["name": "default"]])
        PodAdmission.addServiceAccount(&pod, account, suffix: "abcde")
        #expect(pod["spec"]?["volumes"]?[0]?["name"] == "kube-api-access-abcde")
        #expect(pod["spec"]?["containers"]?[0]?["volumeMounts"]?[0]?["readOnly"] == true)
        try PodAdmission.setPriority(&pod)
        #expect(pod["spec"]?["priority"] == 0)
        pod["spec"]?["priorityClassName"] = "none-such"
        #expect(refusal { try PodAdmission.setPriority(&pod) }?.code == 403)
    }

    @Test func addressesArePlannedByPolicyAndFamily() throws {
        let ranges = ServiceRanges(clusterIPs: [
            try #require(CIDR("10.96.0.0/16")), try #require(CIDR("fd00:96::/112")),
        ])
        var single: JSONValue = ["spec": ["type": "ClusterIP"]]
        #expect(ServiceAddressing.plan(&single, old: nil, ranges: ranges).map(\.family) == [.v4])
        #expect(single["spec"]?["ipFamilyPolicy"] == "SingleStack")
        var dual: JSONValue = ["spec": ["type": "ClusterIP", "ipFamilyPolicy": "RequireDualStack"]]
        let requests = ServiceAddressing.plan(&dual, old: nil, ranges: ranges)
        #expect(requests.map(\.family) == [.v4, .v6])
        let addresses = [try #require(IPAddress("10.96.0.1")), try #require(IPAddress("fd00:96::1"))]
        ServiceAddressing.assign(&dual, Array(zip(requests, addresses)))
        #expect(dual["spec"]?["clusterIPs"] == ["10.96.0.1", "fd00:96::1"])
        var headless: JSONValue = ["spec": ["type": "ClusterIP", "clusterIP": "None"]]
        #expect(ServiceAddressing.plan(&headless, old: nil, ranges: ranges).isEmpty)
        #expect(headless["spec"]?["ipFamilies"] == ["IPv4", "IPv6"])
    }
}
