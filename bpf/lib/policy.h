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
    /* By number and not by a branch, of which the verifier would follow both ways. */
    return &lists->ingress[0] + ((way & 1) ^ 1) * MARTLET_GENERATION_SLOTS + (slot & 3);
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

/* A list may begin and end in mid-page, and a page is looked at again after each Pass: two tiers have it. */
#define SCAN_TURNS_MAX (MARTLET_LIST_RULES_MAX / MARTLET_PAGE_RULES + 1 + 2)

/* One scan of one list. What changes in it comes after other bytes of its eight, and not as a word of zeros: then the
 * verifier does not tell its values apart, and follows one turn of the scan instead of one for each way there. */
struct scan {
    struct martlet_class_row *row;
    struct martlet_block_row *blocks;
    __u32 offset;
    __u32 count;
    __u16 port;      /* host order */
    __u8 protocol;
    __u8 padding;
    __u32 rule_id;
    __u32 reserved;
    __u8 tier;       /* rules of lower tiers are passed over */
    __u8 last_tier;  /* and of higher ones */
    __u8 action;     /* enum martlet_action; Pass: none decided */
    __u8 page;       /* of the list's, from 1, the next to look at */
};

/* 1 where the protocol, port, tier and peer are the rule's, else 0. Without a branch, by the signs of differences: a
 * branch for each comparison would cost the processor more, and the verifier a state for each way through a page. Read
 * once: copies of the scan would take the room that the stack of seven calls has left. */
static __always_inline __u64 rule_matches(const struct scan *scan, const struct martlet_rule *rule)
{
    __s64 protocol = rule->protocol;
    __s64 port = READ_ONCE(scan->port);
    __s64 below = port - rule->port_low;
    __s64 above = rule->port_high - port;
    __s64 other_protocol = -(protocol ^ READ_ONCE(scan->protocol));
    __s64 wrong_port = (other_protocol | below | above) & -protocol; /* protocol 0 is any, with any port */
    __s64 tier = rule->tier;
    __s64 wrong_tier = (tier - READ_ONCE(scan->tier)) | (READ_ONCE(scan->last_tier) - tier);
    __u64 wrong = (__u64)(wrong_port | wrong_tier) >> 63;

    __u32 word = (rule->peer >> 6) & (MARTLET_SELECTOR_WORDS - 1);
    __u64 in_selector = READ_ONCE(scan->row)->words[word] >> (rule->peer & 63);
    __u64 in_block = READ_ONCE(scan->blocks)->words[word] >> (rule->peer & 63);
    __u64 kind = rule->peer_kind;
    __u64 peer = ((kind - 1) >> 63) | (kind & in_selector) | (kind / MARTLET_PEER_BLOCK & in_block);
    return peer & ~wrong & 1;
}
_Static_assert(MARTLET_PEER_ANY == 0 && MARTLET_PEER_SELECTOR == 1 && MARTLET_PEER_BLOCK == 2, "bits of peer_kind");
_Static_assert(MARTLET_SELECTOR_WORDS == MARTLET_BLOCK_WORDS, "one index for both rows");

/* Which rules of a page match: bit = rule. Those of other lists, before `first` and from `end` on, are left out. */
static __always_inline __u32 page_matches(const struct scan *scan, const struct martlet_rule_page *page, __u32 first,
                                          __u32 end)
{
    __u32 matches = 0;
#pragma clang loop unroll(disable) vectorize(disable)
    for (__u32 i = 0; i < MARTLET_PAGE_RULES; i++)
        matches |= rule_matches(scan, &page->rules[i]) << i;
    matches &= ~0U << first;
    if (end < MARTLET_PAGE_RULES)
        matches &= ~(~0U << end);
    return matches;
}

/* The first match in the list's next page; 1 ends the scan. After a Pass the same page is looked at again. */
static long scan_page(__u32 turn __attribute__((unused)), struct scan *scan)
{
    __u32 number = scan->offset / MARTLET_PAGE_RULES + scan->page - 1;
    struct martlet_rule_page *page = bpf_map_lookup_elem(&rules, &number);
    if (!page)
        return 1;
    __u32 first = scan->offset % MARTLET_PAGE_RULES;
    __u32 end = first + scan->count - (scan->page - 1) * MARTLET_PAGE_RULES;
    __u32 matches = page_matches(scan, page, scan->page == 1 ? first : 0, end);
    if (!matches && end <= MARTLET_PAGE_RULES)
        return 1;
    if (!matches) {
        scan->page++;
        return 0;
    }
    __u32 index = 0;
    while (!(matches >> index & 1) && index < MARTLET_PAGE_RULES - 1)
        index++;
    struct martlet_rule *rule = &page->rules[index];
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
    __u32 self = way & 1; /* EGRESS is of SOURCE, INGRESS of DESTINATION */
    __u32 peer = self ^ 1;
    struct martlet_list *list = list_of(query->class_id[self], query->generation, way);
    if (!list)
        return MARTLET_DROP_INTERNAL;
    struct scan scan = {};
    WRITE_ONCE(scan.action, MARTLET_ACTION_PASS);
    WRITE_ONCE(scan.page, 1);
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
    scan.rule_id = READ_ONCE(list->isolation_rule_id);
    scan.offset = READ_ONCE(list->offset);
    scan.port = bpf_ntohs(query->port);
    scan.protocol = query->protocol;
    scan.last_tier = MARTLET_TIER_BASELINE - (flags & MARTLET_LIST_ISOLATED);
    scan.count = READ_ONCE(list->count);
    if (scan.count > MARTLET_LIST_RULES_MAX)
        return MARTLET_DROP_INTERNAL;
    if (scan.count)
        bpf_loop(SCAN_TURNS_MAX, scan_page, &scan, 0);
    query->rule_id[way & 1] = scan.rule_id;
    if (scan.action == MARTLET_ACTION_ALLOW)
        return MARTLET_DROP_NONE;
    if (scan.action == MARTLET_ACTION_PASS && !(flags & MARTLET_LIST_ISOLATED)) {
        query->rule_id[way & 1] = MARTLET_RULE_NONE;
        return MARTLET_DROP_NONE;
    }
    if (scan.action == MARTLET_ACTION_DENY)
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
