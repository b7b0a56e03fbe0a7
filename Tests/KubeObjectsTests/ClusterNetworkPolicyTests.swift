import JSONText
import KubeObjects
import NetTypes
import Testing

@Suite struct ClusterNetworkPolicyTests {
    private func read(_ spec: String) throws -> ClusterNetworkPolicy {
        try ClusterNetworkPolicy(
            try JSONValue(parsing: "{\"metadata\":{\"name\":\"p\",\"resourceVersion\":\"7\"},\"spec\":\(spec)}"))
    }

    private func spec(_ rest: String) -> String {
        #"{"tier":"Admin","priority":5,"subject":{"namespaces":{}}\#(rest)}"#
    }

    private func refusal(_ spec: String) -> String? {
        do {
            _ = try read(spec)
            return nil
        } catch let error as ObjectError {
            return error.description
        } catch {
            return "\(error)"
        }
    }

    private func egress(_ peers: String, _ more: String = "") -> String {
        spec(#","egress":[{"action":"Deny","to":[\#(peers)]\#(more)}]"#)
    }

    @Test func readsEveryPeerAndPort() throws {
        let peers = #"""
            {"namespaces":{"matchLabels":{"a":"b"}}},{"pods":{"podSelector":{"matchLabels":{"x":"y"}}}},
            {"nodes":{}},{"networks":["10.0.0.0/8","fd00::/8"]}
            """#
        let protocols = #"""
            ,"protocols":[{"tcp":{"destinationPort":{"number":80}}},
            {"udp":{"destinationPort":{"range":{"start":1,"end":9}}}}]
            """#
        let policy = try read(egress(peers, protocols))
        #expect(policy.tier == .admin && policy.priority == 5 && policy.ingress.isEmpty)
        let rule = try #require(policy.egress.first)
        let ten = try #require(CIDR("10.0.0.0/8"))
        let six = try #require(CIDR("fd00::/8"))
        #expect(
            rule.peers == [
                .pods(namespaces: LabelSelector(matchLabels: ["a": "b"]), pods: .everything),
                .pods(namespaces: .everything, pods: LabelSelector(matchLabels: ["x": "y"])),
                .nodes(.everything), .network(ten), .network(six),
            ])
        let range = try #require(PortRange(low: 1, high: 9))
        #expect(rule.ports == [PolicyPort(.tcp, .range(PortRange(80))), PolicyPort(.udp, .range(range))])
    }

    @Test func aNamedPortIsOfEveryTransport() throws {
        let policy = try read(egress(#"{"namespaces":{}}"#, #","protocols":[{"destinationNamedPort":"web"}]"#))
        #expect(policy.egress[0].ports.map(\.transport) == TransportProtocol.allCases)
    }

    @Test func namesTheFieldThatIsWrong() {
        #expect(
            refusal(egress(#"{"domainNames":["kubernetes.io"]}"#))?.hasPrefix("spec.egress[0].to[0].domainNames: ")
                == true)
        #expect(refusal(egress(#"{"domainNames":["a.b"]}"#))?.contains("no resolver") == true)
        #expect(refusal(#"{"tier":"Middle","priority":5,"subject":{"namespaces":{}}}"#)?.hasPrefix("spec.tier") == true)
        #expect(refusal(#"{"tier":"Admin","subject":{"namespaces":{}}}"#) == "spec.priority: is required")
        #expect(
            refusal(#"{"tier":"Admin","priority":1001,"subject":{"namespaces":{}}}"#)?.hasPrefix("spec.priority")
                == true)
        #expect(refusal(#"{"tier":"Admin","priority":1}"#)?.hasPrefix("spec.subject: needs one of") == true)
        #expect(refusal(egress(""))?.hasPrefix("spec.egress[0].to: needs at least one") == true)
        #expect(refusal(egress("{}"))?.hasPrefix("spec.egress[0].to[0]: needs one of") == true)
        #expect(refusal(egress(#"{"nodes":{},"networks":["10.0.0.0/8"]}"#))?.contains("only one of") == true)
        #expect(refusal(egress(#"{"networks":["10.0.0.0"]}"#))?.hasPrefix("spec.egress[0].to[0].networks[0]") == true)
        #expect(refusal(egress(#"{"services":{}}"#))?.hasPrefix("spec.egress[0].to[0].services") == true)
        #expect(
            refusal(spec(#","ingress":[{"action":"Deny","from":[{"nodes":{}}]}]"#))?
                .hasPrefix("spec.ingress[0].from[0].nodes") == true)
        #expect(
            refusal(egress(#"{"nodes":{}}"#, #","protocols":[{"destinationNamedPort":"web"}]"#))?
                .hasPrefix("spec.egress[0].protocols[0].destinationNamedPort") == true)
        #expect(
            refusal(egress(#"{"nodes":{}}"#, #","protocols":[{"tcp":{}}]"#))
                == "spec.egress[0].protocols[0].tcp.destinationPort: is required")
        let range = #","protocols":[{"tcp":{"destinationPort":{"range":{"start":9,"end":9}}}}]"#
        #expect(refusal(egress(#"{"nodes":{}}"#, range))?.contains("must be greater than start") == true)
    }

    @Test func countsAreLimited() {
        func rules(_ count: Int) -> String {
            let rule = #"{"action":"Pass","from":[{"namespaces":{}}]}"#
            return spec(#","ingress":[\#(Array(repeating: rule, count: count).joined(separator: ","))]"#)
        }
        #expect(refusal(rules(25)) == nil)
        #expect(refusal(rules(26)) == "spec.ingress: has 26 entries; at most 25 are allowed")
        let name = String(repeating: "n", count: 101)
        #expect(
            refusal(spec(#","ingress":[{"name":"\#(name)","action":"Pass","from":[{"namespaces":{}}]}]"#))?
                .hasPrefix("spec.ingress[0].name") == true)
    }
}
