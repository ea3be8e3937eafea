/* The source of lines: packed or plain by its first bytes, format detected. Raw bytes as they come, and the same bytes as
 * the stored blocks of a gzip file and of a zip archive with a right checksum, and as UTF-16, so that the lines behind these are
 * reached as well. */
#include <zlib.h>
#include "tests/fuzz/trace.h"

static void le(uint8_t *p, uint32_t v, int bytes)
{
    for (int i = 0; i < bytes; i++) p[i] = (uint8_t)(v >> 8 * i);
}

static void as_zip(const uint8_t *data, size_t n)
{
    enum { HEADER = 30 };
    uint8_t *out = calloc(1, n + HEADER + 8);
    hold(out != NULL);
    memcpy(out, "PK\3\4", 4);
    le(out + 14, (uint32_t)crc32(crc32(0, NULL, 0), data, (uInt)n), 4);
    le(out + 18, (uint32_t)n, 4);
    memcpy(out + HEADER, data, n);
    memcpy(out + HEADER + n, "PK\1\2", 4);
    fuzz_trace(out, n + HEADER + 4, NULL, NULL);
    free(out);
}

static void as_utf16(const uint8_t *data, size_t n)
{
    uint8_t *out = malloc(2 * n + 2);
    hold(out != NULL);
    memcpy(out, "\xff\xfe", 2);
    for (size_t i = 0; i < n; i++) out[2 + 2 * i] = data[i], out[3 + 2 * i] = data[i] < 0x80 ? 0 : data[i];
    fuzz_trace(out, 2 * n + 2, NULL, NULL);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n > 1 << 20) return 0;
    fuzz_trace(data, n, NULL, NULL);
    as_zip(data, n);
    as_utf16(data, n);
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
