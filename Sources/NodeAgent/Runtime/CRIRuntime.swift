import SwiftProtobuf

/// containerd behind the Container Runtime Interface, version runtime.v1.
struct CRIRuntime: ContainerRuntime {
    let connection: RuntimeConnection
    private static let runtimeService = "runtime.v1.RuntimeService"
    private static let imageService = "runtime.v1.ImageService"
    private typealias Limit = NodeAgentConfiguration.Limit

    init(connection: RuntimeConnection) { self.connection = connection }

    func version() async throws(NodeAgentError) -> (name: String, version: String) {
        let answer = try await call("Version", CRIVersionRequest(), timeout: .seconds(2), as: CRIVersionResponse.self)
        return (answer.runtimeName, answer.runtimeVersion)
    }

    /// Messages of the conditions that are not met: the runtime's own and the network's.
    func unmetConditions() async throws(NodeAgentError) -> [String] {
        let answer = try await call("Status", CRIStatusRequest(), timeout: .seconds(2), as: CRIStatusResponse.self)
        return answer.status.conditions.filter { !$0.status }.map { "\($0.type): \($0.reason) \($0.message)" }
    }

    func sandboxes(podUID: String?) async throws(NodeAgentError) -> [ObservedSandbox] {
        var request = CRIListPodSandboxRequest()
        if let podUID { request.filter.labelSelector = [RuntimeLabel.podUID: podUID] }
        let answer = try await call("ListPodSandbox", request, as: CRIListPodSandboxResponse.self)
        return answer.items.map { item in
            ObservedSandbox(
                id: item.id, podUID: item.metadata.uid, podNamespace: item.metadata.namespace,
                podName: item.metadata.name, attempt: Int(item.metadata.attempt), isReady: item.state == .sandboxReady,
                createdAt: Timestamp(nanoseconds: item.createdAt))
        }.sorted { $0.createdAt > $1.createdAt }
    }

    func containers(podUID: String?) async throws(NodeAgentError) -> [ObservedContainer] {
        var request = CRIListContainersRequest()
        if let podUID { request.filter.labelSelector = [RuntimeLabel.podUID: podUID] }
        let answer = try await call("ListContainers", request, as: CRIListContainersResponse.self)
        return answer.containers.map(observed).sorted { $0.createdAt > $1.createdAt }
    }

    private func observed(_ item: CRIContainer) -> ObservedContainer {
        var result = ObservedContainer(
            id: item.id, sandboxID: item.podSandboxID, podUID: item.labels[RuntimeLabel.podUID] ?? "",
            name: item.metadata.name, restartCount: Int(item.metadata.attempt),
            backOffStep: item.annotations[RuntimeLabel.backOffStep].flatMap { Int($0) } ?? 0,
            specHash: item.annotations[RuntimeLabel.specHash] ?? "", state: state(item.state),
            createdAt: Timestamp(nanoseconds: item.createdAt))
        result.image = item.image.image
        result.imageID = item.imageRef
        result.graceSeconds = item.annotations[RuntimeLabel.graceSeconds].flatMap { Int64($0) } ?? 30
        return result
    }

    private func state(_ state: CRIContainerState) -> ObservedContainer.State {
        switch state {
        case .containerCreated: .created
        case .containerRunning: .running
        case .containerExited: .exited
        case .containerUnknown, .UNRECOGNIZED: .unknown
        }
    }

    func details(of sandbox: ObservedSandbox) async throws(NodeAgentError) -> ObservedSandbox? {
        var request = CRIPodSandboxStatusRequest()
        request.podSandboxID = sandbox.id
        do {
            let status = try await call("PodSandboxStatus", request, as: CRIPodSandboxStatusResponse.self).status
            var result = sandbox
            result.isReady = status.state == .sandboxReady
            result.addresses = [status.network.ip].filter { !$0.isEmpty } + status.network.additionalIps.map(\.ip)
            return result
        } catch  where error.code == .notFound {
            return nil
        }
    }

    func details(of container: ObservedContainer) async throws(NodeAgentError) -> ObservedContainer? {
        var request = CRIContainerStatusRequest()
        request.containerID = container.id
        do {
            let status = try await call("ContainerStatus", request, as: CRIContainerStatusResponse.self).status
            var result = container
            result.state = state(status.state)
            result.startedAt = status.startedAt > 0 ? Timestamp(nanoseconds: status.startedAt) : nil
            result.finishedAt = status.finishedAt > 0 ? Timestamp(nanoseconds: status.finishedAt) : nil
            result.exitCode = Int(status.exitCode)
            result.reason = status.reason
            result.message = status.message
            result.image = status.image.image
            result.imageID = status.imageRef
            result.logPath = status.logPath
            return result
        } catch  where error.code == .notFound {
            return nil
        }
    }

    func runSandbox(_ config: CRIPodSandboxConfig) async throws(NodeAgentError) -> String {
        var request = CRIRunPodSandboxRequest()
        request.config = config
        return try await call("RunPodSandbox", request, as: CRIRunPodSandboxResponse.self).podSandboxID
    }

    func stopSandbox(_ id: String) async throws(NodeAgentError) {
        var request = CRIStopPodSandboxRequest()
        request.podSandboxID = id
        _ = try await call("StopPodSandbox", request, as: CRIStopPodSandboxResponse.self)
    }

    func removeSandbox(_ id: String) async throws(NodeAgentError) {
        var request = CRIRemovePodSandboxRequest()
        request.podSandboxID = id
        _ = try await call("RemovePodSandbox", request, as: CRIRemovePodSandboxResponse.self)
    }

    func createContainer(_ config: CRIContainerConfig, sandbox: String, _ sandboxConfig: CRIPodSandboxConfig)
        async throws(NodeAgentError) -> String
    {
        var request = CRICreateContainerRequest()
        request.podSandboxID = sandbox
        request.config = config
        request.sandboxConfig = sandboxConfig
        return try await call("CreateContainer", request, as: CRICreateContainerResponse.self).containerID
    }

    func startContainer(_ id: String) async throws(NodeAgentError) {
        var request = CRIStartContainerRequest()
        request.containerID = id
        _ = try await call("StartContainer", request, as: CRIStartContainerResponse.self)
    }

    func stopContainer(_ id: String, grace: Duration) async throws(NodeAgentError) {
        var request = CRIStopContainerRequest()
        request.containerID = id
        request.timeout = grace.components.seconds
        _ = try await call(
            "StopContainer", request, timeout: grace + Limit.runtimeCall, as: CRIStopContainerResponse.self)
    }

    func removeContainer(_ id: String) async throws(NodeAgentError) {
        var request = CRIRemoveContainerRequest()
        request.containerID = id
        _ = try await call("RemoveContainer", request, as: CRIRemoveContainerResponse.self)
    }

    func execSync(_ id: String, command: [String], timeout: Duration) async throws(NodeAgentError) -> CommandResult {
        var request = CRIExecSyncRequest()
        request.containerID = id
        request.cmd = command
        request.timeout = timeout.components.seconds
        let answer = try await call(
            "ExecSync", request, timeout: timeout + .seconds(5), as: CRIExecSyncResponse.self)
        return CommandResult(exitCode: Int(answer.exitCode), output: Array(answer.stdout) + Array(answer.stderr))
    }

    func reopenLog(_ id: String) async throws(NodeAgentError) {
        var request = CRIReopenContainerLogRequest()
        request.containerID = id
        _ = try await call("ReopenContainerLog", request, as: CRIReopenContainerLogResponse.self)
    }

    func image(_ reference: String) async throws(NodeAgentError) -> RuntimeImage? {
        var request = CRIImageStatusRequest()
        request.image.image = reference
        let answer = try await connection.call(
            Self.imageService, "ImageStatus", request, timeout: Limit.runtimeCall, as: CRIImageStatusResponse.self)
        guard answer.hasImage else { return nil }
        return RuntimeImage(
            id: answer.image.id, uid: answer.image.hasUid ? answer.image.uid.value : nil,
            username: answer.image.username, bytes: answer.image.size)
    }

    func pull(_ reference: String) async throws(NodeAgentError) {
        var request = CRIPullImageRequest()
        request.image.image = reference
        do {
            _ = try await connection.call(
                Self.imageService, "PullImage", request, timeout: Limit.imagePull, as: CRIPullImageResponse.self)
        } catch {
            throw NodeAgentError(.imagePull, error.message)
        }
    }

    private func call<Request: SwiftProtobuf.Message, Response: SwiftProtobuf.Message>(
        _ method: String, _ request: Request, timeout: Duration = Limit.runtimeCall, as type: Response.Type
    ) async throws(NodeAgentError) -> Response {
        try await connection.call(Self.runtimeService, method, request, timeout: timeout, as: type)
    }
}
