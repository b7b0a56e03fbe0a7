#include "CPacking.h"
#include <zlib.h>

/* The window holds the vocabulary and most objects; what zlib has to set up for one call is as small. */
enum { WINDOW_BITS = 13, MEMORY_LEVEL = 6, EFFORT = 3 };

static z_stream stream_between(const void *from, size_t from_bytes, void *to, size_t to_bytes)
{
    return (z_stream){
        .next_in = (Bytef *)from, .avail_in = (uInt)from_bytes, .next_out = to, .avail_out = (uInt)to_bytes};
}

size_t martlet_pack(
    void *to, size_t capacity, const void *from, size_t bytes, const void *vocabulary, size_t vocabulary_bytes)
{
    z_stream stream = stream_between(from, bytes, to, capacity);
    size_t packed = 0;
    if (deflateInit2(&stream, EFFORT, Z_DEFLATED, -WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
        return 0;
    if (deflateSetDictionary(&stream, vocabulary, (uInt)vocabulary_bytes) == Z_OK
        && deflate(&stream, Z_FINISH) == Z_STREAM_END)
        packed = stream.total_out;
    deflateEnd(&stream);
    return packed;
}

int martlet_unpack(
    void *to, size_t bytes, const void *from, size_t packed, const void *vocabulary, size_t vocabulary_bytes)
{
    z_stream stream = stream_between(from, packed, to, bytes);
    int result = -1;
    if (inflateInit2(&stream, -WINDOW_BITS) != Z_OK)
        return -1;
    if (inflateSetDictionary(&stream, vocabulary, (uInt)vocabulary_bytes) == Z_OK
        && inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.total_out == bytes)
        result = 0;
    inflateEnd(&stream);
    return result;
}
