/* Makes the packet what `tuple` says: addresses, ports or ICMP identifier, and every checksum over them, by difference,
 * so that checksums left to the network card and segment trains stay right. */
#pragma once

#include "events.h"

enum checksum_offset {
    IPV4_CHECKSUM_AT = 10,
    IPV4_ADDRESSES_AT = 12,
    IPV6_ADDRESSES_AT = 8,
    TCP_CHECKSUM_AT = 16,
    UDP_CHECKSUM_AT = 6,
    ICMP_CHECKSUM_AT = 2,
    ICMP_ID_AT = 4,
};

static __always_inline __u32 fold_difference(__u64 sum)
{
    sum = (sum & 0xffffffff) + (sum >> 32);
    return (__u32)((sum & 0xffffffff) + (sum >> 32));
}

static __always_inline __u64 word_difference(__u64 from, __u64 to)
{
    return (to & 0xffffffff) + (to >> 32) + (~from & 0xffffffff) + (~from >> 32);
}

/* Checksum difference of the addresses; v4-mapped prefixes cancel out. In plain arithmetic: the helper for it costs
 * more than all the rest of the sum. */
static __always_inline __u32 address_difference(const struct martlet_tuple *from, const struct martlet_tuple *to)
{
    return fold_difference(
        word_difference(from->source.high, to->source.high) + word_difference(from->source.low, to->source.low) +
        word_difference(from->destination.high, to->destination.high) +
        word_difference(from->destination.low, to->destination.low));
}

static __always_inline __u32 port_difference(const struct martlet_tuple *from, const struct martlet_tuple *to)
{
    __u32 size = is_icmp(from->protocol) ? 2 : 4;
    __u32 from_ports = from->source_port | (size == 4 ? (__u32)from->destination_port << 16 : 0);
    __u32 to_ports = to->source_port | (size == 4 ? (__u32)to->destination_port << 16 : 0);
    return fold_difference((__u64)to_ports + (__u32)~from_ports);
}

static __always_inline bool store_addresses(
    struct __sk_buff *skb, __u32 l3, const struct martlet_tuple *to, __u8 family)
{
    if (family == 6)
        return store_bytes(skb, l3 + IPV6_ADDRESSES_AT, &to->source, 32);
    __be32 words[2] = {ipv4_of_address(to->source), ipv4_of_address(to->destination)};
    return store_bytes(skb, l3 + IPV4_ADDRESSES_AT, words, sizeof(words));
}

/* Checksum and addresses of the outer IPv4 header in one store. */
static __always_inline bool store_ipv4(
    struct __sk_buff *skb, const struct packet *packet, const struct martlet_tuple *to, __u32 difference)
{
    __be32 source = ipv4_of_address(to->source);
    __be32 destination = ipv4_of_address(to->destination);
    __u32 sum = (__u16)~packet->ipv4_checksum + (difference & 0xffff) + (difference >> 16);
    __u16 words[5] = {
        fold_sum(sum), (__u16)source, (__u16)(source >> 16), (__u16)destination, (__u16)(destination >> 16),
    };
    return store_bytes(skb, L3_OFFSET + IPV4_CHECKSUM_AT, words, sizeof(words));
}

static __always_inline bool store_ports(struct __sk_buff *skb, __u32 l4, const struct martlet_tuple *to)
{
    if (is_icmp(to->protocol))
        return store_bytes(skb, l4 + ICMP_ID_AT, &to->source_port, 2);
    return store_bytes(skb, l4, &to->source_port, 4);
}

static __always_inline bool same_ports(const struct martlet_tuple *a, const struct martlet_tuple *b)
{
    return a->source_port == b->source_port && a->destination_port == b->destination_port;
}

/* Where the transport checksum is and how it is to be replaced; false: none that addresses or ports enter. */
static __always_inline bool transport_checksum(__u8 protocol, __u32 *at, __u64 *flags)
{
    *flags = 0;
    if (protocol == PROTOCOL_TCP)
        *at = TCP_CHECKSUM_AT;
    else if (protocol == PROTOCOL_UDP)
        *at = UDP_CHECKSUM_AT;
    else
        *at = ICMP_CHECKSUM_AT;
    if (protocol == PROTOCOL_UDP)
        *flags = BPF_F_MARK_MANGLED_0;
    return protocol != PROTOCOL_SCTP;
}

static __noinline bool rewrite_plain(struct __sk_buff *skb, struct packet *packet)
{
    const struct martlet_tuple *from = &packet->wire;
    const struct martlet_tuple *to = &packet->tuple;
    __u32 difference = address_difference(from, to);
    __u32 at;
    __u64 flags;
    bool stored = packet->family == 4 ? store_ipv4(skb, packet, to, difference)
                                      : store_addresses(skb, L3_OFFSET, to, packet->family);
    if (!stored)
        return false;
    if (packet->fragment == LATER_FRAGMENT)
        return true;
    bool summed = transport_checksum(to->protocol, &at, &flags);
    at += packet->l4_offset;
    if (summed && to->protocol != PROTOCOL_ICMP &&
        bpf_l4_csum_replace(skb, at, 0, difference, flags | BPF_F_PSEUDO_HDR))
        return false;
    if (same_ports(from, to))
        return true;
    if (summed && bpf_l4_csum_replace(skb, at, 0, port_difference(from, to), flags))
        return false;
    return store_ports(skb, packet->l4_offset, to);
}

/* The outer tuple of an ICMP error travels like the reversed inner one; a router's own address stays. */
static __always_inline bool rewrite_outer(struct __sk_buff *skb, const struct packet *packet)
{
    struct martlet_tuple from = packet->wire;
    struct martlet_tuple to = packet->tuple;
    if (packet->router_error) {
        if (packet->family == 4) {
            __be32 source = 0;
            if (!load_bytes(skb, L3_OFFSET + IPV4_ADDRESSES_AT, &source, sizeof(source)))
                return false;
            from.source = to.source = address_of_ipv4(source);
        } else {
            if (!load_bytes(skb, L3_OFFSET + IPV6_ADDRESSES_AT, &from.source, sizeof(from.source)))
                return false;
            to.source = from.source;
        }
    }
    __u32 difference = address_difference(&from, &to);
    if (packet->family == 4) {
        if (bpf_l3_csum_replace(skb, L3_OFFSET + IPV4_CHECKSUM_AT, 0, difference, 0))
            return false;
    } else {
        __u32 at = packet->inner_offset - sizeof(struct icmp_header) + ICMP_CHECKSUM_AT;
        if (bpf_l4_csum_replace(skb, at, 0, difference, BPF_F_PSEUDO_HDR))
            return false;
    }
    return store_addresses(skb, L3_OFFSET, &to, packet->family);
}

/* Both headers of an ICMP error. The inner transport checksum stays: nobody reads it. For IPv4 the inner addresses and
 * their header checksum cancel out in the ICMP checksum. */
static __noinline bool rewrite_error(struct __sk_buff *skb, struct packet *packet)
{
    struct martlet_tuple from = reversed(&packet->wire);
    struct martlet_tuple to = reversed(&packet->tuple);
    __u32 at = packet->inner_offset - sizeof(struct icmp_header) + ICMP_CHECKSUM_AT;
    if (!rewrite_outer(skb, packet))
        return false;
    __u32 difference = address_difference(&from, &to);
    if (packet->family == 4) {
        if (bpf_l3_csum_replace(skb, packet->inner_offset + IPV4_CHECKSUM_AT, 0, difference, 0))
            return false;
    } else if (bpf_l4_csum_replace(skb, at, 0, difference, 0)) {
        return false;
    }
    if (!store_addresses(skb, packet->inner_offset, &to, packet->family))
        return false;
    if (same_ports(&from, &to))
        return true;
    if (bpf_l4_csum_replace(skb, at, 0, port_difference(&from, &to), 0))
        return false;
    return store_ports(skb, packet->l4_offset, &to);
}

STAGE bool rewrite_packet(struct __sk_buff *skb, struct packet *packet)
{
    if (!packet)
        return false;
    bool done = packet->icmp_error ? rewrite_error(skb, packet) : rewrite_plain(skb, packet);
    if (done)
        packet->wire = packet->tuple;
    return done;
}

static __always_inline int rewrite(struct __sk_buff *skb, struct packet *packet)
{
    if (!packet->rewritten)
        return GO_ON;
    return rewrite_packet(skb, packet) ? GO_ON : drop(packet, MARTLET_DROP_INTERNAL);
}
