/* Stage: policy. Judges a flow from its opener to its responder in one generation: the opener's egress list where the
 * opener is a pod of this node, the responder's ingress list where that is. */
#pragma once

#include "identity.h"

static __always_inline struct martlet_list *list_of(__u32 class_id, __u32 slot, int way)
{
    __u32 index = class_id & MARTLET_CLASS_INDEX_MASK;
    struct martlet_class_lists *lists = bpf_map_lookup_elem(&class_lists, &index);
    if (!lists)
        return NULL;
    return way == EGRESS ? &lists->egress[slot & 3] : &lists->ingress[slot & 3];
}

/* Fills one side: class, CIDR class, whether the pod is this node's. False where the pod went while the packet was
 * under way: nobody judges for it any more. */
static __always_inline bool identify_side(struct query *query, int side, __u32 slot, bool blocks_cover_pods)
{
    struct martlet_address address = side == SOURCE ? query->source : query->destination;
    struct martlet_endpoint *endpoint = live_endpoint(query->endpoint[side]);
    bool by_block = true;
    if (endpoint) {
        __u32 flags = READ_ONCE(endpoint->flags);
        query->class_id[side] = READ_ONCE(endpoint->class_id[slot & 3]);
        query->judged[side] = flags & MARTLET_ENDPOINT_LOCAL;
        query->unknown[side] = flags & MARTLET_ENDPOINT_UNMANAGED;
        by_block = blocks_cover_pods || query->unknown[side];
    } else if (query->endpoint[side]) {
        return false;
    } else {
        query->unknown[side] = in_cluster_pods(address);
    }
    if (by_block)
        query->cidr_class[side] = cidr_class(address, slot);
    return true;
}

static __always_inline void identify_list(struct query *query, struct martlet_list *list, int way)
{
    if (!list)
        return;
    query->modes |= READ_ONCE(list->flags) & MARTLET_LIST_MODES;
    if (query->judged[way])
        query->list_version[way] = READ_ONCE(list->version);
}

/* Everything that a verdict depends on, short of scanning the lists. Answers the drop reason. */
STAGE __u8 identify(struct query *query)
{
    if (!query)
        return MARTLET_DROP_INTERNAL;
    __u32 zero = 0;
    __u32 slot = query->generation & 3;
    struct martlet_control *settings = bpf_map_lookup_elem(&control, &zero);
    if (!settings)
        return MARTLET_DROP_INTERNAL;
    bool cover = READ_ONCE(settings->flags[slot]) & MARTLET_CONTROL_BLOCKS_COVER_PODS;
    if (!identify_side(query, SOURCE, slot, cover) || !identify_side(query, DESTINATION, slot, cover))
        return MARTLET_DROP_NO_ROUTE;
    identify_list(query, list_of(query->class_id[SOURCE], slot, EGRESS), EGRESS);
    identify_list(query, list_of(query->class_id[DESTINATION], slot, INGRESS), INGRESS);
    return MARTLET_DROP_NONE;
}

/* One scan of one list. */
struct scan {
    struct martlet_class_row *row;
    struct martlet_block_row *blocks;
    __u32 offset;
    __u32 rule_id;
    __u16 port;      /* host order */
    __u8 protocol;
    __u8 tier;       /* rules of lower tiers are passed over */
    __u8 action;     /* enum martlet_action, 0: none decided */
    bool isolated;
    __u8 padding[2];
};

static __always_inline bool has_bit(const __u64 *words, __u32 bit)
{
    return words[(bit >> 6) & (MARTLET_SELECTOR_WORDS - 1)] >> (bit & 63) & 1;
}

static __always_inline bool rule_matches(const struct scan *scan, const struct martlet_rule *rule)
{
    if (rule->protocol) {
        if (rule->protocol != scan->protocol || scan->port < rule->port_low || scan->port > rule->port_high)
            return false;
    }
    if (rule->peer_kind == MARTLET_PEER_SELECTOR)
        return has_bit(scan->row->words, rule->peer);
    if (rule->peer_kind == MARTLET_PEER_BLOCK)
        return has_bit(scan->blocks->words, rule->peer);
    return rule->peer_kind == MARTLET_PEER_ANY;
}

/* One rule; 1 ends the scan. */
static long scan_rule(__u32 index, struct scan *scan)
{
    __u32 position = scan->offset + index;
    struct martlet_rule *rule = bpf_map_lookup_elem(&rules, &position);
    if (!rule)
        return 1;
    if (scan->isolated && rule->tier > MARTLET_TIER_NETWORK_POLICY)
        return 1;
    if (rule->tier < scan->tier || !rule_matches(scan, rule))
        return 0;
    if (rule->action == MARTLET_ACTION_PASS) {
        scan->tier = rule->tier + 1;
        return 0;
    }
    scan->action = rule->action;
    scan->rule_id = rule->rule_id;
    return 1;
}

/* Applies one list to the peer on its other side. Answers the drop reason. */
STAGE __u8 judge_list(struct query *query, int way)
{
    if (!query)
        return MARTLET_DROP_INTERNAL;
    int self = way == EGRESS ? SOURCE : DESTINATION;
    int peer = way == EGRESS ? DESTINATION : SOURCE;
    struct martlet_list *list = list_of(query->class_id[self], query->generation, way);
    if (!list)
        return MARTLET_DROP_INTERNAL;
    struct scan scan = {};
    __u32 class_index = query->class_id[peer] & MARTLET_CLASS_INDEX_MASK;
    __u32 block_index = query->cidr_class[peer] & MARTLET_CLASS_INDEX_MASK;
    scan.row = bpf_map_lookup_elem(&class_rows, &class_index);
    if (!scan.row)
        return MARTLET_DROP_INTERNAL;
    scan.blocks = bpf_map_lookup_elem(&block_rows, &block_index);
    if (!scan.blocks)
        return MARTLET_DROP_INTERNAL;
    __u32 flags = READ_ONCE(list->flags);
    if (flags & MARTLET_LIST_CLOSED)
        return MARTLET_DROP_POLICY_CLOSED;
    if (query->unknown[peer] && (flags & MARTLET_LIST_POD_DENY))
        return MARTLET_DROP_UNKNOWN_PEER;
    scan.offset = READ_ONCE(list->offset);
    scan.port = bpf_ntohs(query->port);
    scan.protocol = query->protocol;
    scan.isolated = flags & MARTLET_LIST_ISOLATED;
    __u32 rule_count = READ_ONCE(list->count);
    if (rule_count > MARTLET_LIST_RULES_MAX)
        return MARTLET_DROP_INTERNAL;
    if (rule_count)
        bpf_loop(rule_count, scan_rule, &scan, 0);
    query->rule_id[way & 1] = scan.rule_id;
    if (scan.action == MARTLET_ACTION_ALLOW)
        return MARTLET_DROP_NONE;
    if (scan.action == 0 && !scan.isolated)
        return MARTLET_DROP_NONE;
    if (scan.action == 0)
        query->rule_id[way & 1] = READ_ONCE(list->isolation_rule_id);
    else
        query->denied = true;
    return MARTLET_DROP_POLICY;
}

/* Both lists of an identified query. Answers whether the flow may pass. */
STAGE bool judge(struct query *query)
{
    if (!query)
        return false;
    bool self = query->endpoint[SOURCE] != 0 && query->endpoint[SOURCE] == query->endpoint[DESTINATION];
    bool node = query->from_node || (query->endpoint[DESTINATION] == 0 && is_node_address(query->destination));
    if (self || node) {
        __u32 rule_id = self ? MARTLET_RULE_SELF : MARTLET_RULE_NODE;
        query->rule_id[EGRESS] = query->rule_id[INGRESS] = rule_id;
        return true;
    }
    if (query->judged[EGRESS])
        query->reason[EGRESS] = judge_list(query, EGRESS);
    if (query->judged[INGRESS])
        query->reason[INGRESS] = judge_list(query, INGRESS);
    return query->reason[EGRESS] == MARTLET_DROP_NONE && query->reason[INGRESS] == MARTLET_DROP_NONE;
}
