/* Masquerade: pods reach the outside with the node's address and a port of MASQUERADE range; the answers find back.
 * The node's own flows in that range, and its ICMP echoes, are entered alike, so that no two share a port and no answer
 * is taken from the node. */
#pragma once

#include "conntrack.h"

enum masquerade_limit {
    MASQUERADE_TRIES = 16,
    MASQUERADE_PORTS = MARTLET_MASQUERADE_PORT_HIGH - MARTLET_MASQUERADE_PORT_LOW + 1,
};

static __always_inline bool in_masquerade_range(__be16 port)
{
    return bpf_ntohs(port) >= MARTLET_MASQUERADE_PORT_LOW;
}

/* The address that pods take towards the outside; zero where masquerade is off. */
static __always_inline struct martlet_address masquerade_address(__u8 family)
{
    struct martlet_address none = {};
    if (family == 4 && (config.flags & MARTLET_CONFIG_MASQUERADE_IPV4))
        return (struct martlet_address){.high = config.masquerade_ipv4.high, .low = config.masquerade_ipv4.low};
    if (family == 6 && (config.flags & MARTLET_CONFIG_MASQUERADE_IPV6))
        return (struct martlet_address){.high = config.masquerade_ipv6.high, .low = config.masquerade_ipv6.low};
    return none;
}

static __always_inline void set_masquerade_key(struct martlet_masquerade_key *key, struct martlet_address remote,
    __be16 remote_port, struct martlet_address local, __be16 local_port)
{
    key->remote = remote;
    key->remote_port = remote_port;
    key->local = local;
    key->local_port = local_port;
}

/* The entry of a key if it is that key's and in time, freshened. */
static __always_inline struct martlet_masquerade *find_masquerade(const struct martlet_masquerade_key *key, __u64 now)
{
    __u64 seconds = key->protocol == PROTOCOL_TCP ? MARTLET_TIMEOUT_TCP_ESTABLISHED_S : MARTLET_TIMEOUT_ESTABLISHED_S;
    struct martlet_masquerade *entry = bpf_map_lookup_elem(&masquerades, key);
    if (!entry)
        return NULL;
    if (READ_ONCE(entry->tag) != martlet_masquerade_tag(key))
        return NULL;
    if ((__s64)(now - READ_ONCE(entry->last_seen_ns)) > (__s64)(seconds * NS_PER_S))
        return NULL;
    WRITE_ONCE(entry->last_seen_ns, now);
    return entry;
}

static __always_inline int enter_masquerade(
    const struct martlet_masquerade_key *key, struct martlet_address address, __be16 port, __u64 now, __u64 mode)
{
    struct martlet_masquerade value = {};
    value.address = address;
    value.port = port;
    value.tag = martlet_masquerade_tag(key);
    value.last_seen_ns = now;
    return (int)bpf_map_update_elem(&masquerades, key, &value, mode);
}

/* Takes one port for the packet's flow: both entries, or an error where another flow has it. */
STAGE int take_port(const struct packet *packet, const struct martlet_address *to, __be16 port)
{
    if (!packet || !to)
        return -1;
    struct martlet_address address = *to;
    struct martlet_masquerade_key key = {};
    const struct martlet_tuple *tuple = &packet->tuple;
    __u64 now = packet->now_ns;
    bool icmp = is_icmp(tuple->protocol);
    key.protocol = tuple->protocol;
    key.way = MARTLET_MASQUERADE_IN;
    set_masquerade_key(&key, tuple->destination, icmp ? 0 : tuple->destination_port, address, port);
    struct martlet_masquerade *entry = find_masquerade(&key, now);
    if (entry)
        return same_address(entry->address, tuple->source) && entry->port == tuple->source_port ? 0 : -1;
    int failed = enter_masquerade(&key, tuple->source, tuple->source_port, now, BPF_ANY);
    if (failed)
        return failed;
    key.way = MARTLET_MASQUERADE_OUT;
    set_masquerade_key(&key, tuple->destination, icmp ? 0 : tuple->destination_port, tuple->source, tuple->source_port);
    return enter_masquerade(&key, address, port, now, BPF_ANY);
}

static __always_inline __be16 random_masquerade_port(void)
{
    __u32 step = (__u32)(((__u64)bpf_get_prandom_u32() * MASQUERADE_PORTS) >> 32);
    return bpf_htons((__u16)(MARTLET_MASQUERADE_PORT_LOW + step));
}

static __always_inline void leave_as(struct packet *packet, struct martlet_address address, __be16 port)
{
    packet->tuple.source = address;
    packet->tuple.source_port = port;
    if (is_icmp(packet->tuple.protocol))
        packet->tuple.destination_port = port;
    packet->rewritten = true;
}

/* Finds or takes the port with which the packet's flow leaves `address`. The node's own flows keep theirs where it is
 * free. Answers a drop reason. */
STAGE __u8 masquerade(struct packet *packet, struct martlet_address *to)
{
    if (!packet || !to)
        return MARTLET_DROP_INTERNAL;
    struct martlet_address address = *to;
    struct martlet_masquerade_key key = {};
    const struct martlet_tuple *tuple = &packet->tuple;
    __u64 now = packet->now_ns;
    key.protocol = tuple->protocol;
    key.way = MARTLET_MASQUERADE_OUT;
    set_masquerade_key(&key, tuple->destination, is_icmp(tuple->protocol) ? 0 : tuple->destination_port,
        tuple->source, tuple->source_port);
    struct martlet_masquerade *entry = find_masquerade(&key, now);
    if (entry) {
        struct martlet_address taken = entry->address;
        __be16 port = entry->port;
        /* Also puts back the other entry where that was evicted. */
        if (same_address(taken, address) && take_port(packet, &taken, port) == 0) {
            leave_as(packet, taken, port);
            return MARTLET_DROP_NONE;
        }
    }
    if (packet->icmp_error)
        return MARTLET_DROP_ICMP_UNRELATED;
    for (int i = 0; i < MASQUERADE_TRIES; i++) {
        __be16 port = i == 0 && same_address(tuple->source, address) ? tuple->source_port : random_masquerade_port();
        if (take_port(packet, &address, port) == 0) {
            count(MARTLET_COUNTER_MASQUERADES_OPENED, 1);
            leave_as(packet, address, port);
            return MARTLET_DROP_NONE;
        }
    }
    return MARTLET_DROP_NAT_EXHAUSTED;
}

/* A packet to the node that answers a masqueraded flow goes on to the flow's own end. */
STAGE int unmasquerade(struct packet *packet)
{
    if (!packet)
        return -1;
    struct martlet_masquerade_key key = {};
    const struct martlet_tuple *tuple = &packet->tuple;
    bool icmp = is_icmp(tuple->protocol);
    key.protocol = tuple->protocol;
    key.way = MARTLET_MASQUERADE_IN;
    set_masquerade_key(
        &key, tuple->source, icmp ? 0 : tuple->source_port, tuple->destination, tuple->destination_port);
    struct martlet_masquerade *entry = find_masquerade(&key, packet->now_ns);
    if (!entry)
        return -1;
    packet->tuple.destination = entry->address;
    packet->tuple.destination_port = entry->port;
    if (icmp)
        packet->tuple.source_port = packet->tuple.destination_port;
    packet->rewritten = true;
    return 0;
}
