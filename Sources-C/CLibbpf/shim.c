#define _GNU_SOURCE
#include "CLibbpf.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/membarrier.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

/* ---- links, programs, maps ------------------------------------------------------------------------------------- */

static int result_of(int result)
{
    return result < 0 ? -errno : result;
}

int martlet_link_create(int program, int target, uint32_t attach_type)
{
    union bpf_attr attr;
    memset(&attr, 0, sizeof(attr));
    attr.link_create.prog_fd = (uint32_t)program;
    attr.link_create.target_fd = (uint32_t)target;
    attr.link_create.attach_type = attach_type;
    return result_of((int)syscall(__NR_bpf, BPF_LINK_CREATE, &attr, sizeof(attr)));
}

int martlet_link_replace(int link, int new_program, int old_program)
{
    union bpf_attr attr;
    memset(&attr, 0, sizeof(attr));
    attr.link_update.link_fd = (uint32_t)link;
    attr.link_update.new_prog_fd = (uint32_t)new_program;
    attr.link_update.old_prog_fd = (uint32_t)old_program;
    attr.link_update.flags = BPF_F_REPLACE;
    return result_of((int)syscall(__NR_bpf, BPF_LINK_UPDATE, &attr, sizeof(attr)));
}

int martlet_link_info_get(int link, struct martlet_link_info *out)
{
    struct bpf_link_info info;
    uint32_t size = sizeof(info);
    memset(&info, 0, sizeof(info));
    if (bpf_obj_get_info_by_fd(link, &info, &size))
        return -errno;
    memset(out, 0, sizeof(*out));
    out->type = info.type;
    out->id = info.id;
    out->program = info.prog_id;
    if (info.type == MARTLET_LINK_CGROUP) {
        out->cgroup = info.cgroup.cgroup_id;
        out->attach_type = info.cgroup.attach_type;
    } else if (info.type == MARTLET_LINK_TCX) {
        /* struct { __u32 ifindex, attach_type; } tcx, where older headers have xdp and netns */
        uint32_t tcx[2];
        memcpy(tcx, &info.xdp, sizeof(tcx));
        out->ifindex = tcx[0];
        out->attach_type = tcx[1];
    }
    return 0;
}

int martlet_program_info_get(int program, struct martlet_program_info *out)
{
    struct bpf_prog_info info;
    uint32_t size = sizeof(info);
    memset(&info, 0, sizeof(info));
    memset(out, 0, sizeof(*out));
    info.nr_map_ids = MARTLET_PROGRAM_MAPS_MAX;
    info.map_ids = (uint64_t)(uintptr_t)out->maps;
    if (bpf_obj_get_info_by_fd(program, &info, &size))
        return -errno;
    memcpy(out->name, info.name, sizeof(out->name));
    out->id = info.id;
    out->type = info.type;
    out->jited_bytes = info.jited_prog_len;
    out->translated_bytes = info.xlated_prog_len;
    out->verified_instructions = info.verified_insns;
    out->map_count = info.nr_map_ids;
    return 0;
}

int martlet_map_info_get(int map, struct martlet_map_info *out)
{
    struct bpf_map_info info;
    uint32_t size = sizeof(info);
    memset(&info, 0, sizeof(info));
    if (bpf_obj_get_info_by_fd(map, &info, &size))
        return -errno;
    memset(out, 0, sizeof(*out));
    memcpy(out->name, info.name, sizeof(out->name));
    out->id = info.id;
    out->type = info.type;
    out->key_bytes = info.key_size;
    out->value_bytes = info.value_size;
    out->capacity = info.max_entries;
    out->flags = info.map_flags;
    return 0;
}

/* ---- .rodata --------------------------------------------------------------------------------------------------- */

int martlet_rodata_find(struct bpf_object *object, const char *name, uint32_t *offset, uint32_t *bytes)
{
    const struct btf *btf = bpf_object__btf(object);
    int section = btf ? btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC) : -ENOENT;
    if (section < 0)
        return -ENOENT;
    const struct btf_type *type = btf__type_by_id(btf, (uint32_t)section);
    const struct btf_var_secinfo *variable = btf_var_secinfos(type);
    for (uint32_t index = 0; index < btf_vlen(type); index++, variable++) {
        const struct btf_type *declared = btf__type_by_id(btf, variable->type);
        if (strcmp(btf__name_by_offset(btf, declared->name_off), name))
            continue;
        *offset = variable->offset;
        *bytes = variable->size;
        return 0;
    }
    return -ENOENT;
}

int martlet_rodata_write(struct bpf_object *object, uint32_t offset, const void *data, uint32_t bytes)
{
    struct bpf_map *map;
    bpf_object__for_each_map(map, object) {
        const char *name = bpf_map__name(map);
        size_t held = 0, length = strlen(name);
        if (!bpf_map__is_internal(map) || length < 7 || strcmp(name + length - 7, ".rodata"))
            continue;
        char *initial = (char *)bpf_map__initial_value(map, &held);
        if (!initial || offset > held || bytes > held - offset)
            return -ERANGE;
        memcpy(initial + offset, data, bytes);
        return 0;
    }
    return -ENOENT;
}

/* ---- messages -------------------------------------------------------------------------------------------------- */

enum { LOG_BYTES = 32768 };
static __thread struct {
    size_t written; /* of all that came; the buffer holds the last LOG_BYTES, in a circle */
    char bytes[LOG_BYTES];
} message_log;

static void log_append(const char *text, size_t length)
{
    for (size_t index = 0; index < length; index++)
        message_log.bytes[message_log.written++ % LOG_BYTES] = text[index];
}

static int log_print(enum libbpf_print_level level, const char *format, va_list arguments)
{
    static __thread char line[LOG_BYTES];
    if (level == LIBBPF_DEBUG)
        return 0;
    int length = vsnprintf(line, sizeof(line), format, arguments);
    if (length > 0)
        log_append(line, (size_t)length < sizeof(line) ? (size_t)length : sizeof(line) - 1);
    return length;
}

void martlet_log_start(void)
{
    libbpf_set_print(log_print);
    message_log.written = 0;
}

size_t martlet_log_tail(char *out, size_t size)
{
    size_t held = message_log.written < LOG_BYTES ? message_log.written : LOG_BYTES;
    if (!size)
        return 0;
    if (held > size - 1)
        held = size - 1;
    for (size_t index = 0; index < held; index++)
        out[index] = message_log.bytes[(message_log.written - held + index) % LOG_BYTES];
    out[held] = 0;
    return held;
}

/* ---- mapped memory --------------------------------------------------------------------------------------------- */

void martlet_store_words(void *to, const void *from, size_t bytes)
{
    char *target = to;
    const char *source = from;
    while (bytes) {
        size_t step;
        if (bytes >= 8 && (uintptr_t)target % 8 == 0) {
            uint64_t word;
            memcpy(&word, source, step = sizeof(word));
            __atomic_store_n((uint64_t *)(void *)target, word, __ATOMIC_RELAXED);
        } else if (bytes >= 4 && (uintptr_t)target % 4 == 0) {
            uint32_t word;
            memcpy(&word, source, step = sizeof(word));
            __atomic_store_n((uint32_t *)(void *)target, word, __ATOMIC_RELAXED);
        } else {
            __atomic_store_n(target, *source, __ATOMIC_RELAXED);
            step = 1;
        }
        target += step;
        source += step;
        bytes -= step;
    }
}

void martlet_load_words(void *to, const void *from, size_t bytes)
{
    char *target = to;
    const char *source = from;
    while (bytes) {
        size_t step;
        if (bytes >= 8 && (uintptr_t)source % 8 == 0) {
            uint64_t word = __atomic_load_n((const uint64_t *)(const void *)source, __ATOMIC_ACQUIRE);
            memcpy(target, &word, step = sizeof(word));
        } else if (bytes >= 4 && (uintptr_t)source % 4 == 0) {
            uint32_t word = __atomic_load_n((const uint32_t *)(const void *)source, __ATOMIC_ACQUIRE);
            memcpy(target, &word, step = sizeof(word));
        } else {
            *target = __atomic_load_n(source, __ATOMIC_ACQUIRE);
            step = 1;
        }
        target += step;
        source += step;
        bytes -= step;
    }
}

void martlet_store_word(void *to, uint32_t word)
{
    __atomic_store_n((uint32_t *)to, word, __ATOMIC_RELAXED);
}

void martlet_store_release(void *to, uint32_t word)
{
    __atomic_store_n((uint32_t *)to, word, __ATOMIC_RELEASE);
}

int martlet_membarrier(void)
{
    return result_of((int)syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0));
}

/* ---- network namespaces ---------------------------------------------------------------------------------------- */

struct namespace_call {
    const char *path;
    int (*body)(void *context);
    void *context;
    int result;
};

static void *namespace_thread(void *argument)
{
    struct namespace_call *call = argument;
    if (call->path) {
        int descriptor = open(call->path, O_RDONLY | O_CLOEXEC);
        if (descriptor < 0 || setns(descriptor, CLONE_NEWNET)) {
            call->result = -errno;
            if (descriptor >= 0)
                close(descriptor);
            return NULL;
        }
        close(descriptor);
    } else if (unshare(CLONE_NEWNET)) {
        call->result = -errno;
        return NULL;
    }
    call->result = call->body(call->context);
    return NULL;
}

int martlet_in_network_namespace(const char *path, int (*body)(void *context), void *context)
{
    struct namespace_call call = { .path = path, .body = body, .context = context };
    pthread_t thread;
    int error = pthread_create(&thread, NULL, namespace_thread, &call);
    if (error)
        return -error;
    pthread_join(thread, NULL);
    return call.result;
}

static int cookie_of_this_namespace(void *context)
{
    socklen_t size = sizeof(uint64_t);
    int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return -errno;
    int result = getsockopt(descriptor, SOL_SOCKET, SO_NETNS_COOKIE, context, &size) ? -errno : 0;
    close(descriptor);
    return result;
}

int martlet_network_namespace_cookie(const char *path, uint64_t *cookie)
{
    return martlet_in_network_namespace(path, cookie_of_this_namespace, cookie);
}

/* ---- ring buffer ----------------------------------------------------------------------------------------------- */

enum { POLL_BUSY_MS = 20, POLL_IDLE_MS = 160 };

int martlet_stop_create(void)
{
    return result_of(eventfd(0, EFD_CLOEXEC));
}

void martlet_stop_signal(int stop)
{
    eventfd_write(stop, 1);
}

int martlet_ring_run(
    int map, int stop, int (*record)(void *context, void *data, size_t bytes), void (*idle)(void *context),
    void *context)
{
    struct ring_buffer *ring = ring_buffer__new(map, record, context, NULL);
    if (!ring)
        return -errno;
    struct pollfd watched[2] = {
        { .fd = ring_buffer__epoll_fd(ring), .events = POLLIN },
        { .fd = stop, .events = POLLIN },
    };
    int result = 0, wait = POLL_BUSY_MS;
    while (!(watched[1].revents & (POLLIN | POLLERR | POLLNVAL))) {
        result = ring_buffer__consume(ring);
        if (result < 0)
            break;
        idle(context);
        wait = result > 0 ? POLL_BUSY_MS : wait * 2;
        /* Records below the wake-up mark do not end the wait: its length bounds how late they are read. */
        if (poll(watched, 2, wait < POLL_IDLE_MS ? wait : POLL_IDLE_MS) < 0 && errno != EINTR) {
            result = -errno;
            break;
        }
        wait = wait < POLL_IDLE_MS ? wait : POLL_IDLE_MS;
    }
    ring_buffer__free(ring);
    return result < 0 ? result : 0;
}

int martlet_is_bpffs(const char *path)
{
    struct statfs info;
    if (statfs(path, &info))
        return -errno;
    return (uint32_t)info.f_type == BPF_FS_MAGIC;
}
