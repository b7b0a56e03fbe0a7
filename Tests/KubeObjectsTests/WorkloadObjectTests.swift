import JSONText
import KubeObjects
import NetTypes
import Testing

@Suite struct WorkloadObjectTests {
    @Test func podKeepsWhatPolicyAndRoutesRead() throws {
        let pod = try Pod(
            try JSONValue(
                parsing: #"""
                    {"metadata":{"namespace":"n","name":"p","uid":"u","labels":{"a":"1"},"deletionTimestamp":"x",
                     "annotations":{"kubernetes.io/config.hash":"h","other":"dropped"}},
                     "spec":{"nodeName":"one","hostNetwork":true,
                      "initContainers":[{"ports":[{"containerPort":1,"name":"gone"}]},
                       {"restartPolicy":"Always","ports":[{"containerPort":2,"name":"side"}]}],
                      "containers":[{"ports":[{"containerPort":80,"name":"http"},
                       {"containerPort":53,"protocol":"UDP","name":"dns"}]},
                       {"ports":[{"containerPort":81,"name":"http"}]}]},
                     "status":{"phase":"Running","podIPs":[{"ip":"10.0.0.1"},{"ip":"fd00::1"}],
                      "conditions":[{"type":"Ready","status":"True"}]}}
                    """#))
        #expect(pod.key == ObjectKey("n", "p"))
        #expect(pod.metadata.uid == "u" && pod.metadata.isDeleting)
        #expect(pod.metadata.annotations == ["kubernetes.io/config.hash": "h"])
        #expect(pod.nodeName == "one" && pod.isHostNetwork && pod.isReady && pod.phase == .running)
        #expect(pod.addresses == [IPAddress("10.0.0.1"), IPAddress("fd00::1")])
        #expect(pod.port(named: "http", .tcp) == 80)
        #expect(pod.port(named: "http", .udp) == nil)
        #expect(pod.port(named: "side", .tcp) == 2)
        #expect(pod.port(named: "gone", .tcp) == nil)
    }

    @Test func headlessAndExternalServicesHaveNoClusterAddress() throws {
        let headless = try Service(try JSONValue(parsing: #"{"spec":{"clusterIP":"None","clusterIPs":["None"]}}"#))
        #expect(headless.isHeadless && headless.clusterIPs.isEmpty)
        let external = try Service(try JSONValue(parsing: #"{"spec":{"type":"ExternalName","externalName":"a.b"}}"#))
        #expect(external.type == .externalName && external.clusterIPs.isEmpty)
    }

    @Test func servicePortsDefaultToTheirOwnNumber() throws {
        let service = try Service(
            try JSONValue(
                parsing: #"""
                    {"spec":{"clusterIPs":["10.96.0.1","fd00::9"],"selector":{"a":"1"},"ports":[
                     {"port":80},{"port":81,"targetPort":8081,"protocol":"UDP"},{"port":82,"targetPort":"web"},
                     {"port":83,"targetPort":0}]}}
                    """#))
        #expect(service.clusterIPs.count == 2 && service.selector == ["a": "1"])
        #expect(
            service.ports.map(\.targetPort) == [.number(80), .number(8081), .name("web"), .number(83)])
        #expect(service.ports[1].transport == .udp)
    }

    @Test func absentConditionsCountAsReadyAndServingFollowsReady() throws {
        let slice = try EndpointSlice(
            try JSONValue(
                parsing: #"""
                    {"metadata":{"namespace":"n","name":"s","labels":{"kubernetes.io/service-name":"web"}},
                     "addressType":"IPv4","ports":[{"name":"","port":80},{"name":"all"}],
                     "endpoints":[{"addresses":["10.0.0.1"]},
                      {"addresses":["10.0.0.2"],"conditions":{"ready":false}},
                      {"addresses":["10.0.0.3"],"conditions":{"ready":false,"serving":true,"terminating":true}}]}
                    """#))
        #expect(slice.service == ObjectKey("n", "web"))
        #expect(slice.endpoints.map(\.isReady) == [true, false, false])
        #expect(slice.endpoints.map(\.isServing) == [true, false, true])
        #expect(slice.ports.map(\.port) == [80, nil])
    }

    @Test func nodeAddressesAreInternalAndExternalOnes() throws {
        let node = try Node(
            try JSONValue(
                parsing: #"""
                    {"metadata":{"name":"one"},"spec":{"podCIDR":"10.244.0.0/24"},
                     "status":{"addresses":[{"type":"Hostname","address":"one"},
                       {"type":"InternalIP","address":"10.0.0.5"}],
                      "conditions":[{"type":"Ready","status":"True"}]}}
                    """#))
        #expect(node.podCIDRs == [CIDR("10.244.0.0/24")])
        #expect(node.addresses == [IPAddress("10.0.0.5")] && node.isReady)
    }

    @Test(
        arguments: [
            (
                #"{"spec":{"containers":[{"ports":[{"containerPort":70000}]}]}}"#,
                "spec.containers[0].ports[0].containerPort"
            ),
            (#"{"spec":{"containers":[{"ports":[{}]}]}}"#, "spec.containers[0].ports[0].containerPort"),
            (#"{"status":{"podIPs":[{"ip":"10.0.0"}]}}"#, "status.podIPs[0].ip"),
            (#"{"metadata":{"labels":{"a":true}}}"#, "metadata.labels.a"),
            (#"{"metadata":[]}"#, "metadata"),
            (#"{"spec":{"hostNetwork":"yes"}}"#, "spec.hostNetwork"),
        ])
    func podsNameTheFieldThatIsWrong(text: String, field: String) {
        let error = #expect(throws: ObjectError.self) { try Pod(try JSONValue(parsing: text)) }
        #expect(error?.field == field)
    }
}
