package import JSONText
import NetTypes

// The "Success" type of the specification, as each version writes it.
extension CNIResult {
    /// The node's end, the pod's end, the addresses and the default routes.
    package func text(_ version: CNIVersion) -> JSONValue {
        var pod: JSONValue = [
            "name": .string(podInterface), "mac": .string(podMAC.description), "sandbox": .string(sandbox),
        ]
        if version >= .v110 { pod["mtu"] = .integer(Int64(mtu)) }
        let host: JSONValue = ["name": .string(hostInterface), "mac": .string(hostMAC.description)]
        return [
            "cniVersion": .string(version.rawValue), "interfaces": [host, pod],
            "ips": .array(addresses.map { Self.address($0, version) }),
            "routes": .array(addresses.map { Self.defaultRoute($0.family) }), "dns": [:],
        ]
    }

    private static func address(_ address: IPAddress, _ version: CNIVersion) -> JSONValue {
        var value: JSONValue = [
            "address": .string(CIDR(address).description), "interface": 1,
            "gateway": .string(PodGateway.address(address.family).description),
        ]
        if version < .v100 { value["version"] = address.isV4 ? "4" : "6" }
        return value
    }

    private static func defaultRoute(_ family: IPFamily) -> JSONValue {
        ["dst": family == .v4 ? "0.0.0.0/0" : "::/0", "gw": .string(PodGateway.address(family).description)]
    }

    /// Reads back what `text` wrote, among what later plugins of a chain may have added. Throws `invalidConfiguration`
    /// naming what is missing. `mtu` is 0 where the version carries none.
    package init(previous: JSONValue, key: AttachmentKey, namespacePath: String) throws(DaemonError) {
        let interfaces = previous["interfaces"]?.array ?? []
        let position = interfaces.firstIndex {
            $0["name"]?.string == key.interface && $0["sandbox"]?.string == namespacePath
        }
        guard let position else {
            throw DaemonError(
                .invalidConfiguration, "prevResult names no interface \(key.interface) in sandbox \(namespacePath)")
        }
        let host = interfaces.first { ($0["sandbox"]?.string ?? "").isEmpty && $0["name"]?.string != nil }
        guard let host, let hostName = host["name"]?.string,
            let hostMAC = host["mac"]?.string.flatMap(MACAddress.init),
            let podMAC = interfaces[position]["mac"]?.string.flatMap(MACAddress.init)
        else { throw DaemonError(.invalidConfiguration, "prevResult lacks an interface or its mac") }
        var addresses: [IPAddress] = []
        for entry in previous["ips"]?.array ?? [] where entry["interface"]?.integer == Int64(position) {
            guard let text = entry["address"]?.string, let block = CIDR(text) else {
                throw DaemonError(.invalidConfiguration, "prevResult holds an address that is none")
            }
            addresses.append(block.address)
        }
        self.init(
            hostInterface: hostName, hostMAC: hostMAC, podInterface: key.interface, podMAC: podMAC,
            sandbox: namespacePath,
            mtu: interfaces[position]["mtu"]?.integer.flatMap(Int.init(exactly:)) ?? 0, addresses: addresses)
    }
}
