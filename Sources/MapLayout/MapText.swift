package import CMartletABI
package import NetTypes

/// What numbers in maps stand for, as far as the caller knows; nil prints the number.
package protocol MapNames {
    func endpoint(_ number: UInt32) -> String?
    func service(_ number: UInt32) -> String?
    func rule(_ id: UInt32) -> String?
    func selector(_ bit: UInt32) -> String?
    func block(_ bit: UInt32) -> String?
}

/// Knows nothing.
package struct NoMapNames: MapNames {
    package init() {}
    package func endpoint(_ number: UInt32) -> String? { nil }
    package func service(_ number: UInt32) -> String? { nil }
    package func rule(_ id: UInt32) -> String? { nil }
    package func selector(_ bit: UInt32) -> String? { nil }
    package func block(_ bit: UInt32) -> String? { nil }
}

/// Keys and values of maps as people read them: the text of `martlet maps NAME`.
package struct MapText {
    private let names: any MapNames

    package init(names: any MapNames = NoMapNames()) {
        self.names = names
    }

    package static func socket(_ address: IPAddress, _ port: UInt16) -> String {
        address.isV4 ? "\(address):\(port)" : "[\(address)]:\(port)"
    }

    static func socket(_ address: martlet_address, _ port: UInt16) -> String {
        socket(IPAddress(address), UInt16(bigEndian: port))
    }

    /// Names of the bits that are set, joined by commas; what has no name in hexadecimal.
    private static func flags(_ value: UInt32, _ known: [(UInt32, String)]) -> String {
        var parts = known.filter { value & $0.0 != 0 }.map(\.1)
        let rest = known.reduce(value) { $0 & ~$1.0 }
        if rest != 0 { parts.append("0x" + String(rest, radix: 16)) }
        return parts.isEmpty ? "-" : parts.joined(separator: ",")
    }

    private static func slots<Value>(_ value: (Int) -> Value) -> String {
        (0..<4).map { "\(value($0))" }.joined(separator: " ")
    }

    // MARK: Identity

    package func endpoint(_ number: UInt32) -> String {
        names.endpoint(number).map { "\(number) (\($0))" } ?? "\(number)"
    }

    package static func classID(_ word: UInt32) -> String {
        let number = ClassNumber(word)
        return "\(number.index).\(number.incarnation)"
    }

    package func endpoint(_ endpoint: martlet_endpoint) -> String {
        let flags = Self.flags(
            endpoint.flags,
            [
                (MARTLET_ENDPOINT_LIVE.rawValue, "live"), (MARTLET_ENDPOINT_LOCAL.rawValue, "local"),
                (MARTLET_ENDPOINT_CLOSED.rawValue, "closed"), (MARTLET_ENDPOINT_UNMANAGED.rawValue, "unmanaged"),
            ])
        let mac = withUnsafeBytes(of: endpoint.mac) { MACAddress(bytes: Array($0))?.description ?? "" }
        let classes = Self.slots { Self.classID(endpoint[class: $0]) }
        return "class \(classes) incarnation \(endpoint.incarnation) flags \(flags) "
            + "interface \(endpoint.ifindex) mac \(mac)"
    }

    package func network(_ network: martlet_network) -> String {
        "class \(Self.slots { Self.classID(network[cidrClass: $0]) })"
    }

    package func control(_ control: martlet_control) -> String {
        let flags = Self.slots { slot in
            Self.flags(control[flags: slot], [(MARTLET_CONTROL_BLOCKS_COVER_PODS.rawValue, "blocks-cover-pods")])
        }
        let slot = GenerationSlots.index(of: control.generation)
        return "generation \(control.generation) slot \(slot) flags \(flags)"
    }

    // MARK: Policy

    package func list(_ list: ListEntry) -> String {
        let flags = Self.flags(
            UInt32(list.flags.rawValue),
            [
                (MARTLET_LIST_ISOLATED.rawValue, "isolated"), (MARTLET_LIST_CLOSED.rawValue, "closed"),
                (MARTLET_LIST_POD_DENY.rawValue, "pod-deny"), (MARTLET_LIST_KEEP.rawValue, "keep"),
                (MARTLET_LIST_RECHECK.rawValue, "recheck"), (MARTLET_LIST_RESET.rawValue, "reset"),
            ])
        return "rules \(list.extent.offset)+\(list.extent.count) flags \(flags) version \(list.version)"
    }

    /// The lists of one slot.
    package func lists(_ lists: ClassLists) -> String {
        "ingress: \(list(lists.ingress)); egress: \(list(lists.egress))"
    }

    package func rule(_ id: UInt32) -> String { names.rule(id).map { "\(id) (\($0))" } ?? "\(id)" }

    package func selector(_ bit: UInt32) -> String { names.selector(bit).map { "\(bit) (\($0))" } ?? "\(bit)" }
    package func block(_ bit: UInt32) -> String { names.block(bit).map { "\(bit) (\($0))" } ?? "\(bit)" }

    package func rule(_ rule: RuleEntry) -> String {
        let peer =
            switch rule.peer {
            case .any: "any peer"
            case .selector(let bit): "selector \(selector(bit))"
            case .block(let bit): "block \(block(bit))"
            }
        var what = "any protocol"
        if rule.transport != 0 {
            what = ProtocolName.of(rule.transport)
            if rule.ports == .all {
                what += " any port"
            } else {
                what +=
                    rule.ports.low == rule.ports.high ? " \(rule.ports.low)" : " \(rule.ports.low)-\(rule.ports.high)"
            }
        }
        return "\(rule.tier.name) \(rule.action.name) \(peer) \(what) rule \(self.rule(rule.ruleID))"
    }

    // MARK: Services

    package func service(_ number: UInt32) -> String {
        names.service(number).map { "\(number) (\($0))" } ?? "\(number)"
    }

    package static func frontend(_ key: MapImage.Frontend) -> String {
        "\(socket(key.address, key.port)) \(ProtocolName.of(key.transport))"
    }

    package func extent(_ extent: BackendExtent) -> String { "backends \(extent.offset)+\(extent.count)" }

    // MARK: Flows

    package func flowKey(_ key: martlet_flow_key) -> String {
        "\(ProtocolName.of(key.protocol)) \(Self.socket(key.low, key.low_port)) \(Self.socket(key.high, key.high_port))"
    }

    package func flow(_ flow: martlet_flow) -> String {
        let state =
            switch UInt32(flow.state) {
            case MARTLET_STATE_NEW.rawValue: "new"
            case MARTLET_STATE_ESTABLISHED.rawValue: "established"
            case MARTLET_STATE_CLOSING.rawValue: "closing"
            case MARTLET_STATE_CLOSED.rawValue: "closed"
            default: "state \(flow.state)"
            }
        let flags = Self.flags(
            UInt32(flow.flags),
            [
                (MARTLET_FLOW_OPENER_LOW.rawValue, "opener-low"), (MARTLET_FLOW_REPLIED.rawValue, "replied"),
                (MARTLET_FLOW_PICKED_UP.rawValue, "picked-up"), (MARTLET_FLOW_FIN_OPENER.rawValue, "fin-opener"),
                (MARTLET_FLOW_FIN_RESPONDER.rawValue, "fin-responder"), (MARTLET_FLOW_HAIRPIN.rawValue, "hairpin"),
                (MARTLET_FLOW_CLOSE_TOLD.rawValue, "close-told"), (MARTLET_FLOW_BY_SOCKET.rawValue, "by-socket"),
                (MARTLET_FLOW_KEEP.rawValue, "keep"), (MARTLET_FLOW_RECHECK.rawValue, "recheck"),
                (MARTLET_FLOW_RESET.rawValue, "reset"), (MARTLET_FLOW_KEPT.rawValue, "kept"),
                (MARTLET_FLOW_WAS_RESET.rawValue, "was-reset"),
            ])
        var text =
            "\(state) \(endpoint(flow.endpoint.0)) -> \(endpoint(flow.endpoint.1)) generation \(flow.generation) "
            + "egress rule \(rule(flow.rule_id.0)) ingress rule \(rule(flow.rule_id.1)) "
            + "packets \(flow.packets.0)/\(flow.packets.1) bytes \(flow.bytes.0)/\(flow.bytes.1) flags \(flags)"
        if flow.frontend.high != 0 || flow.frontend.low != 0 {
            text += " via \(Self.socket(flow.frontend, flow.frontend_port))"
        }
        return text
    }

    package func tuple(_ tuple: martlet_tuple) -> String {
        let source = Self.socket(tuple.source, tuple.source_port)
        return "\(ProtocolName.of(tuple.protocol)) \(source) -> "
            + Self.socket(tuple.destination, tuple.destination_port)
    }

    package func translation(_ value: martlet_translation) -> String {
        let source = Self.socket(value.source, value.source_port)
        return
            "\(source) -> \(Self.socket(value.destination, value.destination_port)) service \(service(value.service))"
    }

    package func masqueradeKey(_ key: martlet_masquerade_key) -> String {
        let way = UInt32(key.way) == MARTLET_MASQUERADE_OUT.rawValue ? "out" : "in"
        let local = Self.socket(key.local, key.local_port)
        return "\(ProtocolName.of(key.protocol)) \(way) \(local) \(Self.socket(key.remote, key.remote_port))"
    }

    package func masquerade(_ value: martlet_masquerade) -> String { Self.socket(value.address, value.port) }

    package func fragmentKey(_ key: martlet_fragment_key) -> String {
        "\(ProtocolName.of(key.protocol)) \(IPAddress(key.source)) -> \(IPAddress(key.destination)) id \(key.id)"
    }

    package func fragment(_ value: martlet_fragment) -> String {
        "ports \(UInt16(bigEndian: value.source_port)) -> \(UInt16(bigEndian: value.destination_port))"
    }

    package func socketKey(_ key: martlet_socket_key) -> String {
        "cookie \(key.cookie) \(ProtocolName.of(key.protocol)) \(Self.socket(key.backend, key.backend_port))"
    }

    package func socketFrontend(_ value: martlet_socket_frontend) -> String { Self.socket(value.address, value.port) }
}
