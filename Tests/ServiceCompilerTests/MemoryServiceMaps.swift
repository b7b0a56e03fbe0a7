import CMartletABI
import MapLayout
import NetTypes
import ServiceCompiler

/// The service maps as bytes, written by operations alone, and the lookup that the kernel does.
struct MemoryServiceMaps {
    private var services = [UInt8](repeating: 0, count: 4096 * MemoryLayout<martlet_service>.stride)
    private var backends = [UInt8](repeating: 0, count: 4096 * MemoryLayout<martlet_backend>.stride)
    private var frontends: [[UInt8]: [UInt8]] = [:]

    mutating func perform(_ operation: MapOperation) {
        switch operation {
        case .store(let map, let offset, let bytes) where map == MapCatalog.services.identity:
            services.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        case .store(let map, let offset, let bytes) where map == MapCatalog.backends.identity:
            backends.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        case .put(_, let key, let value): frontends[key] = value
        case .remove(_, let key): frontends[key] = nil
        case .store, .copy: preconditionFailure("no operation of Services")
        }
    }

    /// Nil where the address is no frontend.
    func lookup(_ frontend: Frontend) -> [Backend]? {
        let key = martlet_frontend_key(
            address: frontend.address, port: frontend.port, protocol: frontend.transport.rawValue)
        guard let bytes = frontends[MapBytes.of(key)], let word: UInt64 = MapBytes.value(from: bytes) else {
            return nil
        }
        let tagged = TaggedNumber(word)
        guard tagged.tag == martlet_frontend_tag(key) else { return nil }
        let base = Int(tagged.number) * MemoryLayout<martlet_service>.stride
        guard let service: martlet_service = MapBytes.value(from: Array(services[base..<base + 16])) else { return nil }
        let extent = BackendExtent(service.extent)
        let size = MemoryLayout<martlet_backend>.stride
        let range = Int(extent.offset) * size..<Int(extent.offset + extent.count) * size
        return MapBytes.values(martlet_backend.self, from: Array(backends[range])).map {
            Backend($0.ipAddress, $0.hostPort)
        }
    }

    var count: Int { frontends.count }
}
