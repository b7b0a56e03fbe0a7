/// The probes of a pod's containers: each runs at its own pace and tells the worker what changed.
extension PodWorker {
    /// Probes until the container has ended or the task is cancelled.
    func runProbe(_ probe: ProbeSpec, _ spec: ContainerSpec, id: String, from start: Timestamp) async {
        let delay = start - services.clock()
        if delay > .zero { try? await Task.sleep(for: delay) }
        while !Task.isCancelled, let state = probes[id] {
            guard state.active.contains(probe) else {
                // A passed startup probe never runs again; the others wait for it.
                if probe.kind == .startup { return }
                try? await Task.sleep(for: min(probe.period, .milliseconds(500)))
                continue
            }
            let addresses = podAddresses
            let fault = await services.prober.probe(probe, container: spec, id: id, addresses: addresses)
            guard !Task.isCancelled, probes[id] != nil else { return }
            record(probe, spec, id: id, fault: fault)
            try? await Task.sleep(for: probe.period)
        }
    }

    var podAddresses: [String] {
        if lastPod?.usesHostNetwork == true { return services.configuration.nodeAddresses }
        return observed.readySandbox?.addresses ?? []
    }

    private func record(_ probe: ProbeSpec, _ spec: ContainerSpec, id: String, fault: String?) {
        if let fault, let pod {
            let name = probe.kind.rawValue.prefix(1).uppercased() + probe.kind.rawValue.dropFirst()
            services.events.warning(pod, "Unhealthy", "\(name) probe failed: \(fault)", container: spec.name)
        }
        guard var state = probes[id] else { return }
        let changed = state.record(probe.kind, success: fault == nil)
        probes[id] = state
        guard changed else { return }
        memory.health[id] = state.health
        wakeup.raise()
    }
}
