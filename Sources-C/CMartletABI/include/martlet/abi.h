/* The one definition of everything that the kernel programs and user space share: structs, limits, verdicts, reasons.
 * Rules: fixed-width types, explicit padding, no unions, no bitfields (Swift then infers BitwiseCopyable and Sendable),
 * a _Static_assert on each size. Ports and addresses are in network order, everything else in host order. */
#pragma once

/* BPF programs include bpf/lib/kernel.h first, which says so; everyone else takes the kernel's UAPI types. */
#ifndef MARTLET_KERNEL_TYPES
#include <linux/types.h>
#endif

#define MARTLET_INLINE static inline __attribute__((always_inline))

/* Limits. Admission refuses what would exceed them. */
enum martlet_limit {
    MARTLET_GENERATION_SLOTS = 4,
    MARTLET_ENDPOINTS_MAX = 65536,
    MARTLET_NETWORKS_MAX = 65536,
    MARTLET_CLASSES_MAX = 16384,
    MARTLET_CIDR_CLASSES_MAX = 4096,
    MARTLET_SELECTORS_MAX = 4096,
    MARTLET_BLOCKS_MAX = 4096,
    MARTLET_SELECTOR_WORDS = 64,
    MARTLET_BLOCK_WORDS = 64,
    MARTLET_RULES_MAX = 262144,
    MARTLET_PAGE_RULES = 8,
    MARTLET_LIST_RULES_MAX = 1024,
    MARTLET_SERVICES_MAX = 65536,
    MARTLET_BACKENDS_MAX = 262144,
    MARTLET_FLOWS_MAX = 131072,
    MARTLET_HALF_FLOWS_MAX = 65536,
    MARTLET_TRANSLATIONS_MAX = 131072,
    MARTLET_MASQUERADES_MAX = 131072,
    MARTLET_SOCKET_FRONTENDS_MAX = 65536,
    MARTLET_POD_NETNS_MAX = 4096,
    MARTLET_NODE_ADDRESSES_MAX = 8,
    MARTLET_PREFIXES_MAX = 4,
    MARTLET_BACKEND_TRIES_MAX = 4,
    MARTLET_FRAGMENTS_MAX = 8192,
    MARTLET_EVENT_BYTES = 4194304,
    MARTLET_EVENT_WAKE_BYTES = 262144,
    MARTLET_MASQUERADE_PORT_LOW = 61000,
    MARTLET_MASQUERADE_PORT_HIGH = 65535,
};

/* An address in network order, IPv4 as v4-mapped (::ffff:a.b.c.d): the first and the last eight bytes as they lie in
 * memory. */
struct martlet_address {
    __u64 high;
    __u64 low;
};
_Static_assert(sizeof(struct martlet_address) == 16, "address");

/* An address lies in a prefix when (address & mask) == prefix.address. */
struct martlet_prefix {
    struct martlet_address address;
    struct martlet_address mask;
};
_Static_assert(sizeof(struct martlet_prefix) == 32, "prefix");

/* ---- layout versions ------------------------------------------------------------------------------------------ */

/* A map is pinned as NAME.vN with N from here. Raise a number when the key or value of that map changes, and only
 * then: the others (conntrack above all) then survive an upgrade. */
enum martlet_layout {
    MARTLET_LAYOUT_ENDPOINT_IDS = 1,
    MARTLET_LAYOUT_ENDPOINTS = 1,
    MARTLET_LAYOUT_NETWORK_IDS = 1,
    MARTLET_LAYOUT_NETWORKS = 1,
    MARTLET_LAYOUT_CONTROL = 1,
    MARTLET_LAYOUT_CLASS_LISTS = 1,
    MARTLET_LAYOUT_CLASS_ROWS = 1,
    MARTLET_LAYOUT_BLOCK_ROWS = 1,
    MARTLET_LAYOUT_RULES = 2,
    MARTLET_LAYOUT_FRONTENDS = 1,
    MARTLET_LAYOUT_SERVICES = 1,
    MARTLET_LAYOUT_BACKENDS = 1,
    MARTLET_LAYOUT_FLOWS = 1,
    MARTLET_LAYOUT_HALF_FLOWS = 1,
    MARTLET_LAYOUT_TRANSLATIONS = 1,
    MARTLET_LAYOUT_MASQUERADES = 1,
    MARTLET_LAYOUT_FRAGMENTS = 1,
    MARTLET_LAYOUT_SOCKET_FRONTENDS = 1,
    MARTLET_LAYOUT_POD_NETNS = 1,
    MARTLET_LAYOUT_EVENTS = 3,
    MARTLET_LAYOUT_EVENT_BUDGET = 1,
    MARTLET_LAYOUT_COUNTERS = 2,
};

/* ---- node settings -------------------------------------------------------------------------------------------- */

enum martlet_config_flag {
    MARTLET_CONFIG_MASQUERADE_IPV4 = 1,
    MARTLET_CONFIG_MASQUERADE_IPV6 = 2,
};

/* `const volatile struct martlet_config config` in .rodata: written once, before the objects are loaded. */
struct martlet_config {
    struct martlet_address node_addresses[8];  /* all addresses of the node; unused ones zero */
    struct martlet_prefix cluster_pods[4];     /* pod CIDRs of the whole cluster; never masqueraded towards */
    struct martlet_prefix node_pods[4];        /* pod CIDRs of this node */
    struct martlet_prefix services[4];         /* service CIDRs */
    struct martlet_address masquerade_ipv4;    /* the node's address that pods take towards the outside */
    struct martlet_address masquerade_ipv6;
    __u64 node_netns_cookie;                   /* network namespace of the node: connect acts for its sockets */
    __u32 node_address_count;
    __u32 cluster_pods_count;
    __u32 node_pods_count;
    __u32 services_count;
    __u32 uplink_ifindex;                      /* 0: packets to the outside are left to the stack's routing */
    __u32 uplink_mtu;
    __u32 pod_mtu;
    __u32 mark_mask;                           /* the 4 bits of skb->mark that are ours */
    __u32 flags;                               /* enum martlet_config_flag */
    __u32 events_per_second;                   /* per CPU; 0: no events. What is over the limit is counted */
    __u8 gateway_mac[6];                       /* of the node's end of every pod's veth */
    __u8 padding[2];
};
_Static_assert(sizeof(struct martlet_config) == 128 + 3 * 128 + 32 + 8 + 40 + 8, "config");

/* ---- control ------------------------------------------------------------------------------------------------- */

enum martlet_control_flag {
    /* a live block overlaps a pod CIDR: the trie is consulted for addresses of pods too */
    MARTLET_CONTROL_BLOCKS_COVER_PODS = 1,
};

/* Array of one. A packet loads `generation` once; all that a generation may change is `value[generation & 3]`. */
struct martlet_control {
    __u32 generation;
    __u32 flags[4]; /* by slot; enum martlet_control_flag */
    __u32 reserved;
};
_Static_assert(sizeof(struct martlet_control) == 24, "control");

/* ---- identity ------------------------------------------------------------------------------------------------ */

/* Hash martlet_address -> martlet_tagged: `tag` is martlet_tag() of the key, so that a value seen while its slot is
 * reused for another key is recognised; `number` is the index in a flat array. Written as one aligned u64:
 * number in the low half, tag in the high half. */
enum martlet_tagged_layout {
    MARTLET_TAG_SHIFT = 32,
};

enum martlet_endpoint_flag {
    MARTLET_ENDPOINT_LIVE = 1,
    MARTLET_ENDPOINT_LOCAL = 2,     /* `ifindex` and `mac` are valid: the pod is on this node */
    MARTLET_ENDPOINT_CLOSED = 4,    /* both directions closed: its own generation is not in force yet */
    MARTLET_ENDPOINT_UNMANAGED = 8, /* no Pod object: matched by ipBlock and networks alone */
};

/* Class ids and CIDR class ids carry an incarnation above their index, so that the reuse of an index is seen. */
enum martlet_class_layout {
    MARTLET_CLASS_INDEX_MASK = 0xffff,
    MARTLET_CLASS_INCARNATION_SHIFT = 16,
};

/* Array, index = endpoint number. Number 0 is never a pod. */
struct martlet_endpoint {
    __u32 class_id[4];   /* by slot; index | incarnation << 16; 0 = no class: selected by nothing */
    __u32 incarnation;   /* grows each time the number is given to another pod */
    __u32 flags;         /* enum martlet_endpoint_flag */
    __u32 ifindex;       /* the node's end of the pod's veth */
    __u8 mac[6];         /* of the pod's own interface */
    __u8 padding[6];
};
_Static_assert(sizeof(struct martlet_endpoint) == 40, "endpoint");

/* Trie {prefix length over 128 bits, address} -> u64 network number. Number 0 is no network. */
struct martlet_network_key {
    __u32 prefix_length;
    __u8 address[16];
};
_Static_assert(sizeof(struct martlet_network_key) == 20, "network key");

/* Array, index = network number. */
struct martlet_network {
    __u32 cidr_class[4]; /* by slot; index | incarnation << 16; 0 = in no block */
};
_Static_assert(sizeof(struct martlet_network) == 16, "network");

/* ---- policy -------------------------------------------------------------------------------------------------- */

enum martlet_action {
    MARTLET_ACTION_ALLOW = 1,
    MARTLET_ACTION_DENY = 2,
    MARTLET_ACTION_PASS = 3,
};

enum martlet_tier {
    MARTLET_TIER_ADMIN = 0,
    MARTLET_TIER_NETWORK_POLICY = 1,
    MARTLET_TIER_BASELINE = 2,
};

enum martlet_peer_kind {
    MARTLET_PEER_ANY = 0,
    MARTLET_PEER_SELECTOR = 1, /* `peer` is a bit of the row of the peer's class */
    MARTLET_PEER_BLOCK = 2,    /* `peer` is a bit of the row of the peer's CIDR class */
};

/* One rule of a list; lists are extents of one flat array, which the kernel looks up by pages. */
struct martlet_rule {
    __u32 peer;
    __u32 rule_id;   /* what is reported; user space knows policy, direction and index of it */
    __u16 port_low;  /* host order, inclusive; of the flow's destination */
    __u16 port_high;
    __u8 protocol;   /* IANA number; 0 = any protocol (ports are ignored then) */
    __u8 action;     /* enum martlet_action */
    __u8 tier;       /* enum martlet_tier */
    __u8 peer_kind;  /* enum martlet_peer_kind */
};
_Static_assert(sizeof(struct martlet_rule) == 16, "rule");

/* Array, index = rule / MARTLET_PAGE_RULES: one look-up for a run of rules. User space sees the rules alone. */
struct martlet_rule_page {
    struct martlet_rule rules[MARTLET_PAGE_RULES];
};
_Static_assert(sizeof(struct martlet_rule_page) == 128, "rule page");

enum martlet_list_flag {
    MARTLET_LIST_ISOLATED = 1,  /* the NetworkPolicy tier ends in deny */
    MARTLET_LIST_CLOSED = 2,    /* nothing passes: the policies of this class could not be enforced */
    MARTLET_LIST_POD_DENY = 4,  /* has a pod- or namespace-based Deny or Pass: unknown peers are dropped */
    /* what becomes of open flows that are forbidden: the strictest mode of the policies that select the class */
    MARTLET_LIST_KEEP = 8,
    MARTLET_LIST_RECHECK = 16,
    MARTLET_LIST_RESET = 32,
    MARTLET_LIST_MODES = 56,
};

/* Where a class' rules of one direction are. */
struct martlet_list {
    __u32 offset;
    __u16 count;
    __u16 flags;    /* enum martlet_list_flag */
    __u32 version;  /* changes when the content does; kept in the flows it decided */
    __u32 isolation_rule_id; /* reported when the end of an isolated list is reached */
};
_Static_assert(sizeof(struct martlet_list) == 16, "list");

/* Array, index = class. */
struct martlet_class_lists {
    struct martlet_list ingress[4]; /* by slot */
    struct martlet_list egress[4];
};
_Static_assert(sizeof(struct martlet_class_lists) == 128, "class lists");

/* Array, index = class; bit = selector. Immutable while the class and the selector live. */
struct martlet_class_row {
    __u64 words[64];
};
_Static_assert(sizeof(struct martlet_class_row) == 512, "class row");

/* Array, index = CIDR class; bit = block. */
struct martlet_block_row {
    __u64 words[64];
};
_Static_assert(sizeof(struct martlet_block_row) == 512, "block row");

/* Rule ids that no policy owns. Ids of policies start at MARTLET_RULE_FIRST. */
enum martlet_rule_id {
    MARTLET_RULE_NONE = 0,          /* no policy selects: allowed by default */
    MARTLET_RULE_NODE = 1,          /* to or from the pod's own node: always allowed */
    MARTLET_RULE_SELF = 2,          /* a pod's traffic to itself: always allowed */
    MARTLET_RULE_FIRST = 16,
};

/* ---- services ------------------------------------------------------------------------------------------------ */

/* Hash martlet_frontend_key -> u64 {martlet_frontend_tag() of the key, service number}. */
struct martlet_frontend_key {
    struct martlet_address address;
    __be16 port;
    __u8 protocol;
    __u8 padding[5];
};
_Static_assert(sizeof(struct martlet_frontend_key) == 24, "frontend key");

/* Array, index = service number (one per frontend address, port and protocol). `extent` is loaded once:
 * offset in the low half, count in the high half. */
struct martlet_service {
    __u64 extent;
    __u32 flags;
    __u32 reserved;
};
_Static_assert(sizeof(struct martlet_service) == 16, "service");

struct martlet_backend {
    struct martlet_address address;
    __be16 port;
    __u8 padding[6];
};
_Static_assert(sizeof(struct martlet_backend) == 24, "backend");

/* Hash of sockets that `connect` or `sendmsg` sent to a backend: which service address the program dialled. */
struct martlet_socket_key {
    __u64 cookie;
    struct martlet_address backend;
    __be16 backend_port;
    __u8 protocol;
    __u8 padding[5];
};
_Static_assert(sizeof(struct martlet_socket_key) == 32, "socket key");

struct martlet_socket_frontend {
    struct martlet_address address;
    __be16 port;
    __u8 padding[6];
};
_Static_assert(sizeof(struct martlet_socket_frontend) == 24, "socket frontend");

/* ---- events -------------------------------------------------------------------------------------------------- */

enum martlet_event_kind {
    MARTLET_EVENT_FLOW = 1,  /* the first packet of an allowed flow */
    MARTLET_EVENT_DROP = 2,
    MARTLET_EVENT_CLOSE = 3,
    MARTLET_EVENT_RESET = 4, /* a change of policy forbids an open flow and resets it */
};

enum martlet_hook {
    MARTLET_HOOK_FROM_POD = 1,
    MARTLET_HOOK_TO_POD = 2,
    MARTLET_HOOK_FROM_NETWORK = 3,
    MARTLET_HOOK_TO_NETWORK = 4,
    MARTLET_HOOK_CONNECT = 5,
    MARTLET_HOOK_EXPLAIN = 6,
    MARTLET_HOOK_RECHECK = 7,
};

enum martlet_direction {
    MARTLET_DIRECTION_NONE = 0,
    MARTLET_DIRECTION_EGRESS = 1,
    MARTLET_DIRECTION_INGRESS = 2,
};

/* Why a packet was dropped. Append only: numbers are stored in flow history. */
enum martlet_drop_reason {
    MARTLET_DROP_NONE = 0,
    MARTLET_DROP_POLICY = 1,            /* a rule, or the end of an isolated list */
    MARTLET_DROP_POLICY_CLOSED = 2,     /* the class' policies could not be enforced */
    MARTLET_DROP_ENDPOINT_CLOSED = 3,   /* born closed: no generation of its own yet */
    MARTLET_DROP_SPOOFED_SOURCE = 4,
    MARTLET_DROP_MALFORMED = 5,
    MARTLET_DROP_UNSUPPORTED_ETHERTYPE = 6,
    MARTLET_DROP_UNSUPPORTED_PROTOCOL = 7,
    MARTLET_DROP_FRAGMENT_UNKNOWN = 8,  /* a later fragment without the record of the first */
    MARTLET_DROP_NO_SERVICE = 9,        /* a service address, but no such port */
    MARTLET_DROP_NO_BACKEND = 10,       /* a Service without a ready endpoint */
    MARTLET_DROP_UNKNOWN_PEER = 11,     /* pod CIDR, no endpoint, and a pod-based Deny or Pass */
    MARTLET_DROP_NO_ROUTE = 12,
    MARTLET_DROP_TOO_BIG = 13,          /* MTU; "too big" was answered */
    MARTLET_DROP_NAT_EXHAUSTED = 14,    /* no free masquerade or source port */
    MARTLET_DROP_STALE_FLOW = 15,       /* TCP without entry, not SYN, not to be picked up */
    MARTLET_DROP_ICMP_UNRELATED = 16,   /* an ICMP error about no known flow */
    MARTLET_DROP_NODE_SPOOFED = 17,     /* from the network, with an address of ours */
    MARTLET_DROP_TTL_EXCEEDED = 18,
    MARTLET_DROP_MULTICAST = 19,        /* counted, no event */
    MARTLET_DROP_INTERNAL = 20,         /* the maps contradict themselves, or the kernel refused an entry */
    MARTLET_DROP_REASONS = 21,
};

/* Record of the ring buffer. The kernel side wakes nobody below MARTLET_EVENT_WAKE_BYTES of unread records: a reader
 * polls by a timer (20 ms, say). */
struct martlet_event {
    __u64 time_ns;               /* CLOCK_MONOTONIC */
    struct martlet_address source;       /* as the pod sees it: before masquerade */
    struct martlet_address destination;  /* after service translation */
    struct martlet_address frontend;     /* the service address dialled; zero where none */
    __be16 source_port;
    __be16 destination_port;
    __be16 frontend_port;
    __u8 protocol;
    __u8 kind;                   /* enum martlet_event_kind */
    __u8 reason;                 /* enum martlet_drop_reason */
    __u8 direction;              /* enum martlet_direction: which list decided */
    __u8 hook;                   /* enum martlet_hook */
    __u8 tcp_flags;
    __u32 rule_id;
    __u32 generation;
    __u32 source_endpoint;       /* 0 where not a pod */
    __u32 destination_endpoint;
    __u32 source_incarnation;
    __u32 destination_incarnation;
    __u32 other_rule_id;         /* of what passed: the rule of the other list, or MARTLET_RULE_NONE */
    __u64 packets[2];            /* original direction, reply; of one packet: where in its flow it belongs */
    __u64 bytes[2];
};
_Static_assert(sizeof(struct martlet_event) == 128, "event");

/* Per-CPU counters, index = enum martlet_counter, then MARTLET_COUNTER_DROPS + reason. */
enum martlet_counter {
    MARTLET_COUNTER_FORWARDED_PACKETS = 0,
    MARTLET_COUNTER_FORWARDED_BYTES = 1,
    MARTLET_COUNTER_EVENTS_LOST = 2, /* the ring was full, or over events_per_second */
    MARTLET_COUNTER_FLOWS_OPENED = 3,
    MARTLET_COUNTER_CONNECT_TRANSLATED = 4,
    MARTLET_COUNTER_CONNECT_REFUSED = 5,
    MARTLET_COUNTER_FLOWS_REJUDGED = 6,
    MARTLET_COUNTER_MASQUERADES_OPENED = 7,
    MARTLET_COUNTER_DROPS = 16,
    MARTLET_COUNTERS = 64,
};

/* ---- explain ------------------------------------------------------------------------------------------------- */

/* The packet data of a test run of the explain program: a question in, the same bytes out with the answer filled in.
 * The program is built of the same policy stage as the data path and writes no map. */
struct martlet_question {
    struct martlet_address source;
    struct martlet_address destination; /* of the backend, after translation */
    __be16 destination_port;
    __u8 protocol;
    __u8 egress_verdict;   /* out: enum martlet_action */
    __u8 ingress_verdict;  /* out */
    __u8 egress_reason;    /* out: enum martlet_drop_reason */
    __u8 ingress_reason;   /* out */
    __u8 padding;
    __u32 egress_rule;     /* out */
    __u32 ingress_rule;    /* out */
    __u32 generation;      /* out */
    __u32 reserved;
};
_Static_assert(sizeof(struct martlet_question) == 56, "question");

#include "abi_flows.h"

/* ---- recheck ------------------------------------------------------------------------------------------------- */

/* The packet data of a test run of the recheck program, which judges an open flow again as its next packet would. */
struct martlet_recheck {
    struct martlet_flow_key key;
    __u16 flags;           /* out: enum martlet_flow_flag of the entry as it is now */
    __u8 is_open;          /* out: there is such an entry */
    __u8 reason;           /* out: enum martlet_drop_reason of its next packet */
    __u8 padding[4];
};
_Static_assert(sizeof(struct martlet_recheck) == 48, "recheck");
