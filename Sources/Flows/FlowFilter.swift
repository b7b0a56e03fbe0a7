package import JSONText
package import KubeObjects
package import MapLayout

/// Which records someone wants to see. Every part that is given has to hold.
package struct FlowFilter: Hashable, Sendable {
    /// Either end.
    package var pod: ObjectKey?
    /// Of either end.
    package var namespace: String?
    package var verdict: FlowVerdict?
    /// Destination's, source's or dialled.
    package var port: UInt16?
    package var transport: UInt8?
    package var reason: DropReason?
    /// Only flows of which dry runs would make something else.
    package var trial: FlowTrial.Verdict?
    /// A policy that decided, in either direction.
    package var policy: ObjectKey?
    /// Nanoseconds since 1970, UTC; records at or after it.
    package var sinceUnixNanoseconds: UInt64?

    package init() {}

    package func matches(_ record: FlowRecord) -> Bool {
        let event = record.event
        let ends = [record.sourcePod, record.destinationPod]
        if let pod, !ends.contains(pod) { return false }
        if let namespace, !ends.contains(where: { $0?.namespace == namespace }) { return false }
        if let verdict, record.verdict != verdict { return false }
        if let port, event.destination.port != port, event.source.port != port, event.frontend?.port != port {
            return false
        }
        if let transport, event.transport != transport { return false }
        if let reason, event.reason != reason { return false }
        if let trial, record.trial?.verdict != trial { return false }
        let deciders = [record.rule, record.otherRule, record.trial?.rule]
        if let policy, !deciders.contains(where: { $0?.policy == policy }) { return false }
        if let sinceUnixNanoseconds, record.unixNanoseconds < sinceUnixNanoseconds { return false }
        return true
    }
}

extension FlowFilter {
    /// Reads `{"pod": "NAMESPACE/NAME", "namespace", "verdict", "port", "protocol", "reason", "trial", "policy":
    /// "NAMESPACE/NAME" or "NAME", "sinceUnixNanoseconds"}`; every member may be absent, members of other names are the
    /// caller's. Throws for a member that is there and wrong.
    package init(json: JSONValue) throws(FlowError) {
        self.init()
        pod = try Self.key(json, "pod")
        policy = try Self.key(json, "policy", orName: "NAME of a ClusterNetworkPolicy")
        namespace = try Self.text(json, "namespace")
        if let text = try Self.text(json, "verdict") {
            verdict = try Self.known(
                FlowVerdict(rawValue: text), "verdict", text, of: FlowVerdict.allCases.map(\.rawValue))
        }
        if let text = try Self.text(json, "trial") {
            trial = try Self.known(
                FlowTrial.Verdict(rawValue: text), "trial", text, of: FlowTrial.Verdict.allCases.map(\.rawValue))
        }
        if let text = try Self.text(json, "protocol") {
            transport = try Self.known(
                ProtocolName.number(text), "protocol", text, of: ["TCP", "UDP", "SCTP", "ICMP", "ICMPv6", "0 to 255"])
        }
        if let text = try Self.text(json, "reason") {
            reason = try Self.known(
                DropReason.allCases.first { $0.name == text }, "reason", text, of: DropReason.allCases.map(\.name))
        }
        if let value = json["port"] {
            guard let number = value.integer, let port = UInt16(exactly: number), port > 0 else {
                throw FlowError(.badFilter, "port is a number from 1 to 65535")
            }
            self.port = port
        }
        if let value = json["sinceUnixNanoseconds"] {
            guard let number = value.integer, number >= 0 else {
                throw FlowError(.badFilter, "sinceUnixNanoseconds is a whole number, not negative")
            }
            sinceUnixNanoseconds = UInt64(number)
        }
    }

    private static func text(_ json: JSONValue, _ name: String) throws(FlowError) -> String? {
        guard let value = json[name] else { return nil }
        guard let text = value.string, !text.isEmpty else { throw FlowError(.badFilter, "\(name) is a string") }
        return text
    }

    /// `orName`: what a name without a namespace stands for, where it may.
    private static func key(
        _ json: JSONValue, _ name: String, orName: String? = nil
    ) throws(FlowError) -> ObjectKey? {
        guard let text = try text(json, name) else { return nil }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        if orName != nil, parts.count == 1 { return ObjectKey("", text) }
        guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty }) else {
            throw FlowError(.badFilter, "\(name) is NAMESPACE/NAME\(orName.map { " or \($0)" } ?? ""), not \(text)")
        }
        return ObjectKey(parts[0], parts[1])
    }

    private static func known<Value>(
        _ value: Value?, _ name: String, _ text: String, of known: [String]
    ) throws(FlowError) -> Value {
        if let value { return value }
        throw FlowError(.badFilter, "\(name) \(text) is not known; one of: \(known.joined(separator: ", "))")
    }
}

/// What a question about flows can have wrong.
package struct FlowError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        case badFilter
    }

    package let code: Code
    /// Names the member, and what would be right.
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
