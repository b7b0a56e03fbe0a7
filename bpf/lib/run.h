/* The start of a run: the one load of the generation, the one look at the clock. */
#pragma once

#include "maps.h"
#include "packet.h"

static __always_inline int begin(struct packet *packet, __u8 hook)
{
    __u32 zero = 0;
    struct martlet_control *settings = bpf_map_lookup_elem(&control, &zero);
    if (!settings)
        return TC_ACT_SHOT;
    packet->generation = READ_ONCE(settings->generation);
    packet->now_ns = bpf_ktime_get_coarse_ns();
    packet->hook = hook;
    return GO_ON;
}
