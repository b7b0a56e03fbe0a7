/* Stage: parse. Fills `wire` and `tuple` from the bytes; answers MARTLET_DROP_NONE, or why the packet cannot be read.
 * Addresses are there whenever the L3 header could be read (`family` is set then), whatever the answer. */
#pragma once

#include "events.h"

static __always_inline bool is_icmp_error(const struct packet *packet)
{
    __u8 type = packet->icmp_type;
    if (packet->wire.protocol == PROTOCOL_ICMP)
        return type == ICMP_UNREACHABLE || type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETER;
    return packet->wire.protocol == PROTOCOL_ICMPV6 && type < 128;
}

static __always_inline bool is_icmp_echo(__u8 protocol, __u8 type)
{
    if (protocol == PROTOCOL_ICMP)
        return type == ICMP_ECHO || type == ICMP_ECHO_REPLY;
    return type == ICMPV6_ECHO || type == ICMPV6_ECHO_REPLY;
}

/* Ports of a transport header at `offset`, of which eight bytes are enough. */
static __always_inline __u8 parse_ports(struct __sk_buff *skb, __u32 offset, struct martlet_tuple *tuple, __u8 *type)
{
    struct udp_header ports;
    if (!load_bytes(skb, offset, &ports, sizeof(ports)))
        return MARTLET_DROP_MALFORMED;
    if (tuple->protocol == PROTOCOL_TCP || tuple->protocol == PROTOCOL_UDP || tuple->protocol == PROTOCOL_SCTP) {
        tuple->source_port = ports.source;
        tuple->destination_port = ports.destination;
        return MARTLET_DROP_NONE;
    }
    if (!is_icmp(tuple->protocol))
        return MARTLET_DROP_UNSUPPORTED_PROTOCOL;
    *type = (__u8)ports.source;
    if (is_icmp_echo(tuple->protocol, *type))
        tuple->source_port = tuple->destination_port = ports.length; /* where ICMP has its identifier */
    return MARTLET_DROP_NONE;
}

/* The inner tuple of an ICMP error, reversed, takes the place of the outer one. */
STAGE __u8 parse_error(struct __sk_buff *skb, struct packet *packet)
{
    if (!packet)
        return MARTLET_DROP_INTERNAL;
    struct martlet_tuple inner = {};
    __u32 offset = packet->l4_offset + sizeof(struct icmp_header);
    __u32 l4 = offset;
    __u8 type = 0;
    if (packet->fragment)
        return MARTLET_DROP_ICMP_UNRELATED;
    if (packet->family == 4) {
        struct ipv4_header ip;
        if (!load_bytes(skb, offset, &ip, sizeof(ip)) || (ip.version_length & 0xf0) != 0x40)
            return MARTLET_DROP_MALFORMED;
        inner.source = address_of_ipv4(ip.source);
        inner.destination = address_of_ipv4(ip.destination);
        inner.protocol = ip.protocol;
        l4 += (__u32)(ip.version_length & 15) * 4;
        if (ip.fragment & bpf_htons(0x1fff))
            return MARTLET_DROP_ICMP_UNRELATED;
    } else {
        struct ipv6_header ip;
        if (!load_bytes(skb, offset, &ip, sizeof(ip)))
            return MARTLET_DROP_MALFORMED;
        inner.source = address_of_words(ip.source);
        inner.destination = address_of_words(ip.destination);
        inner.protocol = ip.next_header;
        l4 += IPV6_BYTES;
    }
    __u8 reason = parse_ports(skb, l4, &inner, &type);
    if (reason != MARTLET_DROP_NONE)
        return MARTLET_DROP_ICMP_UNRELATED;
    if (!same_address(inner.source, packet->wire.destination))
        return MARTLET_DROP_ICMP_UNRELATED;
    packet->router_error = !same_address(inner.destination, packet->wire.source);
    packet->icmp_error = true;
    packet->inner_offset = offset;
    packet->l4_offset = l4;
    packet->wire = reversed(&inner);
    return MARTLET_DROP_NONE;
}

static __always_inline __u8 parse_l4(struct __sk_buff *skb, struct packet *packet)
{
    if (packet->wire.protocol == PROTOCOL_TCP) {
        struct tcp_header tcp;
        if (!load_bytes(skb, packet->l4_offset, &tcp, sizeof(tcp)) || tcp.offset < 0x50)
            return MARTLET_DROP_MALFORMED;
        packet->wire.source_port = tcp.source;
        packet->wire.destination_port = tcp.destination;
        packet->tcp_flags = tcp.flags;
        packet->opens = opens_tcp(packet);
        packet->l4_bytes = (tcp.offset >> 4) * 4;
        return MARTLET_DROP_NONE;
    }
    packet->l4_bytes = sizeof(struct udp_header);
    __u8 reason = parse_ports(skb, packet->l4_offset, &packet->wire, &packet->icmp_type);
    if (packet->wire.protocol == PROTOCOL_SCTP) {
        __u8 chunk = 0;
        packet->opens = load_bytes(skb, packet->l4_offset + SCTP_FIRST_CHUNK, &chunk, 1) && chunk == SCTP_INIT;
    } else if (is_icmp(packet->wire.protocol)) {
        packet->opens = packet->icmp_type == (packet->family == 4 ? ICMP_ECHO : ICMPV6_ECHO);
    }
    return reason;
}

/* The first fragment leaves its ports for the others. */
STAGE __u8 parse_fragment(struct packet *packet, __u32 id)
{
    if (!packet)
        return MARTLET_DROP_INTERNAL;
    struct martlet_fragment_key key = {};
    key.source = packet->wire.source;
    key.destination = packet->wire.destination;
    key.id = id;
    key.protocol = packet->wire.protocol;
    __u32 tag = martlet_fragment_tag(&key);
    if (packet->fragment == FIRST_FRAGMENT) {
        struct martlet_fragment record = {};
        record.time_ns = packet->now_ns;
        record.source_port = packet->wire.source_port;
        record.destination_port = packet->wire.destination_port;
        record.tag = tag;
        return bpf_map_update_elem(&fragments, &key, &record, BPF_ANY) ? MARTLET_DROP_INTERNAL : MARTLET_DROP_NONE;
    }
    struct martlet_fragment *record = bpf_map_lookup_elem(&fragments, &key);
    if (!record)
        return MARTLET_DROP_FRAGMENT_UNKNOWN;
    packet->wire.source_port = record->source_port;
    packet->wire.destination_port = record->destination_port;
    __u64 age_ns = packet->now_ns - record->time_ns;
    if (READ_ONCE(record->tag) != tag || age_ns > (__u64)MARTLET_TIMEOUT_FRAGMENT_S * NS_PER_S)
        return MARTLET_DROP_FRAGMENT_UNKNOWN;
    return MARTLET_DROP_NONE;
}

/* `fragment` in units of eight bytes with the more-flag in `more`. */
static __always_inline void set_fragment(struct packet *packet, __u16 offset, bool more)
{
    if (offset)
        packet->fragment = LATER_FRAGMENT;
    else if (more)
        packet->fragment = FIRST_FRAGMENT;
}

static __always_inline __u8 parse_ipv4(struct __sk_buff *skb, struct packet *packet, __u32 *id)
{
    struct ipv4_header ip;
    if (!load_bytes(skb, L3_OFFSET, &ip, sizeof(ip)))
        return MARTLET_DROP_MALFORMED;
    __u32 header = (__u32)(ip.version_length & 15) * 4;
    __u32 total = bpf_ntohs(ip.total_length);
    if ((ip.version_length & 0xf0) != 0x40 || header < IPV4_BYTES)
        return MARTLET_DROP_MALFORMED;
    if (total == 0 && skb->gso_size)
        total = l3_length(packet); /* a segment train over 64 KiB carries no length */
    if (total < header || total > l3_length(packet))
        return MARTLET_DROP_MALFORMED;
    packet->family = 4;
    packet->ttl = ip.ttl;
    packet->ipv4_checksum = ip.checksum;
    packet->wire.source = address_of_ipv4(ip.source);
    packet->wire.destination = address_of_ipv4(ip.destination);
    packet->wire.protocol = ip.protocol;
    packet->multicast = (ip.destination & bpf_htonl(0xf0000000)) == bpf_htonl(0xe0000000) || ip.destination == ~0U;
    packet->l4_offset = L3_OFFSET + header;
    __u16 fragment = bpf_ntohs(ip.fragment);
    set_fragment(packet, fragment & 0x1fff, fragment & 0x2000);
    *id = ip.id;
    return MARTLET_DROP_NONE;
}

enum extension_limit {
    EXTENSION_HEADERS_MAX = 4,
};

/* Steps over extension headers to the transport header. */
static __always_inline __u8 parse_extensions(struct __sk_buff *skb, struct packet *packet, __u8 next, __u32 *id)
{
    __u32 offset = L3_OFFSET + IPV6_BYTES;
    for (int i = 0; i < EXTENSION_HEADERS_MAX; i++) {
        if (next != PROTOCOL_HOP_OPTIONS && next != PROTOCOL_ROUTING && next != PROTOCOL_FRAGMENT &&
            next != PROTOCOL_DESTINATION_OPTIONS)
            break;
        struct ipv6_fragment_header header;
        if (!load_bytes(skb, offset, &header, sizeof(header)))
            return MARTLET_DROP_MALFORMED;
        if (next == PROTOCOL_FRAGMENT) {
            __u16 fragment = bpf_ntohs(header.offset_more);
            set_fragment(packet, fragment >> 3, fragment & 1);
            *id = header.id;
            offset += sizeof(header);
        } else {
            offset += ((__u32)header.length + 1) * 8;
        }
        next = header.next_header;
        if (packet->fragment == LATER_FRAGMENT)
            break;
    }
    packet->wire.protocol = next;
    packet->l4_offset = offset;
    return MARTLET_DROP_NONE;
}

static __always_inline __u8 parse_ipv6(struct __sk_buff *skb, struct packet *packet, __u32 *id)
{
    struct ipv6_header ip;
    if (!load_bytes(skb, L3_OFFSET, &ip, sizeof(ip)))
        return MARTLET_DROP_MALFORMED;
    __u32 payload = bpf_ntohs(ip.payload_length);
    if ((ip.version_class_label & bpf_htonl(0xf0000000)) != bpf_htonl(0x60000000))
        return MARTLET_DROP_MALFORMED;
    if (payload + IPV6_BYTES > l3_length(packet))
        return MARTLET_DROP_MALFORMED;
    packet->wire.source = address_of_words(ip.source);
    packet->wire.destination = address_of_words(ip.destination);
    /* A v4-mapped address on the wire would be taken for the IPv4 pod of that number. */
    if (is_ipv4(packet->wire.source) || is_ipv4(packet->wire.destination))
        return MARTLET_DROP_MALFORMED;
    packet->family = 6;
    packet->ttl = ip.hop_limit;
    packet->multicast = (ip.destination[0] & bpf_htonl(0xff000000)) == bpf_htonl(0xff000000);
    return parse_extensions(skb, packet, ip.next_header, id);
}

static __always_inline __u8 parse(struct __sk_buff *skb, struct packet *packet)
{
    __u32 id = 0;
    __u8 reason = MARTLET_DROP_UNSUPPORTED_ETHERTYPE;
    packet->length = skb->len;
    packet->ethertype = (__be16)skb->protocol;
    if (packet->length < ETHERNET_BYTES || skb->vlan_present)
        return reason;
    if (packet->ethertype == bpf_htons(ETHERTYPE_IPV4))
        reason = parse_ipv4(skb, packet, &id);
    else if (packet->ethertype == bpf_htons(ETHERTYPE_IPV6))
        reason = parse_ipv6(skb, packet, &id);
    packet->tuple = packet->wire;
    if (packet->multicast)
        return reason;
    if (reason == MARTLET_DROP_NONE && packet->fragment != LATER_FRAGMENT)
        reason = parse_l4(skb, packet);
    if (reason == MARTLET_DROP_NONE && packet->fragment)
        reason = parse_fragment(packet, id);
    if (reason == MARTLET_DROP_NONE && packet->fragment != LATER_FRAGMENT && is_icmp_error(packet))
        reason = parse_error(skb, packet);
    packet->tuple = packet->wire;
    return reason;
}
