package import MapLayout

extension ServiceCompiler {
    /// What has to be written for a frontend to be in the maps as it is wanted; empty for one that is not ours.
    package func operations(restoring frontend: Frontend) -> [MapOperation] {
        guard let entry = entries[frontend] else { return [] }
        var writer = ServiceWriter()
        writer.set(frontend, entry, isNew: true)
        return writer.delta.operations
    }
}
