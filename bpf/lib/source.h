/* Stage: source. Who may send with this address here. */
#pragma once

#include "answer.h"
#include "forward.h"

enum link_local {
    LINK_LOCAL_PREFIX = 0x80fe, /* fe80::/16 as its first two bytes lie in memory */
};

/* What a pod sends besides packets to somebody: neighbour discovery, multicast, what cannot be read. */
STAGE int admit_other(struct __sk_buff *skb, struct packet *packet, __u8 reason)
{
    if (!packet)
        return TC_ACT_SHOT;
    if (reason == MARTLET_DROP_UNSUPPORTED_ETHERTYPE && packet->ethertype == bpf_htons(ETHERTYPE_ARP) &&
        !skb->vlan_present)
        return answer_arp(skb, packet);
    if (packet->family == 6 && packet->wire.protocol == PROTOCOL_ICMPV6 && reason == MARTLET_DROP_NONE)
        return answer_solicitation(skb, packet);
    if (packet->multicast)
        reason = MARTLET_DROP_MULTICAST;
    return drop(packet, reason);
}

static __always_inline bool is_neighbour_discovery(const struct packet *packet)
{
    return packet->wire.protocol == PROTOCOL_ICMPV6 && packet->icmp_type >= 133 && packet->icmp_type <= 137;
}

/* A pod sends from its own addresses only: the address's endpoint must be the one on this link. */
static __always_inline int source_of_pod(struct __sk_buff *skb, struct packet *packet, __u8 reason)
{
    if (reason != MARTLET_DROP_NONE || packet->multicast || is_neighbour_discovery(packet))
        return admit_other(skb, packet, reason);
    packet->source_endpoint = endpoint_number(packet->wire.source);
    struct martlet_endpoint *endpoint = local_pod(packet->source_endpoint);
    if (!endpoint)
        return drop(packet, MARTLET_DROP_SPOOFED_SOURCE);
    if (READ_ONCE(endpoint->ifindex) != skb->ifindex || packet->router_error)
        return drop(packet, MARTLET_DROP_SPOOFED_SOURCE);
    return is_closed(endpoint) ? drop(packet, MARTLET_DROP_ENDPOINT_CLOSED) : GO_ON;
}
