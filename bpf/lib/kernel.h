/* What the programs need of the kernel's own types: fixed-width integers, the two program contexts (user-space ABI,
 * fixed offsets), header formats of the protocols, and the constants in use. No dump of a kernel's BTF is needed,
 * since no kernel-internal struct is read. */
#pragma once

#define MARTLET_KERNEL_TYPES 1

typedef unsigned char __u8;
typedef signed char __s8;
typedef unsigned short __u16;
typedef signed short __s16;
typedef unsigned int __u32;
typedef signed int __s32;
typedef unsigned long long __u64;
typedef signed long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u32 __wsum;
typedef __u16 __sum16;
typedef _Bool bool;

#define true 1
#define false 0
#define NULL ((void *)0)

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "addresses are compared as little-endian words");

enum bpf_map_type {
    BPF_MAP_TYPE_HASH = 1,
    BPF_MAP_TYPE_ARRAY = 2,
    BPF_MAP_TYPE_PERCPU_ARRAY = 6,
    BPF_MAP_TYPE_LRU_HASH = 9,
    BPF_MAP_TYPE_LPM_TRIE = 11,
    BPF_MAP_TYPE_RINGBUF = 27,
};

enum bpf_constant {
    BPF_ANY = 0,
    BPF_NOEXIST = 1,
    BPF_F_NO_PREALLOC = 1,
    BPF_F_MMAPABLE = 1024,
    BPF_F_PSEUDO_HDR = 16,
    BPF_F_MARK_MANGLED_0 = 32,
    BPF_ADJ_ROOM_MAC = 1,
    BPF_RB_NO_WAKEUP = 1,
    BPF_RB_FORCE_WAKEUP = 2,
    BPF_RB_AVAIL_DATA = 0,
    TC_ACT_OK = 0,
    TC_ACT_SHOT = 2,
    PACKET_HOST = 0,
    ECONNREFUSED = 111,
};

/* The packet, as a tc program sees it. Only offsets matter; the kernel rewrites each access. */
struct __sk_buff {
    __u32 len;
    __u32 pkt_type;
    __u32 mark;
    __u32 queue_mapping;
    __u32 protocol;
    __u32 vlan_present;
    __u32 vlan_tci;
    __u32 vlan_proto;
    __u32 priority;
    __u32 ingress_ifindex;
    __u32 ifindex;
    __u32 tc_index;
    __u32 cb[5];
    __u32 hash;
    __u32 tc_classid;
    __u32 data;
    __u32 data_end;
    __u32 napi_id;
    __u32 family;
    __u32 remote_ip4;
    __u32 local_ip4;
    __u32 remote_ip6[4];
    __u32 local_ip6[4];
    __u32 remote_port;
    __u32 local_port;
    __u32 data_meta;
    __u64 flow_keys;
    __u64 tstamp;
    __u32 wire_len;
    __u32 gso_segs;
    __u64 sk;
    __u32 gso_size;
    __u8 tstamp_type;
    __u8 padding[3];
    __u64 hwtstamp;
};

/* The address a socket call was given. */
struct bpf_sock_addr {
    __u32 user_family;
    __u32 user_ip4;
    __u32 user_ip6[4];
    __u32 user_port;
    __u32 family;
    __u32 type;
    __u32 protocol;
    __u32 msg_src_ip4;
    __u32 msg_src_ip6[4];
    __u32 padding;
    __u64 sk;
};

enum protocol_number {
    ETHERTYPE_IPV4 = 0x0800,
    ETHERTYPE_ARP = 0x0806,
    ETHERTYPE_IPV6 = 0x86dd,
    PROTOCOL_HOP_OPTIONS = 0,
    PROTOCOL_ICMP = 1,
    PROTOCOL_IGMP = 2,
    PROTOCOL_TCP = 6,
    PROTOCOL_UDP = 17,
    PROTOCOL_ROUTING = 43,
    PROTOCOL_FRAGMENT = 44,
    PROTOCOL_ICMPV6 = 58,
    PROTOCOL_DESTINATION_OPTIONS = 60,
    PROTOCOL_SCTP = 132,
};

enum icmp_number {
    ICMP_ECHO_REPLY = 0,
    ICMP_UNREACHABLE = 3,
    ICMP_UNREACHABLE_PORT = 3,
    ICMP_UNREACHABLE_TOO_BIG = 4,
    ICMP_ECHO = 8,
    ICMP_TIME_EXCEEDED = 11,
    ICMP_PARAMETER = 12,
    ICMPV6_UNREACHABLE = 1,
    ICMPV6_UNREACHABLE_PORT = 4,
    ICMPV6_TOO_BIG = 2,
    ICMPV6_TIME_EXCEEDED = 3,
    ICMPV6_PARAMETER = 4,
    ICMPV6_ECHO = 128,
    ICMPV6_ECHO_REPLY = 129,
    ICMPV6_NEIGHBOUR_SOLICITATION = 135,
    ICMPV6_NEIGHBOUR_ADVERTISEMENT = 136,
};

enum tcp_flag {
    TCP_FIN = 1,
    TCP_SYN = 2,
    TCP_RST = 4,
    TCP_ACK = 16,
};

enum sctp_header {
    SCTP_FIRST_CHUNK = 12, /* its type is the first byte behind the common header */
    SCTP_INIT = 1,
};

struct ethernet_header {
    __u8 destination[6];
    __u8 source[6];
    __be16 type;
};
_Static_assert(sizeof(struct ethernet_header) == 14, "ethernet");

struct ipv4_header {
    __u8 version_length;
    __u8 service;
    __be16 total_length;
    __be16 id;
    __be16 fragment;
    __u8 ttl;
    __u8 protocol;
    __sum16 checksum;
    __be32 source;
    __be32 destination;
};
_Static_assert(sizeof(struct ipv4_header) == 20, "ipv4");

struct ipv6_header {
    __be32 version_class_label;
    __be16 payload_length;
    __u8 next_header;
    __u8 hop_limit;
    __be32 source[4];
    __be32 destination[4];
};
_Static_assert(sizeof(struct ipv6_header) == 40, "ipv6");

/* Also the first eight bytes of hop-by-hop, routing and destination options. */
struct ipv6_fragment_header {
    __u8 next_header;
    __u8 length;
    __be16 offset_more;
    __be32 id;
};
_Static_assert(sizeof(struct ipv6_fragment_header) == 8, "ipv6 fragment");

struct tcp_header {
    __be16 source;
    __be16 destination;
    __be32 sequence;
    __be32 acknowledgement;
    __u8 offset;
    __u8 flags;
    __be16 window;
    __sum16 checksum;
    __be16 urgent;
};
_Static_assert(sizeof(struct tcp_header) == 20, "tcp");

struct udp_header {
    __be16 source;
    __be16 destination;
    __be16 length;
    __sum16 checksum;
};
_Static_assert(sizeof(struct udp_header) == 8, "udp");

struct icmp_header {
    __u8 type;
    __u8 code;
    __sum16 checksum;
    __be16 id;
    __be16 sequence;
};
_Static_assert(sizeof(struct icmp_header) == 8, "icmp");

struct arp_packet {
    __be16 hardware;
    __be16 protocol;
    __u8 hardware_length;
    __u8 protocol_length;
    __be16 operation;
    __u8 sender_mac[6];
    __be16 sender_address[2]; /* halves: the field is not aligned to four */
    __u8 target_mac[6];
    __be16 target_address[2];
};
_Static_assert(sizeof(struct arp_packet) == 28, "arp");

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#define READ_ONCE(x) (*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, value) (*(volatile typeof(x) *)&(x) = (value))

/* A stage, or a part of one, that the verifier checks once on its own instead of at each call: it may assume nothing of
 * its arguments, so each pointer is checked for NULL on its first line. */
#define STAGE __attribute__((noinline))

/* 0 or 1 as an index that the verifier can bound (the compiler would leave out the mask). */
static __always_inline __u32 index_of(bool flag)
{
    __u32 index = flag;
    asm volatile("" : "+r"(index));
    return index & 1;
}
