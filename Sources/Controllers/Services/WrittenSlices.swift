import KubeObjects

/// Which slices a Service has, and what of them was written and may not be in the cache yet: without that a second look
/// would write the same once more. A Service's slices are found without looking at those of others.
struct WrittenSlices {
    private var filed = Grouping<ObjectKey, ObjectKey>()
    private var written: [ObjectKey: PlannedSlice] = [:]
    private var deleted: Set<ObjectKey> = []

    /// A slice is seen with this Service, or is gone from the cache (nil). Answers whom it concerns: who has it now,
    /// and who had it.
    mutating func see(_ slice: ObjectKey, of service: ObjectKey?) -> Set<ObjectKey> {
        if service == nil { deleted.remove(slice) }
        return filed.file(slice, under: service)
    }

    mutating func record(_ slice: PlannedSlice) {
        written[slice.key] = slice
        // It may be deleted before the cache ever shows it: whose it was has to be known then.
        filed.file(slice.key, under: slice.serviceKey)
    }

    mutating func recordDeletion(_ key: ObjectKey) {
        written[key] = nil
        // Where it is not filed any more, the cache has seen it go.
        if filed.contains(key) { deleted.insert(key) }
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
        for key in filed.members(of: service) {
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
