package import BPFRuntime
import CMartletABI
import MapLayout

/// The datapath's counters in Prometheus' text format (exposition format 0.0.4).
package enum MetricsText {
    /// Empty where the kernel does not answer: a scrape of the rest goes on.
    package static func text(of datapath: any Datapath) -> String {
        guard let counters = try? datapath.counters(), let generation = try? datapath.generation() else { return "" }
        return text(counters: counters, generation: generation) + fill((try? MapFill.read(datapath)) ?? [])
    }

    /// Entries beside capacity, so that an alert can be set at a share of it.
    package static func fill(_ maps: [MapFill]) -> String {
        let counted = maps.filter { $0.used != nil }
        guard !counted.isEmpty else { return "" }
        func metric(_ name: String, _ help: String, _ value: (MapFill) -> Int) -> String {
            "# HELP \(name) \(help)\n# TYPE \(name) gauge\n"
                + counted.map { "\(name){map=\"\($0.name)\"} \(value($0))\n" }.joined()
        }
        return metric("martlet_map_entries", "Entries of a kernel map, of the generation in force.") { $0.used ?? 0 }
            + metric("martlet_map_capacity", "Entries that a kernel map holds at most.", \.capacity)
    }

    /// - Parameter counters: index = `martlet_counter`; missing ones are zero.
    package static func text(counters: [UInt64], generation: UInt32) -> String {
        func value(_ index: Int) -> UInt64 { counters.indices.contains(index) ? counters[index] : 0 }
        var out = ""
        func metric(_ name: String, _ type: String, _ help: String, _ samples: [(labels: String, value: UInt64)]) {
            out += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
            for sample in samples { out += "\(name)\(sample.labels) \(sample.value)\n" }
        }
        metric(
            "martlet_drops_total", "counter", "Packets dropped, by reason.",
            DropReason.allCases.filter { $0 != .none }.map { reason in
                ("{reason=\"\(reason.name)\"}", value(Int(MARTLET_COUNTER_DROPS.rawValue) + Int(reason.rawValue)))
            })
        metric(
            "martlet_forwarded_packets_total", "counter", "Packets forwarded.",
            [("", value(Int(MARTLET_COUNTER_FORWARDED_PACKETS.rawValue)))])
        metric(
            "martlet_forwarded_bytes_total", "counter", "Bytes forwarded.",
            [("", value(Int(MARTLET_COUNTER_FORWARDED_BYTES.rawValue)))])
        metric(
            "martlet_flows_opened_total", "counter", "Flows that were allowed and have an entry.",
            [("", value(Int(MARTLET_COUNTER_FLOWS_OPENED.rawValue)))])
        metric(
            "martlet_flows_rejudged_total", "counter", "Flows judged again because what decided them changed.",
            [("", value(Int(MARTLET_COUNTER_FLOWS_REJUDGED.rawValue)))])
        metric(
            "martlet_connect_translated_total", "counter", "Sockets whose Service address was translated in connect.",
            [("", value(Int(MARTLET_COUNTER_CONNECT_TRANSLATED.rawValue)))])
        metric(
            "martlet_events_lost_total", "counter", "Flow events that could not be queued.",
            [("", value(Int(MARTLET_COUNTER_EVENTS_LOST.rawValue)))])
        metric("martlet_generation", "gauge", "The policy generation in force.", [("", UInt64(generation))])
        return out
    }
}
