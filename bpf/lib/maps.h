/* All maps. A map is pinned as NAME.vN, N being its MARTLET_LAYOUT_ number in abi.h. "Agent" is the daemon's compile
 * path, "births" its attachment path. Arrays are memory-mapped by the daemon, and their values never move. */
#pragma once

#include "kernel.h"
#include "query.h"
#include <martlet/abi.h>

/* Array of one: the generation in force and its flags. Writer: agent (release store of `generation` publishes a slot).
 * Readers: all programs, once a run. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct martlet_control);
} control SEC(".maps");

/* Pod address -> {tag, endpoint number}. Key: martlet_address. Writer: births and deaths. Readers: all tc programs.
 * Eviction: none; admission bounds the pods. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 2 * MARTLET_ENDPOINTS_MAX);
    __type(key, struct martlet_address);
    __type(value, __u64);
} endpoint_ids SEC(".maps");

/* Endpoint number -> class by slot, incarnation, where the pod is. Writer: agent (classes), births (the rest).
 * Readers: all tc programs. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, MARTLET_ENDPOINTS_MAX);
    __type(key, __u32);
    __type(value, struct martlet_endpoint);
} endpoints SEC(".maps");

/* Prefix -> network number (u64). Key: martlet_network_key. Writer: agent. Readers: the policy stage, for addresses
 * that are no pod's, and for pods' where a live block overlaps the pod CIDRs. Eviction: none. */
struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, MARTLET_NETWORKS_MAX);
    __type(key, struct martlet_network_key);
    __type(value, __u64);
} network_ids SEC(".maps");

/* Network number -> CIDR class by slot. Writer: agent. Readers: the policy stage. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, MARTLET_NETWORKS_MAX);
    __type(key, __u32);
    __type(value, struct martlet_network);
} networks SEC(".maps");

/* Class index -> rule lists of both directions by slot. Writer: agent. Readers: the policy stage. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, MARTLET_CLASSES_MAX);
    __type(key, __u32);
    __type(value, struct martlet_class_lists);
} class_lists SEC(".maps");

/* Class index -> one bit per selector that picks it. Immutable while class and selector live. Writer: agent.
 * Readers: the policy stage. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, MARTLET_CLASSES_MAX);
    __type(key, __u32);
    __type(value, struct martlet_class_row);
} class_rows SEC(".maps");

/* CIDR class index -> one bit per block that holds it. As class_rows. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, MARTLET_CIDR_CLASSES_MAX);
    __type(key, __u32);
    __type(value, struct martlet_block_row);
} block_rows SEC(".maps");

/* Flat rules, by pages; a list is an extent, wherever in a page it begins and ends. An extent is written anew only
 * after a grace period. Writer: agent. Readers: the policy stage. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, MARTLET_RULES_MAX / MARTLET_PAGE_RULES);
    __type(key, __u32);
    __type(value, struct martlet_rule_page);
} rules SEC(".maps");

/* Service address, port and protocol -> {tag, service number}. Key: martlet_frontend_key. Writer: agent.
 * Readers: the service stage, connect. Eviction: none. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, MARTLET_SERVICES_MAX);
    __type(key, struct martlet_frontend_key);
    __type(value, __u64);
} frontends SEC(".maps");

/* Service number -> extent in `backends`, swung by one store. Writer: agent. Readers: the service stage, connect. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, MARTLET_SERVICES_MAX);
    __type(key, __u32);
    __type(value, struct martlet_service);
} services SEC(".maps");

/* Flat backends; written anew only after a grace period. Writer: agent. Readers: the service stage, connect. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, MARTLET_BACKENDS_MAX);
    __type(key, __u32);
    __type(value, struct martlet_backend);
} backends SEC(".maps");

/* Flows that have had a reply. Key: martlet_flow_key. Writers and readers: all tc programs. Eviction: least recently
 * used; an entry past its timeout counts as absent. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, MARTLET_FLOWS_MAX);
    __type(key, struct martlet_flow_key);
    __type(value, struct martlet_flow);
} flows SEC(".maps");

/* Flows still without a reply: a flood of them evicts only its like. As flows. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, MARTLET_HALF_FLOWS_MAX);
    __type(key, struct martlet_flow_key);
    __type(value, struct martlet_flow);
} half_flows SEC(".maps");

/* A packet to a service address, as sent -> as delivered. Key: martlet_tuple. Writer and reader: the service stage; the
 * conntrack stage puts back an entry that was evicted. Eviction: least recently used. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, MARTLET_TRANSLATIONS_MAX);
    __type(key, struct martlet_tuple);
    __type(value, struct martlet_translation);
} translations SEC(".maps");

/* Masqueraded flows, both ways, and the node's own in the same port range. Key: martlet_masquerade_key. Writer:
 * to_network. Readers: to_network, from_network. Eviction: least recently used. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, MARTLET_MASQUERADES_MAX);
    __type(key, struct martlet_masquerade_key);
    __type(value, struct martlet_masquerade);
} masquerades SEC(".maps");

/* Ports of a fragmented packet. Key: martlet_fragment_key. Writer: the parse stage at a first fragment. Reader: the
 * parse stage at later ones. Eviction: least recently used. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, MARTLET_FRAGMENTS_MAX);
    __type(key, struct martlet_fragment_key);
    __type(value, struct martlet_fragment);
} fragments SEC(".maps");

/* Socket and backend -> the service address it dialled. Key: martlet_socket_key. Writers: connect, sendmsg. Readers:
 * recvmsg, getpeername. Eviction: least recently used. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, MARTLET_SOCKET_FRONTENDS_MAX);
    __type(key, struct martlet_socket_key);
    __type(value, struct martlet_socket_frontend);
} socket_frontends SEC(".maps");

/* Network-namespace cookie of a pod -> its endpoint number. Writer: births and deaths. Readers: the socket programs.
 * Eviction: none. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, MARTLET_POD_NETNS_MAX);
    __type(key, __u64);
    __type(value, __u32);
} pod_netns SEC(".maps");

/* Ring of martlet_event. Writers: all tc programs. Reader: the daemon, by a timer. When full: the event is counted as
 * lost. */
struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, MARTLET_EVENT_BYTES);
} events SEC(".maps");

struct event_budget {
    __u64 second;
    __u64 used;
};

/* Per CPU: events of the running second. Writer and reader: the event function. */
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct event_budget);
} event_budget SEC(".maps");

/* Per CPU, index: enum martlet_counter, drops from MARTLET_COUNTER_DROPS. Writers: all programs. Reader: the daemon. */
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, MARTLET_COUNTERS);
    __type(key, __u32);
    __type(value, __u64);
} counters SEC(".maps");

/* What a new flow is put together from: too large for the stack. */
struct draft {
    struct martlet_flow flow;
    struct query query;
};

/* Per CPU, array of one. A tc program is not interrupted by another on its CPU. Writer and reader: the conntrack stage,
 * within one run. */
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct draft);
} drafts SEC(".maps");
