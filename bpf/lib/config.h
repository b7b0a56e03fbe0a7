/* Node settings: written into .rodata by user space before the load, so that the verifier sees constants and removes
 * what a node does not use. And the questions that settings alone answer. */
#pragma once

#include "kernel.h"
#include <martlet/abi.h>

const volatile struct martlet_config config = {};

static __always_inline bool same_address(struct martlet_address a, struct martlet_address b)
{
    return a.high == b.high && a.low == b.low;
}

static __always_inline bool address_is_zero(struct martlet_address a)
{
    return (a.high | a.low) == 0;
}

/* Nothing of an address that differs from the prefix: zero where the address lies in it. */
static __always_inline __u64 prefix_difference(struct martlet_address a, const volatile struct martlet_prefix *prefix)
{
    return ((a.high & prefix->mask.high) ^ prefix->address.high) | ((a.low & prefix->mask.low) ^ prefix->address.low);
}

static __always_inline bool in_prefixes(
    struct martlet_address a, const volatile struct martlet_prefix *prefixes, __u32 count)
{
    for (__u32 i = 0; i < MARTLET_PREFIXES_MAX; i++) {
        if (i < count && prefix_difference(a, &prefixes[i]) == 0)
            return true;
    }
    return false;
}

static __always_inline bool in_cluster_pods(struct martlet_address a)
{
    return in_prefixes(a, config.cluster_pods, config.cluster_pods_count);
}

static __always_inline bool in_node_pods(struct martlet_address a)
{
    return in_prefixes(a, config.node_pods, config.node_pods_count);
}

static __always_inline bool in_services(struct martlet_address a)
{
    return in_prefixes(a, config.services, config.services_count);
}

static __always_inline bool is_node_address(struct martlet_address a)
{
    for (__u32 i = 0; i < MARTLET_NODE_ADDRESSES_MAX; i++) {
        if (i >= config.node_address_count)
            break;
        if (a.low == config.node_addresses[i].low && a.high == config.node_addresses[i].high)
            return true;
    }
    return false;
}
