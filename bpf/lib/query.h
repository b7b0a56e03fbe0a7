/* A question to the policy stage, and its answer. */
#pragma once

#include "kernel.h"
#include <martlet/abi.h>

/* What is asked, then what decides, then the answer. Pairs are {source, destination}; of lists, {egress, ingress}. */
struct query {
    struct martlet_address source;
    struct martlet_address destination;
    __u32 generation;
    __u32 endpoint[2];
    __u32 class_id[2];
    __u32 cidr_class[2];
    __u32 list_version[2];
    __u32 rule_id[2];
    __be16 port;          /* of the destination */
    __u8 protocol;
    __u8 from_node;
    __u8 judged[2];       /* this node is the one that applies that list */
    __u8 unknown[2];      /* in a pod CIDR, but no pod */
    __u8 reason[2];       /* enum martlet_drop_reason */
    __u8 modes;           /* MARTLET_LIST_MODES of both lists */
    __u8 denied;          /* by a Deny rule, not by isolation */
};
_Static_assert(sizeof(struct query) == 88, "query");

enum side {
    SOURCE = 0,
    DESTINATION = 1,
    EGRESS = 0,
    INGRESS = 1,
};
