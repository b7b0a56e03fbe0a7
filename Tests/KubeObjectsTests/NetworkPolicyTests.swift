import JSONText
import KubeObjects
import NetTypes
import Testing

@Suite struct NetworkPolicyTests {
    private func policy(_ spec: String) throws -> NetworkPolicy {
        try NetworkPolicy(
            try JSONValue(parsing: #"{"metadata":{"namespace":"n","name":"p","resourceVersion":"7"},"spec":\#(spec)}"#))
    }

    @Test func withoutTypesIngressIsIsolatedAndEgressOnlyWhereItHasRules() throws {
        let bare = try policy(#"{"podSelector":{}}"#)
        #expect(bare.ingress == [] && bare.egress == nil)
        let both = try policy(#"{"podSelector":{},"egress":[{}]}"#)
        #expect(both.ingress == [] && both.egress == [PolicyRule()])
        #expect(both.metadata.resourceVersion == "7")
    }

    @Test func typesDecideWhichRulesCount() throws {
        let egress = try policy(#"{"podSelector":{},"policyTypes":["Egress"],"ingress":[{}]}"#)
        #expect(egress.ingress == nil && egress.egress == [])
    }

    @Test func readsPeersAndPorts() throws {
        let found = try policy(
            #"""
            {"podSelector":{},"ingress":[{"from":[
              {"podSelector":{"matchLabels":{"a":"1"}}},
              {"namespaceSelector":{}},
              {"ipBlock":{"cidr":"10.0.0.7/8","except":["10.1.0.0/16","10.0.0.0/16"]}}],
              "ports":[{},{"protocol":"UDP","port":53},{"port":80,"endPort":90},{"protocol":"SCTP","port":"sig"}]}]}
            """#)
        let rule = try #require(found.ingress?.first)
        let block = AddressBlock(
            try #require(CIDR("10.0.0.0/8")), except: ["10.0.0.0/16", "10.1.0.0/16"].compactMap { CIDR($0) })
        #expect(
            rule.peers == [
                .pods(namespaces: nil, pods: LabelSelector(matchLabels: ["a": "1"])),
                .pods(namespaces: .everything, pods: .everything), .block(block),
            ])
        #expect(
            rule.ports == [
                PolicyPort(.tcp, .all), PolicyPort(.udp, .range(PortRange(53))),
                PolicyPort(.tcp, .range(try #require(PortRange(low: 80, high: 90)))), PolicyPort(.sctp, .named("sig")),
            ])
    }

    @Test(
        arguments: [
            (#"{"podSelector":{},"domainNames":["x"]}"#, "spec.domainNames"),
            (#"{"podSelector":{},"policyTypes":["Both"]}"#, "spec.policyTypes[0]"),
            (#"{"podSelector":{},"ingress":[{"to":[]}]}"#, "spec.ingress[0].to"),
            (#"{"podSelector":{},"egress":[{"to":[{}]}]}"#, "spec.egress[0].to[0]"),
            (
                #"{"podSelector":{},"ingress":[{"from":[{"podSelector":{},"ipBlock":{"cidr":"::/0"}}]}]}"#,
                "spec.ingress[0].from[0].ipBlock"
            ),
            (
                #"{"podSelector":{},"ingress":[{"from":[{"ipBlock":{"cidr":"10.0.0.0/33"}}]}]}"#,
                "spec.ingress[0].from[0].ipBlock.cidr"
            ),
            (
                #"{"podSelector":{},"ingress":[{"from":[{"ipBlock":{"cidr":"10.0.0.0/8","except":["11.0.0.0/9"]}}]}]}"#,
                "spec.ingress[0].from[0].ipBlock.except[0]"
            ),
            (
                #"{"podSelector":{},"ingress":[{"from":[{"ipBlock":{"cidr":"10.0.0.0/8","except":["10.0.0.0/8"]}}]}]}"#,
                "spec.ingress[0].from[0].ipBlock.except[0]"
            ),
            (#"{"podSelector":{},"ingress":[{"ports":[{"port":0}]}]}"#, "spec.ingress[0].ports[0].port"),
            (#"{"podSelector":{},"ingress":[{"ports":[{"port":65536}]}]}"#, "spec.ingress[0].ports[0].port"),
            (#"{"podSelector":{},"ingress":[{"ports":[{"endPort":5}]}]}"#, "spec.ingress[0].ports[0].endPort"),
            (
                #"{"podSelector":{},"ingress":[{"ports":[{"port":"a","endPort":5}]}]}"#,
                "spec.ingress[0].ports[0].endPort"
            ),
            (
                #"{"podSelector":{},"ingress":[{"ports":[{"port":9,"endPort":5}]}]}"#,
                "spec.ingress[0].ports[0].endPort"
            ),
            (#"{"podSelector":{},"ingress":[{"ports":[{"protocol":"ICMP"}]}]}"#, "spec.ingress[0].ports[0].protocol"),
        ])
    func namesTheFieldThatCannotBeEnforced(spec: String, field: String) {
        let error = #expect(throws: ObjectError.self) { try policy(spec) }
        #expect(error?.field == field)
    }
}
