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

// What was left the last time: pages that do not go back are not asked for again and again.
static size_t left;
// What was there at the last look into the heap. That walks over all free pieces, with an arena's lock held.
static size_t seen;

int clinux_trim_heap(size_t idle_bytes_max, int even_unchanged) {
    size_t anonymous;
    int error = anonymous_bytes(&anonymous);
    if (error) return error;
    if (anonymous <= seen + idle_bytes_max && !even_unchanged) return 0;
    seen = anonymous;
    struct mallinfo2 heap = mallinfo2();
    size_t used = heap.uordblks + heap.hblkhd;
    if (anonymous <= used + used / 32 + idle_bytes_max || anonymous <= left + idle_bytes_max) return 0;
    malloc_trim(0);
    error = anonymous_bytes(&left);
    seen = left;
    return error ? error : 1;
}
