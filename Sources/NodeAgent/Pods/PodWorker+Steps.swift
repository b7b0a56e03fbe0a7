import APIClient
import JSONText

/// The steps of a plan, each by a call or two.
extension PodWorker {
    func perform(_ action: PodAction) async throws(NodeAgentError) {
        switch action {
        case .startSandbox(let attempt): try await startSandbox(attempt: attempt)
        case .stopSandbox(let id):
            try await ignoringGone { () throws(NodeAgentError) in
                try await services.runtime.stopSandbox(id)
            }
        case .removeSandbox(let id):
            try await ignoringGone { () throws(NodeAgentError) in try await services.runtime.removeSandbox(id) }
        case .startContainer(let name, let sandbox, let restartCount, let step):
            try await startContainer(name, sandbox: sandbox, restartCount: restartCount, backOffStep: step)
        case .stopContainer(let id, let name, let grace, let reason):
            stopContainer(id, name, graceSeconds: grace, reason: reason)
        case .removeContainer(let id):
            try await ignoringGone { () throws(NodeAgentError) in try await services.runtime.removeContainer(id) }
        case .removeFiles:
            let files = files
            try await services.blocking { () throws(NodeAgentError) in try files.remove() }
        case .removeObject: try await removeObject()
        }
    }

    private func ignoringGone(_ call: () async throws(NodeAgentError) -> Void) async throws(NodeAgentError) {
        do { try await call() } catch  where error.code == .notFound {}
    }

    // MARK: Sandbox

    private func startSandbox(attempt: Int) async throws(NodeAgentError) {
        guard let pod else { return }
        do throws(NodeAgentError) {
            try await prepareVolumes(pod)
            let config = try await sandboxConfig(pod, attempt: attempt)
            let files = files
            try await services.blocking { () throws(NodeAgentError) in try FileCalls.makeFolder(files.logFolder) }
            _ = try await services.runtime.runSandbox(config)
            memory.failedSandbox = nil
        } catch {
            let reason = error.code == .volume ? "FailedMount" : "FailedCreatePodSandBox"
            let text =
                error.code == .volume ? error.message : "Failed to create pod sandbox: \(error.message)"
            memory.failedSandbox = FailedAttempt(
                reason: reason, message: text, at: services.clock(), count: 1)
            services.events.warning(pod, reason, text)
            throw error
        }
    }

    private func sandboxConfig(_ pod: PodObject, attempt: Int) async throws(NodeAgentError) -> CRIPodSandboxConfig {
        let path = services.configuration.resolvConf
        let bytes = try await services.blocking { () throws(NodeAgentError) in
            FileCalls.read(path, limit: 65536) ?? []
        }
        let builder = ContainerConfiguration(pod, files: files, configuration: services.configuration)
        return builder.sandbox(attempt: attempt, resolvConf: String(decoding: bytes, as: UTF8.self))
    }

    // MARK: Container

    private func startContainer(_ name: String, sandbox: String, restartCount: Int, backOffStep: Int)
        async throws(NodeAgentError)
    {
        guard let pod, let spec = pod.container(name) else { return }
        do throws(NodeAgentError) {
            guard let image = try await image(for: spec, of: pod) else { return }
            let id = try await create(
                spec, of: pod, image: image, sandbox: sandbox, restartCount: restartCount, backOffStep: backOffStep)
            services.events.normal(pod, "Created", "Created container: \(name)", container: name)
            do throws(NodeAgentError) {
                try await services.runtime.startContainer(id)
            } catch {
                throw NodeAgentError(.runtime, "RunContainerError: \(error.message)", cause: error)
            }
            memory.failedStarts[name] = nil
            services.events.normal(pod, "Started", "Started container \(name)", container: name)
            if let hook = spec.json[path: "lifecycle", "postStart"] {
                spawn { await self.postStart(hook, spec, id: id) }
            }
        } catch {
            let reason =
                switch error.code {
                case .imageMissing: "ErrImageNeverPull"
                case .configuration, .volume: "CreateContainerConfigError"
                case .runtime, .imagePull, .system, .notFound, .limit, .invalidRequest:
                    error.message.hasPrefix("RunContainerError") ? "RunContainerError" : "CreateContainerError"
                }
            let count = (memory.failedStarts[name]?.count ?? 0) + 1
            memory.failedStarts[name] = FailedAttempt(
                reason: reason, message: error.message, at: services.clock(), count: count)
            services.events.warning(pod, "Failed", "Error: \(error.message)", container: name)
            throw error
        }
    }

    private func create(
        _ spec: ContainerSpec, of pod: PodObject, image: RuntimeImage, sandbox: String, restartCount: Int,
        backOffStep: Int
    ) async throws(NodeAgentError) -> String {
        let builder = ContainerConfiguration(pod, files: files, configuration: services.configuration)
        if let fault = builder.userFault(spec, image: image) {
            throw NodeAgentError(.configuration, "container \(spec.name): \(fault)")
        }
        let addresses = podAddresses
        let objects = try await referencedObjects(pod)
        try await prepareVolumes(pod, objects: objects)
        let variables = try PodEnvironment(
            pod, objects, addresses: addresses, configuration: services.configuration
        ).variables(of: spec)
        let files = files
        let hosts = HostFiles(pod, configuration: services.configuration).hosts(addresses: addresses)
        let config = try await services.blocking { () throws(NodeAgentError) -> CRIContainerConfig in
            if !pod.usesHostNetwork { try files.writeHosts(hosts) }
            let message = try files.makeTerminationMessage(spec.name, restartCount: restartCount)
            return try builder.container(
                spec, restartCount: restartCount, backOffStep: backOffStep, variables: variables,
                terminationMessage: message)
        }
        let attempt = observed.sandboxes.first { $0.id == sandbox }?.attempt ?? 0
        let sandboxConfig = try await sandboxConfig(pod, attempt: attempt)
        return try await services.runtime.createContainer(config, sandbox: sandbox, sandboxConfig)
    }

    /// The image, or nil while it is being pulled: the worker is woken when it is there.
    private func image(for spec: ContainerSpec, of pod: PodObject) async throws(NodeAgentError) -> RuntimeImage? {
        let present = try await services.runtime.image(spec.image)
        switch (spec.pullPolicy, present) {
        case ("Never", nil):
            throw NodeAgentError(.imageMissing, "image \(spec.image) is not on the node and imagePullPolicy is Never")
        case ("Never", let image?), ("IfNotPresent", let image?):
            services.events.normal(
                pod, "Pulled", "Container image \"\(spec.image)\" already present on machine", container: spec.name)
            return image
        case (_, let image?) where freshImages.remove(spec.image) != nil: return image
        default:
            memory.pulling.insert(spec.image)
            services.events.normal(pod, "Pulling", "Pulling image \"\(spec.image)\"", container: spec.name)
            spawn { await self.pull(spec) }
            return nil
        }
    }

    private func pull(_ spec: ContainerSpec) async {
        let start = services.clock()
        do throws(NodeAgentError) {
            try await services.runtime.pull(spec.image)
            memory.failedPulls[spec.image] = nil
            freshImages.insert(spec.image)
            let took = (services.clock() - start).wholeNanoseconds / 1_000_000
            if let pod {
                services.events.normal(
                    pod, "Pulled", "Successfully pulled image \"\(spec.image)\" in \(took)ms", container: spec.name)
            }
        } catch {
            let count = (memory.failedPulls[spec.image]?.count ?? 0) + 1
            memory.failedPulls[spec.image] = FailedAttempt(
                reason: "ErrImagePull", message: error.message, at: services.clock(), count: count)
            if let pod {
                services.events.warning(
                    pod, "Failed", "Failed to pull image \"\(spec.image)\": \(error.message)", container: spec.name)
                services.events.normal(
                    pod, "BackOff", "Back-off pulling image \"\(spec.image)\"", container: spec.name)
            }
        }
        memory.pulling.remove(spec.image)
        wakeup.raise()
    }

    private func postStart(_ hook: JSONValue, _ spec: ContainerSpec, id: String) async {
        let fault = await services.prober.run(
            hook, timeout: NodeAgentConfiguration.Limit.runtimeCall, container: spec, id: id, addresses: podAddresses)
        guard let fault, let pod else { return }
        services.events.warning(pod, "FailedPostStartHook", "PostStartHook failed: \(fault)", container: spec.name)
        var health = memory.health[id] ?? ContainerHealth(isStarted: false, isReady: false)
        health.mustEnd = "its postStart hook failed"
        memory.health[id] = health
        wakeup.raise()
    }

    // MARK: Ending

    private func stopContainer(_ id: String, _ name: String, graceSeconds: Int64, reason: String) {
        memory.stopping[id] = graceSeconds
        if let pod = lastPod {
            services.events.normal(pod, "Killing", "Stopping container \(name): \(reason)", container: name)
        }
        let hook = lastPod?.container(name)?.json[path: "lifecycle", "preStop"]
        spawn { await self.end(id, name, grace: .seconds(max(graceSeconds, 0)), hook: hook) }
    }

    /// The hook's time counts as part of the grace, of which at least two seconds are left for the signal.
    private func end(_ id: String, _ name: String, grace: Duration, hook: JSONValue?) async {
        let start = services.clock()
        if let hook, grace > .zero, let spec = lastPod?.container(name) {
            let fault = await services.prober.run(
                hook, timeout: grace, container: spec, id: id, addresses: podAddresses)
            if let fault, let pod = lastPod {
                services.events.warning(pod, "FailedPreStopHook", "PreStopHook failed: \(fault)", container: name)
            }
        }
        let left = grace == .zero ? .zero : max(grace - (services.clock() - start), .seconds(2))
        do throws(NodeAgentError) {
            try await services.runtime.stopContainer(id, grace: left)
        } catch  where error.code == .notFound {
        } catch {
            log(error, "container \(name) did not stop")
            try? await Task.sleep(for: .seconds(1))
        }
        memory.stopping[id] = nil
        wakeup.raise()
    }

    private func removeObject() async throws(NodeAgentError) {
        if let pod, !pod.isStatic {
            let options: JSONValue = ["gracePeriodSeconds": 0, "preconditions": ["uid": .string(pod.uid)]]
            do {
                let reference = ObjectReference(.pods, namespace: pod.namespace, name: pod.name)
                _ = try await services.client.delete(reference, options: options)
            } catch  where error.isNotFound || error.isConflict {
                // Gone already, or another pod has taken the name.
            } catch {
                throw NodeAgentError(.runtime, "deletion of pod \(pod.name): \(error.message)", cause: error)
            }
        }
        finish()
    }
}
