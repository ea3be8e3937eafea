/* What lines may be packed in beside gzip and zstd (tests/workloads/test_trace.c): a zip archive's one file, and UTF-16. */
#include "sim/core/files/source.h"
#include <stdlib.h>
#include <string.h>
#include "tests/check.h"

static struct kw_error err;
static unsigned char packed[2 << 20];
static size_t packed_n;

static void add(const void *p, size_t n)
{
    memcpy(packed + packed_n, p, n);
    packed_n += n;
}

static void add_le(uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++) packed[packed_n++] = (unsigned char)(v >> 8 * i);
}

enum { DEFLATED = 1, DESCRIBED = 2, SIGNED = 4, LONG = 8, ENCRYPTED = 16 };

/* A member as archivers write it: its header, its data, and what describes it behind them. */
static void member(const char *name, const char *text, size_t n, int how)
{
    unsigned char *data = malloc(n + n / 100 + 100);
    z_stream z;
    memset(&z, 0, sizeof z);
    uint32_t crc = (uint32_t)crc32(0, (const unsigned char *)text, (uInt)n);
    size_t size = n;
    memcpy(data, text, n);
    if (how & DEFLATED) {
        CHECK(deflateInit2(&z, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) == Z_OK);
        z.next_in = (unsigned char *)text, z.avail_in = (uInt)n;
        z.next_out = data, z.avail_out = (uInt)(n + n / 100 + 100);
        CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
        size = n + n / 100 + 100 - z.avail_out;
        deflateEnd(&z);
    }
    bool behind = how & DESCRIBED;
    add("PK\3\4", 4);
    add_le(20, 2), add_le((uint64_t)(how & ENCRYPTED ? 1 : 0) | (behind ? 8 : 0), 2), add_le(how & DEFLATED ? 8 : 0, 2);
    add_le(0, 4), add_le(behind ? 0 : crc, 4), add_le(behind ? 0 : size, 4), add_le(behind ? 0 : n, 4);
    add_le(strlen(name), 2), add_le(3, 2);
    add(name, strlen(name)), add("xyz", 3);
    add(data, size);
    if (behind && (how & SIGNED)) add("PK\7\10", 4);
    if (behind) add_le(crc, 4), add_le(size, how & LONG ? 8 : 4), add_le(n, how & LONG ? 8 : 4);
    free(data);
}

static void directory(void)
{
    add("PK\1\2and more of it", 18);
}

/* All lines, put together again. KW_OK and *text malloc'd, or why not. */
static enum kw_status unpack(const void *p, size_t n, char **text, size_t *text_n)
{
    struct kw_source s;
    char *line, hex[65];
    size_t k;
    enum kw_status st = kw_source_memory(&s, "mem", p, n, &err);
    *text = malloc(4 << 20);
    *text_n = 0;
    while (st == KW_OK && (st = kw_source_line(&s, &line, &k, &err)) == KW_OK && line) {
        memcpy(*text + *text_n, line, k);
        *text_n += k;
        (*text)[(*text_n)++] = '\n';
    }
    if (st == KW_OK) CHECK(kw_source_hash(&s, hex, &err) == KW_OK && s.raw == n);
    kw_source_close(&s);
    return st;
}

static bool reads(const char *text, size_t n)
{
    char *got;
    size_t got_n;
    enum kw_status st = unpack(packed, packed_n, &got, &got_n);
    bool same = st == KW_OK && got_n == n && memcmp(got, text, n) == 0;
    free(got);
    return same;
}

static bool refuses(size_t n, const char *why)
{
    char *got;
    size_t got_n;
    enum kw_status st = unpack(packed, n, &got, &got_n);
    free(got);
    return st == KW_EPARSE && strstr(err.msg, why);
}

static char *many_lines(size_t *n)
{
    char *text = malloc(600000);
    *n = 0;
    for (int i = 0; *n < 500000; i++) *n += (size_t)sprintf(text + *n, "%d,%d\n", i, i * 7919 % 1000003);
    return text;
}

static void a_zip_of_one_file_is_read(void)
{
    static const int how[] = { 0,
                               DEFLATED,
                               DEFLATED | DESCRIBED,
                               DEFLATED | DESCRIBED | SIGNED,
                               DEFLATED | DESCRIBED | LONG,
                               DEFLATED | DESCRIBED | SIGNED | LONG };
    size_t n;
    char *text = many_lines(&n);
    for (size_t i = 0; i < sizeof how / sizeof *how; i++) {
        packed_n = 0;
        if (i % 2) member("folder/", "", 0, 0);
        member("folder/a.csv", text, n, how[i]);
        if (i > 2) member("__MACOSX/folder/._a.csv", "x", 1, 0);
        directory();
        CHECK(reads(text, n));
    }
    packed_n = 0;
    member("a.csv", "1,2\n", 4, DEFLATED);
    size_t whole = packed_n;
    directory();
    for (size_t k = 4; k < whole + 4; k++) CHECK(refuses(k, k < whole ? "" : "cut off"));
    CHECK(reads("1,2\n", 4));
    packed[14] ^= 1; /* the checksum */
    CHECK(refuses(packed_n, "checksum is not right"));
    free(text);
}

static void other_zips_are_refused(void)
{
    packed_n = 0;
    member("a.csv", "1,2\n", 4, DEFLATED | DESCRIBED | SIGNED);
    member("b.csv", "1,2\n", 4, DEFLATED);
    directory();
    CHECK(refuses(packed_n, "of several files: which?"));
    packed_n = 0;
    member("a.csv", "1,2\n", 4, DEFLATED | ENCRYPTED);
    CHECK(refuses(packed_n, "is encrypted"));
    packed_n = 0;
    member("a.csv", "1,2\n", 4, DESCRIBED); /* stored, its length behind it */
    CHECK(refuses(packed_n, "method 0 is not read here"));
    packed_n = 0;
    member("a/", "", 0, 0);
    directory();
    CHECK(refuses(packed_n, "without a file in it"));
    packed_n = 0;
    member("a.csv", "1,2\n1,2\n", 8, DEFLATED);
    packed[packed_n - 4] ^= 0x55;
    directory();
    CHECK(refuses(packed_n, ""));
}

/* 1 to 4 bytes of UTF-8 a character, at every place in a chunk. */
static void utf_16_is_read(void)
{
    static const uint32_t some[] = { 'a', 0xe9, 0x20ac, 0x1f600, '\n', 0xfeff, 0xd7ff, 0xe000, 0x10ffff };
    static const char *const utf8[] = { "a",
                                        "\xc3\xa9",
                                        "\xe2\x82\xac",
                                        "\xf0\x9f\x98\x80",
                                        "\n",
                                        "\xef\xbb\xbf",
                                        "\xed\x9f\xbf",
                                        "\xee\x80\x80",
                                        "\xf4\x8f\xbf\xbf" };
    char *text = malloc(1 << 20);
    for (int big = 0; big < 2; big++) {
        size_t n = 0;
        packed_n = 0;
        add(big ? "\xfe\xff" : "\xff\xfe", 2);
        for (size_t i = 0; i < 200000; i++) {
            size_t k = i * i % 9;
            uint32_t c = some[k], pair[2] = { c, 0 };
            if (c > 0xffff) pair[0] = 0xd800 + ((c - 0x10000) >> 10), pair[1] = 0xdc00 + ((c - 0x10000) & 0x3ff);
            for (int j = 0; j < 1 + (c > 0xffff); j++) {
                packed[packed_n++] = (unsigned char)(big ? pair[j] >> 8 : pair[j]);
                packed[packed_n++] = (unsigned char)(big ? pair[j] : pair[j] >> 8);
            }
            memcpy(text + n, utf8[k], strlen(utf8[k]));
            n += strlen(utf8[k]);
        }
        text[n++] = '\n', add(big ? "\0\n" : "\n\0", 2);
        CHECK(reads(text, n));
        CHECK(refuses(packed_n - 1, "ends within a character"));
    }
    free(text);
    packed_n = 0, add("\xff\xfe", 2);
    CHECK(reads("", 0));
    add("a\0\0\xdc"
        "b\0",
        6); /* the second half of a pair alone */
    CHECK(refuses(packed_n, "is not UTF-16"));
    packed_n = 2, add("\0\xd8"
                      "b\0",
                      4);
    CHECK(refuses(packed_n, "byte 2"));
}

int main(void)
{
    RUN(a_zip_of_one_file_is_read);
    RUN(other_zips_are_refused);
    RUN(utf_16_is_read);
    return check_report();
}
