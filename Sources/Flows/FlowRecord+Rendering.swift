package import JSONText
import KubeObjects
import MapLayout
import NetTypes

extension FlowRecord {
    /// A record as the local socket and `-o json` give it. Absent members are left out.
    package var json: JSONValue {
        var object: [String: JSONValue] = [
            "sequence": .integer(Int64(clamping: sequence)), "time": .string(time),
            "verdict": .string(verdict.rawValue), "protocol": .string(ProtocolName.of(event.transport)),
            "source": Self.json(event.source, sourcePod), "destination": Self.json(event.destination, destinationPod),
            "hook": .string(event.hook.name), "generation": .integer(Int64(event.generation)),
            "decision": .string(decision), "ruleID": .integer(Int64(event.ruleID)),
        ]
        if event.kind == .drop || event.kind == .reset { object["reason"] = .string(event.reason.name) }
        if event.direction != .none { object["direction"] = .string(event.direction.name) }
        if let revision { object["revision"] = .string(revision) }
        if event.transport == 6 { object["tcpFlags"] = .string(tcpFlagNames) }
        if let frontend = event.frontend {
            object["frontend"] = [
                "address": .string(frontend.address.description), "port": .integer(Int64(frontend.port)),
            ]
        }
        if let service { object["service"] = .string(service.description) }
        if let rule { object["rule"] = .object(Self.members(rule)) }
        if let otherRule { object["otherRule"] = .object(Self.members(otherRule)) }
        if let trial {
            let members = trial.rule.map(Self.members) ?? [:]
            object["trial"] = .object(members.merging(["verdict": .string(trial.verdict.rawValue)]) { $1 })
        }
        if event.kind == .close || event.kind == .reset {
            object["original"] = Self.json(event.original)
            object["reply"] = Self.json(event.reply)
        }
        return .object(object)
    }

    private static func members(_ rule: FlowRule) -> [String: JSONValue] {
        var members: [String: JSONValue] = [
            "kind": .string(rule.kind), "policy": .string(rule.policy.description),
            "direction": .string(rule.direction.name),
        ]
        members["index"] = rule.index.map { .integer(Int64($0)) }
        return members
    }

    private static func json(_ end: FlowEvent.End, _ pod: ObjectKey?) -> JSONValue {
        var object: [String: JSONValue] = ["address": .string(end.address.description)]
        if end.port != 0 { object["port"] = .integer(Int64(end.port)) }
        if let pod { object["pod"] = .string(pod.description) }
        return .object(object)
    }

    private static func json(_ traffic: FlowEvent.Traffic) -> JSONValue {
        ["packets": .integer(Int64(clamping: traffic.packets)), "bytes": .integer(Int64(clamping: traffic.bytes))]
    }

    /// Headings of `row`.
    package static let columns = ["TIME", "VERDICT", "PROTOCOL", "SOURCE", "DESTINATION", "SERVICE", "DECISION"]

    /// One line of a table.
    package var row: [String] {
        [
            String(time.dropFirst(11).prefix(12)), verdict.rawValue, ProtocolName.of(event.transport),
            Self.text(event.source, sourcePod), Self.text(event.destination, destinationPod),
            service?.description ?? event.frontend.map { Self.text($0.address, $0.port) } ?? "-", decision,
        ]
    }

    private static func text(_ end: FlowEvent.End, _ pod: ObjectKey?) -> String {
        guard let pod else { return text(end.address, end.port) }
        return end.port == 0 ? pod.description : "\(pod):\(end.port)"
    }

    private static func text(_ address: IPAddress, _ port: UInt16) -> String {
        if port == 0 { return address.description }
        return address.isV4 ? "\(address):\(port)" : "[\(address)]:\(port)"
    }

    /// `SYN`, `SYN,ACK`, …; empty where none is set.
    package var tcpFlagNames: String {
        let names = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"]
        return names.indices.filter { event.tcpFlags >> UInt8($0) & 1 == 1 }.map { names[$0] }
            .joined(separator: ",")
    }

    /// RFC 3339 in UTC with microseconds.
    package var time: String { TimeText.of(unixNanoseconds: unixNanoseconds) }
}

/// Calendar of RFC 3339 times, without Foundation.
package enum TimeText {
    /// RFC 3339 in UTC with whole seconds.
    package static func seconds(unixNanoseconds: UInt64) -> String {
        "\(of(unixNanoseconds: unixNanoseconds).prefix(19))Z"
    }

    /// RFC 3339 in UTC with microseconds.
    package static func of(unixNanoseconds: UInt64) -> String {
        let microseconds = unixNanoseconds / 1000
        let seconds = microseconds / 1_000_000
        let (year, month, day) = date(daysSince1970: Int(seconds / 86400))
        let second = Int(seconds % 86400)
        let clock = [second / 3600, second / 60 % 60, second % 60].map { padded($0, 2) }.joined(separator: ":")
        let fraction = padded(Int(microseconds % 1_000_000), 6)
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))T\(clock).\(fraction)Z"
    }

    /// Gregorian date by counting in eras of 400 years that begin on 1 March.
    private static func date(daysSince1970: Int) -> (year: Int, month: Int, day: Int) {
        let days = daysSince1970 + 719_468
        let era = days / 146_097
        let dayOfEra = days % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        let year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }

    private static func padded(_ value: Int, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
