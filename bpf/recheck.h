/* Judges the open flow of a martlet_recheck, which takes the packet's place in a test run, as its next packet would: by
 * the same stage, with the same effect on the entry. */
#pragma once

#include "lib/conntrack.h"
#include "lib/run.h"

SEC("tc")
int recheck(struct __sk_buff *skb)
{
    struct martlet_recheck request = {};
    struct packet packet = {};
    enum flow_table table;
    if (begin(&packet, MARTLET_HOOK_RECHECK) != GO_ON || !load_bytes(skb, 0, &request, sizeof(request)))
        return TC_ACT_SHOT;
    packet.tuple.source = request.key.low;
    packet.tuple.destination = request.key.high;
    packet.tuple.source_port = request.key.low_port;
    packet.tuple.destination_port = request.key.high_port;
    packet.tuple.protocol = request.key.protocol;
    struct martlet_flow *flow = find_flow(&packet, &request.key, true, &table);
    if (flow) {
        if (in_doubt(&packet, flow))
            request.reason = recheck_flow(&packet, flow, !(flow->flags & MARTLET_FLOW_OPENER_LOW));
        request.is_open = true;
        request.flags = flow->flags;
    }
    return store_bytes(skb, 0, &request, sizeof(request)) ? TC_ACT_OK : TC_ACT_SHOT;
}
