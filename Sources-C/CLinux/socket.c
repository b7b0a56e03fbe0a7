// Local sockets and descriptors handed over by a launcher.
#define _GNU_SOURCE
#include "CLinux.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int clinux_listen_fds(void) {
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    int handed = 0;
    if (pid != NULL && count != NULL && strtol(pid, NULL, 10) == getpid()) {
        long number = strtol(count, NULL, 10);
        handed = number > 0 && number < 64 ? (int)number : 0;
    }
    for (int fd = 3; fd < 3 + handed; fd++)
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) handed = -errno;
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return handed;
}

static int fill(struct sockaddr_un *address, const char *path) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof address->sun_path) return -ENAMETOOLONG;
    strcpy(address->sun_path, path);
    return 0;
}

static int fail(int fd) {
    int failure = -errno;
    close(fd);
    return failure;
}

int clinux_unix_listen(const char *path, unsigned mode, int backlog) {
    struct sockaddr_un address;
    int failure = fill(&address, path);
    if (failure != 0) return failure;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    // The mode of the unbound socket is the mode that bind gives to the name.
    if (fchmod(fd, mode) != 0) return fail(fd);
    if (unlink(path) != 0 && errno != ENOENT) return fail(fd);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, backlog) != 0) return fail(fd);
    return fd;
}

// Milliseconds until the deadline for poll(2), rounded up; -1 for none.
static int remaining(int64_t deadline_ns) {
    if (deadline_ns < 0) return -1;
    int64_t left = deadline_ns - clinux_monotonic_ns();
    if (left <= 0) return 0;
    return left > 3600000000000 ? 3600000 : (int)((left + 999999) / 1000000);
}

// Waits for `events`: 0 where something can be done, -ETIMEDOUT at the deadline.
static int wait_for(int fd, short events, int64_t deadline_ns) {
    for (;;) {
        struct pollfd entry = {fd, events, 0};
        int timeout = remaining(deadline_ns);
        int ready = poll(&entry, 1, timeout);
        if (ready > 0) return 0;
        if (ready == 0 && remaining(deadline_ns) == 0) return -ETIMEDOUT;
        if (ready < 0 && errno != EINTR) return -errno;
    }
}

int clinux_unix_connect(const char *path, int64_t deadline_ns) {
    struct sockaddr_un address;
    int failure = fill(&address, path);
    if (failure != 0) return failure;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    while (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        if (errno == EINTR) continue;
        // A full listen queue of a local socket answers EAGAIN and cannot be polled for.
        if (errno != EAGAIN) return fail(fd);
        if (remaining(deadline_ns) == 0) {
            close(fd);
            return -ETIMEDOUT;
        }
        poll(NULL, 0, 5);
    }
    return fd;
}

int clinux_write_all(int fd, const void *bytes, size_t length, int64_t deadline_ns) {
    const char *next = bytes;
    while (length > 0) {
        ssize_t count = send(fd, next, length, MSG_NOSIGNAL);
        if (count > 0) {
            next += count;
            length -= (size_t)count;
        } else if (errno == EAGAIN) {
            int failure = wait_for(fd, POLLOUT, deadline_ns);
            if (failure != 0) return failure;
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

int clinux_read_exactly(int fd, void *bytes, size_t length, int64_t deadline_ns) {
    char *next = bytes;
    while (length > 0) {
        ssize_t count = recv(fd, next, length, 0);
        if (count > 0) {
            next += count;
            length -= (size_t)count;
        } else if (count == 0) {
            return -EPIPE;
        } else if (errno == EAGAIN) {
            int failure = wait_for(fd, POLLIN, deadline_ns);
            if (failure != 0) return failure;
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

int clinux_loopback_listen(uint16_t *port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 1024) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) != 0)
        return fail(fd);
    *port = ntohs(address.sin_port);
    return fd;
}
