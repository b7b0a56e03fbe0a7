import MapLayout
import NetTypes
import Testing

@testable import Agent

@Suite struct MapFillTests {
    /// Two classes of which only the first has an endpoint that packets can find; the other's rows and rules are still
    /// written.
    private var image: MapImage {
        get throws {
            var image = MapImage()
            image.endpointOfAddress[try #require(IPAddress("10.244.0.2"))] = 1
            for (number, index) in [(UInt32(1), UInt32(5)), (2, 6)] {
                image.endpoints[number] = .init(classID: index, incarnation: 1, flags: 0, interface: 0, mac: nil)
                let list = ListEntry(
                    extent: Extent(offset: number * 10, count: 3), flags: [], version: 2, isolationRuleID: 0)
                image.classLists[index] = ClassLists(ingress: list, egress: .open)
                image.classRows[index] = [1]
            }
            image.numberOfNetwork[try #require(CIDR("192.0.2.0/24"))] = 3
            image.networkClasses = [3: 4, 7: 8]
            image.blockRows = [4: [1], 8: [2]]
            return image
        }
    }

    @Test func whatWasGivenBackDoesNotCount() throws {
        let used = MapFill.used(try image)
        for name in ["endpoints", "class_lists", "class_rows", "networks", "block_rows"] {
            #expect(used[name] == 1, "\(name)")
        }
        #expect(used["rules"] == 3 && used["services"] == 0 && used["backends"] == 0)
    }
}
