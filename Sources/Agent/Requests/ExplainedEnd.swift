import DaemonAPI
import JSONText
import KubeObjects
import NetTypes
import PolicyCompiler
import ServiceCompiler

/// One end of the flow that `explain` is asked about.
struct ExplainedEnd {
    /// As it was written; a pod with its namespace.
    let text: String
    /// Not empty.
    let addresses: [IPAddress]
    let pod: Pod?
    /// It was written as a pod, and any of its addresses will do.
    let isNamed: Bool

    func has(_ family: IPFamily) -> Bool { addresses.contains { $0.family == family } }

    func end(_ family: IPFamily) throws(DaemonError) -> PolicyEvaluator.End {
        guard let address = addresses.first(where: { $0.family == family }) else {
            throw DaemonError(.decodingFailure, "\(text) has no \(family.kubernetesName) address")
        }
        return PolicyEvaluator.End(address, pod: pod)
    }

    /// The families in which the flow is there to be asked about, the one to answer for first: that of an address, of
    /// two pods IPv4.
    static func families(_ source: ExplainedEnd, _ destination: ExplainedEnd) throws(DaemonError) -> [IPFamily] {
        let common = [IPFamily.v4, .v6].filter { source.has($0) && destination.has($0) }
        if !common.isEmpty { return common }
        throw DaemonError(
            .decodingFailure,
            "\(Self.names(source)) and \(Self.names(destination)) are not of one address family")
    }

    private static func names(_ end: ExplainedEnd) -> String {
        let addresses = end.addresses.map(\.description).joined(separator: ", ")
        return end.isNamed ? "\(end.text) (\(addresses))" : addresses
    }

    /// `10.0.0.1:80`, `[fd00::1]:80`
    static func text(_ address: IPAddress, _ port: UInt16) -> String {
        address.isV4 ? "\(address):\(port)" : "[\(address)]:\(port)"
    }
}

/// A destination that is the address of a Service: nothing that policy is asked about.
struct ExplainedService {
    /// All frontends at the address.
    let frontends: [Frontend: ServiceCompiler.Entry]
    let address: IPAddress
    let port: JSONValue?
    let transport: TransportProtocol

    /// - Parameter targets: the backends of the port, as `explain` takes them.
    func refusal(source: String, targets: [String]) -> DaemonError {
        let service = frontends.values.first.map { "\($0.service)" } ?? ""
        let about = "\(address) is of Service \(service)"
        let asked = port?.integer.map { "\($0)" } ?? port?.string ?? ""
        let known = frontends.keys.sorted().map { "\($0.transport.kubernetesName) \($0.port)" }
        guard frontends.keys.contains(where: { "\($0.port)" == asked && $0.transport == transport }) else {
            return DaemonError(
                .decodingFailure,
                "\(about), which has no \(transport.kubernetesName) port \(asked); it has "
                    + known.joined(separator: ", "))
        }
        guard let target = targets.first else {
            return DaemonError(
                .decodingFailure, "\(about), and no pod is behind port \(asked): there is nobody to ask about")
        }
        let option = transport == .tcp ? "" : " --protocol \(transport.kubernetesName)"
        let more = targets.count > 1 ? " (or another of the \(targets.count) behind it)" : ""
        return DaemonError(
            .decodingFailure,
            "\(about): policy is asked about the pods behind it; martlet explain \(source) \(target)\(option)\(more)")
    }
}
