import DaemonAPI
import NetTypes
import Netlink
import PodNetwork
import Synchronization

/// Links in memory, with faults on demand.
final class FakeLinks: PodLinks {
    enum Call: Sendable, CaseIterable { case create, createHalf, podSide, hostSide, remove }

    struct State {
        /// Name to alias.
        var links: [String: String] = [:]
        var failing: Set<Call> = []
    }

    let state = Mutex(State())

    func fail(_ calls: Set<Call>) { state.withLock { $0.failing = calls } }

    private func check(_ call: Call) throws(PodNetworkError) {
        if state.withLock({ $0.failing.contains(call) }) { throw PodNetworkError(.ioFailure, "\(call) fails as told") }
    }

    func open(namespacePath: String) throws(PodNetworkError) -> NetworkNamespace {
        do throws(NetlinkError) {
            return try NetworkNamespace(path: "/proc/self/ns/net")
        } catch {
            throw PodNetworkError(.ioFailure, "no namespace", cause: error)
        }
    }

    func create(_ pair: VethPair, alias: String, namespace: NetworkNamespace) throws(PodNetworkError) -> CreatedLinks {
        try check(.create)
        state.withLock { $0.links[pair.name] = alias }
        try check(.createHalf)
        return CreatedLinks(hostIndex: 7, podIndex: 2, namespaceCookie: 99)
    }

    func configure(_ side: PodSide, namespace: NetworkNamespace) throws(PodNetworkError) { try check(.podSide) }
    func configure(_ side: HostSide) throws(PodNetworkError) { try check(.hostSide) }

    func remove(hostInterface: String, alias: String) throws(PodNetworkError) {
        try check(.remove)
        state.withLock { $0.links[hostInterface] = nil }
    }

    func verify(_ pod: PodSide, _ host: HostSide, namespace: NetworkNamespace) throws(PodNetworkError) {
        guard state.withLock({ $0.links[host.interface] != nil }) else {
            throw PodNetworkError(.stateMismatch, "\(host.interface) is missing")
        }
    }

    func ownLinks() throws(PodNetworkError) -> [Link] { [] }
}
