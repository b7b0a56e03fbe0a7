/* The part of the shared layout that holds flows: connection tracking, translation, masquerade, fragments, and the tags
 * that tell a value from one whose slot is being reused. Included by abi.h, never alone. */
#pragma once

/* ---- flows --------------------------------------------------------------------------------------------------- */

/* One packet's tuple, in its own direction. Ports of an ICMP echo are both its identifier; of other ICMP zero. */
struct martlet_tuple {
    struct martlet_address source;
    struct martlet_address destination;
    __be16 source_port;
    __be16 destination_port;
    __u8 protocol;
    __u8 padding[3];
};
_Static_assert(sizeof(struct martlet_tuple) == 40, "tuple");

/* A flow in either direction: the tuple after service translation and before masquerade, its ends in order: `low` is
 * the end whose (address.high, address.low, port), compared as integers as they lie in memory, is smaller. */
struct martlet_flow_key {
    struct martlet_address low;
    struct martlet_address high;
    __be16 low_port;
    __be16 high_port;
    __u8 protocol;
    __u8 padding[3];
};
_Static_assert(sizeof(struct martlet_flow_key) == 40, "flow key");

enum martlet_flow_flag {
    MARTLET_FLOW_OPENER_LOW = 1,  /* the end that opened the flow is `low` of the key */
    MARTLET_FLOW_REPLIED = 2,
    MARTLET_FLOW_PICKED_UP = 4,   /* TCP, first seen in mid-stream */
    MARTLET_FLOW_FIN_OPENER = 8,
    MARTLET_FLOW_FIN_RESPONDER = 16,
    MARTLET_FLOW_HAIRPIN = 32,    /* a pod that reached itself through a Service */
    MARTLET_FLOW_CLOSE_TOLD = 64, /* the close event has been sent */
    MARTLET_FLOW_BY_SOCKET = 128, /* `frontend` is what the socket dialled; packets carry the backend's address */
    /* the MARTLET_LIST_MODES of both ends' lists when the flow was judged last, shifted by MARTLET_FLOW_MODE_SHIFT */
    MARTLET_FLOW_KEEP = 256,
    MARTLET_FLOW_RECHECK = 512,
    MARTLET_FLOW_RESET = 1024,
    MARTLET_FLOW_KEPT = 2048,        /* forbidden, and kept */
    MARTLET_FLOW_WAS_RESET = 4096,   /* forbidden, and reset: nothing but a TCP RST passes */
};

enum martlet_flow_mode {
    MARTLET_FLOW_MODE_SHIFT = 5,
    MARTLET_FLOW_MODES = 1792,
};

enum martlet_flow_state {
    MARTLET_STATE_NEW = 0,         /* no reply yet */
    MARTLET_STATE_ESTABLISHED = 1, /* both directions seen */
    MARTLET_STATE_CLOSING = 2,     /* TCP: one FIN */
    MARTLET_STATE_CLOSED = 3,      /* TCP: both FINs, or RST */
};

/* Seconds without a packet after which an entry counts as absent. */
enum martlet_timeout {
    MARTLET_TIMEOUT_TCP_NEW_S = 60,
    MARTLET_TIMEOUT_TCP_ESTABLISHED_S = 21600,
    MARTLET_TIMEOUT_TCP_PICKED_UP_S = 300,
    MARTLET_TIMEOUT_TCP_CLOSING_S = 120,
    MARTLET_TIMEOUT_TCP_CLOSED_S = 10,
    MARTLET_TIMEOUT_NEW_S = 30,
    MARTLET_TIMEOUT_ESTABLISHED_S = 120,
    MARTLET_TIMEOUT_FRAGMENT_S = 30,
};

/* Pairs are {opener, responder} unless said otherwise. Only flows that were allowed have an entry. */
struct martlet_flow {
    __u64 last_seen_ns;  /* CLOCK_MONOTONIC_COARSE */
    __u64 created_ns;
    __u64 packets[2];    /* by direction: from the opener, from the responder; approximate under contention */
    __u64 bytes[2];
    struct martlet_address frontend; /* the service address dialled; zero where none */
    __u32 tag;           /* martlet_flow_tag() of the key: a value seen in reuse is not taken for this flow's */
    __u32 generation;    /* in which the entry was last judged or found unchanged */
    __u32 endpoint[2];   /* endpoint numbers; 0: not a pod */
    __u32 incarnation[2];
    __u32 class_id[2];   /* classes and CIDR classes that decided */
    __u32 cidr_class[2];
    __u32 list_version[2]; /* the opener's egress list, the responder's ingress list; 0: not judged here */
    __u32 rule_id[2];      /* egress, ingress */
    __be16 frontend_port;
    __be16 client_port;  /* the opener's own source port, where translation had to take another; else 0 */
    __u16 flags;         /* enum martlet_flow_flag */
    __u8 state;          /* enum martlet_flow_state */
    __u8 hook;           /* enum martlet_hook that made the entry */
};
_Static_assert(sizeof(struct martlet_flow) == 128, "flow");

/* LRU martlet_tuple (as the sender wrote it) -> martlet_translation (as the receiver gets it). */
struct martlet_translation {
    struct martlet_address source;
    struct martlet_address destination;
    __be16 source_port;
    __be16 destination_port;
    __u32 service;    /* service number */
    __u64 extent;     /* of the Service when the backend was chosen */
    __u32 tag;        /* martlet_tuple_tag() of the key */
    __u32 reserved;
};
_Static_assert(sizeof(struct martlet_translation) == 56, "translation");

enum martlet_masquerade_way {
    MARTLET_MASQUERADE_OUT = 1, /* local = the sender's own address and port -> the node's address and port */
    MARTLET_MASQUERADE_IN = 2,  /* local = the node's address and port -> the sender's own */
};

/* LRU, two entries a flow. The node's own flows in the masquerade range and its ICMP echoes have entries too. */
struct martlet_masquerade_key {
    struct martlet_address remote;
    struct martlet_address local;
    __be16 remote_port;
    __be16 local_port;
    __u8 protocol;
    __u8 way;       /* enum martlet_masquerade_way */
    __u8 padding[2];
};
_Static_assert(sizeof(struct martlet_masquerade_key) == 40, "masquerade key");

struct martlet_masquerade {
    struct martlet_address address;
    __be16 port;
    __u8 padding[2];
    __u32 tag;      /* martlet_masquerade_tag() of the key */
    __u64 last_seen_ns;
};
_Static_assert(sizeof(struct martlet_masquerade) == 32, "masquerade");

/* LRU; written by the first fragment of a packet, read by the others. */
struct martlet_fragment_key {
    struct martlet_address source;
    struct martlet_address destination;
    __u32 id;       /* as on the wire */
    __u8 protocol;
    __u8 padding[3];
};
_Static_assert(sizeof(struct martlet_fragment_key) == 40, "fragment key");

struct martlet_fragment {
    __u64 time_ns;
    __be16 source_port;
    __be16 destination_port;
    __u32 tag;      /* martlet_fragment_tag() of the key */
};
_Static_assert(sizeof(struct martlet_fragment) == 16, "fragment");

/* ---- tags ------------------------------------------------------------------------------------------------------ */

/* A tag is a hash of the key that is kept in the value; 0 is never a tag. Both sides compute it here. */
MARTLET_INLINE __u32 martlet_tag_fold(__u64 a, __u64 b) {
    __u64 hash = (a ^ 0x9e3779b97f4a7c15ULL) * 0xff51afd7ed558ccdULL;
    hash = (hash ^ (hash >> 32) ^ b) * 0xc4ceb9fe1a85ec53ULL;
    return (__u32)(hash >> 32) | 1U;
}

MARTLET_INLINE __u32 martlet_tag(struct martlet_address address) {
    return martlet_tag_fold(address.high, address.low);
}

MARTLET_INLINE __u32 martlet_frontend_tag(struct martlet_frontend_key key) {
    __u64 rest = ((__u64)key.port << 8) | key.protocol;
    return martlet_tag_fold(martlet_tag(key.address), rest);
}

MARTLET_INLINE __u32 martlet_pair_tag(struct martlet_address a, struct martlet_address b, __u64 rest) {
    __u64 both = ((__u64)martlet_tag(a) << 32) | martlet_tag(b);
    return martlet_tag_fold(both, rest);
}

MARTLET_INLINE __u64 martlet_ports(__be16 a, __be16 b, __u8 protocol) {
    return ((__u64)a << 40) | ((__u64)b << 16) | protocol;
}

MARTLET_INLINE __u32 martlet_tuple_tag(const struct martlet_tuple *key) {
    return martlet_pair_tag(
        key->source, key->destination, martlet_ports(key->source_port, key->destination_port, key->protocol));
}

MARTLET_INLINE __u32 martlet_flow_tag(const struct martlet_flow_key *key) {
    return martlet_pair_tag(key->low, key->high, martlet_ports(key->low_port, key->high_port, key->protocol));
}

MARTLET_INLINE __u32 martlet_masquerade_tag(const struct martlet_masquerade_key *key) {
    __u64 rest = martlet_ports(key->remote_port, key->local_port, key->protocol);
    return martlet_pair_tag(key->remote, key->local, rest ^ ((__u64)key->way << 60));
}

MARTLET_INLINE __u32 martlet_fragment_tag(const struct martlet_fragment_key *key) {
    return martlet_pair_tag(key->source, key->destination, ((__u64)key->id << 8) | key->protocol);
}
