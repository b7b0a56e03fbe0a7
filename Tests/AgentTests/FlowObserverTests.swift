import BPFRuntime
import CMartletABI
import Foundation
import Informers
import JSONText
import Logging
import Netlink
import TestKit
import Testing

@testable import Agent

/// A follower that takes nothing more after its first item until it is told to.
private actor SlowReader {
    private(set) var items: [JSONValue] = []
    private var isOpen = false
    private var waiter: CheckedContinuation<Void, Never>?

    func take(_ item: JSONValue) async {
        items.append(item)
        if !isOpen { await withCheckedContinuation { waiter = $0 } }
    }

    func open() {
        isOpen = true
        waiter?.resume()
        waiter = nil
    }
}

@Suite struct FlowObserverTests {
    private let datapath = MemoryDatapath()

    private func emit(_ count: Int) {
        var event = martlet_event()
        event.kind = UInt8(MARTLET_EVENT_FLOW.rawValue)
        event.hook = UInt8(MARTLET_HOOK_FROM_POD.rawValue)
        event.protocol = 6
        var left = count
        while left > 0 {
            let batch = min(left, EventStream.batchEventsMax)
            datapath.emit(EventBatch(events: [martlet_event](repeating: event, count: batch)))
            left -= batch
        }
    }

    @Test(.timeLimit(.minutes(1))) func aSlowFollowerIsToldHowManyRecordsItMissed() async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "mt-\(UUID().uuidString)").path()
        defer { unlink(path) }
        let engine = try Engine(
            datapath: datapath, journalPath: path, nodeName: "here", bootID: "boot", thread: SerialThread(),
            logger: Logger(label: "test"))
        let observer = FlowObserver(
            engine: engine, informers: ClusterInformers(client: MemoryCluster(), logger: Logger(label: "test")),
            nodeAddresses: [],
            file: TrafficFile(path: "/nonexistent", thread: try SerialThread()))
        let events = try datapath.events()
        let reader = SlowReader()
        func records() async -> Int64 { await observer.summary["sequence"]?.integer ?? 0 }
        await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await observer.run(events) }
            emit(1)
            while await records() < 1 { await Task.yield() }
            group.addTask {
                _ = try await observer.answer(["follow": true], ReplyItems { item in await reader.take(item) })
            }
            while await reader.items.isEmpty { await Task.yield() }
            let room = FlowObserver.followerRecordsMax
            emit(room + 10)
            while await records() < Int64(room) + 11 { await Task.yield() }
            await reader.open()
            while await reader.items.count < room + 1 { await Task.yield() }
            emit(1)
            while await reader.items.count < room + 3 { await Task.yield() }
            #expect(await reader.items[room + 1] == ["missed": 10])
            #expect(await reader.items[room + 2]["sequence"]?.integer == Int64(room) + 12)
            group.cancelAll()
        }
    }
}
