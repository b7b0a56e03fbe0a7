package import DaemonAPI
package import NetTypes

/// One end of a pod's link in the node's namespace, the other in the pod's: what the compilers and the datapath need to
/// know of it.
package struct PodAttachment: Sendable, Hashable {
    package let key: AttachmentKey
    package let owner: AttachmentOwner
    /// The network configuration that asked for it.
    package let network: String
    /// At most one of each family.
    package let addresses: [IPAddress]
    /// The node's end: stable name, and the index of this boot.
    package let hostInterface: String
    package let hostIndex: UInt32
    package let hostMAC: MACAddress
    package let podMAC: MACAddress
    /// The pod's end, counted in the pod's own namespace.
    package let podIndex: UInt32
    /// `SO_NETNS_COOKIE` of the pod's network namespace.
    package let namespaceCookie: UInt64
    package let mtu: Int

    package init(
        key: AttachmentKey, owner: AttachmentOwner, network: String, addresses: [IPAddress], hostInterface: String,
        hostIndex: UInt32, hostMAC: MACAddress, podMAC: MACAddress, podIndex: UInt32, namespaceCookie: UInt64, mtu: Int
    ) {
        self.key = key
        self.owner = owner
        self.network = network
        self.addresses = addresses
        self.hostInterface = hostInterface
        self.hostIndex = hostIndex
        self.hostMAC = hostMAC
        self.podMAC = podMAC
        self.podIndex = podIndex
        self.namespaceCookie = namespaceCookie
        self.mtu = mtu
    }
}

/// What an attachment waits for before its pod may talk: its own generation in the kernel. Agent implements it.
///
/// Calls for different attachments run at the same time; calls for one attachment come one after another, in the order
/// `resolve`, `publish`, `forget`. A cancelled task means that the attachment is no longer wanted: return at once.
package protocol GenerationGate: Sendable {
    /// Nil where pods can be attached; otherwise what is missing, for `STATUS`.
    func unavailability() async -> String?

    /// Finds the owner: from the cache, by one direct GET, then by waiting. Nothing of the attachment exists yet. The
    /// UID has to match where it is given (a static pod's is its `kubernetes.io/config.hash`). Throws `tryAgainLater`
    /// with a message that names what is missing, at `deadline` at the latest.
    func resolve(_ owner: AttachmentOwner, deadline: ContinuousClock.Instant) async throws(PodNetworkError)

    /// Makes the endpoint of an attachment whose links exist, are up and closed, publishes the pod's addresses, and
    /// returns when a generation compiled from the Pod (at or after binding) and all policies received is in the
    /// kernel. Throws `tryAgainLater` naming what is missing, at `deadline` at the latest; `forget` follows then.
    func publish(_ attachment: PodAttachment, deadline: ContinuousClock.Instant) async throws(PodNetworkError)

    /// Attachments of an earlier daemon, found whole at start: their endpoints are to be compiled like any other's.
    /// Called once, before any other call, with an empty list where there are none.
    func adopt(_ attachments: [PodAttachment]) async

    /// Takes the endpoint away, and returns when no program finds it by its addresses. What is not known is no error.
    func forget(_ attachment: PodAttachment) async
}

/// The programs and filters of an attachment's link. Agent implements it over BPFRuntime. Every call may be repeated
/// with the same attachment, after a restart of the daemon too: what is there and right stays untouched.
package protocol AttachmentDatapath: Sendable {
    /// Puts the closed filters (drop in both directions) on the node's end, then the programs in front of them, and
    /// registers the pod's namespace cookie. Called before the link is set up: born closed.
    func attach(_ attachment: PodAttachment) async throws(PodNetworkError)

    /// Throws `stateMismatch` naming what is missing, where programs, filters or the cookie's entry are not as `attach`
    /// left them.
    func verify(_ attachment: PodAttachment) async throws(PodNetworkError)

    /// Takes programs, filters, pins and the cookie's entry away. The link may be gone already; what is not there is no
    /// error.
    func detach(_ attachment: PodAttachment) async throws(PodNetworkError)
}
