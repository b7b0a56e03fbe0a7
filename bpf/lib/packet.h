/* The packet: what the stages know of it, and the only place that reads or writes its bytes. Bytes go through the
 * load and store helpers (linear or not, cloned or not), so no stage holds a packet pointer. */
#pragma once

#include "config.h"

enum layer_offset {
    ETHERNET_BYTES = 14,
    IPV4_BYTES = 20,
    IPV6_BYTES = 40,
    L3_OFFSET = ETHERNET_BYTES,
};

enum clock_unit {
    NS_PER_S = 1000000000,
};

/* A stage returns GO_ON, the program's final verdict, or REFUSE + reason: then the entry answers the sender. */
enum stage_result {
    GO_ON = 100,
    UNTRACKED = 101, /* within conntrack */
    REFUSE = 256,
};

enum fragment_kind {
    NOT_FRAGMENTED = 0,
    FIRST_FRAGMENT = 1,
    LATER_FRAGMENT = 2,
};

/* All that one run knows. For an ICMP error both tuples are the inner packet's, reversed: the direction in which the
 * error itself travels, so that the stages look up its flow like that of any packet. */
struct packet {
    struct martlet_tuple wire;       /* as it lies in the packet */
    struct martlet_tuple tuple;      /* as the stages want it: rewritten where it differs from `wire` */
    struct martlet_address frontend; /* the service address dialled, or zero */
    __u64 now_ns;                    /* CLOCK_MONOTONIC_COARSE, read once a run */
    __u32 length;
    __u32 generation;
    __u32 source_endpoint;
    __u32 destination_endpoint;
    __u32 service;
    __u32 rule_id;
    __u32 l4_offset;                 /* ICMP errors: of the inner L4 header */
    __u32 inner_offset;              /* ICMP errors: of the inner L3 header */
    __be16 frontend_port;
    __be16 ethertype;
    __u8 family;                     /* 4 or 6 */
    __u8 hook;                       /* enum martlet_hook */
    __u8 ttl;
    __u8 tcp_flags;
    __u8 icmp_type;
    __u8 fragment;                   /* enum fragment_kind */
    bool icmp_error;
    bool router_error;               /* an ICMP error whose sender is not the inner destination */
    bool multicast;
    bool from_node;                  /* sent by the node's own stack */
    bool rewritten;                  /* `tuple` may differ from `wire` */
    bool by_socket;                  /* `frontend` was dialled by the socket: nothing to translate here */
    __u8 direction;                  /* enum martlet_direction: which list decided */
    __u8 l4_bytes;                   /* of the transport header */
    __sum16 ipv4_checksum;           /* as on the wire */
    bool reply;                      /* sent by the end that answers */
    bool opens;                      /* asks for something new: a SYN, an SCTP INIT, an echo request */
    __u8 padding[2];
};
_Static_assert(sizeof(struct packet) == 160, "packet");

static __always_inline struct martlet_address address_of_ipv4(__be32 address)
{
    return (struct martlet_address){.high = 0, .low = ((__u64)address << 32) | 0xffff0000ULL};
}

static __always_inline __be32 ipv4_of_address(struct martlet_address address)
{
    return (__be32)(address.low >> 32);
}

static __always_inline struct martlet_address address_of_words(const __be32 words[4])
{
    return (struct martlet_address){
        .high = ((__u64)words[1] << 32) | words[0],
        .low = ((__u64)words[3] << 32) | words[2],
    };
}

static __always_inline bool is_ipv4(struct martlet_address address)
{
    return address.high == 0 && (__u32)address.low == 0xffff0000U;
}

static __always_inline struct martlet_tuple reversed(const struct martlet_tuple *tuple)
{
    return (struct martlet_tuple){
        .source = tuple->destination,
        .destination = tuple->source,
        .source_port = tuple->destination_port,
        .destination_port = tuple->source_port,
        .protocol = tuple->protocol,
    };
}

static __always_inline bool is_tcp(const struct packet *packet)
{
    return packet->tuple.protocol == PROTOCOL_TCP;
}

/* A SYN that is no answer. */
static __always_inline bool opens_tcp(const struct packet *packet)
{
    return (packet->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;
}

static __always_inline bool is_icmp(__u8 protocol)
{
    return protocol == PROTOCOL_ICMP || protocol == PROTOCOL_ICMPV6;
}

/* The Internet checksum of a sum. */
static __always_inline __sum16 fold_sum(__u32 sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (__sum16)~sum;
}

static __always_inline bool load_bytes(struct __sk_buff *skb, __u32 offset, void *to, __u32 size)
{
    return bpf_skb_load_bytes(skb, offset, to, size) == 0;
}

static __always_inline bool store_bytes(struct __sk_buff *skb, __u32 offset, const void *from, __u32 size)
{
    return bpf_skb_store_bytes(skb, offset, from, size, 0) == 0;
}

/* Bytes from the L3 header on. */
static __always_inline __u32 l3_length(const struct packet *packet)
{
    return packet->length - ETHERNET_BYTES;
}

/* Largest L3 packet that leaves when this one is sent: a segment of it, where it is segmented later. */
static __always_inline __u32 largest_segment(struct __sk_buff *skb, const struct packet *packet)
{
    __u32 gso = skb->gso_size;
    if (gso == 0)
        return l3_length(packet);
    return packet->l4_offset - L3_OFFSET + packet->l4_bytes + gso;
}
