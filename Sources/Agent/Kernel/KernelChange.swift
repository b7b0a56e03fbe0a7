import MapLayout
import PolicyCompiler
import Reconcile
import ServiceCompiler

/// A number that is free one grace period after what used it.
enum RetiredKernelNumber: Sendable {
    case policy(RetiredNumber)
    case endpoint(UInt32)
    case service(RetiredService)
}

typealias KernelPlanner = GenerationPlanner<PolicySlot, PolicySlotValue, MapOperation, RetiredKernelNumber>

extension GenerationPlanner.Change
where Key == PolicySlot, Value == PolicySlotValue, Operation == MapOperation, Retired == RetiredKernelNumber {
    init(_ delta: PolicyDelta) {
        self.init(
            operations: delta.operations, births: delta.bornValues, voided: delta.bornWithoutValue,
            values: delta.switchedValues, retired: delta.retired.map { .policy($0) })
    }
}
