import CLinux
import Glibc
import Synchronization

/// One thread that runs the jobs of an actor whose calls block (netlink, files, fsync), so that they never hold up the
/// cooperative pool. The thread lives as long as the process: make few.
package final class SerialThread: SerialExecutor {
    private let queue = Mutex<[UnownedJob]>([])
    private let wakeup: Int32

    /// Throws `systemCall` where no thread could be made.
    package init() throws(NetlinkError) {
        let wakeup = clinux_eventfd()
        guard wakeup >= 0 else { throw NetlinkError.call("eventfd", wakeup) }
        self.wakeup = wakeup
        var thread = pthread_t()
        let context = Unmanaged.passRetained(self).toOpaque()
        let failure = pthread_create(
            &thread, nil,
            { context in
                if let context { Unmanaged<SerialThread>.fromOpaque(context).takeUnretainedValue().run() }
                return nil
            }, context)
        guard failure == 0 else {
            Unmanaged<SerialThread>.fromOpaque(context).release()
            throw NetlinkError.call("pthread_create", -failure)
        }
        pthread_detach(thread)
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.withLock { $0.append(job) }
        var one: UInt64 = 1
        _ = write(wakeup, &one, 8)
    }

    private func run() {
        while true {
            var count: UInt64 = 0
            guard read(wakeup, &count, 8) == 8 else { continue }
            let jobs = queue.withLock { queue in
                let jobs = queue
                queue.removeAll(keepingCapacity: true)
                return jobs
            }
            for job in jobs { job.runSynchronously(on: asUnownedSerialExecutor()) }
        }
    }
}
