/* Packs bytes that lie in memory for long, by raw deflate with a vocabulary that both sides know. */
#pragma once

#include <stddef.h>

/* Bytes packed into `to`; 0 where they take more than `capacity`, or memory lacks. */
size_t martlet_pack(
    void *to, size_t capacity, const void *from, size_t bytes, const void *vocabulary, size_t vocabulary_bytes);

/* Writes the `bytes` that were packed. 0, or -1 where they are others, or memory lacks. */
int martlet_unpack(
    void *to, size_t bytes, const void *from, size_t packed, const void *vocabulary, size_t vocabulary_bytes);
