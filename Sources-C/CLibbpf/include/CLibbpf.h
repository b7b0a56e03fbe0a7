/* What Swift cannot say by itself: raw bpf(2) calls newer than libbpf 1.1, variadic callbacks, atomic stores into
 * mapped memory, and threads that enter a network namespace. Calls return a non-negative number, or -errno. */
#pragma once

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>

/* Attach types and link types that Debian's headers do not know yet (Linux 6.6). */
enum martlet_attach_type {
    MARTLET_ATTACH_TCX_INGRESS = 46,
    MARTLET_ATTACH_TCX_EGRESS = 47,
};

enum martlet_link_type {
    MARTLET_LINK_CGROUP = 3,
    MARTLET_LINK_TCX = 11,
};

/* BPF_LINK_CREATE; the target is an interface index or a cgroup's descriptor. */
int martlet_link_create(int program, int target, uint32_t attach_type);
/* BPF_LINK_UPDATE with BPF_F_REPLACE: fails with EPERM unless the link runs `old_program`. */
int martlet_link_replace(int link, int new_program, int old_program);

struct martlet_link_info {
    uint32_t type;
    uint32_t id;
    uint32_t program;
    uint32_t ifindex;     /* tcx: 0 once the device is gone */
    uint32_t attach_type;
    uint64_t cgroup;      /* cgroup links: the directory's inode */
};
int martlet_link_info_get(int link, struct martlet_link_info *info);

enum { MARTLET_PROGRAM_MAPS_MAX = 64 };
struct martlet_program_info {
    char name[16];
    uint32_t id;
    uint32_t type;
    uint32_t jited_bytes;
    uint32_t translated_bytes;
    uint32_t verified_instructions;
    uint32_t map_count;
    uint32_t maps[MARTLET_PROGRAM_MAPS_MAX];
};
int martlet_program_info_get(int program, struct martlet_program_info *info);

struct martlet_map_info {
    char name[16];
    uint32_t id;
    uint32_t type;
    uint32_t key_bytes;
    uint32_t value_bytes;
    uint32_t capacity;
    uint32_t flags;
};
int martlet_map_info_get(int map, struct martlet_map_info *info);

/* Where a `const volatile` variable lies in an opened object's .rodata; -ENOENT where there is none. */
int martlet_rodata_find(struct bpf_object *object, const char *name, uint32_t *offset, uint32_t *bytes);
/* Fills .rodata before the load; -ENOENT where the object has none. */
int martlet_rodata_write(struct bpf_object *object, uint32_t offset, const void *data, uint32_t bytes);

/* libbpf's and the verifier's messages of this thread, from the start on; the last bytes are kept. */
void martlet_log_start(void);
/* Copies the tail and a NUL; returns the bytes copied without it. */
size_t martlet_log_tail(char *out, size_t size);

/* Stores with one instruction per aligned word of eight or four bytes, so that a reader sees old or new, never half. */
void martlet_store_words(void *to, const void *from, size_t bytes);
void martlet_load_words(void *to, const void *from, size_t bytes);
void martlet_store_word(void *to, uint32_t word);
void martlet_store_release(void *to, uint32_t word);

/* A full RCU grace period by membarrier(2): -EINVAL under nohz_full, and of no effect on a machine with one CPU. */
int martlet_membarrier(void);

/* Runs a function on a fresh thread that has entered the network namespace at `path`, or a new one where it is NULL. */
int martlet_in_network_namespace(const char *path, int (*body)(void *context), void *context);
int martlet_network_namespace_cookie(const char *path, uint64_t *cookie);

/* An eventfd for martlet_ring_run's `stop`, and the signal. */
int martlet_stop_create(void);
void martlet_stop_signal(int stop);
/* Hands each record of a ring buffer to `record` until `stop` is readable; `idle` is called whenever all that was there
 * has been read. Programs wake the reader only when much is unread: it also looks every 20 ms, and every 160 ms while
 * nothing comes. Returns 0, or -errno. */
int martlet_ring_run(
    int map, int stop, int (*record)(void *context, void *data, size_t bytes), void (*idle)(void *context),
    void *context);

/* 1 where `path` lies on a bpffs, 0 where on something else. */
int martlet_is_bpffs(const char *path);
