import APIMachinery
import JSONText
import Testing

@Suite struct ValidationTests {
    /// `field reason` of every cause.
    private func causes(_ path: String, _ text: String) throws -> [String] {
        var object = try WriterFixture(path, name: "x")
        let status = refusal { try object.create(text) }
        #expect(status == nil || status?.code == 422, "\(status?.message ?? "")")
        return (status?.details?.causes ?? []).map { "\($0.field) \($0.reason)" }
    }

    private func pod(_ spec: String, _ metadata: String = #"{"name":"x"}"#) throws -> [String] {
        try causes("pods", #"{"kind":"Pod","metadata":\#(metadata),"spec":\#(spec)}"#)
    }

    private func container(_ more: String) throws -> [String] {
        try pod(#"{"containers":[{"name":"c","image":"i",\#(more)}]}"#)
    }

    private func service(_ spec: String) throws -> [String] {
        try causes("services", #"{"kind":"Service","metadata":{"name":"x"},"spec":\#(spec)}"#)
    }

    private func policy(_ spec: String) throws -> [String] {
        try causes(
            "networking.k8s.io/v1/networkpolicies", #"{"kind":"NetworkPolicy","metadata":{"name":"x"},"spec":\#(spec)}"#
        )
    }

    @Test func metadataIsChecked() throws {
        let fine = #"{"containers":[{"name":"c","image":"i"}]}"#
        #expect(try pod(fine).isEmpty)
        #expect(try pod(fine, #"{"name":"UPPER"}"#) == ["metadata.name FieldValueInvalid"])
        #expect(try pod(fine, #"{}"#) == ["metadata.name FieldValueRequired"])
        #expect(try pod(fine, #"{"name":"x","labels":{"a b":"-"}}"#).count == 2)
        #expect(try pod(fine, #"{"name":"x","finalizers":["bad"]}"#) == ["metadata.finalizers[0] FieldValueInvalid"])
        #expect(
            try pod(fine, #"{"name":"x","ownerReferences":[{"apiVersion":"v1","kind":"A","name":"n","uid":""}]}"#)
                == ["metadata.ownerReferences[0].uid FieldValueInvalid"])
    }

    @Test func namesAreMadeFromGenerateName() throws {
        var object = try WriterFixture("configmaps", name: "")
        let made = try object.create(#"{"kind":"ConfigMap","metadata":{"generateName":"g-"}}"#)
        #expect(made.name == "g-abcde")
    }

    @Test func containersAreCheckedByPath() throws {
        #expect(try pod("{}") == ["spec.containers FieldValueRequired"])
        #expect(try pod(#"{"containers":[{"name":"c"}]}"#) == ["spec.containers[0].image FieldValueRequired"])
        #expect(
            try pod(#"{"containers":[{"name":"c","image":"i"},{"name":"c","image":"i"}]}"#)
                == ["spec.containers[1].name FieldValueDuplicate"])
        #expect(
            try container(#""ports":[{"containerPort":70000}]"#)
                == ["spec.containers[0].ports[0].containerPort FieldValueInvalid"])
        #expect(
            try container(#""resources":{"requests":{"cpu":"2"},"limits":{"cpu":"1"}}"#)
                == ["spec.containers[0].resources.requests FieldValueInvalid"])
        #expect(
            try container(#""volumeMounts":[{"name":"v","mountPath":"/x"}]"#)
                == ["spec.containers[0].volumeMounts[0].name FieldValueNotFound"])
        #expect(
            try container(#""livenessProbe":{"tcpSocket":{"port":1},"exec":{"command":["x"]}}"#)
                == ["spec.containers[0].livenessProbe.tcpSocket FieldValueForbidden"])
        #expect(
            try container(#""env":[{"name":"A","valueFrom":{"fieldRef":{"fieldPath":"spec.odd"}}}]"#)
                == ["spec.containers[0].env[0].valueFrom.fieldRef.fieldPath FieldValueInvalid"])
    }

    @Test func aPodsImageMayChangeAndItsCommandMayNot() throws {
        var object = try WriterFixture("pods", name: "x")
        try object.create(#"{"kind":"Pod","metadata":{"name":"x"},"spec":{"containers":[{"name":"c","image":"i:1"}]}}"#)
        try object.patch(.strategicMerge, #"{"spec":{"containers":[{"name":"c","image":"i:2"}]}}"#)
        #expect(object.stored?["metadata"]?["generation"] == 2)
        let status = refusal {
            try object.patch(.strategicMerge, #"{"spec":{"containers":[{"name":"c","command":["x"]}]}}"#)
        }
        #expect(status?.details?.causes.map(\.field) == ["spec"])
        try object.patch(
            .merge, #"{"spec":{"restartPolicy":"Never"},"status":{"phase":"Running"}}"#, subresource: "status")
        #expect(object.stored?["status"]?["phase"] == "Running")
        #expect(object.stored?["spec"]?["restartPolicy"] == "Always")
    }

    @Test func servicesAreChecked() throws {
        #expect(try service(#"{"ports":[{"port":80}]}"#).isEmpty)
        #expect(try service(#"{}"#) == ["spec.ports FieldValueRequired"])
        #expect(try service(#"{"clusterIP":"None"}"#).isEmpty)
        #expect(
            try service(#"{"ports":[{"port":80},{"port":81}]}"#)
                == ["spec.ports[0].name FieldValueRequired", "spec.ports[1].name FieldValueRequired"])
        #expect(
            try service(#"{"ports":[{"port":0}]}"#)
                == ["spec.ports[0].port FieldValueInvalid", "spec.ports[0].targetPort FieldValueInvalid"])
        #expect(try service(#"{"type":"ExternalName"}"#) == ["spec.externalName FieldValueRequired"])
        #expect(
            try service(#"{"ports":[{"port":80,"nodePort":30000}]}"#) == ["spec.ports[0].nodePort FieldValueForbidden"])
        #expect(
            try service(#"{"ports":[{"port":80}],"type":"Odd"}"#) == ["spec.type FieldValueNotSupported"])
    }

    @Test func aServiceKeepsItsAddress() throws {
        var object = try WriterFixture("services", name: "x")
        try object.create(
            #"""
            {"kind":"Service","metadata":{"name":"x"},"spec":{"ports":[{"port":80}],
            "clusterIP":"10.96.0.9","clusterIPs":["10.96.0.9"]}}
            """#
        )
        try object.update(#"{"kind":"Service","metadata":{"name":"x"},"spec":{"ports":[{"port":81}]}}"#)
        #expect(object.stored?["spec"]?["clusterIP"] == "10.96.0.9")
        let status = refusal {
            try object.patch(.merge, #"{"spec":{"clusterIP":"10.96.0.8","clusterIPs":["10.96.0.8"]}}"#)
        }
        #expect(status?.details?.causes.map(\.field) == ["spec.clusterIPs[0]"])
    }

    @Test func policiesAreChecked() throws {
        #expect(try policy(#"{"podSelector":{}}"#).isEmpty)
        #expect(
            try policy(#"{"podSelector":{},"ingress":[{"from":[{}]}]}"#)
                == ["spec.ingress[0].from[0] FieldValueRequired"])
        #expect(
            try policy(#"{"podSelector":{},"ingress":[{"from":[{"ipBlock":{"cidr":"10.0.0.1/8"}}]}]}"#)
                == ["spec.ingress[0].from[0].ipBlock.cidr FieldValueInvalid"])
        #expect(
            try policy(#"{"podSelector":{},"egress":[{"ports":[{"port":80,"endPort":79}]}]}"#)
                == ["spec.egress[0].ports[0].endPort FieldValueInvalid"])
        #expect(
            try policy(#"{"podSelector":{"matchExpressions":[{"key":"a","operator":"Exists","values":["x"]}]}}"#)
                == ["spec.podSelector.matchExpressions[0].values FieldValueForbidden"])
    }

    @Test func aBlockStandsInNetworksOnce() throws {
        func networks(_ blocks: String) throws -> [String] {
            try causes(
                "policy.networking.k8s.io/v1alpha2/clusternetworkpolicies",
                #"{"kind":"ClusterNetworkPolicy","metadata":{"name":"x"},"spec":{"tier":"Admin","priority":1,"#
                    + #""subject":{"namespaces":{}},"egress":[{"action":"Deny","to":[{"namespaces":{}},"#
                    + #"{"networks":[\#(blocks)]},{"networks":["::/0"]}]}]}}"#)
        }
        #expect(try networks(#""10.0.0.0/8","::/0""#).isEmpty)
        #expect(
            try networks(#""10.0.0.0/8","::/0","10.0.0.0/8""#)
                == ["spec.egress[0].to[1].networks[2] FieldValueDuplicate"])
    }

    @Test func immutableConfigurationStaysAsItIs() throws {
        var object = try WriterFixture("configmaps", name: "x")
        try object.create(#"{"kind":"ConfigMap","metadata":{"name":"x"},"data":{"a":"1"},"immutable":true}"#)
        #expect(
            refusal { try object.patch(.merge, #"{"data":{"a":"2"}}"#) }?.details?.causes.map(\.field) == ["data"])
        #expect(refusal { try object.patch(.merge, #"{"immutable":false}"#) }?.code == 422)
        try object.patch(.merge, #"{"metadata":{"labels":{"a":"b"}}}"#)
    }

    @Test func aBodyMustFitItsPath() throws {
        var object = try WriterFixture("configmaps", name: "x")
        try object.create(#"{"kind":"ConfigMap","metadata":{"name":"x"}}"#)
        #expect(refusal { try object.update(#"{"kind":"ConfigMap","metadata":{"name":"y"}}"#) }?.code == 400)
        #expect(refusal { try object.update(#"{"kind":"ConfigMap","metadata":{}}"#) }?.code == 400)
        #expect(
            refusal { try object.update(#"{"kind":"ConfigMap","metadata":{"name":"x","namespace":"other"}}"#) }?.code
                == 400)
        #expect(refusal { try object.update(#"{"kind":"Secret","metadata":{"name":"x"}}"#) }?.code == 400)
        #expect(
            refusal { try object.update(#"{"kind":"ConfigMap","metadata":{"name":"x","uid":"other"}}"#) }?.code == 409)
    }

    @Test func aPodIsBoundOnce() throws {
        var object = try WriterFixture("pods", name: "x")
        try object.create(#"{"kind":"Pod","metadata":{"name":"x"},"spec":{"containers":[{"name":"c","image":"i"}]}}"#)
        let pod = try #require(object.stored)
        let now = Timestamp(secondsSince1970: 0)
        let bound = try PodBinding.bound(pod, ["target": ["kind": "Node", "name": "n"]], now: now)
        #expect(bound["spec"]?["nodeName"] == "n")
        #expect(refusal { try PodBinding.bound(bound, ["target": ["name": "m"]], now: now) }?.code == 409)
        #expect(refusal { try PodBinding.bound(pod, ["target": ["kind": "Odd", "name": "m"]], now: now) }?.code == 422)
    }
}
