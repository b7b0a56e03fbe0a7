import CMartletABI
package import KubeObjects
package import MapLayout
import NetTypes

/// Services and EndpointSlices in, map entries out. Only the Services that a batch touches are looked at.
///
/// Use: `apply` a batch; persist `delta.journal`; perform `delta.operations` in order; a grace period later call
/// `release(delta.retired)`. After a restart: `init(journal:)`, `apply` all objects in one batch, `finishAdoption`.
package struct ServiceCompiler: Sendable {
    /// One line of the service array.
    package struct Entry: Sendable, Hashable {
        package let number: UInt32
        package let service: ObjectKey
        package fileprivate(set) var extent: Extent
        package fileprivate(set) var backends: [Backend]
    }

    private var services: [ObjectKey: Service] = [:]
    private var slices: [ObjectKey: EndpointSlice] = [:]
    private var slicesOf: [ObjectKey: Set<ObjectKey>] = [:]
    /// What is in the maps.
    package private(set) var entries: [Frontend: Entry] = [:]
    private var frontendsOf: [ObjectKey: Set<Frontend>] = [:]
    private var waitingFor: [Frontend: Set<ObjectKey>] = [:]
    private var problems: [ObjectKey: ServiceError] = [:]
    private var numbers: IDAllocator
    private var extents: ExtentAllocator
    private var adoptableNumbers: [String: UInt32] = [:]
    private var adoptableExtents: [UInt32: (extent: Extent, digest: String)] = [:]

    package init(services: Int = MapLimits.services, backends: Int = MapLimits.backends) {
        numbers = IDAllocator(1..<UInt32(services))
        extents = ExtentAllocator(capacity: UInt32(backends))
    }

    /// Service numbers (one a frontend) and backend entries: taken, and how many there are. What waits for its grace
    /// period counts as taken.
    package var fill: (frontends: (used: Int, limit: Int), backends: (used: Int, limit: Int)) {
        (
            (numbers.usedCount, numbers.range.count),
            (Int(extents.capacity) - extents.freeCount, Int(extents.capacity))
        )
    }

    /// The Services with the most entries of their own, the largest first: backends, or frontends where `code` says so.
    package func heaviest(for code: ServiceError.Code, countMax: Int = 3) -> [(service: ObjectKey, share: Int)] {
        var shares: [ObjectKey: Int] = [:]
        for entry in entries.values {
            shares[entry.service, default: 0] += code == .noServiceFree ? 1 : entry.backends.count
        }
        let sorted = shares.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        return sorted.prefix(countMax).map { ($0.key, $0.value) }
    }

    /// The Service behind an address, for displays.
    package func service(at frontend: Frontend) -> ObjectKey? { entries[frontend]?.service }

    package mutating func apply(_ changes: [ServiceChange]) -> ServiceDelta {
        var touched: Set<ObjectKey> = []
        for change in changes { take(change, &touched) }
        var writer = ServiceWriter()
        // Frontends that go make room (and addresses) for those that come.
        for key in touched.sorted() { dropFrontends(of: key, &touched, &writer) }
        for key in touched.sorted() { refresh(key, &writer) }
        var delta = writer.delta
        delta.problems = problems.sorted { $0.key < $1.key }.map(\.value)
        return delta
    }

    package mutating func release(_ retired: [RetiredService]) {
        for entry in retired {
            switch entry {
            case .number(let number): numbers.free(number)
            case .backends(let extent): extents.free(extent)
            }
        }
    }

    private mutating func take(_ change: ServiceChange, _ touched: inout Set<ObjectKey>) {
        switch change {
        case .service(let service):
            guard services[service.key] != service else { return }
            services[service.key] = service
            touched.insert(service.key)
        case .serviceRemoved(let key):
            services[key] = nil
            touched.insert(key)
        case .slice(let slice):
            if let old = slices[slice.key], old.service != slice.service { forget(old, &touched) }
            slices[slice.key] = slice
            guard let service = slice.service else { return }
            slicesOf[service, default: []].insert(slice.key)
            touched.insert(service)
        case .sliceRemoved(let key):
            if let old = slices.removeValue(forKey: key) { forget(old, &touched) }
        }
    }

    private mutating func forget(_ slice: EndpointSlice, _ touched: inout Set<ObjectKey>) {
        guard let service = slice.service else { return }
        slicesOf[service]?.remove(slice.key)
        if slicesOf[service]?.isEmpty == true { slicesOf[service] = nil }
        touched.insert(service)
    }

    // MARK: One Service

    private func wanted(_ service: Service) -> [Frontend: ServicePort] {
        guard service.type != .externalName, !service.isHeadless else { return [:] }
        var found: [Frontend: ServicePort] = [:]
        for address in service.clusterIPs {
            for port in service.ports { found[Frontend(address, port.port, port.transport)] = port }
        }
        return found
    }

    private mutating func dropFrontends(
        of key: ObjectKey, _ touched: inout Set<ObjectKey>, _ writer: inout ServiceWriter
    ) {
        let kept = services[key].map { Set(wanted($0).keys) } ?? []
        for frontend in (frontendsOf[key] ?? []).subtracting(kept).sorted() {
            guard let entry = entries.removeValue(forKey: frontend) else { continue }
            frontendsOf[key]?.remove(frontend)
            writer.remove(frontend, entry)
            touched.formUnion(waitingFor.removeValue(forKey: frontend) ?? [])
        }
        if frontendsOf[key]?.isEmpty == true { frontendsOf[key] = nil }
    }

    private mutating func refresh(_ key: ObjectKey, _ writer: inout ServiceWriter) {
        problems[key] = nil
        guard let service = services[key] else { return }
        for (frontend, port) in wanted(service).sorted(by: { $0.key < $1.key }) {
            if let owner = entries[frontend]?.service, owner != key {
                problems[key] = ServiceError(.frontendTaken, key, "\(frontend) belongs to Service \(owner)")
                waitingFor[frontend, default: []].insert(key)
                continue
            }
            set(frontend, key, backends(service, port, frontend), &writer)
        }
    }

    private mutating func set(
        _ frontend: Frontend, _ key: ObjectKey, _ backends: [Backend], _ writer: inout ServiceWriter
    ) {
        let old = entries[frontend]
        if let old, old.backends == backends { return }
        let adopted = old == nil ? adoptableNumbers.removeValue(forKey: frontend.description) : nil
        guard let number = old?.number ?? adopted ?? numbers.allocate() else {
            problems[key] = ServiceError(.noServiceFree, key, "\(frontend): all service numbers are taken")
            return
        }
        let former = adoptableExtents.removeValue(forKey: number)
        let extent: Extent
        if let former, former.digest == ServiceWriter.digest(backends), Int(former.extent.count) == backends.count {
            extent = former.extent
        } else {
            guard let fresh = extents.allocate(UInt32(backends.count)) else {
                problems[key] = ServiceError(
                    .noBackendFree, key,
                    "\(frontend) needs \(backends.count) backends in a row; the longest run is \(extents.largestFree)"
                )
                if old == nil { numbers.free(number) }
                return
            }
            extent = fresh
            if let former { writer.retire(former.extent) }
        }
        if let old { writer.retire(old.extent) }
        let entry = Entry(number: number, service: key, extent: extent, backends: backends)
        entries[frontend] = entry
        frontendsOf[key, default: []].insert(frontend)
        writer.set(frontend, entry, isNew: old == nil)
    }

    /// Ready endpoints of the frontend's family; where there is none, those that still serve while they terminate.
    private mutating func backends(_ service: Service, _ port: ServicePort, _ frontend: Frontend) -> [Backend] {
        var ready: Set<Backend> = []
        var serving: Set<Backend> = []
        for key in slicesOf[service.key] ?? [] {
            guard let slice = slices[key], slice.family == frontend.address.family, !slice.metadata.isDeleting else {
                continue
            }
            for slicePort in slice.ports where slicePort.name == port.name && slicePort.transport == port.transport {
                guard let number = slicePort.port else { continue }
                for endpoint in slice.endpoints {
                    guard let address = endpoint.addresses.first else { continue }
                    let backend = Backend(address, number)
                    if endpoint.isReady { ready.insert(backend) }
                    if endpoint.isServing && endpoint.isTerminating { serving.insert(backend) }
                }
            }
        }
        let chosen = (ready.isEmpty ? serving : ready).sorted()
        guard port.transport == .sctp, chosen.contains(where: { $0.port != port.port }) else { return chosen }
        problems[service.key] = ServiceError(
            .portTranslated, service.key, "\(frontend): SCTP endpoints need the Service's own port, \(port.port)")
        return chosen.filter { $0.port == port.port }
    }

    // MARK: After a restart

    /// Takes the numbers of a former run: the entries of its journal, by key.
    package init(
        services: Int = MapLimits.services, backends: Int = MapLimits.backends, journal: [String: String]
    ) {
        self.init(services: services, backends: backends)
        for (key, value) in journal.sorted(by: { $0.key < $1.key }) {
            guard key.hasPrefix("service/"), let number = UInt32(key.dropFirst("service/".count)) else { continue }
            let parts = value.split(separator: " ").map(String.init)
            guard parts.count == 4, let offset = UInt32(parts[1]), let count = UInt32(parts[2]),
                numbers.reserve(number)
            else { continue }
            adoptableNumbers[parts[0]] = number
            let extent = Extent(offset: offset, count: count)
            if extents.reserve(extent) { adoptableExtents[number] = (extent, parts[3]) }
        }
    }

    /// After the first full batch: takes away frontends that nothing wanted.
    package mutating func finishAdoption() -> ServiceDelta {
        var writer = ServiceWriter()
        for (text, number) in adoptableNumbers.sorted(by: { $0.value < $1.value }) {
            if let frontend = ServiceWriter.frontend(text) { writer.remove(frontend) }
            writer.retire(number, adoptableExtents[number]?.extent)
        }
        (adoptableNumbers, adoptableExtents) = ([:], [:])
        return writer.delta
    }
}
