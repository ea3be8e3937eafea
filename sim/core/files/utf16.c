#include "sim/core/files/utf16.h"
#include <stdint.h>

static uint32_t unit(const unsigned char *p, bool big)
{
    return big ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
}

static size_t put(uint32_t c, unsigned char *out)
{
    if (c < 0x80) {
        out[0] = (unsigned char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (unsigned char)(0xc0 | c >> 6);
        out[1] = (unsigned char)(0x80 | (c & 0x3f));
        return 2;
    }
    size_t n = c < 0x10000 ? 3 : 4;
    out[0] = (unsigned char)(n == 3 ? 0xe0 | c >> 12 : 0xf0 | c >> 18);
    if (n == 4) out[1] = (unsigned char)(0x80 | (c >> 12 & 0x3f));
    out[n - 2] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
    out[n - 1] = (unsigned char)(0x80 | (c & 0x3f));
    return n;
}

size_t kw_utf16_to_utf8(const unsigned char *in, size_t n, bool big_endian, unsigned char *out, size_t *used)
{
    size_t written = 0;
    for (*used = 0; n - *used >= 2;) {
        uint32_t c = unit(in + *used, big_endian);
        size_t bytes = 2;
        if (c >= 0xd800 && c < 0xe000) { /* a pair: the high half first */
            if (c < 0xdc00 && n - *used < 4) break;
            uint32_t low = c < 0xdc00 ? unit(in + *used + 2, big_endian) : 0;
            if (low < 0xdc00 || low > 0xdfff) return SIZE_MAX;
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
            bytes = 4;
        }
        written += put(c, out + written);
        *used += bytes;
    }
    return written;
}
