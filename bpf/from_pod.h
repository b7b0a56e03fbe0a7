/* tcx ingress of the node's end of a pod's veth: everything that a pod sends. */
#pragma once

#include "lib/conntrack.h"
#include "lib/forward.h"
#include "lib/parse.h"
#include "lib/run.h"
#include "lib/service.h"
#include "lib/source.h"

SEC("tc")
int from_pod(struct __sk_buff *skb)
{
    struct packet packet = {};
    int verdict = begin(&packet, MARTLET_HOOK_FROM_POD);
    __u8 reason = parse(skb, &packet);
    if (verdict == GO_ON)
        verdict = source_of_pod(skb, &packet, reason);
    if (verdict == GO_ON)
        verdict = service(&packet);
    if (verdict == GO_ON)
        verdict = conntrack(skb, &packet);
    if (verdict == GO_ON)
        verdict = forward_from_pod(skb, &packet);
    if (verdict >= REFUSE)
        verdict = refuse(skb, &packet, (__u8)(verdict - REFUSE), next_mtu(&packet));
    return verdict;
}
