import JSONText
import KubeObjects
import ServiceCompiler
import Testing

@Suite struct ServiceSupportTests {
    @Test(
        arguments: [
            (#"{"type":"NodePort"}"#, ["spec.type"]),
            (#"{"type":"LoadBalancer"}"#, ["spec.type"]),
            (#"{"externalIPs":["1.2.3.4"]}"#, ["spec.externalIPs"]),
            (#"{"sessionAffinity":"ClientIP"}"#, ["spec.sessionAffinity"]),
            (
                #"{"internalTrafficPolicy":"Local","externalTrafficPolicy":"Local"}"#,
                ["spec.internalTrafficPolicy", "spec.externalTrafficPolicy"]
            ),
            (#"{"ports":[{"port":80},{"port":9,"protocol":"SCTP","targetPort":10}]}"#, ["spec.ports[1].targetPort"]),
            (#"{"type":"ClusterIP","sessionAffinity":"None","internalTrafficPolicy":"Cluster","externalIPs":[]}"#, []),
            (#"{"ports":[{"port":9,"protocol":"SCTP","targetPort":9},{"port":9,"protocol":"SCTP"}]}"#, []),
            (#"{"type":"ExternalName","externalName":"a.b"}"#, []),
        ] as [(String, [String])])
    func refusesByFieldWhatIsNotEnforced(spec: String, fields: [String]) throws {
        let found = ServiceSupport.unsupportedFields(try JSONValue(parsing: #"{"spec":\#(spec)}"#))
        #expect(found.map(\.field) == fields)
    }
}
