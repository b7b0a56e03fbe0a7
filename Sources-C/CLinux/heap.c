// What the allocator keeps and nobody uses.
#include "CLinux.h"
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

// What is at least this large has pages of its own, and gives them back when it is freed. Left to itself glibc raises
// this to the largest block that was ever freed, and tables that grew leave holes in the heap.
static const int own_pages_from_bytes = 256 << 10;

int clinux_set_up_heap(void) { return mallopt(M_MMAP_THRESHOLD, own_pages_from_bytes) ? 0 : -EINVAL; }

// Resident pages that no file backs.
static int anonymous_bytes(size_t *bytes) {
    size_t whole, resident, shared;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file) return -errno;
    int found = fscanf(file, "%zu %zu %zu", &whole, &resident, &shared);
    fclose(file);
    if (found != 3 || shared > resident) return -EINVAL;
    *bytes = (resident - shared) * (size_t)sysconf(_SC_PAGESIZE);
    return 0;
}

// Idle bytes that the last call could not give back, or fewer that were there since: pages that do not go back are not
// asked for again and again. What is freed later comes on top of them.
static size_t left;
// What was there at the last look into the heap. That walks over all free pieces, with an arena's lock held.
static size_t seen;

// What is resident and not in use, though not at one instant: 0 where more is in use than was resident before.
static size_t idle_bytes(size_t anonymous, size_t *used) {
    struct mallinfo2 heap = mallinfo2();
    *used = heap.uordblks + heap.hblkhd;
    return anonymous > *used ? anonymous - *used : 0;
}

int clinux_trim_heap(size_t idle_bytes_max, int even_unchanged) {
    size_t anonymous, used;
    int error = anonymous_bytes(&anonymous);
    if (error) return error;
    if (anonymous <= seen + seen / 32 + idle_bytes_max && !even_unchanged) {
        if (anonymous < seen) seen = anonymous;
        return 0;
    }
    seen = anonymous;
    size_t idle = idle_bytes(anonymous, &used);
    if (idle < left) left = idle;
    if (idle <= used / 32 + idle_bytes_max || idle <= left + idle_bytes_max) return 0;
    malloc_trim(0);
    error = anonymous_bytes(&seen);
    if (error) return error;
    left = idle_bytes(seen, &used);
    return 1;
}
