/* The source of lines: gzip or plain by its first bytes, format detected. Raw bytes as they come, and the same bytes as
 * the stored blocks of a gzip file with a right checksum, so that the lines behind it are reached as well. */
#include <zlib.h>
#include "tests/fuzz/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n > 1 << 20) return 0;
    fuzz_trace(data, n, NULL, NULL);
    z_stream z = { 0 };
    hold(deflateInit2(&z, 0, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    size_t room = deflateBound(&z, (uLong)n) + 64;
    uint8_t *out = malloc(room);
    hold(out != NULL);
    z.next_in = (uint8_t *)(uintptr_t)data;
    z.avail_in = (uInt)n;
    z.next_out = out;
    z.avail_out = (uInt)room;
    hold(deflate(&z, Z_FINISH) == Z_STREAM_END);
    size_t k = room - z.avail_out;
    deflateEnd(&z);
    fuzz_trace(out, k, NULL, NULL);
    free(out);
    return 0;
}
