/// How much fits; the figures of `abi.h`, smaller ones in tests.
package struct PolicyLimits: Sendable {
    package var listRules: Int
    package var rules: UInt32
    package var selectors: UInt32
    package var blocks: UInt32
    package var networks: UInt32
    package var classes: UInt32
    package var cidrClasses: UInt32

    package init(
        listRules: Int = 1024, rules: UInt32 = 262_144, selectors: UInt32 = 4096, blocks: UInt32 = 4096,
        networks: UInt32 = 65536, classes: UInt32 = 16384, cidrClasses: UInt32 = 4096
    ) {
        self.listRules = listRules
        self.rules = rules
        self.selectors = selectors
        self.blocks = blocks
        self.networks = networks
        self.classes = classes
        self.cidrClasses = cidrClasses
    }

    /// What may be admitted: of rules and classes a sixteenth less than the node has. What a change replaces is there
    /// until its grace period is over, and free rules do not always lie together, on each node in another way.
    package static let admitted: PolicyLimits = {
        var limits = PolicyLimits()
        limits.rules -= limits.rules / 16
        limits.classes -= limits.classes / 16
        return limits
    }()
}
