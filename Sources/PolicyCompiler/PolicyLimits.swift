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
}
