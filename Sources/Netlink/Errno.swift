import Glibc

/// The system's words for an errno.
package func errnoText(_ number: Int32) -> String {
    String(cString: strerror(number))
}

extension NetlinkError {
    /// A failed call of ours: `result` is a negative errno as the C shims return it.
    package static func call(_ name: String, _ result: Int32) -> NetlinkError {
        NetlinkError(.systemCall, name, errno: -result)
    }

    package var isMissing: Bool { errno == ENOENT || errno == ENODEV || errno == ESRCH || errno == ENXIO }
    package var isExisting: Bool { errno == EEXIST }
}
