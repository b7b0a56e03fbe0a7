import APIClient
import JSONText
import KubeObjects
import NetTypes
import Reconcile
import RouteCompiler
import TestKit
import Testing

@testable import Agent

/// A namespace with two pods of this node: what tests that restart a daemon begin with.
enum Shop {
    static let pods = ["web", "db"]

    static func fill(_ cluster: MemoryCluster) {
        cluster.set(.namespaces, ["metadata": ["name": "shop"]])
        for name in pods {
            cluster.set(
                .pods,
                [
                    "metadata": ["namespace": "shop", "name": .string(name), "labels": ["app": .string(name)]],
                    "spec": ["nodeName": "here"], "status": ["phase": "Running"],
                ])
        }
    }

    static func attachments(uids: [String] = ["", ""]) throws -> [(attachment: LocalAttachment, cookie: UInt64)] {
        try pods.enumerated().map { index, name in
            let mac = try #require(MACAddress(bytes: [2, 0, 0, 0, 0, UInt8(index)]))
            return (
                LocalAttachment(
                    id: name, owner: .pod(ObjectKey("shop", name), uid: uids[index]),
                    addresses: [IPAddress(v4: 0x0a01_0005 + UInt32(index))],
                    link: LocalLink(interface: UInt32(10 + index), podMAC: mac)), UInt64(100 + index)
            )
        }
    }
}

extension Engine {
    /// Ends grace periods until none is waited for.
    func settle() async throws {
        while planner.flipsInFlight > 0 {
            for await ticket in graceTickets {
                try graceElapsed(ticket)
                break
            }
        }
    }
}
