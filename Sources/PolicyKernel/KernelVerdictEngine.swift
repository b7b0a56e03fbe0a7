import KubeObjects
import NetTypes
import PolicyCompiler
package import PolicyTools

/// The shipped kernel programs as an engine for `policy test`: no cluster, nothing attached.
package final class KernelVerdictEngine: VerdictEngine {
    package let name = "kernel"
    private let kernel: KernelEngine
    private var compiler = PolicyCompiler()
    /// What the compiler could not take.
    package let problems: [PolicyMisfit]

    /// Loads the programs and fills their maps; needs root. `close` gives everything back.
    package init(_ world: PolicyWorld, places: PodPlaces) throws {
        kernel = try KernelEngine(clusterPods: places.clusterPods)
        do {
            try kernel.reset()
            for pod in places.pods {
                guard let endpoint = places.endpoints[pod.key] else { continue }
                try kernel.setPod(endpoint: endpoint, addresses: pod.addresses)
            }
            let delta = compiler.apply(world.changes(places))
            problems = world.misfits(delta.problems)
            try kernel.take(delta, &compiler) { _ in }
        } catch {
            kernel.close()
            throw error
        }
    }

    package func close() { kernel.close() }

    package func judge(
        _ question: VerdictQuestion
    ) throws(EngineFault) -> (egress: EngineVerdict, ingress: EngineVerdict) {
        do {
            let answer = try kernel.judge(
                from: question.source, to: question.destination, transport: question.transport.rawValue,
                port: question.port)
            return (EngineVerdict(answer.egress, compiler), EngineVerdict(answer.ingress, compiler))
        } catch {
            throw EngineFault("\(error)")
        }
    }
}
