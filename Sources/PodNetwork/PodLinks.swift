import DaemonAPI
package import NetTypes
package import Netlink

/// The pod's side of an attachment.
package struct PodSide: Sendable, Hashable {
    package let interface: String
    package let podIndex: UInt32
    package let addresses: [IPAddress]
    package let gatewayMAC: MACAddress

    package init(interface: String, podIndex: UInt32, addresses: [IPAddress], gatewayMAC: MACAddress) {
        self.interface = interface
        self.podIndex = podIndex
        self.addresses = addresses
        self.gatewayMAC = gatewayMAC
    }
}

/// The node's side of an attachment.
package struct HostSide: Sendable, Hashable {
    package let interface: String
    package let hostIndex: UInt32
    package let addresses: [IPAddress]
    package let podMAC: MACAddress
    /// What the node's own packets to the pod carry as source, by family; the kernel chooses where there is none.
    package let nodeAddresses: [IPAddress]

    package init(
        interface: String, hostIndex: UInt32, addresses: [IPAddress], podMAC: MACAddress, nodeAddresses: [IPAddress]
    ) {
        self.interface = interface
        self.hostIndex = hostIndex
        self.addresses = addresses
        self.podMAC = podMAC
        self.nodeAddresses = nodeAddresses
    }
}

package struct CreatedLinks: Sendable, Hashable {
    package let hostIndex: UInt32
    package let podIndex: UInt32
    package let namespaceCookie: UInt64

    package init(hostIndex: UInt32, podIndex: UInt32, namespaceCookie: UInt64) {
        self.hostIndex = hostIndex
        self.podIndex = podIndex
        self.namespaceCookie = namespaceCookie
    }
}

/// The kernel's links as attachments need them; blocking, called from one thread. `KernelPodLinks` is the real one.
package protocol PodLinks: AnyObject, Sendable {
    /// Opens the namespace that the runtime names. Throws `invalidEnvironment` where there is none, or where it is the
    /// node's own.
    func open(namespacePath: String) throws(PodNetworkError) -> NetworkNamespace

    /// Makes the pair, both ends down: the node's end here with `alias`, the pod's end in `namespace`.
    func create(_ pair: VethPair, alias: String, namespace: NetworkNamespace) throws(PodNetworkError) -> CreatedLinks

    /// Settings, addresses, gateway neighbours and default routes in the pod, and its end up. Writes over what is
    /// there.
    func configure(_ side: PodSide, namespace: NetworkNamespace) throws(PodNetworkError)

    /// Settings of the node's end, the end up, routes and neighbours to the pod. Writes over what is there.
    func configure(_ side: HostSide) throws(PodNetworkError)

    /// Removes the node's end of that name and alias, and with it the pair; what is gone already is no error. Throws
    /// `ioFailure` for a device of that name with another alias: it is not ours.
    func remove(hostInterface: String, alias: String) throws(PodNetworkError)

    /// Throws `stateMismatch` naming the first thing that is not as `configure` left it.
    func verify(_ pod: PodSide, _ host: HostSide, namespace: NetworkNamespace) throws(PodNetworkError)

    /// Node's ends with an alias of ours: name, index and alias.
    func ownLinks() throws(PodNetworkError) -> [Link]
}
