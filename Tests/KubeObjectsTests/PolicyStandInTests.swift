import JSONText
import KubeObjects
import Testing

/// What holds in place of a policy that cannot be read.
@Suite struct PolicyStandInTests {
    private func standIn(_ spec: String) throws -> NetworkPolicy? {
        let text = #"{"metadata":{"namespace":"n","name":"p","resourceVersion":"7"},"spec":\#(spec)}"#
        let object = try JSONValue(parsing: text)
        #expect(throws: ObjectError.self) { try NetworkPolicy(object) }
        return NetworkPolicy(closing: object)
    }

    private func clusterStandIn(_ spec: String) throws -> ClusterNetworkPolicy? {
        let object = try JSONValue(parsing: #"{"metadata":{"name":"p","resourceVersion":"7"},"spec":\#(spec)}"#)
        #expect(throws: ObjectError.self) { try ClusterNetworkPolicy(object) }
        return ClusterNetworkPolicy(closing: object)
    }

    @Test func itIsolatesThePodsAndDirectionsThatTheObjectNames() throws {
        let one = try #require(
            try standIn(
                #"{"podSelector":{"matchLabels":{"a":"1"}},"policyTypes":["Egress"],"egress":[{"to":[{"future":1}]}]}"#)
        )
        #expect(one.podSelector.matches(["a": "1"]) && !one.podSelector.matches([:]))
        #expect(one.ingress == nil && one.egress == [])
        #expect(one.metadata.resourceVersion.isEmpty)
    }

    @Test func withoutTypesTheDirectionsAreThoseOfTheRules() throws {
        let bare = try #require(try standIn(#"{"podSelector":{},"ingress":[{"future":1}]}"#))
        #expect(bare.ingress == [] && bare.egress == nil)
        let both = try #require(try standIn(#"{"podSelector":{},"egress":[{"future":1}]}"#))
        #expect(both.ingress == [] && both.egress == [])
        // As the API has it, an empty list names no direction.
        let empty = try #require(try standIn(#"{"podSelector":{},"egress":[],"ingress":[{"future":1}]}"#))
        #expect(empty.ingress == [] && empty.egress == nil)
        let odd = try #require(try standIn(#"{"podSelector":{},"egress":{"future":1}}"#))
        #expect(odd.ingress == [] && odd.egress == [])
    }

    @Test func whatCannotBeToldIsClosedWhole() throws {
        let types = try #require(try standIn(#"{"podSelector":{},"policyTypes":["Sideways"]}"#))
        #expect(types.ingress == [] && types.egress == [])
        let selector = try #require(try standIn(#"{"podSelector":{"matchLabels":7},"policyTypes":["Ingress"]}"#))
        #expect(selector.podSelector.matches(["any": "pod"]) && selector.egress == nil)
    }

    @Test func aClusterPolicyIsDeniedWhereItDoesMoreThanAccept() throws {
        let rule = #"{"action":"Deny","from":[{"future":{}}]}"#
        let accept = #"{"action":"Accept","to":[{"domainNames":["example.org"]}]}"#
        let found = try #require(
            try clusterStandIn(
                #"{"tier":"Admin","priority":5,"subject":{"namespaces":{}},"ingress":[\#(rule)],"egress":[\#(accept)]}"#
            ))
        #expect(found.ingress.map(\.action) == [.deny] && found.egress.isEmpty)
        #expect(found.priority == 5 && found.metadata.resourceVersion.isEmpty)
        let nobody = try clusterStandIn(#"{"tier":"Admin","priority":5,"subject":{"future":{}},"ingress":[\#(rule)]}"#)
        #expect(nobody == nil)
    }
}
