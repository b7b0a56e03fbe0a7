/* tcx egress of the node's end of a pod's veth: what reaches a pod through the node's stack. From the node itself
 * (`ingress_ifindex == 0`) it is always allowed, and entered, so that the answer passes; what the stack forwards is
 * judged like anything from the network. */
#pragma once

#include "lib/conntrack.h"
#include "lib/forward.h"
#include "lib/parse.h"
#include "lib/run.h"
#include "lib/source.h"

/* The packet must be for the pod behind this link. */
static __always_inline int destination_pod(struct __sk_buff *skb, struct packet *packet, __u8 reason)
{
    if (reason != MARTLET_DROP_NONE || packet->multicast)
        return drop(packet, packet->multicast ? MARTLET_DROP_MULTICAST : reason);
    packet->from_node = skb->ingress_ifindex == 0;
    packet->source_endpoint = peer_number(packet->wire.source);
    if (!packet->from_node && (is_node_address(packet->wire.source) || local_pod(packet->source_endpoint)))
        return drop(packet, MARTLET_DROP_NODE_SPOOFED);
    packet->destination_endpoint = endpoint_number(packet->wire.destination);
    struct martlet_endpoint *endpoint = local_pod(packet->destination_endpoint);
    if (!endpoint)
        return drop(packet, MARTLET_DROP_NO_ROUTE);
    if (READ_ONCE(endpoint->ifindex) != skb->ifindex)
        return drop(packet, MARTLET_DROP_NO_ROUTE);
    return is_closed(endpoint) ? drop(packet, MARTLET_DROP_ENDPOINT_CLOSED) : GO_ON;
}

SEC("tc")
int to_pod(struct __sk_buff *skb)
{
    struct packet packet = {};
    int verdict = begin(&packet, MARTLET_HOOK_TO_POD);
    __u8 reason = parse(skb, &packet);
    if (verdict == GO_ON)
        verdict = destination_pod(skb, &packet, reason);
    if (verdict == GO_ON)
        verdict = conntrack(skb, &packet);
    if (verdict == GO_ON)
        verdict = pass_to_stack(skb, &packet);
    /* Nothing can be sent back from here. */
    if (verdict >= REFUSE)
        verdict = drop(&packet, (__u8)(verdict - REFUSE));
    return verdict;
}
