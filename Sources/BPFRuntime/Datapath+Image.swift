import CMartletABI
package import MapLayout
import NetTypes

/// Reads the maps back, for `fsck`, dumps and tests.
extension Datapath {
    /// What the kernel holds now, at the generation in force. Takes milliseconds; a writer that goes on meanwhile makes
    /// the image a mixture, so the caller compares generations before and after, or repeats what differs.
    package func image() throws(DatapathError) -> MapImage {
        var image = MapImage()
        let control = try read(MapCatalog.control, at: 0)
        let slot = GenerationSlots.index(of: control.generation)
        image.generation = control.generation
        image.controlFlags = control[flags: slot]
        try readIdentity(into: &image, slot)
        try readPolicy(into: &image, slot)
        try readServices(into: &image)
        return image
    }

    private func readIdentity(into image: inout MapImage, _ slot: Int) throws(DatapathError) {
        for (address, word) in try entries(MapCatalog.endpointIDs) {
            let tagged = TaggedNumber(word)
            if tagged.tag != martlet_tag(address) {
                image.faults.append("endpoint_ids: \(IPAddress(address)) has the tag of another address")
            }
            image.endpointOfAddress[IPAddress(address)] = tagged.number
        }
        let held = try read(MapCatalog.endpoints, 0..<MapCatalog.endpoints.capacity)
        for (number, endpoint) in held.enumerated() where endpoint.flags & MARTLET_ENDPOINT_LIVE.rawValue != 0 {
            let mac = withUnsafeBytes(of: endpoint.mac) { MACAddress(bytes: Array($0)) }
            image.endpoints[UInt32(number)] = MapImage.Endpoint(
                classID: endpoint[class: slot], incarnation: endpoint.incarnation, flags: endpoint.flags,
                interface: endpoint.ifindex, mac: mac)
        }
        for (address, number) in image.endpointOfAddress where image.endpoints[number] == nil {
            image.faults.append("endpoint_ids: \(address) leads to endpoint \(number), which is not live")
        }
        for (cookie, number) in try entries(MapCatalog.podNamespaces) { image.endpointOfNamespace[cookie] = number }
        for (key, word) in try entries(MapCatalog.networkIDs) {
            guard let block = key.block, word < UInt64(MapCatalog.networks.capacity) else {
                image.faults.append("network_ids: a key of length \(key.prefix_length) leads to \(word)")
                continue
            }
            image.numberOfNetwork[block] = UInt32(word)
            image.networkClasses[UInt32(word)] = try read(MapCatalog.networks, at: Int(word))[cidrClass: slot]
        }
    }

    private func readPolicy(into image: inout MapImage, _ slot: Int) throws(DatapathError) {
        for (index, words) in try nonZero(MapCatalog.classLists) {
            guard let lists = MapBytes.value(martlet_class_lists.self, from: MapBytes.of(all: words)) else { continue }
            let entry = ClassLists(
                ingress: ListEntry(lists[ingress: slot]), egress: ListEntry(lists[egress: slot]))
            for list in [entry.ingress, entry.egress] { try readRules(of: list, class: index, into: &image) }
            image.classLists[UInt32(index)] = entry
        }
        for (index, words) in try nonZero(MapCatalog.classRows) { image.classRows[UInt32(index)] = words }
        for (index, words) in try nonZero(MapCatalog.blockRows) { image.blockRows[UInt32(index)] = words }
    }

    /// Elements with anything in them, as words. (Arrays are large and mostly empty; sizes are multiples of a word.)
    private func nonZero<Value>(_ map: FlatMap<Value>) throws(DatapathError) -> [(index: Int, words: [UInt64])] {
        let stride = MemoryLayout<Value>.stride
        let bytes = try read(map.identity, bytes: 0..<map.capacity * stride)
        return bytes.withUnsafeBytes { raw in
            var found: [(index: Int, words: [UInt64])] = []
            var offset = 0
            while offset < raw.count {
                guard raw.load(fromByteOffset: offset, as: UInt64.self) != 0 else {
                    offset += 8
                    continue
                }
                let index = offset / stride
                let element = UnsafeRawBufferPointer(rebasing: raw[index * stride..<(index + 1) * stride])
                found.append((index, Array(element.bindMemory(to: UInt64.self))))
                offset = (index + 1) * stride
            }
            return found
        }
    }

    private func readRules(
        of list: ListEntry, class index: Int, into image: inout MapImage
    ) throws(DatapathError) {
        guard Int(list.extent.offset) + Int(list.extent.count) <= MapCatalog.rules.capacity else {
            image.faults.append("class_lists: class \(index) has rules past the end of the array")
            return
        }
        let range = Int(list.extent.offset)..<Int(list.extent.offset) + Int(list.extent.count)
        for (offset, rule) in zip(range, try read(MapCatalog.rules, range)) {
            if let entry = RuleEntry(rule) {
                image.rules[UInt32(offset)] = entry
            } else {
                image.faults.append("rules: entry \(offset), of class \(index), is no rule")
            }
        }
    }

    private func readServices(into image: inout MapImage) throws(DatapathError) {
        for (key, word) in try entries(MapCatalog.frontends) {
            let tagged = TaggedNumber(word)
            let frontend = MapImage.Frontend(address: key.ipAddress, port: key.hostPort, transport: key.protocol)
            if tagged.tag != martlet_frontend_tag(key) {
                image.faults.append("frontends: \(frontend.address):\(frontend.port) has the tag of another key")
            }
            guard Int(tagged.number) < MapCatalog.services.capacity else {
                image.faults.append("frontends: \(frontend.address):\(frontend.port) leads past the end of services")
                continue
            }
            image.serviceOfFrontend[frontend] = tagged.number
            let service = try read(MapCatalog.services, at: Int(tagged.number))
            let extent = BackendExtent(service.extent)
            image.services[tagged.number] = MapImage.Service(extent: extent, flags: service.flags)
            guard Int(extent.offset) + Int(extent.count) <= MapCatalog.backends.capacity else {
                image.faults.append("services: number \(tagged.number) has backends past the end of the array")
                continue
            }
            let range = Int(extent.offset)..<Int(extent.offset) + Int(extent.count)
            for (index, backend) in zip(range, try read(MapCatalog.backends, range)) {
                image.backends[UInt32(index)] = MapImage.Backend(address: backend.ipAddress, port: backend.hostPort)
            }
        }
    }
}
