/* Answers a martlet_question, which takes the packet's place in a test run, by the data path's own policy stage.
 * Writes no map. */
#pragma once

#include "lib/policy.h"
#include "lib/run.h"

static __always_inline __u8 verdict_of(const struct query *query, int way)
{
    return query->reason[way] == MARTLET_DROP_NONE ? MARTLET_ACTION_ALLOW : MARTLET_ACTION_DENY;
}

SEC("tc")
int explain(struct __sk_buff *skb)
{
    struct martlet_question question = {};
    struct packet packet = {};
    struct query query = {};
    if (begin(&packet, MARTLET_HOOK_EXPLAIN) != GO_ON || !load_bytes(skb, 0, &question, sizeof(question)))
        return TC_ACT_SHOT;
    query.source = question.source;
    query.destination = question.destination;
    query.port = question.destination_port;
    query.protocol = question.protocol;
    query.generation = packet.generation;
    query.endpoint[SOURCE] = peer_number(question.source);
    query.endpoint[DESTINATION] = peer_number(question.destination);
    query.from_node = is_node_address(question.source);
    if (identify(&query))
        return TC_ACT_SHOT;
    judge(&query);
    question.egress_verdict = verdict_of(&query, EGRESS);
    question.ingress_verdict = verdict_of(&query, INGRESS);
    question.egress_reason = query.reason[EGRESS];
    question.ingress_reason = query.reason[INGRESS];
    question.egress_rule = query.rule_id[EGRESS];
    question.ingress_rule = query.rule_id[INGRESS];
    question.generation = query.generation;
    return store_bytes(skb, 0, &question, sizeof(question)) ? TC_ACT_OK : TC_ACT_SHOT;
}
