/* tcx egress of an uplink: pods' packets to the outside are masqueraded; the node's own in the masquerade range, and
 * its ICMP echoes, are entered so that the ports are not given twice. */
#pragma once

#include "lib/masquerade.h"
#include "lib/parse.h"
#include "lib/rewrite.h"
#include "lib/run.h"

/* Whether the packet answers a flow that came in from outside to the pod's own address. */
STAGE bool answers_outside(const struct packet *packet)
{
    if (!packet)
        return false;
    struct martlet_flow_key key = {};
    enum flow_table table;
    bool from_low = set_flow_key(&key, &packet->tuple);
    struct martlet_flow *flow = find_flow(packet, &key, from_low, &table);
    if (!flow)
        return false;
    bool opener_low = flow->flags & MARTLET_FLOW_OPENER_LOW;
    return opener_low != from_low;
}

/* Whether the packet's flow takes an address and port of the node's. */
static __always_inline bool is_masqueraded(struct packet *packet)
{
    if (packet->source_endpoint)
        return !in_cluster_pods(packet->wire.destination) && !answers_outside(packet);
    if (!is_node_address(packet->wire.source) || packet->icmp_error)
        return false;
    return is_icmp(packet->wire.protocol) ? packet->wire.source_port != 0
                                          : in_masquerade_range(packet->wire.source_port);
}

static __always_inline bool is_requested_echo(const struct packet *packet)
{
    __u8 type = packet->icmp_type;
    return packet->wire.protocol == PROTOCOL_ICMP ? type == ICMP_ECHO : type == ICMPV6_ECHO;
}

SEC("tc")
int to_network(struct __sk_buff *skb)
{
    struct packet packet = {};
    int verdict = begin(&packet, MARTLET_HOOK_TO_NETWORK);
    __u8 reason = parse(skb, &packet);
    struct martlet_address address = masquerade_address(packet.family);
    if (verdict != GO_ON || packet.family == 0 || packet.multicast || address_is_zero(address))
        return TC_ACT_OK;
    packet.source_endpoint = peer_number(packet.wire.source);
    if (reason != MARTLET_DROP_NONE)
        return packet.source_endpoint ? drop(&packet, reason) : TC_ACT_OK;
    if (is_icmp(packet.wire.protocol) && !packet.icmp_error && !is_requested_echo(&packet))
        return TC_ACT_OK;
    if (!is_masqueraded(&packet))
        return TC_ACT_OK;
    if (packet.source_endpoint == 0)
        address = packet.wire.source;
    reason = masquerade(&packet, &address);
    if (reason != MARTLET_DROP_NONE)
        return drop(&packet, reason);
    verdict = rewrite(skb, &packet);
    return verdict == GO_ON ? TC_ACT_OK : verdict;
}
