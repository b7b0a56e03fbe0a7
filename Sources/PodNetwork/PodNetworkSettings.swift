package import NetTypes

/// What PodNetwork is told once, at start.
package struct PodNetworkSettings: Sendable {
    /// Holds `attachments.journal`; must exist.
    package var stateDirectory: String
    /// The node's own addresses, for the source of its packets to pods and never given to a pod.
    package var nodeAddresses: [IPAddress]
    /// Of pods' links, where the network configuration says none.
    package var mtu: Int
    /// `/proc/sys/kernel/random/boot_id`.
    package var bootID: String
    /// From the plugin's start to the end of an ADD that waits for something.
    package var addLimit: Duration

    package init(
        stateDirectory: String, nodeAddresses: [IPAddress], mtu: Int = 1_500, bootID: String,
        addLimit: Duration = .milliseconds(9_500)
    ) {
        self.stateDirectory = stateDirectory
        self.nodeAddresses = nodeAddresses
        self.mtu = mtu
        self.bootID = bootID
        self.addLimit = addLimit
    }
}
