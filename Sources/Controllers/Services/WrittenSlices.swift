import KubeObjects

/// Which slices a Service has, and what of them was written and may not be in the cache yet: without that a second look
/// would write the same once more. A Service's slices are found without looking at those of others.
struct WrittenSlices {
    /// Which Service a slice belonged to when it was last seen, and the other way round.
    private var serviceOfSlice: [ObjectKey: ObjectKey] = [:]
    private var slicesOfService: [ObjectKey: Set<ObjectKey>] = [:]
    private var written: [ObjectKey: PlannedSlice] = [:]
    private var deleted: Set<ObjectKey> = []

    /// A slice is seen with this Service, or is gone from the cache (nil). Answers whom it concerns: who has it now,
    /// and who had it.
    mutating func see(_ slice: ObjectKey, of service: ObjectKey?) -> Set<ObjectKey> {
        let former = serviceOfSlice[slice]
        if former != service { file(slice, under: service) }
        if service == nil { deleted.remove(slice) }
        return Set([former, service].compactMap { $0 })
    }

    private mutating func file(_ slice: ObjectKey, under service: ObjectKey?) {
        if let former = serviceOfSlice[slice] {
            slicesOfService[former]?.remove(slice)
            if slicesOfService[former]?.isEmpty == true { slicesOfService[former] = nil }
        }
        serviceOfSlice[slice] = service
        if let service { slicesOfService[service, default: []].insert(slice) }
    }

    mutating func record(_ slice: PlannedSlice) {
        written[slice.key] = slice
        // It may be deleted before the cache ever shows it: whose it was has to be known then.
        file(slice.key, under: slice.serviceKey)
    }

    mutating func recordDeletion(_ key: ObjectKey) {
        written[key] = nil
        // Where it is not filed any more, the cache has seen it go.
        if serviceOfSlice[key] != nil { deleted.insert(key) }
    }

    /// A Service's slices in order of their names: the cached ones with what was written since. `version` is how far
    /// the cache has come, at the least.
    mutating func slices(
        of service: ObjectKey, reflecting version: String, cached: (ObjectKey) -> PlannedSlice?
    ) -> [PlannedSlice] {
        if let reached = Int64(version) {
            written = written.filter { Int64($0.value.resourceVersion) ?? 0 > reached }
        }
        var result: [PlannedSlice] = []
        for key in slicesOfService[service] ?? [] {
            guard let slice = cached(key) else {
                deleted.remove(key)
                if let fresh = written[key] { result.append(fresh) }
                continue
            }
            if deleted.contains(key) { continue }
            let shown = written[key] ?? slice
            if shown.serviceKey == service { result.append(shown) }
        }
        return result.sorted { $0.name < $1.name }
    }
}
