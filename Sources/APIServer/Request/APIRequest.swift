/// Who asks: what authentication found out, after impersonation.
package struct UserInfo: Hashable, Sendable {
    package var name: String
    package var groups: [String]
    package var uid: String
    package var extra: [String: [String]]

    package init(name: String, groups: [String] = [], uid: String = "", extra: [String: [String]] = [:]) {
        self.name = name
        self.groups = groups
        self.uid = uid
        self.extra = extra
    }

    /// Members of this group pass every check.
    package static let mastersGroup = "system:masters"
    package static let authenticatedGroup = "system:authenticated"

    /// Our own loops that need no narrower identity.
    package static func master(_ name: String) -> UserInfo {
        UserInfo(name: name, groups: [mastersGroup, authenticatedGroup])
    }

    var isMaster: Bool { groups.contains(Self.mastersGroup) }
}

/// How far somebody sees (`docs/decisions/0016`).
package enum Viewer: Sendable {
    /// Parts of this process: what is committed, so that nothing that is in force waits for the disk.
    case inside
    /// All others: what is on the disk, so that nobody is told of what may be lost with the machine.
    case outside
}

/// One request, free of transport: the same value comes from HTTPS, from the process itself and from tests.
package struct APIRequest: Sendable {
    /// Upper case: `GET`.
    package var method: String
    /// Percent-decoded per segment, without query.
    package var path: String
    /// Decoded, in the order given; a key may repeat.
    package var query: [(name: String, value: String)]
    /// Names in lower case.
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]
    /// The identity that the connection proved (client certificate), or that a caller in this process has.
    package var user: UserInfo?
    package var viewer = Viewer.outside

    package init(
        method: String, path: String, query: [(name: String, value: String)] = [],
        headers: [(name: String, value: String)] = [], body: [UInt8] = [], user: UserInfo? = nil
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
        self.user = user
    }

    /// The first value of a header; `name` in lower case.
    package func header(_ name: String) -> String? {
        headers.first { $0.name == name }?.value
    }

    /// The first value of a query parameter.
    package func parameter(_ name: String) -> String? {
        query.first { $0.name == name }?.value
    }

    package func parameters(_ name: String) -> [String] {
        query.filter { $0.name == name }.map(\.value)
    }

    /// Go's reading of a boolean query parameter: absent, `0` and `false` are false, everything else is true.
    package func flag(_ name: String) -> Bool {
        guard let text = parameter(name) else { return false }
        return text != "0" && text.lowercased() != "false"
    }
}

extension APIRequest {
    /// A request from its target as it stands in the request line: `/api/v1/pods?limit=5`.
    package init(
        method: String, target: String, headers: [(name: String, value: String)] = [], body: [UInt8] = [],
        user: UserInfo? = nil
    ) {
        let cut = target.firstIndex(of: "?") ?? target.endIndex
        let rest = cut == target.endIndex ? "" : target[target.index(after: cut)...]
        self.init(
            method: method, path: PercentEncoding.decode(target[..<cut], plusIsSpace: false),
            query: PercentEncoding.query(rest), headers: headers, body: body, user: user)
    }
}

/// RFC 3986 percent-encoding, and the form encoding of queries.
enum PercentEncoding {
    static func decode(_ text: some StringProtocol, plusIsSpace: Bool) -> String {
        guard text.utf8.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) else {
            return String(text)
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "+"), plusIsSpace {
                bytes.append(UInt8(ascii: " "))
            } else if byte == UInt8(ascii: "%"), let high = rest.first.flatMap(hexDigit),
                let low = rest.dropFirst().first.flatMap(hexDigit)
            {
                bytes.append(high << 4 | low)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    static func query(_ text: some StringProtocol) -> [(name: String, value: String)] {
        text.split(separator: "&").map { pair in
            let cut = pair.firstIndex(of: "=") ?? pair.endIndex
            let value = cut == pair.endIndex ? "" : pair[pair.index(after: cut)...]
            return (decode(pair[..<cut], plusIsSpace: true), decode(value, plusIsSpace: true))
        }
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
