// Network namespaces and mounts.
#define _GNU_SOURCE
#include "CLinux.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <unistd.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

struct visit {
    int namespace_fd;
    int (*body)(void *context);
    void *context;
    int result;
};

static void *visit_main(void *argument) {
    struct visit *visit = argument;
    if (setns(visit->namespace_fd, CLONE_NEWNET) != 0)
        visit->result = -errno;
    else
        visit->result = visit->body(visit->context);
    return NULL;
}

static int run_thread(void *(*entry)(void *), void *argument) {
    pthread_t thread;
    int failure = pthread_create(&thread, NULL, entry, argument);
    if (failure != 0) return -failure;
    failure = pthread_join(thread, NULL);
    return -failure;
}

int clinux_in_network_namespace(int namespace_fd, int (*body)(void *context), void *context) {
    struct visit visit = {namespace_fd, body, context, 0};
    int failure = run_thread(visit_main, &visit);
    return failure != 0 ? failure : visit.result;
}

struct birth {
    const char *path;
    int result;
};

static void *birth_main(void *argument) {
    struct birth *birth = argument;
    birth->result = 0;
    if (unshare(CLONE_NEWNET) != 0 || mount("/proc/thread-self/ns/net", birth->path, "none", MS_BIND, NULL) != 0)
        birth->result = -errno;
    return NULL;
}

int clinux_make_network_namespace(const char *path) {
    int fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    if (fd < 0) return -errno;
    close(fd);
    struct birth birth = {path, 0};
    int failure = run_thread(birth_main, &birth);
    if (failure == 0) failure = birth.result;
    if (failure != 0) unlink(path);
    return failure;
}

int clinux_unshare(int flags) { return unshare(flags) == 0 ? 0 : -errno; }

int clinux_namespace_cookie(int socket_fd, uint64_t *cookie) {
    socklen_t length = sizeof *cookie;
    return getsockopt(socket_fd, SOL_SOCKET, SO_NETNS_COOKIE, cookie, &length) == 0 ? 0 : -errno;
}

int clinux_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data) {
    return mount(source, target, type, flags, data) == 0 ? 0 : -errno;
}

int clinux_unmount(const char *target, int flags) { return umount2(target, flags) == 0 ? 0 : -errno; }

const unsigned long clinux_ms_bind = MS_BIND, clinux_ms_rec = MS_REC, clinux_ms_private = MS_PRIVATE,
                    clinux_ms_shared = MS_SHARED, clinux_ms_nosuid = MS_NOSUID, clinux_ms_nodev = MS_NODEV,
                    clinux_ms_noexec = MS_NOEXEC;
const int clinux_mnt_detach = MNT_DETACH;

int clinux_filesystem_type(const char *path, uint64_t *type) {
    struct statfs status;
    if (statfs(path, &status) != 0) return -errno;
    *type = (uint64_t)status.f_type & 0xffffffff;
    return 0;
}
