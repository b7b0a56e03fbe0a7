import JSONText
import Synchronization

/// Hands out the node ports of Services, each at most once.
final class NodePorts: Sendable {
    enum Outcome: Sendable {
        case reserved
        case taken
        case outside
    }

    let range: ClosedRange<Int>
    private let used = Mutex<Set<Int>>([])

    init(range: ClosedRange<Int>) {
        self.range = range
    }

    func reset(to ports: [Int]) { used.withLock { $0 = Set(ports) } }

    func reserve(_ port: Int) -> Outcome {
        guard range.contains(port) else { return .outside }
        return used.withLock { $0.insert(port).inserted } ? .reserved : .taken
    }

    /// A free port, tried from a random one on; nil where all are taken.
    func reserveNext() -> Int? {
        let start = Int.random(in: 0..<range.count)
        return used.withLock { used in
            for step in 0..<range.count {
                let port = range.lowerBound + (start + step) % range.count
                if used.insert(port).inserted { return port }
            }
            return nil
        }
    }

    func release(_ ports: [Int]) { used.withLock { $0.subtract(ports) } }

    /// The node ports that a stored Service has.
    static func ports(of service: JSONValue) -> [Int] {
        let ports = (service[path: "spec", "ports"]?.array ?? []).compactMap { $0["nodePort"]?.integer.map(Int.init) }
        return (ports + [service[path: "spec", "healthCheckNodePort"]?.integer.map(Int.init) ?? 0]).filter { $0 != 0 }
    }
}
