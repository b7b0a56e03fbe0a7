/* tcx ingress of an uplink. Answers to masqueraded flows and packets to pods of this node go to the pod past the stack;
 * all else is the node's own business. */
#pragma once

#include "lib/conntrack.h"
#include "lib/forward.h"
#include "lib/masquerade.h"
#include "lib/parse.h"
#include "lib/run.h"
#include "lib/source.h"

/* A sender that claims to be the node or one of its pods. */
static __always_inline bool is_ours(struct martlet_address address)
{
    return is_node_address(address) || local_pod(peer_number(address));
}

/* GO_ON where the packet is for a pod; a verdict where it is not, or must not pass. */
static __always_inline int destination_network(struct __sk_buff *skb, struct packet *packet, __u8 reason)
{
    if (packet->family == 0 || packet->multicast)
        return TC_ACT_OK;
    if (reason == MARTLET_DROP_NONE && is_node_address(packet->wire.destination))
        unmasquerade(packet);
    packet->source_endpoint = peer_number(packet->tuple.source);
    packet->destination_endpoint = peer_number(packet->tuple.destination);
    struct martlet_endpoint *endpoint = local_pod(packet->destination_endpoint);
    bool claims_us = !packet->router_error && is_ours(packet->wire.source);
    if (claims_us && (endpoint || is_node_address(packet->wire.destination)))
        return drop(packet, MARTLET_DROP_NODE_SPOOFED);
    if (!endpoint) {
        int verdict = rewrite(skb, packet);
        return verdict == GO_ON ? TC_ACT_OK : verdict;
    }
    if (reason != MARTLET_DROP_NONE)
        return drop(packet, reason);
    return is_closed(endpoint) ? drop(packet, MARTLET_DROP_ENDPOINT_CLOSED) : GO_ON;
}

static __always_inline int forward_to_pod(struct __sk_buff *skb, struct packet *packet)
{
    struct martlet_endpoint *endpoint = local_pod(packet->destination_endpoint);
    if (!endpoint)
        return drop(packet, MARTLET_DROP_NO_ROUTE);
    if (largest_segment(skb, packet) > config.pod_mtu)
        return REFUSE + MARTLET_DROP_TOO_BIG;
    return enter_pod(skb, packet, endpoint);
}

SEC("tc")
int from_network(struct __sk_buff *skb)
{
    struct packet packet = {};
    int verdict = begin(&packet, MARTLET_HOOK_FROM_NETWORK);
    __u8 reason = parse(skb, &packet);
    if (verdict == GO_ON)
        verdict = destination_network(skb, &packet, reason);
    if (verdict == GO_ON)
        verdict = conntrack(skb, &packet);
    if (verdict == GO_ON)
        verdict = forward_to_pod(skb, &packet);
    if (verdict >= REFUSE)
        verdict = refuse(skb, &packet, (__u8)(verdict - REFUSE), config.pod_mtu);
    return verdict;
}
