// SPDX-License-Identifier: Apache-2.0
/* All data-path programs of a node in one object. An entry is a list of stages; stages live in lib/. */
#include "lib/kernel.h"

#include "connect.h"
#include "explain.h"
#include "from_network.h"
#include "from_pod.h"
#include "recheck.h"
#include "to_network.h"
#include "to_pod.h"

char LICENSE[] SEC("license") = "Apache-2.0";

/* The filter that stands behind every pod's programs (clsact, both directions): it runs only when they are gone. */
SEC("tc")
int closed(struct __sk_buff *skb)
{
    (void)skb;
    return TC_ACT_SHOT;
}
