/* Packets that the program makes itself out of the one it was given, and hands back to the sender: ARP and neighbour
 * answers for the gateway, TCP resets, ICMP errors. The sender is a pod: the answer goes in at the pod's own end of the
 * veth, past every other program. */
#pragma once

#include "events.h"

enum answer_size {
    ARP_FRAME_BYTES = ETHERNET_BYTES + 28,
    ADVERTISEMENT_FRAME_BYTES = ETHERNET_BYTES + IPV6_BYTES + 32,
    QUOTE_BYTES_MAX = 88,
    ANSWER_TTL = 64,
};

static __always_inline __u32 sum_bytes(void *bytes, __u32 size, __u32 seed)
{
    return (__u32)bpf_csum_diff(NULL, 0, bytes, size, seed);
}

/* Hands the packet to the pod it came from, or back to the link it came from. */
static __always_inline int send_back(struct __sk_buff *skb, const struct packet *packet)
{
    if (packet->hook != MARTLET_HOOK_FROM_POD)
        return (int)bpf_redirect(skb->ifindex, 0);
    if (skb->pkt_type != PACKET_HOST)
        bpf_skb_change_type(skb, PACKET_HOST);
    return (int)bpf_redirect_peer(skb->ifindex, 0);
}

static __always_inline void copy_mac(__u8 to[6], const volatile __u8 from[6])
{
    for (int i = 0; i < 6; i++)
        to[i] = from[i];
}

/* Turns the Ethernet header around; towards a pod the sender's address becomes the gateway's. */
static __always_inline bool turn_ethernet(struct __sk_buff *skb, const struct packet *packet)
{
    struct ethernet_header ethernet;
    if (!load_bytes(skb, 0, &ethernet, sizeof(ethernet)))
        return false;
    struct ethernet_header turned = {.type = ethernet.type};
    copy_mac(turned.destination, ethernet.source);
    copy_mac(turned.source, ethernet.destination);
    if (packet->hook == MARTLET_HOOK_FROM_POD)
        copy_mac(turned.source, config.gateway_mac);
    ethernet = turned;
    return store_bytes(skb, 0, &ethernet, sizeof(ethernet));
}

/* "169.254.1.1 is at the gateway's address"; any other question is no business of a pod's. */
STAGE int answer_arp(struct __sk_buff *skb, struct packet *packet)
{
    if (!packet)
        return TC_ACT_SHOT;
    struct arp_packet arp;
    if (!load_bytes(skb, L3_OFFSET, &arp, sizeof(arp)))
        return drop(packet, MARTLET_DROP_MALFORMED);
    bool request = arp.hardware == bpf_htons(1) && arp.protocol == bpf_htons(ETHERTYPE_IPV4) &&
                   arp.operation == bpf_htons(1);
    bool gateway = arp.target_address[0] == bpf_htons(0xa9fe) && arp.target_address[1] == bpf_htons(0x0101);
    if (!request || !gateway)
        return drop(packet, MARTLET_DROP_MULTICAST);
    arp.operation = bpf_htons(2);
    copy_mac(arp.target_mac, arp.sender_mac);
    copy_mac(arp.sender_mac, config.gateway_mac);
    arp.target_address[0] = arp.sender_address[0];
    arp.target_address[1] = arp.sender_address[1];
    arp.sender_address[0] = bpf_htons(0xa9fe);
    arp.sender_address[1] = bpf_htons(0x0101);
    if (!turn_ethernet(skb, packet) || !store_bytes(skb, L3_OFFSET, &arp, sizeof(arp)))
        return drop(packet, MARTLET_DROP_INTERNAL);
    return send_back(skb, packet);
}

/* A neighbour message after its ICMPv6 header's first four bytes, with the one link-layer option. */
struct neighbour_message {
    __u8 type;
    __u8 code;
    __sum16 checksum;
    __be32 flags;
    __be32 target[4];
    __u8 option;
    __u8 option_length;
    __u8 mac[6];
};
_Static_assert(sizeof(struct neighbour_message) == 32, "neighbour message");

struct pseudo_header {
    __be32 source[4];
    __be32 destination[4];
    __be32 length;
    __be32 protocol;
};
_Static_assert(sizeof(struct pseudo_header) == 40, "pseudo header");

static __always_inline void set_words(__be32 words[4], struct martlet_address address)
{
    words[0] = (__be32)address.high;
    words[1] = (__be32)(address.high >> 32);
    words[2] = (__be32)address.low;
    words[3] = (__be32)(address.low >> 32);
}

/* Serves IPv4 too: the 0xffff words of two v4-mapped addresses add up to nothing. */
static __always_inline __u32 sum_pseudo(
    struct martlet_address source, struct martlet_address destination, __u32 length, __u8 protocol)
{
    struct pseudo_header pseudo = {};
    set_words(pseudo.source, source);
    set_words(pseudo.destination, destination);
    pseudo.length = bpf_htonl(length);
    pseudo.protocol = bpf_htonl(protocol);
    return sum_bytes(&pseudo, sizeof(pseudo), 0);
}

static __always_inline struct ipv6_header new_ipv6(
    struct martlet_address source, struct martlet_address destination, __u16 payload, __u8 next, __u8 hops)
{
    struct ipv6_header ip = {};
    ip.version_class_label = bpf_htonl(0x60000000);
    ip.payload_length = bpf_htons(payload);
    ip.next_header = next;
    ip.hop_limit = hops;
    set_words(ip.source, source);
    set_words(ip.destination, destination);
    return ip;
}

static __always_inline struct ipv4_header new_ipv4(
    struct martlet_address source, struct martlet_address destination, __u16 payload, __u8 protocol)
{
    struct ipv4_header ip = {};
    ip.version_length = 0x45;
    ip.total_length = bpf_htons(IPV4_BYTES + payload);
    ip.fragment = bpf_htons(0x4000);
    ip.ttl = ANSWER_TTL;
    ip.protocol = protocol;
    ip.source = ipv4_of_address(source);
    ip.destination = ipv4_of_address(destination);
    ip.checksum = fold_sum(sum_bytes(&ip, sizeof(ip), 0));
    return ip;
}

/* "fe80::1 is at the gateway's address". */
STAGE int answer_solicitation(struct __sk_buff *skb, struct packet *packet)
{
    if (!packet)
        return TC_ACT_SHOT;
    struct neighbour_message message;
    struct martlet_address gateway = {.high = 0x80feULL, .low = 1ULL << 56};
    if (!load_bytes(skb, packet->l4_offset, &message, 24))
        return drop(packet, packet->multicast ? MARTLET_DROP_MULTICAST : MARTLET_DROP_MALFORMED);
    if (message.type != ICMPV6_NEIGHBOUR_SOLICITATION || !same_address(address_of_words(message.target), gateway) ||
        address_is_zero(packet->wire.source) || packet->l4_offset != L3_OFFSET + IPV6_BYTES)
        return drop(packet, MARTLET_DROP_MULTICAST);
    message.type = ICMPV6_NEIGHBOUR_ADVERTISEMENT;
    message.checksum = 0;
    message.flags = bpf_htonl(0xe0000000); /* router, solicited, override */
    message.option = 2;
    message.option_length = 1;
    copy_mac(message.mac, config.gateway_mac);
    __u32 sum = sum_pseudo(gateway, packet->wire.source, sizeof(message), PROTOCOL_ICMPV6);
    message.checksum = fold_sum(sum_bytes(&message, sizeof(message), sum));
    struct ipv6_header ip = new_ipv6(gateway, packet->wire.source, sizeof(message), PROTOCOL_ICMPV6, 255);
    if (bpf_skb_change_tail(skb, ADVERTISEMENT_FRAME_BYTES, 0) || !turn_ethernet(skb, packet) ||
        !store_bytes(skb, L3_OFFSET, &ip, sizeof(ip)) ||
        !store_bytes(skb, L3_OFFSET + IPV6_BYTES, &message, sizeof(message)))
        return drop(packet, MARTLET_DROP_INTERNAL);
    return send_back(skb, packet);
}

/* Writes the L3 header of an answer to the packet's source. */
static __always_inline bool store_l3(struct __sk_buff *skb, const struct packet *packet, struct martlet_address from,
    __u8 protocol, __u16 payload)
{
    struct martlet_address to = packet->wire.source;
    if (packet->family == 4) {
        struct ipv4_header ip = new_ipv4(from, to, payload, protocol);
        return store_bytes(skb, L3_OFFSET, &ip, sizeof(ip));
    }
    struct ipv6_header ip = new_ipv6(from, to, payload, protocol, ANSWER_TTL);
    return store_bytes(skb, L3_OFFSET, &ip, sizeof(ip));
}

static __always_inline __u32 plain_header_bytes(const struct packet *packet)
{
    return packet->family == 4 ? IPV4_BYTES : IPV6_BYTES;
}

/* Refuses a TCP segment: RFC 9293, 3.5.2, group 1. */
STAGE bool answer_reset(struct __sk_buff *skb, const struct packet *packet)
{
    if (!packet)
        return false;
    struct tcp_header tcp;
    __u32 header = plain_header_bytes(packet);
    if (!load_bytes(skb, packet->l4_offset, &tcp, sizeof(tcp)))
        return false;
    __u32 data = packet->length - packet->l4_offset - (tcp.offset >> 4) * 4U;
    __be32 acknowledgement = tcp.acknowledgement;
    if (tcp.flags & TCP_ACK) {
        tcp.sequence = acknowledgement;
        tcp.acknowledgement = 0;
        tcp.flags = TCP_RST;
    } else {
        __u32 consumed = data + ((tcp.flags & TCP_SYN) ? 1 : 0) + (tcp.flags & TCP_FIN);
        tcp.acknowledgement = bpf_htonl(bpf_ntohl(tcp.sequence) + consumed);
        tcp.sequence = 0;
        tcp.flags = TCP_RST | TCP_ACK;
    }
    tcp.source = packet->wire.destination_port;
    tcp.destination = packet->wire.source_port;
    tcp.offset = 0x50;
    tcp.window = tcp.urgent = 0;
    tcp.checksum = 0;
    __u32 sum = sum_pseudo(packet->wire.destination, packet->wire.source, sizeof(tcp), PROTOCOL_TCP);
    tcp.checksum = fold_sum(sum_bytes(&tcp, sizeof(tcp), sum));
    return bpf_skb_change_tail(skb, ETHERNET_BYTES + header + sizeof(tcp), 0) == 0 && turn_ethernet(skb, packet) &&
           store_l3(skb, packet, packet->wire.destination, PROTOCOL_TCP, sizeof(tcp)) &&
           store_bytes(skb, L3_OFFSET + header, &tcp, sizeof(tcp));
}

/* Bytes of the packet that an ICMP error quotes: the IPv4 header and eight more; of IPv6 what may hold extensions. */
static __always_inline __u32 quote_bytes(const struct packet *packet)
{
    if (packet->family == 4)
        return packet->l4_offset - L3_OFFSET + 8;
    __u32 all = l3_length(packet);
    return all < QUOTE_BYTES_MAX ? all & ~3U : QUOTE_BYTES_MAX;
}

/* The node's own address of the packet's family, as the sender of errors that a router sends. */
static __always_inline struct martlet_address router_address(const struct packet *packet)
{
    struct martlet_address from = packet->wire.destination;
    for (__u32 i = 0; i < MARTLET_NODE_ADDRESSES_MAX; i++) {
        if (i >= config.node_address_count)
            break;
        struct martlet_address node = {
            .high = config.node_addresses[i].high,
            .low = config.node_addresses[i].low,
        };
        if (is_ipv4(node) == (packet->family == 4))
            from = node;
    }
    return from;
}

/* Puts an ICMP error about the packet in its place. `word`: the second word of the header, network order. */
STAGE bool answer_error(
    struct __sk_buff *skb, const struct packet *packet, bool as_router, __u16 type_code, __be32 word)
{
    if (!packet)
        return false;
    struct martlet_address from = as_router ? router_address(packet) : packet->wire.destination;
    __u8 quote[QUOTE_BYTES_MAX] = {};
    struct {
        __u8 type;
        __u8 code;
        __sum16 checksum;
        __be32 word;
    } icmp = {.type = type_code >> 8, .code = (__u8)type_code, .word = word};
    __u32 size = quote_bytes(packet);
    if (size < IPV4_BYTES + 8 || size > QUOTE_BYTES_MAX || !load_bytes(skb, L3_OFFSET, quote, size))
        return false;
    __u32 header = plain_header_bytes(packet);
    __u8 protocol = packet->family == 4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6;
    __u16 payload = (__u16)(sizeof(icmp) + size);
    __u32 sum = 0;
    if (packet->family == 6)
        sum = sum_pseudo(from, packet->wire.source, payload, protocol);
    sum = sum_bytes(quote, sizeof(quote), sum);
    icmp.checksum = fold_sum(sum_bytes(&icmp, sizeof(icmp), sum));
    return bpf_skb_change_tail(skb, ETHERNET_BYTES + size, 0) == 0 &&
           bpf_skb_adjust_room(skb, (__s32)(header + sizeof(icmp)), BPF_ADJ_ROOM_MAC, 0) == 0 &&
           turn_ethernet(skb, packet) && store_l3(skb, packet, from, protocol, payload) &&
           store_bytes(skb, L3_OFFSET + header, &icmp, sizeof(icmp));
}

/* The ICMP error for a reason: type and code, zero for none. */
static __always_inline __u16 error_of(const struct packet *packet, __u8 reason)
{
    bool ipv4 = packet->family == 4;
    if (reason == MARTLET_DROP_TOO_BIG)
        return ipv4 ? ICMP_UNREACHABLE << 8 | ICMP_UNREACHABLE_TOO_BIG : ICMPV6_TOO_BIG << 8;
    if (reason == MARTLET_DROP_TTL_EXCEEDED)
        return ipv4 ? ICMP_TIME_EXCEEDED << 8 : ICMPV6_TIME_EXCEEDED << 8;
    if (is_icmp(packet->wire.protocol))
        return 0;
    return ipv4 ? ICMP_UNREACHABLE << 8 | ICMP_UNREACHABLE_PORT : ICMPV6_UNREACHABLE << 8 | ICMPV6_UNREACHABLE_PORT;
}

/* Drops a packet and lets its sender know at once: a TCP reset, or an ICMP error. The packet has not been rewritten.
 * `mtu` is told where the packet was too big. */
STAGE int refuse(struct __sk_buff *skb, struct packet *packet, __u8 reason, __u32 mtu)
{
    if (!packet)
        return TC_ACT_SHOT;
    bool answered = false;
    bool by_router = reason == MARTLET_DROP_TOO_BIG || reason == MARTLET_DROP_TTL_EXCEEDED;
    drop(packet, reason);
    if (packet->fragment == LATER_FRAGMENT || packet->icmp_error)
        return TC_ACT_SHOT;
    if (packet->wire.protocol == PROTOCOL_TCP && !by_router) {
        answered = !(packet->tcp_flags & TCP_RST) && answer_reset(skb, packet);
    } else {
        __u16 type_code = error_of(packet, reason);
        __be32 word = reason == MARTLET_DROP_TOO_BIG ? bpf_htonl(mtu) : 0;
        answered = type_code != 0 && answer_error(skb, packet, by_router, type_code, word);
    }
    return answered ? send_back(skb, packet) : TC_ACT_SHOT;
}
