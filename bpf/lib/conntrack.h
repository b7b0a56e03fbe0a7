/* Stage: conntrack. One entry a flow serves both directions. A packet of a known flow passes on it; in a new
 * generation the entry is compared with what decides now, and judged again where that changed. A new flow is judged and
 * entered. */
#pragma once

#include "flow.h"
#include "policy.h"

static __always_inline struct query *new_query(void)
{
    __u32 zero = 0;
    struct draft *draft = bpf_map_lookup_elem(&drafts, &zero);
    if (!draft)
        return NULL;
    __builtin_memset(&draft->query, 0, sizeof(draft->query));
    return &draft->query;
}

/* Asks about the packet's flow in its opener's direction. */
static __always_inline void ask(struct query *query, const struct packet *packet, bool reply)
{
    query->source = reply ? packet->tuple.destination : packet->tuple.source;
    query->destination = reply ? packet->tuple.source : packet->tuple.destination;
    query->port = reply ? packet->tuple.source_port : packet->tuple.destination_port;
    query->protocol = packet->tuple.protocol;
    query->generation = packet->generation;
}

/* Takes over which rule decided, for the event: the one that refuses, else ingress' own, else that of egress. Answers
 * the drop reason. */
static __always_inline __u8 note_verdict(struct packet *packet, const struct query *query)
{
    bool silent = query->reason[INGRESS] == MARTLET_DROP_NONE && query->rule_id[INGRESS] == MARTLET_RULE_NONE;
    bool egress = query->reason[EGRESS] != MARTLET_DROP_NONE || query->judged[INGRESS] == 0 ||
                  (silent && query->rule_id[EGRESS] != MARTLET_RULE_NONE);
    packet->rule_id = egress ? query->rule_id[EGRESS] : query->rule_id[INGRESS];
    packet->direction = egress ? MARTLET_DIRECTION_EGRESS : MARTLET_DIRECTION_INGRESS;
    return egress ? query->reason[EGRESS] : query->reason[INGRESS];
}

static __always_inline void stamp(struct martlet_flow *flow, const struct query *query)
{
    for (int i = 0; i < 2; i++) {
        flow->class_id[i] = query->class_id[i];
        flow->cidr_class[i] = query->cidr_class[i];
        flow->list_version[i] = query->list_version[i];
        flow->rule_id[i] = query->rule_id[i];
    }
    flow->flags = (flow->flags & ~MARTLET_FLOW_MODES) | (__u16)(query->modes << MARTLET_FLOW_MODE_SHIFT);
    flow->generation = query->generation;
}

static __always_inline bool same_deciders(const struct martlet_flow *flow, const struct query *query)
{
    __u32 difference = 0;
    for (int i = 0; i < 2; i++) {
        difference |= flow->class_id[i] ^ query->class_id[i];
        difference |= flow->cidr_class[i] ^ query->cidr_class[i];
        difference |= flow->list_version[i] ^ query->list_version[i];
    }
    return difference == 0;
}

/* What becomes of a flow that is forbidden now: the strictest mode of the policies of both ends, before and after,
 * decides. Answers whether it lives on. A flow that is reset names the rule in the direction that forbids it, alone. */
static __always_inline bool outlives(struct martlet_flow *flow, const struct query *query)
{
    __u32 modes = query->modes | ((flow->flags & MARTLET_FLOW_MODES) >> MARTLET_FLOW_MODE_SHIFT);
    if (modes & MARTLET_LIST_RESET) {
        stamp(flow, query);
        for (int way = 0; way < 2; way++) {
            if (query->reason[way] == MARTLET_DROP_NONE)
                flow->rule_id[way] = MARTLET_RULE_NONE;
        }
        flow->flags |= MARTLET_FLOW_WAS_RESET | MARTLET_FLOW_CLOSE_TOLD;
        flow->state = MARTLET_STATE_CLOSED;
        return false;
    }
    /* Refused by isolation and by nothing else. */
    bool isolated = (query->reason[EGRESS] | query->reason[INGRESS]) <= MARTLET_DROP_POLICY && !query->denied;
    if (modes != MARTLET_LIST_KEEP || !isolated)
        return false;
    stamp(flow, query);
    flow->flags |= MARTLET_FLOW_KEPT;
    return true;
}

/* A flow's first packet in a new generation. Answers the drop reason; a denied entry stays, to be judged again. */
STAGE __u8 renew(struct packet *packet, struct martlet_flow *flow, bool reply)
{
    if (!packet || !flow)
        return MARTLET_DROP_INTERNAL;
    struct query *query = new_query();
    if (!query)
        return MARTLET_DROP_INTERNAL;
    ask(query, packet, reply);
    query->endpoint[SOURCE] = flow->endpoint[0];
    query->endpoint[DESTINATION] = flow->endpoint[1];
    query->from_node = flow->endpoint[0] == 0 && flow->rule_id[INGRESS] == MARTLET_RULE_NODE;
    __u8 fault = identify(query);
    if (fault != MARTLET_DROP_NONE)
        return fault;
    if (same_deciders(flow, query)) {
        WRITE_ONCE(flow->generation, query->generation);
        return MARTLET_DROP_NONE;
    }
    count(MARTLET_COUNTER_FLOWS_REJUDGED, 1);
    if (!judge(query)) {
        fault = note_verdict(packet, query);
        return outlives(flow, query) ? MARTLET_DROP_NONE : fault;
    }
    flow->flags &= ~MARTLET_FLOW_KEPT;
    stamp(flow, query);
    return MARTLET_DROP_NONE;
}

/* Whether there is more to ask about a flow's packet than its entry says. */
static __always_inline bool in_doubt(const struct packet *packet, const struct martlet_flow *flow)
{
    return READ_ONCE(flow->generation) != packet->generation || (flow->flags & MARTLET_FLOW_WAS_RESET);
}

/* Judges a flow in doubt again, unless it was reset. Answers the drop reason. */
STAGE __u8 recheck_flow(struct packet *packet, struct martlet_flow *flow, bool reply)
{
    if (!packet || !flow)
        return MARTLET_DROP_INTERNAL;
    if (flow->flags & MARTLET_FLOW_WAS_RESET) {
        packet->direction = flow->rule_id[EGRESS] ? MARTLET_DIRECTION_EGRESS : MARTLET_DIRECTION_INGRESS;
        packet->rule_id = flow->rule_id[EGRESS] ? flow->rule_id[EGRESS] : flow->rule_id[INGRESS];
        return MARTLET_DROP_POLICY;
    }
    __u8 reason = renew(packet, flow, reply);
    if (flow->flags & MARTLET_FLOW_WAS_RESET) {
        WRITE_ONCE(flow->last_seen_ns, packet->now_ns); /* the mark holds for its time, however long it was silent */
        tell_end(packet, flow, reply, MARTLET_EVENT_RESET);
    }
    return reason;
}

/* Puts back the translation of a flow's original direction where it was evicted. The service number is lost with it: an
 * extent that no Service has makes datagrams choose anew; TCP goes on. */
STAGE int restore_translation(const struct packet *packet, const struct martlet_flow *flow)
{
    if (!packet || !flow)
        return -1;
    struct martlet_tuple key = {};
    struct martlet_translation translation = {};
    bool hairpin = flow->flags & MARTLET_FLOW_HAIRPIN;
    translation.source = packet->tuple.destination;
    translation.source_port = packet->tuple.destination_port;
    translation.destination = packet->tuple.source;
    translation.destination_port = packet->tuple.source_port;
    key.source = hairpin ? packet->tuple.source : packet->tuple.destination;
    key.source_port = flow->client_port ? flow->client_port : packet->tuple.destination_port;
    key.destination = flow->frontend;
    key.destination_port = flow->frontend_port;
    key.protocol = packet->tuple.protocol;
    translation.extent = ~0ULL;
    translation.tag = martlet_tuple_tag(&key);
    return (int)bpf_map_update_elem(&translations, &key, &translation, BPF_NOEXIST);
}

/* Gives a reply of a translated flow the address and port that its opener dialled. */
static __always_inline void translate_reply(struct packet *packet, const struct martlet_flow *flow, bool restore)
{
    if (flow->frontend_port == 0 || (flow->flags & MARTLET_FLOW_BY_SOCKET))
        return;
    packet->frontend = flow->frontend;
    packet->frontend_port = flow->frontend_port;
    if (restore)
        restore_translation(packet, flow);
    if (flow->flags & MARTLET_FLOW_HAIRPIN)
        packet->tuple.destination = packet->tuple.source;
    if (flow->client_port)
        packet->tuple.destination_port = flow->client_port;
    packet->tuple.source = flow->frontend;
    packet->tuple.source_port = flow->frontend_port;
    packet->rewritten = true;
}

/* An entry for an allowed flow. `reply`: the packet comes from the responder (a flow picked up in mid-stream). */
STAGE int enter_flow(struct packet *packet, const struct query *query, bool reply)
{
    if (!packet || !query)
        return -1;
    __u32 zero = 0;
    struct martlet_flow_key key = {};
    struct draft *draft = bpf_map_lookup_elem(&drafts, &zero);
    if (!draft)
        return -1;
    struct martlet_flow *flow = &draft->flow;
    bool from_low = set_flow_key(&key, &packet->tuple);
    __builtin_memset(flow, 0, sizeof(*flow));
    flow->created_ns = flow->last_seen_ns = packet->now_ns;
    flow->packets[index_of(reply)] = 1;
    flow->bytes[index_of(reply)] = packet->length;
    flow->tag = martlet_flow_tag(&key);
    for (int i = 0; i < 2; i++) {
        flow->endpoint[i] = query->endpoint[i];
        flow->incarnation[i] = incarnation_of(query->endpoint[i]);
    }
    stamp(flow, query);
    flow->hook = packet->hook;
    if (from_low != reply)
        flow->flags |= MARTLET_FLOW_OPENER_LOW;
    if (is_tcp(packet) && !opens_tcp(packet)) {
        flow->flags |= MARTLET_FLOW_PICKED_UP;
        flow->state = MARTLET_STATE_ESTABLISHED;
    }
    if (packet->frontend_port) {
        flow->frontend = packet->frontend;
        flow->frontend_port = packet->frontend_port;
        if (packet->wire.source_port != packet->tuple.source_port)
            flow->client_port = packet->wire.source_port;
        if (!same_address(packet->wire.source, packet->tuple.source))
            flow->flags |= MARTLET_FLOW_HAIRPIN;
    }
    if (packet->by_socket)
        flow->flags |= MARTLET_FLOW_BY_SOCKET;
    count(MARTLET_COUNTER_FLOWS_OPENED, 1);
    int error = (int)bpf_map_update_elem(&half_flows, &key, flow, BPF_ANY);
    if (packet->opens && !error)
        bpf_map_delete_elem(&flows, &key);
    return error;
}

/* Judges the packet as a flow's first, in its own direction or, for TCP in mid-stream, from the other end. */
STAGE __u8 judge_new(struct packet *packet, struct query *query, bool reply)
{
    if (!packet || !query)
        return MARTLET_DROP_INTERNAL;
    ask(query, packet, reply);
    query->endpoint[SOURCE] = reply ? packet->destination_endpoint : packet->source_endpoint;
    query->endpoint[DESTINATION] = reply ? packet->source_endpoint : packet->destination_endpoint;
    query->from_node = packet->from_node && !reply;
    __u8 reason = identify(query);
    if (reason != MARTLET_DROP_NONE)
        return reason;
    bool allowed = judge(query);
    if (reply && !allowed)
        return MARTLET_DROP_STALE_FLOW;
    reason = note_verdict(packet, query);
    return allowed ? MARTLET_DROP_NONE : reason;
}

/* A flow that `connect` aimed at a backend shows the service address that its program dialled. */
static __always_inline void name_frontend(struct __sk_buff *skb, struct packet *packet)
{
    struct martlet_socket_key key = {};
    key.cookie = bpf_get_socket_cookie(skb);
    key.backend = packet->tuple.destination;
    key.backend_port = packet->tuple.destination_port;
    key.protocol = packet->tuple.protocol;
    struct martlet_socket_frontend *frontend = bpf_map_lookup_elem(&socket_frontends, &key);
    if (!frontend)
        return;
    packet->frontend = frontend->address;
    packet->frontend_port = frontend->port;
    packet->by_socket = true;
}

enum opener_port {
    OPENER_PORT_LOW = 32768, /* of net.ipv4.ip_local_port_range */
};

/* Whether a packet in mid-stream may be an answer: only that is judged from its destination to its source. A shut-out
 * client's packet, to the port of a service, is none. */
static __always_inline bool may_answer(const struct packet *packet)
{
    return packet->tcp_flags & TCP_ACK && !(packet->tcp_flags & TCP_RST) &&
           bpf_ntohs(packet->tuple.destination_port) >= OPENER_PORT_LOW;
}

/* A packet without an entry. */
STAGE int open_flow(struct __sk_buff *skb, struct packet *packet)
{
    if (!packet)
        return TC_ACT_SHOT;
    bool reply = false;
    /* Where the hook knows the pod already, it is judged for that one. */
    if (packet->destination_endpoint == 0)
        packet->destination_endpoint = peer_number(packet->tuple.destination);
    if (packet->icmp_error)
        return packet->from_node ? GO_ON : drop(packet, MARTLET_DROP_ICMP_UNRELATED);
    if (packet->frontend_port == 0)
        name_frontend(skb, packet);
    struct query *query = new_query();
    if (!query)
        return drop(packet, MARTLET_DROP_INTERNAL);
    __u8 reason = judge_new(packet, query, false);
    bool midstream = is_tcp(packet) && !opens_tcp(packet);
    if (reason == MARTLET_DROP_POLICY && midstream) {
        reason = MARTLET_DROP_STALE_FLOW;
        if (may_answer(packet)) {
            reply = true;
            __builtin_memset(query, 0, sizeof(*query));
            reason = judge_new(packet, query, true);
        }
    }
    if (reason != MARTLET_DROP_NONE)
        return drop(packet, reason);
    if (packet->tcp_flags & TCP_RST)
        return GO_ON; /* ends something; begins nothing */
    packet->reply = reply;
    if (enter_flow(packet, query, reply))
        return drop(packet, MARTLET_DROP_INTERNAL);
    bool by_egress = packet->direction == MARTLET_DIRECTION_EGRESS;
    tell_packet(packet, MARTLET_EVENT_FLOW, MARTLET_DROP_NONE, query->rule_id[by_egress ? INGRESS : EGRESS]);
    return GO_ON;
}

/* The first reply moves an entry out of reach of floods. A refused connection never gets there. */
STAGE int promote(const struct packet *packet, struct martlet_flow *flow)
{
    if (!packet || !flow)
        return -1;
    struct martlet_flow_key key = {};
    set_flow_key(&key, &packet->tuple);
    flow->flags |= MARTLET_FLOW_REPLIED;
    if (flow->state == MARTLET_STATE_NEW)
        flow->state = MARTLET_STATE_ESTABLISHED;
    if (bpf_map_update_elem(&flows, &key, flow, BPF_ANY) == 0)
        bpf_map_delete_elem(&half_flows, &key);
    return 0;
}

/* A packet with an entry; UNTRACKED without. */
STAGE int track(struct packet *packet)
{
    if (!packet)
        return TC_ACT_SHOT;
    struct martlet_flow_key key = {};
    enum flow_table table;
    bool from_low = set_flow_key(&key, &packet->tuple);
    struct martlet_flow *flow = find_flow(packet, &key, from_low, &table);
    if (!flow)
        return UNTRACKED;
    bool opener_low = flow->flags & MARTLET_FLOW_OPENER_LOW;
    bool reply = opener_low != from_low;
    packet->reply = reply;
    packet->destination_endpoint = flow->endpoint[reply ? 0 : 1];
    __u8 reason = in_doubt(packet, flow) ? recheck_flow(packet, flow, reply) : MARTLET_DROP_NONE;
    if (reason != MARTLET_DROP_NONE) {
        if (!(flow->flags & MARTLET_FLOW_WAS_RESET))
            return drop(packet, reason);
        /* The sender is told at once; the reset of either end passes to the other. */
        if (!is_tcp(packet) || !(packet->tcp_flags & TCP_RST))
            return REFUSE + MARTLET_DROP_POLICY;
    }
    if (packet->icmp_error) {
        if (reply)
            translate_reply(packet, flow, false);
        return GO_ON;
    }
    bool second_over = packet->now_ns - READ_ONCE(flow->last_seen_ns) > NS_PER_S;
    WRITE_ONCE(flow->last_seen_ns, packet->now_ns);
    flow->packets[index_of(reply)]++;
    flow->bytes[index_of(reply)] += packet->length;
    if (is_tcp(packet) && step_tcp(flow, packet->tcp_flags, reply))
        tell_end(packet, flow, reply, MARTLET_EVENT_CLOSE);
    if (reply) {
        if (table == TABLE_HALF && flow->state != MARTLET_STATE_CLOSED)
            promote(packet, flow);
        translate_reply(packet, flow, second_over);
    }
    return GO_ON;
}

static __always_inline int conntrack(struct __sk_buff *skb, struct packet *packet)
{
    int verdict = track(packet);
    return verdict == UNTRACKED ? open_flow(skb, packet) : verdict;
}
