// The netlink socket, by libmnl.
#include "CMnl.h"
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>

static int prepare(struct mnl_socket *socket, int timeout_seconds) {
    int on = 1;
    struct timeval timeout = {.tv_sec = timeout_seconds};
    if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) return -1;
    if (mnl_socket_setsockopt(socket, NETLINK_EXT_ACK, &on, sizeof on) < 0) return -1;
    if (mnl_socket_setsockopt(socket, NETLINK_GET_STRICT_CHK, &on, sizeof on) < 0) return -1;
    return setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
}

struct mnl_socket *cmnl_open(int family, int timeout_seconds) {
    struct mnl_socket *socket = mnl_socket_open2(family, SOCK_CLOEXEC);
    if (socket == NULL) return NULL;
    if (prepare(socket, timeout_seconds) == 0) return socket;
    int failure = errno;
    mnl_socket_close(socket);
    errno = failure;
    return NULL;
}

void cmnl_close(struct mnl_socket *socket) { mnl_socket_close(socket); }

uint32_t cmnl_port(const struct mnl_socket *socket) { return mnl_socket_get_portid(socket); }

int cmnl_send(const struct mnl_socket *socket, const void *bytes, size_t length) {
    return mnl_socket_sendto(socket, bytes, length) < 0 ? -errno : 0;
}

int cmnl_receive(const struct mnl_socket *socket, void *bytes, size_t capacity) {
    ssize_t count = mnl_socket_recvfrom(socket, bytes, capacity);
    return count < 0 ? -errno : (int)count;
}
