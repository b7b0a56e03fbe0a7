// CMnl: a netlink socket over libmnl, as the few calls that Swift needs. Functions return -errno on failure.
#pragma once
#include <stddef.h>
#include <stdint.h>

struct mnl_socket;

// A socket of a netlink family (NETLINK_ROUTE, NETLINK_SOCK_DIAG) in the calling thread's network namespace, with
// extended acknowledgements and strict checking of dump requests; receiving gives up after `timeout_seconds`. Null and
// errno on failure.
struct mnl_socket *cmnl_open(int family, int timeout_seconds);
void cmnl_close(struct mnl_socket *socket);
uint32_t cmnl_port(const struct mnl_socket *socket);
int cmnl_send(const struct mnl_socket *socket, const void *bytes, size_t length);
// One datagram: its length. -ENOSPC where it did not fit (the rest is lost), -EAGAIN past the timeout.
int cmnl_receive(const struct mnl_socket *socket, void *bytes, size_t capacity);
