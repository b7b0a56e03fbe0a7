/* Stage: service. A packet to a service address gets a backend: the one its flow has, or a new one. */
#pragma once

#include "answer.h"
#include "flow.h"

/* Service number of a frontend, or -1. */
static __always_inline __s64 service_number(struct martlet_address address, __be16 port, __u8 protocol)
{
    struct martlet_frontend_key key = {};
    key.address = address;
    key.port = port;
    key.protocol = protocol;
    __u64 *value = bpf_map_lookup_elem(&frontends, &key);
    if (!value)
        return -1;
    __u64 tagged = READ_ONCE(*value);
    if ((__u32)(tagged >> MARTLET_TAG_SHIFT) != martlet_frontend_tag(key))
        return -1;
    return (__u32)tagged;
}

/* The backend that `random` hits, each slot of the extent as likely as another: weights are repeated slots. */
static __always_inline struct martlet_backend *pick_backend(__u32 service, __u32 random, __u64 *extent)
{
    struct martlet_service *entry = bpf_map_lookup_elem(&services, &service);
    if (!entry)
        return NULL;
    *extent = READ_ONCE(entry->extent);
    __u32 backend_count = (__u32)(*extent >> 32);
    if (backend_count == 0)
        return NULL;
    __u32 index = (__u32)*extent + (__u32)(((__u64)random * backend_count) >> 32);
    return bpf_map_lookup_elem(&backends, &index);
}

/* Whether the packet, as translated, has a live flow; then that flow's frontend is left in `frontend_port`. */
STAGE bool has_flow(const struct packet *packet, __be16 *frontend_port, struct martlet_address *frontend)
{
    if (!packet || !frontend_port || !frontend)
        return false;
    struct martlet_flow_key key = {};
    enum flow_table table;
    bool from_low = set_flow_key(&key, &packet->tuple);
    struct martlet_flow *flow = find_flow(packet, &key, from_low, &table);
    if (!flow)
        return false;
    *frontend_port = flow->frontend_port;
    *frontend = flow->frontend;
    return true;
}

/* Whether a backend is still in its Service: asked for datagrams, which have no end of their own. */
struct backend_search {
    struct martlet_address address;
    __u32 offset;
    __be16 port;
    bool found;
    __u8 padding;
};

static long match_backend(__u32 index, struct backend_search *search)
{
    __u32 position = search->offset + index;
    struct martlet_backend *backend = bpf_map_lookup_elem(&backends, &position);
    if (!backend)
        return 1;
    search->found = backend->port == search->port && same_address(backend->address, search->address);
    return search->found;
}

enum service_limit {
    BACKENDS_SEARCHED_MAX = 4096,
};

STAGE bool still_serves(struct martlet_translation *translation)
{
    if (!translation)
        return false;
    struct martlet_service *entry = bpf_map_lookup_elem(&services, &translation->service);
    if (!entry)
        return false;
    __u64 extent = READ_ONCE(entry->extent);
    if (extent == translation->extent)
        return true;
    struct backend_search search = {};
    search.address = translation->destination;
    search.port = translation->destination_port;
    search.offset = (__u32)extent;
    __u32 backend_count = (__u32)(extent >> 32);
    if (backend_count > BACKENDS_SEARCHED_MAX)
        backend_count = BACKENDS_SEARCHED_MAX;
    bpf_loop(backend_count, match_backend, &search, 0);
    if (search.found)
        translation->extent = extent;
    return search.found;
}

/* Follows an existing translation where the flow behind it lives on. */
static __noinline bool follow_translation(struct packet *packet)
{
    struct martlet_translation *translation = bpf_map_lookup_elem(&translations, &packet->wire);
    if (!translation)
        return false;
    if (READ_ONCE(translation->tag) != martlet_tuple_tag(&packet->wire))
        return false;
    bool tcp = is_tcp(packet);
    if (!tcp && !still_serves(translation))
        return false;
    packet->tuple.source = translation->source;
    packet->tuple.source_port = translation->source_port;
    packet->tuple.destination = translation->destination;
    packet->tuple.destination_port = translation->destination_port;
    packet->service = translation->service;
    packet->rewritten = true;
    if ((tcp && !opens_tcp(packet)) || packet->icmp_error)
        return true;
    __be16 port = 0;
    struct martlet_address frontend = {};
    if (has_flow(packet, &port, &frontend))
        return true;
    packet->tuple = packet->wire;
    packet->rewritten = false;
    return false;
}

/* A reply within a pod that reached itself: its destination is the service address that stood in for the pod. */
STAGE bool is_hairpin_reply(const struct packet *packet)
{
    if (!packet)
        return false;
    struct martlet_flow_key key = {};
    set_flow_key(&key, &packet->wire);
    struct martlet_flow *flow = bpf_map_lookup_elem(&flows, &key);
    if (!flow)
        flow = bpf_map_lookup_elem(&half_flows, &key);
    if (!flow)
        return false;
    return (flow->flags & MARTLET_FLOW_HAIRPIN) && READ_ONCE(flow->tag) == martlet_flow_tag(&key);
}

static __always_inline void aim_at(struct packet *packet, const struct martlet_backend *backend)
{
    packet->tuple.destination = backend->address;
    packet->tuple.destination_port = backend->port;
    /* A pod that reaches itself: its own address as a source would be dropped by its stack. */
    if (same_address(packet->tuple.source, backend->address))
        packet->tuple.source = packet->wire.destination;
}

/* Whether the translated tuple is free, or already this frontend's. */
static __noinline bool is_free(const struct packet *packet)
{
    __be16 port = 0;
    struct martlet_address frontend = {};
    if (!has_flow(packet, &port, &frontend))
        return true;
    return port == packet->wire.destination_port && same_address(frontend, packet->wire.destination);
}

enum source_port_range {
    SOURCE_PORT_LOW = 32768,
    SOURCE_PORT_MASK = 0x7fff,
};

/* Picks a backend. Answers a drop reason. Where the tuple is another frontend's already: another backend, and in the
 * later tries another source port too. */
STAGE __u8 choose_backend(struct packet *packet, __u64 *extent)
{
    if (!packet || !extent)
        return MARTLET_DROP_INTERNAL;
    for (int i = 0; i < 2 * MARTLET_BACKEND_TRIES_MAX; i++) {
        struct martlet_backend *backend = pick_backend(packet->service, bpf_get_prandom_u32(), extent);
        if (!backend)
            return MARTLET_DROP_NO_BACKEND;
        packet->tuple = packet->wire;
        if (i >= MARTLET_BACKEND_TRIES_MAX)
            packet->tuple.source_port =
                bpf_htons((__u16)(SOURCE_PORT_LOW + (bpf_get_prandom_u32() & SOURCE_PORT_MASK)));
        aim_at(packet, backend);
        if (is_free(packet))
            return MARTLET_DROP_NONE;
    }
    return MARTLET_DROP_NAT_EXHAUSTED;
}

STAGE int store_translation(const struct packet *packet, __u64 extent)
{
    if (!packet)
        return -1;
    struct martlet_translation translation = {};
    translation.source = packet->tuple.source;
    translation.source_port = packet->tuple.source_port;
    translation.destination = packet->tuple.destination;
    translation.destination_port = packet->tuple.destination_port;
    translation.service = packet->service;
    translation.extent = extent;
    translation.tag = martlet_tuple_tag(&packet->wire);
    return (int)bpf_map_update_elem(&translations, &packet->wire, &translation, BPF_ANY);
}

/* Only TCP is cut off where a translation was lost in mid-stream: the next reply puts it back. */
STAGE int translate(struct packet *packet)
{
    if (!packet)
        return TC_ACT_SHOT;
    packet->frontend = packet->wire.destination;
    packet->frontend_port = packet->wire.destination_port;
    if (follow_translation(packet))
        return GO_ON;
    if (is_hairpin_reply(packet)) {
        packet->frontend = (struct martlet_address){};
        packet->frontend_port = 0;
        return GO_ON;
    }
    if (packet->icmp_error)
        return drop(packet, MARTLET_DROP_ICMP_UNRELATED);
    __s64 number = service_number(packet->wire.destination, packet->wire.destination_port, packet->wire.protocol);
    if (number < 0)
        return REFUSE + MARTLET_DROP_NO_SERVICE;
    if (is_tcp(packet) && !opens_tcp(packet))
        return drop(packet, MARTLET_DROP_STALE_FLOW);
    packet->service = (__u32)number;
    packet->rewritten = true;
    __u64 extent = 0;
    __u8 reason = choose_backend(packet, &extent);
    if (reason != MARTLET_DROP_NONE)
        packet->tuple = packet->wire;
    if (reason == MARTLET_DROP_NO_BACKEND)
        return REFUSE + reason;
    if (reason != MARTLET_DROP_NONE)
        return drop(packet, reason);
    if (store_translation(packet, extent))
        return drop(packet, MARTLET_DROP_INTERNAL);
    return GO_ON;
}

static __always_inline int service(struct packet *packet)
{
    return in_services(packet->wire.destination) ? translate(packet) : GO_ON;
}
