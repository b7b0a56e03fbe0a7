import JSONText
package import KubeObjects

/// Brings a Service's slices to what they have to hold, with few writes: what is right stays where it is, slices that
/// change anyway are filled first, and a new slice is made only where no other has room. Pure.
package struct SliceReconciliation: Sendable {
    package struct Changes: Sendable {
        package var create: [PlannedSlice] = []
        package var update: [PlannedSlice] = []
        package var delete: [PlannedSlice] = []
        /// Pods that were left out, and why: look at the Service again.
        package var skipped: [String] = []

        package var isEmpty: Bool { create.isEmpty && update.isEmpty && delete.isEmpty }
    }

    let service: SliceService
    let nodes: [String: SliceNode]
    let endpointsMax: Int

    /// `endpointsMax`: endpoints of one slice.
    package init(service: SliceService, nodes: [SliceNode], endpointsMax: Int = 100) {
        self.service = service
        self.nodes = Dictionary(nodes.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        self.endpointsMax = endpointsMax
    }

    /// `existing` are all slices of the Service that this controller manages.
    package func changes(pods: [Pod], existing: [PlannedSlice]) -> Changes {
        let contents = SliceContents(service, pods: pods, nodes: nodes)
        var changes = Changes()
        changes.skipped = contents.skipped
        for addressType in Set(existing.map(\.addressType)).union(service.addressTypes).sorted() {
            let slices = existing.filter { $0.addressType == addressType && !$0.isBeingDeleted }
            guard service.addressTypes.contains(addressType) else {
                changes.delete += slices
                continue
            }
            reconcile(addressType, contents, slices, &changes)
        }
        return changes
    }

    private func reconcile(
        _ addressType: String, _ contents: SliceContents, _ existing: [PlannedSlice], _ changes: inout Changes
    ) {
        let groups = contents.endpoints.filter { $0.key.addressType == addressType }
        var packing = SlicePacking(service: service, endpointsMax: endpointsMax)
        var orphans: [PlannedSlice] = []
        let byPorts = Dictionary(grouping: existing, by: \.ports)
        for (ports, slices) in byPorts.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) })
        where groups[.init(addressType: addressType, ports: ports)] == nil {
            orphans += slices
        }
        for (group, endpoints) in groups.sorted(by: { $0.key.ports.lexicographicallyPrecedes($1.key.ports) }) {
            packing.pack(endpoints, group, into: byPorts[group.ports] ?? [])
        }
        packing.delete += orphans
        if packing.unchanged.isEmpty, packing.update.isEmpty, packing.create.isEmpty {
            keepPlaceholder(addressType, &packing)
        }
        hint(addressType, &packing)
        packing.reuseNames()
        changes.create += packing.create
        changes.update += packing.update
        changes.delete += packing.delete
    }

    /// A Service without endpoints has one empty slice: it says that there are none, and not that nobody looked.
    private func keepPlaceholder(_ addressType: String, _ packing: inout SlicePacking) {
        let placeholder = PlannedSlice(for: service, addressType: addressType, ports: [])
        let present = packing.delete.firstIndex { slice in
            slice.endpoints.isEmpty && slice.ports.isEmpty && slice.labels == placeholder.labels
                && slice.ownerUID == placeholder.ownerUID
        }
        if let present {
            packing.unchanged.append(packing.delete.remove(at: present))
        } else {
            packing.create.append(placeholder)
        }
    }

    /// Sets hints in all slices of the family, and finds out which unchanged ones they change.
    private func hint(_ addressType: String, _ packing: inout SlicePacking) {
        var all = packing.create + packing.update + packing.unchanged
        let unchanged = packing.unchanged
        TopologyHints(service: service, nodes: nodes).apply(to: &all)
        packing.create = Array(all.prefix(packing.create.count))
        let rest = all.dropFirst(packing.create.count)
        packing.update = Array(rest.prefix(packing.update.count))
        packing.unchanged = []
        for (before, after) in zip(unchanged, rest.dropFirst(packing.update.count)) {
            if before == after { packing.unchanged.append(after) } else { packing.update.append(after) }
        }
    }
}

/// The slices of one Service and family while they are filled.
struct SlicePacking {
    let service: SliceService
    let endpointsMax: Int
    var create: [PlannedSlice] = []
    var update: [PlannedSlice] = []
    var unchanged: [PlannedSlice] = []
    var delete: [PlannedSlice] = []

    init(service: SliceService, endpointsMax: Int) {
        self.service = service
        self.endpointsMax = endpointsMax
    }

    /// Endpoints that are there already keep their slice; the others go where a write is due anyway, then into one
    /// slice that has room for all that is left, then into new slices.
    mutating func pack(_ endpoints: [PlannedEndpoint], _ group: SliceContents.Group, into slices: [PlannedSlice]) {
        var desired: [PlannedEndpoint.Identity: PlannedEndpoint] = [:]
        for endpoint in endpoints { desired[endpoint.identity] = endpoint }
        var changed: [PlannedSlice] = []
        var same: [PlannedSlice] = []
        for slice in slices {
            var kept: [PlannedEndpoint] = []
            for endpoint in slice.endpoints {
                // Hints are set later; they alone are no change here.
                guard var wanted = desired.removeValue(forKey: endpoint.identity) else { continue }
                wanted.hintedZones = endpoint.hintedZones
                wanted.hintedNodes = endpoint.hintedNodes
                kept.append(wanted)
            }
            var next = slice
            next.endpoints = kept
            let hasOtherLabels = slice.labels.filter { !SliceService.isReserved($0.key) } != service.inheritedLabels
            if kept != slice.endpoints || hasOtherLabels {
                next.labels = service.sliceLabels
                if kept.isEmpty { delete.append(slice) } else { changed.append(next) }
            } else {
                same.append(slice)
            }
        }
        var rest = endpoints.filter { desired.removeValue(forKey: $0.identity) != nil }[...]
        fill(&changed, from: &rest)
        fillOne(of: &same, &changed, from: &rest)
        while !rest.isEmpty {
            var slice = PlannedSlice(for: service, addressType: group.addressType, ports: group.ports)
            slice.endpoints = Array(rest.prefix(endpointsMax))
            rest = rest.dropFirst(endpointsMax)
            create.append(slice)
        }
        update += changed
        unchanged += same
    }

    /// The fullest first, so that slices become full rather than many.
    private func fill(_ slices: inout [PlannedSlice], from rest: inout ArraySlice<PlannedEndpoint>) {
        for index in slices.indices.sorted(by: { slices[$0].endpoints.count > slices[$1].endpoints.count }) {
            let room = max(endpointsMax - slices[index].endpoints.count, 0)
            slices[index].endpoints += rest.prefix(room)
            rest = rest.dropFirst(room)
        }
    }

    /// One unchanged slice may take all that is left over: one write, as a new slice would be. The fullest that fits.
    private func fillOne(
        of same: inout [PlannedSlice], _ changed: inout [PlannedSlice], from rest: inout ArraySlice<PlannedEndpoint>
    ) {
        let tail = rest.count % endpointsMax
        guard tail > 0 else { return }
        let fitting = same.indices.filter { same[$0].endpoints.count + tail <= endpointsMax }
        guard let index = fitting.max(by: { same[$0].endpoints.count < same[$1].endpoints.count }) else { return }
        var slice = same.remove(at: index)
        slice.endpoints += rest.suffix(tail)
        slice.labels = service.sliceLabels
        rest = rest.dropLast(tail)
        changed.append(slice)
    }

    /// A slice that would be made takes the place of one that would be deleted: one write for two, and watchers see no
    /// gap. Only of the Service's own.
    mutating func reuseNames() {
        while let new = create.last, let index = delete.firstIndex(where: { $0.ownerUID == service.uid }) {
            create.removeLast()
            let old = delete.remove(at: index)
            var slice = new
            slice.name = old.name
            slice.resourceVersion = old.resourceVersion
            update.append(slice)
        }
    }
}
