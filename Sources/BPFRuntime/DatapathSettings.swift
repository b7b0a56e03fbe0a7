package import CMartletABI

/// Where the datapath lives and what the node's programs are told.
package struct DatapathSettings: Sendable {
    /// A directory on a bpffs that outlives the daemon, such as `/sys/fs/bpf/martlet`. Its parent has to exist.
    package var pinDirectory: String
    /// What programs see as constants. Another value than the last daemon's means other programs.
    package var configuration: martlet_config

    package init(pinDirectory: String, configuration: martlet_config = martlet_config()) {
        self.pinDirectory = pinDirectory
        self.configuration = configuration
    }
}
