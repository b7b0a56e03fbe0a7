/* Flow entries: keys, look-up with all that makes an entry count as absent, TCP state. */
#pragma once

#include "events.h"
#include "identity.h"

static __always_inline bool is_lower(
    struct martlet_address a, __be16 a_port, struct martlet_address b, __be16 b_port)
{
    if (a.high != b.high)
        return a.high < b.high;
    if (a.low != b.low)
        return a.low < b.low;
    return a_port <= b_port;
}

/* Fills the key; answers whether the tuple's source is its lower end. */
static __always_inline bool set_flow_key(struct martlet_flow_key *key, const struct martlet_tuple *tuple)
{
    bool from_low = is_lower(tuple->source, tuple->source_port, tuple->destination, tuple->destination_port);
    key->low = from_low ? tuple->source : tuple->destination;
    key->high = from_low ? tuple->destination : tuple->source;
    key->low_port = from_low ? tuple->source_port : tuple->destination_port;
    key->high_port = from_low ? tuple->destination_port : tuple->source_port;
    key->protocol = tuple->protocol;
    return from_low;
}

static __always_inline __u64 timeout_ns(const struct martlet_flow *flow, __u8 protocol)
{
    __u64 seconds = MARTLET_TIMEOUT_ESTABLISHED_S;
    if (protocol != PROTOCOL_TCP && protocol != PROTOCOL_SCTP) {
        if (flow->state == MARTLET_STATE_NEW)
            seconds = MARTLET_TIMEOUT_NEW_S;
        return seconds * NS_PER_S;
    }
    switch (flow->state) {
    case MARTLET_STATE_NEW:
        seconds = MARTLET_TIMEOUT_TCP_NEW_S;
        break;
    case MARTLET_STATE_CLOSING:
        seconds = MARTLET_TIMEOUT_TCP_CLOSING_S;
        break;
    case MARTLET_STATE_CLOSED:
        seconds = MARTLET_TIMEOUT_TCP_CLOSED_S;
        break;
    default:
        seconds = flow->flags & MARTLET_FLOW_PICKED_UP ? MARTLET_TIMEOUT_TCP_PICKED_UP_S
                                                       : MARTLET_TIMEOUT_TCP_ESTABLISHED_S;
    }
    return seconds * NS_PER_S;
}

/* Whether the pod an entry names at one end is still the one that has the address. */
static __always_inline bool end_is_current(const struct martlet_flow *flow, int end, struct martlet_address address)
{
    __u32 number = flow->endpoint[end & 1];
    if (number == 0)
        return peer_number(address) == 0;
    struct martlet_endpoint *endpoint = live_endpoint(number);
    return endpoint && READ_ONCE(endpoint->incarnation) == flow->incarnation[end & 1];
}

/* Whether an entry is this key's, in time, and of the pods that have the addresses now. */
static __always_inline bool is_valid(
    const struct packet *packet, const struct martlet_flow_key *key, const struct martlet_flow *flow, bool from_low)
{
    bool opener_low = flow->flags & MARTLET_FLOW_OPENER_LOW;
    int source = opener_low == from_low ? 0 : 1;
    if (READ_ONCE(flow->tag) != martlet_flow_tag(key))
        return false;
    /* The coarse clock of another CPU may be a tick ahead: a negative age is no age. */
    __s64 age = (__s64)(packet->now_ns - READ_ONCE(flow->last_seen_ns));
    if (age > (__s64)timeout_ns(flow, key->protocol))
        return false;
    return end_is_current(flow, source, packet->tuple.source) &&
           end_is_current(flow, source ^ 1, packet->tuple.destination);
}

/* Whether a packet begins a flow of its own where another has its key: what the answering end begins, and a connection
 * on one that has ended or is only kept. An echo request is one more packet of its opener's flow. */
static __always_inline bool begins_anew(const struct packet *packet, const struct martlet_flow *flow, bool from_low)
{
    bool answers = !(flow->flags & MARTLET_FLOW_OPENER_LOW) == from_low;
    bool is_over = flow->state == MARTLET_STATE_CLOSED || flow->flags & MARTLET_FLOW_KEPT;
    return packet->opens && (answers || (is_over && !is_icmp(packet->tuple.protocol)));
}

enum flow_table {
    TABLE_FLOWS = 0,
    TABLE_HALF = 1,
};

/* The packet's flow, or NULL. A stale entry is removed; one that a packet has no part in stays until what that packet
 * begins is allowed and takes its place. */
static __always_inline struct martlet_flow *find_flow(
    const struct packet *packet, const struct martlet_flow_key *key, bool from_low, enum flow_table *table)
{
    *table = TABLE_FLOWS;
    struct martlet_flow *flow = bpf_map_lookup_elem(&flows, key);
    if (flow) {
        if (is_valid(packet, key, flow, from_low))
            return begins_anew(packet, flow, from_low) ? NULL : flow;
        bpf_map_delete_elem(&flows, key);
    }
    *table = TABLE_HALF;
    flow = bpf_map_lookup_elem(&half_flows, key);
    if (flow) {
        if (is_valid(packet, key, flow, from_low))
            return begins_anew(packet, flow, from_low) ? NULL : flow;
        bpf_map_delete_elem(&half_flows, key);
    }
    return NULL;
}

/* Follows the TCP state; answers whether this packet closed the flow. */
static __always_inline bool step_tcp(struct martlet_flow *flow, __u8 tcp_flags, bool reply)
{
    __u16 fins = MARTLET_FLOW_FIN_OPENER | MARTLET_FLOW_FIN_RESPONDER;
    if (!(tcp_flags & (TCP_FIN | TCP_RST)))
        return false;
    if (tcp_flags & TCP_FIN) {
        flow->flags |= reply ? MARTLET_FLOW_FIN_RESPONDER : MARTLET_FLOW_FIN_OPENER;
        flow->state = MARTLET_STATE_CLOSING;
    }
    if ((tcp_flags & TCP_RST) || (flow->flags & fins) == fins)
        flow->state = MARTLET_STATE_CLOSED;
    if (flow->state != MARTLET_STATE_CLOSED || (flow->flags & MARTLET_FLOW_CLOSE_TOLD))
        return false;
    flow->flags |= MARTLET_FLOW_CLOSE_TOLD;
    return true;
}
