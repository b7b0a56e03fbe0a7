/* Stage: forward. To a pod of this node by bpf_redirect_peer, into the pod's own end of its veth; to the node through
 * its stack; to the outside through the uplink or the stack's routing.
 * Hops: a packet between two pods of one node, or from the network to a pod, has crossed no router of ours that could
 * send it round in a circle, so its TTL is left alone (one header write less). A packet that the program itself puts on
 * the uplink is routed: its TTL goes down by one, and at one it is answered "time exceeded". */
#pragma once

#include "answer.h"
#include "identity.h"
#include "rewrite.h"

static __always_inline void count_forwarded(const struct packet *packet)
{
    count(MARTLET_COUNTER_FORWARDED_PACKETS, 1);
    count(MARTLET_COUNTER_FORWARDED_BYTES, packet->length);
}

struct mac_pair {
    __u8 destination[6];
    __u8 source[6];
};
_Static_assert(sizeof(struct mac_pair) == 12, "mac pair");

/* The endpoint, if it is a pod of this node. */
static __always_inline struct martlet_endpoint *local_pod(__u32 number)
{
    struct martlet_endpoint *endpoint = live_endpoint(number);
    if (!endpoint)
        return NULL;
    return READ_ONCE(endpoint->flags) & MARTLET_ENDPOINT_LOCAL ? endpoint : NULL;
}

static __always_inline bool is_closed(const struct martlet_endpoint *endpoint)
{
    return READ_ONCE(endpoint->flags) & MARTLET_ENDPOINT_CLOSED;
}

/* Into a pod, past its host end. */
static __always_inline int enter_pod(
    struct __sk_buff *skb, struct packet *packet, const struct martlet_endpoint *endpoint)
{
    struct mac_pair macs;
    int verdict = rewrite(skb, packet);
    if (verdict != GO_ON)
        return verdict;
    copy_mac(macs.destination, endpoint->mac);
    copy_mac(macs.source, config.gateway_mac);
    if (!store_bytes(skb, 0, &macs, sizeof(macs)))
        return drop(packet, MARTLET_DROP_INTERNAL);
    if (skb->pkt_type != PACKET_HOST)
        bpf_skb_change_type(skb, PACKET_HOST);
    count_forwarded(packet);
    return (int)bpf_redirect_peer(READ_ONCE(endpoint->ifindex), 0);
}

static __always_inline int pass_to_stack(struct __sk_buff *skb, struct packet *packet)
{
    int verdict = rewrite(skb, packet);
    if (verdict == GO_ON)
        count_forwarded(packet);
    return verdict == GO_ON ? TC_ACT_OK : verdict;
}

static __always_inline bool decrement_ttl(struct __sk_buff *skb, const struct packet *packet)
{
    __u8 ttl = packet->ttl - 1;
    if (packet->family == 6)
        return store_bytes(skb, L3_OFFSET + 7, &ttl, 1);
    __u16 from = (__u16)((packet->wire.protocol << 8) | packet->ttl);
    __u16 to = (__u16)((packet->wire.protocol << 8) | ttl);
    return bpf_l3_csum_replace(skb, L3_OFFSET + IPV4_CHECKSUM_AT, from, to, 2) == 0 &&
           store_bytes(skb, L3_OFFSET + 8, &ttl, 1);
}

static __always_inline int leave_node(struct __sk_buff *skb, struct packet *packet)
{
    if (config.uplink_ifindex == 0)
        return pass_to_stack(skb, packet);
    if (packet->ttl <= 1)
        return REFUSE + MARTLET_DROP_TTL_EXCEEDED;
    if (largest_segment(skb, packet) > config.uplink_mtu)
        return REFUSE + MARTLET_DROP_TOO_BIG;
    int verdict = rewrite(skb, packet);
    if (verdict != GO_ON)
        return verdict;
    if (!decrement_ttl(skb, packet))
        return drop(packet, MARTLET_DROP_INTERNAL);
    count_forwarded(packet);
    return (int)bpf_redirect_neigh(config.uplink_ifindex, NULL, 0, 0);
}

/* The MTU of the link that the packet is to leave by. */
static __always_inline __u32 next_mtu(const struct packet *packet)
{
    return local_pod(packet->destination_endpoint) ? config.pod_mtu : config.uplink_mtu;
}

/* A pod's packet, judged and translated. */
static __always_inline int forward_from_pod(struct __sk_buff *skb, struct packet *packet)
{
    struct martlet_endpoint *endpoint = local_pod(packet->destination_endpoint);
    if (endpoint) {
        if (is_closed(endpoint))
            return drop(packet, MARTLET_DROP_ENDPOINT_CLOSED);
        if (largest_segment(skb, packet) > config.pod_mtu)
            return REFUSE + MARTLET_DROP_TOO_BIG;
        return enter_pod(skb, packet, endpoint);
    }
    if (is_node_address(packet->tuple.destination))
        return pass_to_stack(skb, packet);
    if (in_node_pods(packet->tuple.destination))
        return drop(packet, MARTLET_DROP_NO_ROUTE);
    return leave_node(skb, packet);
}
