/// A sandbox as the runtime reports it.
package struct ObservedSandbox: Hashable, Sendable {
    package var id: String
    package var podUID: String
    package var podNamespace: String
    package var podName: String
    package var attempt: Int
    package var isReady: Bool
    package var createdAt: Timestamp
    /// Empty until the network is up, and for the host's network.
    package var addresses: [String]

    package init(
        id: String, podUID: String, podNamespace: String, podName: String, attempt: Int, isReady: Bool,
        createdAt: Timestamp, addresses: [String] = []
    ) {
        self.id = id
        self.podUID = podUID
        self.podNamespace = podNamespace
        self.podName = podName
        self.attempt = attempt
        self.isReady = isReady
        self.createdAt = createdAt
        self.addresses = addresses
    }
}

/// A container as the runtime reports it, with what its annotations keep for us across restarts of the daemon.
package struct ObservedContainer: Hashable, Sendable {
    package enum State: Hashable, Sendable {
        case created
        case running
        case exited
        case unknown
    }

    package var id: String
    package var sandboxID: String
    package var podUID: String
    package var name: String
    package var restartCount: Int
    /// How many times in a row it was started soon after an exit: decides the next back-off.
    package var backOffStep: Int
    /// Digest of the part of its specification that a change of asks for a new container.
    package var specHash: String
    package var state: State
    package var createdAt: Timestamp
    package var startedAt: Timestamp?
    package var finishedAt: Timestamp?
    package var exitCode: Int = 0
    /// `OOMKilled` and the like, from the runtime.
    package var reason = ""
    package var message = ""
    package var image = ""
    package var imageID = ""
    package var logPath = ""
    /// The pod's own grace, for when its object is gone.
    package var graceSeconds: Int64 = 30

    package init(
        id: String, sandboxID: String, podUID: String, name: String, restartCount: Int, backOffStep: Int,
        specHash: String, state: State, createdAt: Timestamp
    ) {
        self.id = id
        self.sandboxID = sandboxID
        self.podUID = podUID
        self.name = name
        self.restartCount = restartCount
        self.backOffStep = backOffStep
        self.specHash = specHash
        self.state = state
        self.createdAt = createdAt
    }
}

/// Labels and annotations on sandboxes and containers; the first four are those that other tools of CRI look for.
enum RuntimeLabel {
    static let podName = "io.kubernetes.pod.name"
    static let podNamespace = "io.kubernetes.pod.namespace"
    static let podUID = "io.kubernetes.pod.uid"
    static let containerName = "io.kubernetes.container.name"
    static let restartCount = "io.kubernetes.container.restartCount"
    static let specHash = "io.kubernetes.container.hash"
    static let graceSeconds = "io.kubernetes.pod.terminationGracePeriod"
    static let backOffStep = "martlet.io/back-off-step"
}

/// What a command in a container gave.
package struct CommandResult: Sendable {
    package var exitCode: Int
    package var output: [UInt8]
}

/// The container runtime as the pod workers use it: containerd, or a fake in tests.
protocol ContainerRuntime: Sendable {
    /// Without uid: every pod's.
    func sandboxes(podUID: String?) async throws(NodeAgentError) -> [ObservedSandbox]
    func containers(podUID: String?) async throws(NodeAgentError) -> [ObservedContainer]
    /// Adds addresses; nil where it has gone.
    func details(of sandbox: ObservedSandbox) async throws(NodeAgentError) -> ObservedSandbox?
    /// Adds times, exit code, message; nil where it has gone.
    func details(of container: ObservedContainer) async throws(NodeAgentError) -> ObservedContainer?

    func runSandbox(_ config: CRIPodSandboxConfig) async throws(NodeAgentError) -> String
    func stopSandbox(_ id: String) async throws(NodeAgentError)
    func removeSandbox(_ id: String) async throws(NodeAgentError)
    func createContainer(_ config: CRIContainerConfig, sandbox: String, _ sandboxConfig: CRIPodSandboxConfig)
        async throws(NodeAgentError) -> String
    func startContainer(_ id: String) async throws(NodeAgentError)
    func stopContainer(_ id: String, grace: Duration) async throws(NodeAgentError)
    func removeContainer(_ id: String) async throws(NodeAgentError)
    func execSync(_ id: String, command: [String], timeout: Duration) async throws(NodeAgentError) -> CommandResult
    func reopenLog(_ id: String) async throws(NodeAgentError)
    /// The image's id and the user it names, or nil where it is not on the node.
    func image(_ reference: String) async throws(NodeAgentError) -> RuntimeImage?
    func pull(_ reference: String) async throws(NodeAgentError)
}

package struct RuntimeImage: Sendable {
    package var id: String
    /// nil where the image names a user by name or none.
    package var uid: Int64?
    package var username: String
    package var bytes: UInt64
}
