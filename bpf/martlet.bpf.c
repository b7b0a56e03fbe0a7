// SPDX-License-Identifier: Apache-2.0
// All data-path programs of a node; stages live in bpf/lib/.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <martlet/abi.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

SEC("tc")
int from_pod(struct __sk_buff *skb)
{
    (void)skb;
    return 2;
}
