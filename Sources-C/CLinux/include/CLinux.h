// CLinux: system calls that Swift's Glibc module lacks, each as one plain function. Unless said otherwise, a function
// returns 0 or a descriptor, and -errno on failure. Every descriptor made here is close-on-exec.
#pragma once
#include <stddef.h>
#include <stdint.h>

// Namespaces. ----------------------------------------------------------------------------------------------------

// Runs body(context) on a fresh thread that has entered the network namespace of `namespace_fd`, and joins it. The
// caller's own thread never moves. Returns body's value, or -errno where the thread or setns failed (body did not run).
int clinux_in_network_namespace(int namespace_fd, int (*body)(void *context), void *context);
// Makes a network namespace and binds it to `path` (created, mode 0444; must not be a mount already).
int clinux_make_network_namespace(const char *path);
// unshare(2) for the calling thread.
int clinux_unshare(int flags);
// SO_NETNS_COOKIE of the namespace of any socket.
int clinux_namespace_cookie(int socket_fd, uint64_t *cookie);

// Mounts. --------------------------------------------------------------------------------------------------------

int clinux_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data);
int clinux_unmount(const char *target, int flags);
extern const unsigned long clinux_ms_bind, clinux_ms_rec, clinux_ms_private, clinux_ms_shared, clinux_ms_nosuid,
    clinux_ms_nodev, clinux_ms_noexec;
extern const int clinux_mnt_detach;
// f_type of statfs(2): bpffs is 0xcafe4a11, cgroup2 0x63677270.
int clinux_filesystem_type(const char *path, uint64_t *type);

// Files, locks, clocks. ------------------------------------------------------------------------------------------

// flock(LOCK_EX | LOCK_NB): -EWOULDBLOCK where another open file holds it.
int clinux_lock_exclusive(int fd);
// Returns when the names in a directory are on the disk.
int clinux_sync_directory(const char *path);
int clinux_memfd(const char *name);
int clinux_eventfd(void);
// CLOCK_BOOTTIME and CLOCK_MONOTONIC, nanoseconds.
int64_t clinux_boottime_ns(void);
int64_t clinux_monotonic_ns(void);

// Sockets. -------------------------------------------------------------------------------------------------------

// Descriptors handed over as systemd does (sd_listen_fds(3)): their count; they start at 3, are made close-on-exec, and
// the environment variables are removed. 0 where LISTEN_PID is not this process.
int clinux_listen_fds(void);
// A listening stream socket at `path` with `mode`, which holds from the moment the name exists. A stale name is
// removed.
int clinux_unix_listen(const char *path, unsigned mode, int backlog);
// Connects to `path`; `deadline_ns` is CLOCK_MONOTONIC. -ETIMEDOUT past it. The socket is non-blocking.
int clinux_unix_connect(const char *path, int64_t deadline_ns);
// Write or read exactly `length` bytes by `deadline_ns` (a negative deadline never ends). -ETIMEDOUT past it, -EPIPE
// where the peer is gone.
int clinux_write_all(int fd, const void *bytes, size_t length, int64_t deadline_ns);
int clinux_read_exactly(int fd, void *bytes, size_t length, int64_t deadline_ns);
// A listening TCP socket on 127.0.0.1 and a free port, which is written to `port` in host order.
int clinux_loopback_listen(uint16_t *port);

// Memory. --------------------------------------------------------------------------------------------------------

// Large blocks get pages of their own and give them back when they are freed. To be called before there are any.
// Returns 0 or -EINVAL.
int clinux_set_up_heap(void);
// Gives the heap's idle pages back to the kernel, where more of them are resident than `idle_bytes_max` and a 32nd of
// what is in use, and more than the last call left idle. Looks only where that many have come since the last look,
// and a 32nd of what was there, or `even_unchanged` is not 0: a look takes milliseconds. Returns 1 where it did, 0
// where there was nothing to do. For one thread at a time.
int clinux_trim_heap(size_t idle_bytes_max, int even_unchanged);

// Processes. -----------------------------------------------------------------------------------------------------

struct clinux_spawn {
    // Null-terminated; argv[0] is the path of the program.
    const char *const *argv;
    // Null-terminated; null keeps the caller's.
    const char *const *environment;
    // Entered before exec where not negative.
    int network_namespace_fd;
    // A cgroup's cgroup.procs to be joined before exec; null for none.
    const char *cgroup_procs;
    // Becomes standard output and error where not negative; standard input is /dev/null.
    int output_fd;
    // Becomes descriptor 3, with LISTEN_FDS=1 and LISTEN_PID, where not negative.
    int listen_fd;
    // 1: a session of its own, so that the terminal's signals do not reach it.
    int new_session;
    // A signal that the child gets when the calling thread ends; 0 for none.
    int parent_death_signal;
};
// The child's pid, or -errno of whichever step failed, exec included.
int clinux_spawn(const struct clinux_spawn *options);
// Reaps a child: 1 and `status` (exit code, or 128 + signal) where it has ended, 0 where it runs on.
int clinux_reap(int pid, int *status);
int clinux_pidfd_open(int pid);
int clinux_pidfd_signal(int pidfd, int signal);
// Installs handlers for SIGTERM, SIGINT, SIGHUP and SIGCHLD, for the whole process: a descriptor from which each
// signal's number can be read as one byte. Once a process.
int clinux_catch_signals(void);
// Waits until a byte can be read from `fd` and returns it; 0 after `timeout_ms` (negative: never).
int clinux_next_byte(int fd, int timeout_ms);
