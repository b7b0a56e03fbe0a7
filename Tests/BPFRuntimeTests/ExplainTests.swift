import CMartletABI
import MapLayout
import NetTypes
import Testing

@testable import BPFRuntime

/// Questions to the kernel's own policy stage, over maps written by this module.
struct ExplainTests {
    private let client = IPAddress(v4: 0x0a01_0005)
    private let server = IPAddress(v4: 0x0a01_0006)

    /// Two pods: the server's class takes TCP 80 from class 1 alone.
    private func prepare(_ datapath: KernelDatapath, clientClass: UInt32) throws {
        for (number, address, index) in [(UInt32(5), client, clientClass), (6, server, 2)] {
            var endpoint = martlet_endpoint()
            endpoint.flags = MARTLET_ENDPOINT_LIVE.rawValue | MARTLET_ENDPOINT_LOCAL.rawValue
            endpoint.incarnation = 1
            for slot in 0..<4 { endpoint[class: slot] = ClassNumber(index: index, incarnation: 1).word }
            try datapath.write(MapCatalog.endpoints, at: Int(number), endpoint)
            let tagged = TaggedNumber(endpoint: number, address: address.mapped)
            try datapath.put(MapCatalog.endpointIDs, address.mapped, tagged.word)
        }
        try datapath.write(MapCatalog.classRows, at: 1, martlet_class_row(selectors: [70]))
        let rule = RuleEntry(
            peer: .selector(70), ruleID: 30, transport: 6, ports: PortRange(80), action: .allow, tier: .networkPolicy)
        try datapath.write(MapCatalog.rules, at: 500, rule.layout)
        let list = ListEntry(
            extent: Extent(offset: 500, count: 1), flags: .isolated, version: 1,
            isolationRuleID: 31)
        var lists = martlet_class_lists()
        for slot in 0..<4 { lists[ingress: slot] = list.layout }
        try datapath.write(MapCatalog.classLists, at: 2, lists)
        try datapath.publish(generation: 9)
    }

    private func ask(_ datapath: KernelDatapath, port: UInt16) throws -> martlet_question {
        var question = martlet_question()
        question.source = client.mapped
        question.destination = server.mapped
        question.destination_port = port.bigEndian
        question.protocol = 6
        return try datapath.explain(question)
    }

    @Test(
        "The answer names the rule that decides, in both directions, and the generation",
        arguments: [(UInt32(1), UInt16(80), RuleAction.allow, UInt32(30)), (1, 81, .deny, 31), (3, 80, .deny, 31)])
    func answers(clientClass: UInt32, port: UInt16, verdict: RuleAction, rule: UInt32) throws {
        let filesystem = try TemporaryBPFFS()
        var configuration = martlet_config()
        configuration.cluster_pods.0 = martlet_prefix(try #require(CIDR("10.1.0.0/16")))
        configuration.cluster_pods_count = 1
        let datapath = try KernelDatapath(
            DatapathSettings(pinDirectory: filesystem.pins, configuration: configuration))
        try prepare(datapath, clientClass: clientClass)
        let answer = try ask(datapath, port: port)
        #expect(RuleAction(rawValue: answer.ingress_verdict) == verdict)
        #expect(answer.ingress_rule == rule)
        #expect(RuleAction(rawValue: answer.egress_verdict) == .allow)
        #expect(answer.generation == 9)
        let reason: DropReason = verdict == .allow ? .none : .policy
        #expect(DropReason(rawValue: answer.ingress_reason) == reason)
    }

    @Test("Settings reach the programs as constants: traffic of the node's own address passes as the node's")
    func settings() throws {
        let filesystem = try TemporaryBPFFS()
        var configuration = martlet_config()
        configuration.node_addresses.0 = client.mapped
        configuration.node_address_count = 1
        let datapath = try KernelDatapath(
            DatapathSettings(pinDirectory: filesystem.pins, configuration: configuration))
        try prepare(datapath, clientClass: 3)
        try datapath.remove(MapCatalog.endpointIDs, client.mapped)
        let answer = try ask(datapath, port: 81)
        #expect(RuleAction(rawValue: answer.ingress_verdict) == .allow)
        #expect(answer.ingress_rule == MARTLET_RULE_NODE.rawValue)
    }

    @Test("A question leaves no trace in flows or counters of drops")
    func writesNothing() throws {
        let filesystem = try TemporaryBPFFS()
        let datapath = try KernelDatapath(DatapathSettings(pinDirectory: filesystem.pins))
        try prepare(datapath, clientClass: 3)
        _ = try ask(datapath, port: 80)
        #expect(try datapath.entries(MapCatalog.flows).isEmpty)
        #expect(try datapath.entries(MapCatalog.halfFlows).isEmpty)
        #expect(try datapath.counters().allSatisfy { $0 == 0 })
    }
}
