#include "sim/core/files/zip_member.h"
#include <string.h>

static uint32_t u16(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t u32(const unsigned char *p)
{
    return u16(p) | u16(p + 2) << 16;
}

static bool is(const unsigned char *p, const char *signature)
{
    return memcmp(p, signature, 4) == 0;
}

enum kw_status kw_zip_begin(const unsigned char *p, size_t n, struct kw_zip_member *m, size_t *used,
                            struct kw_error *err)
{
    enum { ENCRYPTED = 1, DESCRIBED = 8, STORED = 0, DEFLATED = 8, HEADER = 30 };
    size_t at = 0;
    for (;;) {
        if (n - at < HEADER || !is(p + at, "PK\3\4"))
            return kw_fail(err, KW_EPARSE, "zip archive without a file in it, or cut off");
        const unsigned char *h = p + at;
        size_t name = u16(h + 26), data = HEADER + name + u16(h + 28);
        if (data > n - at) return kw_fail(err, KW_EPARSE, "zip archive is cut off in a header");
        at += data;
        if (name && h[HEADER + name - 1] == '/' && !u32(h + 18)) continue; /* a folder */
        uint32_t flags = u16(h + 6), method = u16(h + 8);
        *m = (struct kw_zip_member){ method == DEFLATED, (flags & DESCRIBED) != 0, u32(h + 14), u32(h + 18) };
        *used = at;
        if (flags & ENCRYPTED) return kw_fail(err, KW_EPARSE, "zip archive is encrypted: unzip it first");
        if (method != DEFLATED && (method != STORED || m->described || m->bytes == UINT32_MAX))
            return kw_fail(err, KW_EPARSE, "zip archive's method %u is not read here: unzip it first", method);
        return KW_OK;
    }
}

/* Is p the header of a file that macOS adds beside each: __MACOSX/._NAME? */
static bool is_macos(const unsigned char *p, size_t n)
{
    static const char folder[] = "__MACOSX/";
    return n >= 30 + sizeof folder - 1 && !memcmp(p + 30, folder, sizeof folder - 1);
}

enum kw_status kw_zip_end(const unsigned char *p, size_t n, const struct kw_zip_member *m, uint32_t crc,
                          struct kw_error *err)
{
    uint32_t want = m->crc;
    if (m->described) { /* with or without a signature of its own, sizes of 4 or 8 bytes each: what follows tells */
        size_t at = n >= 4 && is(p, "PK\7\10") ? 4 : 0;
        if (n < at + 16) return kw_fail(err, KW_EPARSE, "zip archive is cut off behind its file");
        want = u32(p + at);
        at += is(p + at + 12, "PK\1\2") || is(p + at + 12, "PK\3\4") ? 12 : 20;
        p += at < n ? at : n;
        n -= at < n ? at : n;
    }
    if (want != crc) return kw_fail(err, KW_EPARSE, "zip archive is corrupt: its file's checksum is not right");
    if (n < 4) return kw_fail(err, KW_EPARSE, "zip archive is cut off behind its file");
    if (is(p, "PK\3\4") && !is_macos(p, n))
        return kw_fail(err, KW_EPARSE, "zip archive of several files: which? unzip -p FILE.zip NAME | keepwarm ... -");
    return KW_OK;
}
