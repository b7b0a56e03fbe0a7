/* cgroup2 socket-address programs: a socket that dials a service address gets a backend before the first packet, and
 * goes on seeing the service address. They act for sockets of the node's and its pods' network namespaces only. A
 * v4-mapped address on an IPv6 socket runs the IPv6 programs alone; addresses have one form, so one path serves all. */
#pragma once

#include "lib/service.h"

enum socket_verdict {
    SOCKET_REFUSE = 0,
    SOCKET_GO_ON = 1,
};

static __always_inline bool is_our_socket(struct bpf_sock_addr *socket)
{
    __u64 cookie = bpf_get_netns_cookie(socket);
    if (cookie == config.node_netns_cookie)
        return true;
    return bpf_map_lookup_elem(&pod_netns, &cookie) != NULL;
}

static __always_inline struct martlet_address socket_ipv4(struct bpf_sock_addr *socket)
{
    return address_of_ipv4(socket->user_ip4);
}

static __always_inline struct martlet_address socket_ipv6(struct bpf_sock_addr *socket)
{
    __be32 words[4] = {socket->user_ip6[0], socket->user_ip6[1], socket->user_ip6[2], socket->user_ip6[3]};
    return address_of_words(words);
}

static __always_inline void set_socket_ipv4(struct bpf_sock_addr *socket, struct martlet_address address)
{
    socket->user_ip4 = ipv4_of_address(address);
}

static __always_inline void set_socket_ipv6(struct bpf_sock_addr *socket, struct martlet_address address)
{
    socket->user_ip6[0] = (__be32)address.high;
    socket->user_ip6[1] = (__be32)(address.high >> 32);
    socket->user_ip6[2] = (__be32)address.low;
    socket->user_ip6[3] = (__be32)(address.low >> 32);
}

/* One socket goes on with one backend for as long as the Service's extent is the same. */
static __always_inline __u32 socket_random(__u64 cookie, __u32 number, bool datagram)
{
    return datagram ? martlet_tag_fold(cookie, number) : bpf_get_prandom_u32();
}

/* A dialled address and the backend that takes its place. */
struct dialled {
    struct martlet_address address;
    __be16 port;
    __u8 protocol;
    bool replaced;
    __u8 padding[4];
};

/* Replaces a service address; SOCKET_REFUSE where there is nobody to serve it. */
STAGE int dial(struct bpf_sock_addr *socket, struct dialled *dialled)
{
    if (!dialled)
        return SOCKET_GO_ON;
    struct martlet_socket_key key = {};
    struct martlet_socket_frontend frontend = {};
    __u64 extent = 0;
    frontend.address = dialled->address;
    frontend.port = dialled->port;
    key.cookie = bpf_get_socket_cookie(socket);
    key.protocol = dialled->protocol;
    __s64 number = service_number(dialled->address, dialled->port, dialled->protocol);
    struct martlet_backend *backend = NULL;
    if (number >= 0) {
        __u32 random = socket_random(key.cookie, (__u32)number, dialled->protocol == PROTOCOL_UDP);
        backend = pick_backend((__u32)number, random, &extent);
    }
    if (!backend) {
        count(MARTLET_COUNTER_CONNECT_REFUSED, 1);
        bpf_set_retval(-ECONNREFUSED);
        return SOCKET_REFUSE;
    }
    key.backend = dialled->address = backend->address;
    key.backend_port = dialled->port = backend->port;
    dialled->replaced = true;
    count(MARTLET_COUNTER_CONNECT_TRANSLATED, 1);
    bpf_map_update_elem(&socket_frontends, &key, &frontend, BPF_ANY);
    return SOCKET_GO_ON;
}

/* Puts the service address back where the socket's peer is a backend that stands for one. */
STAGE int undial(struct bpf_sock_addr *socket, struct dialled *dialled)
{
    if (!dialled)
        return -1;
    struct martlet_socket_key key = {};
    key.cookie = bpf_get_socket_cookie(socket);
    key.backend = dialled->address;
    key.backend_port = dialled->port;
    key.protocol = dialled->protocol;
    struct martlet_socket_frontend *frontend = bpf_map_lookup_elem(&socket_frontends, &key);
    if (!frontend)
        return -1;
    dialled->address = frontend->address;
    dialled->port = frontend->port;
    dialled->replaced = true;
    return 0;
}

static __always_inline int dial_ipv4(struct bpf_sock_addr *socket)
{
    struct dialled dialled = {.address = socket_ipv4(socket), .port = (__be16)socket->user_port};
    dialled.protocol = (__u8)socket->protocol;
    if (!in_services(dialled.address) || !is_our_socket(socket))
        return SOCKET_GO_ON;
    int verdict = dial(socket, &dialled);
    if (dialled.replaced) {
        set_socket_ipv4(socket, dialled.address);
        socket->user_port = dialled.port;
    }
    return (int)index_of(verdict != SOCKET_REFUSE); /* SOCKET_REFUSE or SOCKET_GO_ON, so that the verifier sees it */
}

static __always_inline int dial_ipv6(struct bpf_sock_addr *socket)
{
    struct dialled dialled = {.address = socket_ipv6(socket), .port = (__be16)socket->user_port};
    dialled.protocol = (__u8)socket->protocol;
    if (!in_services(dialled.address) || !is_our_socket(socket))
        return SOCKET_GO_ON;
    int verdict = dial(socket, &dialled);
    if (dialled.replaced) {
        set_socket_ipv6(socket, dialled.address);
        socket->user_port = dialled.port;
    }
    return (int)index_of(verdict != SOCKET_REFUSE); /* SOCKET_REFUSE or SOCKET_GO_ON, so that the verifier sees it */
}

static __always_inline int undial_ipv4(struct bpf_sock_addr *socket)
{
    struct dialled dialled = {.address = socket_ipv4(socket), .port = (__be16)socket->user_port};
    dialled.protocol = (__u8)socket->protocol;
    if (undial(socket, &dialled) == 0) {
        set_socket_ipv4(socket, dialled.address);
        socket->user_port = dialled.port;
    }
    return SOCKET_GO_ON;
}

static __always_inline int undial_ipv6(struct bpf_sock_addr *socket)
{
    struct dialled dialled = {.address = socket_ipv6(socket), .port = (__be16)socket->user_port};
    dialled.protocol = (__u8)socket->protocol;
    if (undial(socket, &dialled) == 0) {
        set_socket_ipv6(socket, dialled.address);
        socket->user_port = dialled.port;
    }
    return SOCKET_GO_ON;
}

SEC("cgroup/connect4")
int connect4(struct bpf_sock_addr *socket)
{
    return dial_ipv4(socket);
}

SEC("cgroup/connect6")
int connect6(struct bpf_sock_addr *socket)
{
    return dial_ipv6(socket);
}

SEC("cgroup/sendmsg4")
int sendmsg4(struct bpf_sock_addr *socket)
{
    return dial_ipv4(socket);
}

SEC("cgroup/sendmsg6")
int sendmsg6(struct bpf_sock_addr *socket)
{
    return dial_ipv6(socket);
}

SEC("cgroup/recvmsg4")
int recvmsg4(struct bpf_sock_addr *socket)
{
    return undial_ipv4(socket);
}

SEC("cgroup/recvmsg6")
int recvmsg6(struct bpf_sock_addr *socket)
{
    return undial_ipv6(socket);
}

SEC("cgroup/getpeername4")
int getpeername4(struct bpf_sock_addr *socket)
{
    return undial_ipv4(socket);
}

SEC("cgroup/getpeername6")
int getpeername6(struct bpf_sock_addr *socket)
{
    return undial_ipv6(socket);
}
