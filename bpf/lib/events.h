/* Counters, events, and the one function through which every drop goes. */
#pragma once

#include "maps.h"
#include "packet.h"

static __always_inline void count(__u32 index, __u64 amount)
{
    __u64 *counter = bpf_map_lookup_elem(&counters, &index);
    if (counter)
        *counter += amount;
}

/* Whether this CPU may still tell an event in the running second. */
static __always_inline bool take_event_budget(__u64 now)
{
    __u32 zero = 0;
    struct event_budget *budget = bpf_map_lookup_elem(&event_budget, &zero);
    if (!budget)
        return false;
    __u64 second = now / NS_PER_S;
    if (budget->second != second) {
        budget->second = second;
        budget->used = 0;
    }
    if (budget->used >= config.events_per_second)
        return false;
    budget->used++;
    return true;
}

/* A record to fill, or NULL: then the loss has been counted. */
static __always_inline struct martlet_event *open_event(void)
{
    if (config.events_per_second == 0)
        return NULL;
    __u64 now = bpf_ktime_get_ns();
    struct martlet_event *event = NULL;
    if (take_event_budget(now))
        event = bpf_ringbuf_reserve(&events, sizeof(struct martlet_event), 0);
    if (!event) {
        count(MARTLET_COUNTER_EVENTS_LOST, 1);
        return NULL;
    }
    __builtin_memset(event, 0, sizeof(*event));
    event->time_ns = now;
    return event;
}

/* Waking a reader costs more than the event: below a threshold the reader's timer finds it. */
static __always_inline void send_event(struct martlet_event *event)
{
    bool full = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) >= MARTLET_EVENT_WAKE_BYTES;
    bpf_ringbuf_submit(event, full ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

static __always_inline void set_event_tuple(struct martlet_event *event, const struct martlet_tuple *tuple)
{
    event->source = tuple->source;
    event->destination = tuple->destination;
    event->source_port = tuple->source_port;
    event->destination_port = tuple->destination_port;
    event->protocol = tuple->protocol;
}

static __always_inline __u32 incarnation_of(__u32 number)
{
    struct martlet_endpoint *endpoint = bpf_map_lookup_elem(&endpoints, &number);
    if (!endpoint || number == 0)
        return 0;
    return endpoint->incarnation;
}

/* Tells a new flow or a drop. `other_rule_id`: of a flow, the rule of the list that the packet does not name. */
STAGE int tell_packet(const struct packet *packet, __u8 kind, __u8 reason, __u32 other_rule_id)
{
    if (!packet)
        return -1;
    struct martlet_event *event = open_event();
    if (!event)
        return 0;
    set_event_tuple(event, &packet->tuple);
    event->frontend = packet->frontend;
    event->frontend_port = packet->frontend_port;
    event->kind = kind;
    event->reason = reason;
    event->direction = packet->direction;
    event->hook = packet->hook;
    event->tcp_flags = packet->tcp_flags;
    event->rule_id = packet->rule_id;
    event->generation = packet->generation;
    event->source_endpoint = packet->source_endpoint;
    event->destination_endpoint = packet->destination_endpoint;
    event->source_incarnation = incarnation_of(packet->source_endpoint);
    event->destination_incarnation = incarnation_of(packet->destination_endpoint);
    event->other_rule_id = other_rule_id;
    bool reply = packet->reply;
    event->packets[0] = !reply;
    event->packets[1] = reply;
    event->bytes[0] = reply ? 0 : packet->length;
    event->bytes[1] = reply ? packet->length : 0;
    send_event(event);
    return 0;
}

/* Tells the end of a flow, from its opener's side: a close, or a reset by the rule that the packet names. */
STAGE int tell_end(const struct packet *packet, const struct martlet_flow *flow, bool reply, __u8 kind)
{
    if (!packet || !flow)
        return -1;
    struct martlet_event *event = open_event();
    if (!event)
        return 0;
    struct martlet_tuple opener = reply ? reversed(&packet->tuple) : packet->tuple;
    set_event_tuple(event, &opener);
    event->frontend = flow->frontend;
    event->frontend_port = flow->frontend_port;
    event->kind = kind;
    event->hook = packet->hook;
    event->tcp_flags = packet->tcp_flags;
    event->rule_id = flow->rule_id[1] ? flow->rule_id[1] : flow->rule_id[0];
    event->other_rule_id = flow->rule_id[1] ? flow->rule_id[0] : MARTLET_RULE_NONE;
    if (kind == MARTLET_EVENT_RESET) {
        event->reason = MARTLET_DROP_POLICY;
        event->direction = packet->direction;
        event->rule_id = packet->rule_id;
        event->other_rule_id = MARTLET_RULE_NONE;
    }
    event->generation = flow->generation;
    event->source_endpoint = flow->endpoint[0];
    event->destination_endpoint = flow->endpoint[1];
    event->source_incarnation = flow->incarnation[0];
    event->destination_incarnation = flow->incarnation[1];
    event->packets[0] = flow->packets[0];
    event->packets[1] = flow->packets[1];
    event->bytes[0] = flow->bytes[0];
    event->bytes[1] = flow->bytes[1];
    send_event(event);
    return 0;
}

/* Every drop. Multicast is counted without an event: there is always some. */
STAGE int drop(struct packet *packet, __u8 reason)
{
    if (!packet)
        return TC_ACT_SHOT;
    count(MARTLET_COUNTER_DROPS + reason, 1);
    if (reason != MARTLET_DROP_MULTICAST)
        tell_packet(packet, MARTLET_EVENT_DROP, reason, MARTLET_RULE_NONE);
    return TC_ACT_SHOT;
}
