import APIMachinery
import JSONText
import Testing

@Suite struct SchemaTests {
    @Test func theTableHoldsListsKeysAndNumbers() throws {
        let schema = Schema.builtin
        let spec = try #require(schema.type(named: "core.v1.ServiceSpec"))
        let ports = try #require(spec.field("ports"))
        #expect(ports.list == .map(keys: ["port", "protocol"]))
        #expect(ports.mergeKey == "port")
        #expect(ports.protobuf == [1])
        let volume = try #require(schema.type(named: "core.v1.Volume")?.field("configMap"))
        #expect(volume.protobuf == [2, 19])
        #expect(schema.type(named: "meta.v1.LabelSelector")?.isAtomic == true)
        #expect(schema.type(named: "core.v1.Secret")?.field("data")?.type == .map(.bytes))
    }

    @Test func everyServedKindHasItsTypeAndList() {
        for resource in ResourceRegistry.builtin.resources {
            let type = Schema.builtin[resource.type]
            #expect(type.name.hasSuffix(".\(resource.kind.kind)"))
            if !resource.isVirtual { #expect(Schema.builtin.type(named: type.name + "List") != nil) }
        }
    }
}
