/// How names, labels and keys must look (RFC 1123, RFC 1035 and Kubernetes' own). Each answers what is wrong, or nil.
package enum Names {
    static let labelMax = 63
    static let subdomainMax = 253

    private static func isLower(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) }
    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    private static func isLetter(_ byte: UInt8) -> Bool { isLower(byte | 0x20) }
    private static func isLowerOrDigit(_ byte: UInt8) -> Bool { isLower(byte) || isDigit(byte) }
    private static func isAlphanumeric(_ byte: UInt8) -> Bool { isLetter(byte) || isDigit(byte) }

    private static func isLabel(_ bytes: some Collection<UInt8>) -> Bool {
        guard let first = bytes.first, isLowerOrDigit(first) else { return false }
        var last = first
        for byte in bytes {
            guard isLowerOrDigit(byte) || byte == UInt8(ascii: "-") else { return false }
            last = byte
        }
        return isLowerOrDigit(last)
    }

    /// What cannot be seen of a name that still gets a random end: a trailing dash is fine there.
    private static func masked(_ name: String, _ generated: Bool) -> String {
        generated && name.count > 1 && name.hasSuffix("-") ? String(name.dropLast()) + "a" : name
    }

    static func isSubdomain(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= subdomainMax
            && name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy(isLabel)
    }

    /// RFC 1123 label: `metadata.name` of a Namespace, a container's name.
    package static func labelFault(_ name: String, generated: Bool = false) -> String? {
        if name.utf8.count > labelMax { return "must be no more than 63 bytes" }
        guard !isLabel(masked(name, generated).utf8) else { return nil }
        return "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start "
            + "and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
            + "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
    }

    /// RFC 1123 subdomain: the name of most objects.
    package static func subdomainFault(_ name: String, generated: Bool = false) -> String? {
        if name.utf8.count > subdomainMax { return "must be no more than 253 bytes" }
        guard !isSubdomain(masked(name, generated)) else { return nil }
        return "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and "
            + "must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
            + "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
    }

    /// RFC 1035 label: older rules for Services.
    package static func dns1035Fault(_ name: String, generated: Bool = false) -> String? {
        if name.utf8.count > labelMax { return "must be no more than 63 bytes" }
        let text = masked(name, generated)
        if isLabel(text.utf8), let first = text.utf8.first, isLower(first) { return nil }
        return "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
            + "character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for "
            + "validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
    }

    /// A name that stands in a path: RBAC's objects.
    package static func pathSegmentFault(_ name: String) -> String? {
        if name == "." { return "may not be '.'" }
        if name == ".." { return "may not be '..'" }
        if name.contains("/") { return "may not contain '/'" }
        if name.contains("%") { return "may not contain '%'" }
        return nil
    }

    private static func isQualifiedPart(_ bytes: some BidirectionalCollection<UInt8>) -> Bool {
        guard let first = bytes.first, let last = bytes.last, isAlphanumeric(first), isAlphanumeric(last) else {
            return false
        }
        return bytes.allSatisfy { isAlphanumeric($0) || $0 == 0x2D || $0 == 0x5F || $0 == 0x2E }
    }

    /// A label's or annotation's key: `[prefix/]name`. All faults.
    package static func qualifiedNameFaults(_ key: String) -> [String] {
        let parts = key.split(separator: "/", omittingEmptySubsequences: false)
        var faults: [String] = []
        let name: Substring
        switch parts.count {
        case 1: name = parts[0]
        case 2:
            name = parts[1]
            if parts[0].isEmpty {
                faults.append("prefix part must be non-empty")
            } else if let fault = subdomainFault(String(parts[0])) {
                faults.append("prefix part " + fault)
            }
        default:
            return [
                "a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end "
                    + "with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
                    + "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain "
                    + "prefix and '/' (e.g. 'example.com/MyName')"
            ]
        }
        if name.isEmpty {
            faults.append("name part must be non-empty")
        } else if name.utf8.count > labelMax {
            faults.append("name part must be no more than 63 bytes")
        }
        if !isQualifiedPart(name.utf8) {
            faults.append(
                "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
                    + "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation "
                    + "is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')")
        }
        return faults
    }

    package static func labelValueFaults(_ value: String) -> [String] {
        var faults: [String] = []
        if value.utf8.count > labelMax { faults.append("must be no more than 63 bytes") }
        if !value.isEmpty, !isQualifiedPart(value.utf8) {
            faults.append(
                "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and "
                    + "must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or "
                    + "'12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')")
        }
        return faults
    }

    /// A key of a ConfigMap or Secret.
    package static func configKeyFaults(_ key: String) -> [String] {
        var faults: [String] = []
        if key.utf8.count > subdomainMax { faults.append("must be no more than 253 bytes") }
        let good = key.utf8.allSatisfy { isAlphanumeric($0) || $0 == 0x2D || $0 == 0x5F || $0 == 0x2E }
        if !good || key.isEmpty {
            faults.append(
                "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or "
                    + "'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')")
        }
        if key == "." { faults.append("must not be '.'") }
        if key == ".." { faults.append("must not be '..'") }
        if key.hasPrefix(".."), key != ".." { faults.append("must not start with '..'") }
        return faults
    }

    /// A port's name (IANA service name).
    package static func portNameFaults(_ name: String) -> [String] {
        var faults: [String] = []
        if name.utf8.count > 15 { faults.append("must be no more than 15 characters") }
        if !name.utf8.allSatisfy({ isLowerOrDigit($0) || $0 == 0x2D }) || name.isEmpty {
            faults.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
        }
        if !name.utf8.contains(where: isLower) { faults.append("must contain at least one letter (a-z)") }
        if name.contains("--") { faults.append("must not contain consecutive hyphens") }
        if name.hasPrefix("-") || name.hasSuffix("-") { faults.append("must not begin or end with a hyphen") }
        return faults
    }

    /// An environment variable's name: anything printable but `=`.
    package static func environmentNameFaults(_ name: String) -> [String] {
        let good = name.utf8.allSatisfy { (0x20...0x7E).contains($0) && $0 != UInt8(ascii: "=") }
        guard !good || name.isEmpty else { return [] }
        return ["a valid environment variable name must consist only of printable ASCII characters other than '='"]
    }
}
