/* Who an address is: endpoint number by exact match, CIDR class by longest prefix. */
#pragma once

#include "maps.h"
#include "packet.h"

static __always_inline struct martlet_endpoint *live_endpoint(__u32 number)
{
    struct martlet_endpoint *endpoint = bpf_map_lookup_elem(&endpoints, &number);
    if (!endpoint)
        return NULL;
    return number != 0 && (READ_ONCE(endpoint->flags) & MARTLET_ENDPOINT_LIVE) ? endpoint : NULL;
}

/* Endpoint number of an address, 0 where it is no pod's. */
static __always_inline __u32 endpoint_number(struct martlet_address address)
{
    __u64 *value = bpf_map_lookup_elem(&endpoint_ids, &address);
    if (!value)
        return 0;
    __u64 tagged = READ_ONCE(*value);
    if ((__u32)(tagged >> MARTLET_TAG_SHIFT) != martlet_tag(address))
        return 0;
    return live_endpoint((__u32)tagged) ? (__u32)tagged : 0;
}

/* The same where the address may well be outside: only pod CIDRs are looked up. */
static __always_inline __u32 peer_number(struct martlet_address address)
{
    return in_cluster_pods(address) ? endpoint_number(address) : 0;
}

static __always_inline __u32 cidr_class(struct martlet_address address, __u32 slot)
{
    struct martlet_network_key key = {};
    key.prefix_length = 128;
    __builtin_memcpy(key.address, &address, sizeof(address));
    __u64 *value = bpf_map_lookup_elem(&network_ids, &key);
    if (!value)
        return 0;
    __u32 number = (__u32)READ_ONCE(*value);
    struct martlet_network *network = bpf_map_lookup_elem(&networks, &number);
    if (!network)
        return 0;
    return READ_ONCE(network->cidr_class[slot & 3]);
}
