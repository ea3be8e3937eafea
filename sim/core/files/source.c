#include "sim/core/files/source.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "sim/core/files/embedded.h"
#include "sim/core/files/utf16.h"

enum { RAW_CHUNK = 128 << 10, FIRST_BUF = 256 << 10, GZIP_BITS = 15 + 16, ZIP_BITS = -15 };

static enum kw_status begin(struct kw_source *s, struct kw_error *err)
{
    kw_sha256_init(&s->sha);
    s->in = malloc(RAW_CHUNK);
    s->buf = malloc(FIRST_BUF + KW_SOURCE_SLACK);
    s->cap = FIRST_BUF;
    if (s->in && s->buf) return KW_OK;
    kw_source_close(s);
    return kw_fail(err, KW_ENOMEM, "out of memory reading %s", s->name);
}

enum kw_status kw_source_open(struct kw_source *s, const char *path, struct kw_error *err)
{
    memset(s, 0, sizeof *s);
    s->fd = -1;
    bool is_stdin = strcmp(path, "-") == 0;
    size_t len;
    const char *built_in = is_stdin || access(path, F_OK) == 0 ? NULL : kw_embedded_find(path, &len);
    if (built_in) return kw_source_memory(s, path, built_in, len, err);
    snprintf(s->name, sizeof s->name, "%s", is_stdin ? "stdin" : path);
    s->fd = is_stdin ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0) return kw_fail(err, KW_EINPUT, "%s: %s", s->name, strerror(errno));
    struct stat st;
    if (fstat(s->fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        kw_source_close(s);
        return kw_fail(err, KW_EINPUT, "%s: is a directory", s->name);
    }
    return begin(s, err);
}

enum kw_status kw_source_open_part(struct kw_source *s, const char *path, uint64_t from, uint64_t to, const char *head,
                                   size_t n, struct kw_error *err)
{
    enum kw_status st = kw_source_open(s, path, err);
    if (st != KW_OK) return st;
    assert(to > from);
    if (n > FIRST_BUF)
        st = kw_fail(err, KW_ERANGE, "%s: its first line has %zu bytes", s->name, n);
    else if (lseek(s->fd, (off_t)from, SEEK_SET) < 0)
        st = kw_fail(err, KW_EINPUT, "%s: %s", s->name, strerror(errno));
    if (st != KW_OK) {
        kw_source_close(s);
        return st;
    }
    s->raw_most = to - from;
    if (n) memcpy(s->buf, head, n);
    s->n = n;
    return KW_OK;
}

enum kw_status kw_source_memory(struct kw_source *s, const char *name, const void *data, size_t n, struct kw_error *err)
{
    memset(s, 0, sizeof *s);
    s->fd = -1;
    snprintf(s->name, sizeof s->name, "%s", name);
    s->mem = data;
    s->mem_n = n;
    return begin(s, err);
}

void kw_source_close(struct kw_source *s)
{
    if (s->member_open) inflateEnd(&s->z);
    ZSTD_freeDStream(s->zstd); /* NULL is nothing to it */
    s->zstd = NULL;
    if (s->fd >= 0) close(s->fd);
    free(s->in);
    free(s->wide);
    free(s->buf);
    s->member_open = false;
    s->fd = -1;
    s->in = NULL;
    s->wide = NULL;
    s->buf = NULL;
    s->mem = NULL;
    s->mem_n = s->at = s->n = s->cap = s->in_at = s->in_n = 0;
    s->raw_end = s->end = true;
}

/* Raw bytes into dst; *got == 0 only at the end. */
static enum kw_status raw_read(struct kw_source *s, void *dst, size_t room, size_t *got, struct kw_error *err)
{
    *got = 0;
    if (s->raw_end) return KW_OK;
    if (s->raw_most && room > s->raw_most - s->raw) room = (size_t)(s->raw_most - s->raw);
    if (s->fd < 0) {
        *got = room < s->mem_n ? room : s->mem_n;
        if (*got) memcpy(dst, s->mem, *got);
        s->mem += *got;
        s->mem_n -= *got;
    } else {
        ssize_t k;
        do k = read(s->fd, dst, room);
        while (k < 0 && errno == EINTR);
        if (k < 0) return kw_fail(err, KW_EINPUT, "read failed: %s", strerror(errno));
        *got = (size_t)k;
    }
    if (*got == 0) s->raw_end = true;
    kw_sha256_add(&s->sha, dst, *got);
    s->raw += *got;
    return KW_OK;
}

/* bits: 15, the largest window, and 16 for gzip's wrapping, whose CRC and length are checked; -15: bare, as in zip. */
static enum kw_status inflate_begin(struct kw_source *s, int bits, struct kw_error *err)
{
    memset(&s->z, 0, sizeof s->z);
    int rc = inflateInit2(&s->z, bits);
    if (rc == Z_MEM_ERROR) return kw_fail(err, KW_ENOMEM, "out of memory for inflate");
    if (rc != Z_OK) return kw_fail(err, KW_EFAIL, "zlib would not start (%d)", rc);
    s->member_open = true;
    return KW_OK;
}

/* After a gzip member: another one may follow, or zero padding (tapes), or the end; anything else is not ours. */
static enum kw_status member_next(struct kw_source *s, struct kw_error *err)
{
    inflateEnd(&s->z);
    s->member_open = false;
    for (;;) {
        while (s->in_at < s->in_n && s->in[s->in_at] == 0) s->in_at++;
        if (s->in_at < s->in_n) break;
        s->in_at = 0;
        enum kw_status st = raw_read(s, s->in, RAW_CHUNK, &s->in_n, err);
        if (st != KW_OK) return st;
        if (s->in_n == 0) {
            s->end = true;
            return KW_OK;
        }
    }
    if (s->in[s->in_at] != 0x1f)
        return kw_fail(err, KW_EPARSE, "something that is not gzip follows the gzip data (near byte %llu)",
                       (unsigned long long)(s->raw - (s->in_n - s->in_at)));
    return inflate_begin(s, GZIP_BITS, err);
}

/* More raw bytes behind those that wait, up to `want` of them unless the source ends before. */
static enum kw_status raw_want(struct kw_source *s, size_t want, struct kw_error *err)
{
    size_t got = 1;
    if (s->in_at) memmove(s->in, s->in + s->in_at, s->in_n - s->in_at);
    s->in_n -= s->in_at;
    s->in_at = 0;
    while (got && s->in_n < want) {
        KW_TRY(raw_read(s, s->in + s->in_n, RAW_CHUNK - s->in_n, &got, err));
        s->in_n += got;
    }
    return KW_OK;
}

static enum kw_status begin_zip(struct kw_source *s, struct kw_error *err)
{
    KW_TRY(raw_want(s, KW_ZIP_HEADERS, err));
    KW_TRY(kw_zip_begin(s->in, s->in_n, &s->zip, &s->in_at, err));
    s->coding = KW_SOURCE_ZIP;
    s->zip_crc = (uint32_t)crc32(0, NULL, 0);
    return s->zip.deflated ? inflate_begin(s, ZIP_BITS, err) : KW_OK;
}

/* Raw bytes go to `wide` from here on, their characters to `in`, which has room for three bytes of each two. */
static enum kw_status begin_utf16(struct kw_source *s, struct kw_error *err)
{
    unsigned char *in = malloc(RAW_CHUNK / 2 * 3);
    if (!in) return kw_fail(err, KW_ENOMEM, "out of memory for UTF-16");
    s->coding = KW_SOURCE_UTF16;
    s->wide = s->in;
    s->wide_big = s->wide[0] == 0xfe;
    s->wide_n = s->in_n - 2;
    memmove(s->wide, s->wide + 2, s->wide_n);
    s->in = in;
    s->in_at = s->in_n = 0;
    return KW_OK;
}

/* The first bytes tell what the rest is. */
static enum kw_status begin_coding(struct kw_source *s, struct kw_error *err)
{
    KW_TRY(raw_want(s, 4, err));
    if (s->in_n >= 2 && s->in[0] == 0x1f && s->in[1] == 0x8b) {
        s->coding = KW_SOURCE_GZIP;
        return inflate_begin(s, GZIP_BITS, err);
    }
    if (s->in_n >= 2 && (!memcmp(s->in, "\xff\xfe", 2) || !memcmp(s->in, "\xfe\xff", 2))) return begin_utf16(s, err);
    if (s->in_n >= 4 && memcmp(s->in, "PK\3\4", 4) == 0) return begin_zip(s, err);
    if (s->in_n >= 4 && memcmp(s->in, "\x28\xb5\x2f\xfd", 4) == 0) {
        s->coding = KW_SOURCE_ZSTD;
        if (!(s->zstd = ZSTD_createDStream())) return kw_fail(err, KW_ENOMEM, "out of memory for zstd");
    }
    return KW_OK;
}

static enum kw_status fill_plain(struct kw_source *s, struct kw_error *err)
{
    size_t got;
    if (s->in_at < s->in_n) { /* the first bytes */
        got = s->in_n - s->in_at < s->cap - s->n ? s->in_n - s->in_at : s->cap - s->n;
        memcpy(s->buf + s->n, s->in + s->in_at, got);
        s->in_at += got;
    } else {
        enum kw_status st = raw_read(s, s->buf + s->n, s->cap - s->n, &got, err);
        if (st != KW_OK) return st;
    }
    s->n += got;
    if (got == 0) s->end = true;
    return KW_OK;
}

/* Raw bytes for a decoder that has used up its own; *any false at the end. */
static enum kw_status refill(struct kw_source *s, bool *any, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    if (s->in_at == s->in_n) {
        s->in_at = 0;
        st = raw_read(s, s->in, RAW_CHUNK, &s->in_n, err);
    }
    *any = s->in_n > s->in_at;
    return st;
}

static enum kw_status ends_early(const struct kw_source *s, const char *coding, struct kw_error *err)
{
    return kw_fail(err, KW_EPARSE, "%s data ends early: the file is truncated after %llu bytes", coding,
                   (unsigned long long)s->raw);
}

/* What follows the data of a zip archive's file; the directory behind it is only hashed. */
static enum kw_status zip_over(struct kw_source *s, struct kw_error *err)
{
    if (s->member_open) inflateEnd(&s->z);
    s->member_open = false;
    KW_TRY(raw_want(s, KW_ZIP_TRAILER, err));
    s->end = true;
    return kw_zip_end(s->in, s->in_n, &s->zip, s->zip_crc, err);
}

static enum kw_status inflate_some(struct kw_source *s, struct kw_error *err)
{
    const char *coding = s->coding == KW_SOURCE_ZIP ? "zip" : "gzip";
    const size_t had = s->n;
    bool any;
    enum kw_status st = refill(s, &any, err);
    if (st != KW_OK) return st;
    if (!any) return ends_early(s, coding, err);
    s->z.next_in = s->in + s->in_at;
    s->z.avail_in = (uInt)(s->in_n - s->in_at);
    s->z.next_out = (unsigned char *)s->buf + s->n;
    s->z.avail_out = (uInt)(s->cap - s->n);
    int rc = inflate(&s->z, Z_NO_FLUSH);
    s->in_at = s->in_n - s->z.avail_in;
    s->n = s->cap - s->z.avail_out;
    if (s->coding == KW_SOURCE_ZIP)
        s->zip_crc = (uint32_t)crc32(s->zip_crc, (unsigned char *)s->buf + had, (uInt)(s->n - had));
    if (rc == Z_STREAM_END) return s->coding == KW_SOURCE_ZIP ? zip_over(s, err) : member_next(s, err);
    if (rc == Z_MEM_ERROR) return kw_fail(err, KW_ENOMEM, "out of memory for inflate");
    if (rc == Z_OK || rc == Z_BUF_ERROR) return KW_OK;
    return kw_fail(err, KW_EPARSE, "%s data is corrupt near byte %llu: %s", coding,
                   (unsigned long long)(s->raw - (s->in_n - s->in_at)), s->z.msg ? s->z.msg : "bad data");
}

/* Frames may follow one another; the end is right only where one has ended. */
static enum kw_status unzstd_some(struct kw_source *s, struct kw_error *err)
{
    bool any;
    enum kw_status st = refill(s, &any, err);
    if (st != KW_OK) return st;
    if (!any && s->frame_open) return ends_early(s, "zstd", err);
    if (!any) {
        s->end = true;
        return KW_OK;
    }
    ZSTD_inBuffer in = { s->in, s->in_n, s->in_at };
    ZSTD_outBuffer out = { s->buf, s->cap, s->n };
    size_t rc = ZSTD_decompressStream(s->zstd, &out, &in);
    s->in_at = in.pos;
    s->n = out.pos;
    s->frame_open = rc != 0;
    if (!ZSTD_isError(rc)) return KW_OK;
    return kw_fail(err, KW_EPARSE, "zstd data is corrupt near byte %llu: %s",
                   (unsigned long long)(s->raw - (s->in_n - s->in_at)), ZSTD_getErrorName(rc));
}

/* A file that the archive holds as it is. */
static enum kw_status stored_some(struct kw_source *s, struct kw_error *err)
{
    bool any;
    if (s->zip_done == s->zip.bytes) return zip_over(s, err);
    KW_TRY(refill(s, &any, err));
    if (!any) return ends_early(s, "zip", err);
    size_t k = s->in_n - s->in_at < s->cap - s->n ? s->in_n - s->in_at : s->cap - s->n;
    if (k > s->zip.bytes - s->zip_done) k = (size_t)(s->zip.bytes - s->zip_done);
    memcpy(s->buf + s->n, s->in + s->in_at, k);
    s->zip_crc = (uint32_t)crc32(s->zip_crc, s->in + s->in_at, (uInt)k);
    s->in_at += k, s->n += k, s->zip_done += k;
    return KW_OK;
}

static enum kw_status utf16_some(struct kw_source *s, struct kw_error *err)
{
    size_t got, used;
    if (s->in_at == s->in_n) {
        KW_TRY(raw_read(s, s->wide + s->wide_n, RAW_CHUNK - s->wide_n, &got, err));
        s->wide_n += got;
        s->in_at = 0;
        s->in_n = kw_utf16_to_utf8(s->wide, s->wide_n, s->wide_big, s->in, &used);
        if (s->in_n == SIZE_MAX || (got == 0 && used < s->wide_n)) {
            s->in_n = 0;
            return kw_fail(err, KW_EPARSE,
                           "is not UTF-16, as its first bytes say, or ends within a character: byte %llu",
                           (unsigned long long)(s->raw - (s->wide_n - used)));
        }
        s->wide_n -= used;
        memmove(s->wide, s->wide + used, s->wide_n);
        if (s->in_n == 0 && got == 0) s->end = true;
    }
    size_t k = s->in_n - s->in_at < s->cap - s->n ? s->in_n - s->in_at : s->cap - s->n;
    memcpy(s->buf + s->n, s->in + s->in_at, k);
    s->in_at += k, s->n += k;
    return KW_OK;
}

static enum kw_status decode_some(struct kw_source *s, struct kw_error *err)
{
    if (s->coding == KW_SOURCE_ZSTD) return unzstd_some(s, err);
    if (s->coding == KW_SOURCE_UTF16) return utf16_some(s, err);
    return s->coding == KW_SOURCE_ZIP && !s->zip.deflated ? stored_some(s, err) : inflate_some(s, err);
}

/* More decoded bytes behind buf[n). Sets end when there are none. */
static enum kw_status fill(struct kw_source *s, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    if (s->raw == 0 && !s->raw_end && (st = begin_coding(s, err)) != KW_OK) return st;
    if (s->coding == KW_SOURCE_PLAIN) return fill_plain(s, err);
    size_t had = s->n;
    while (st == KW_OK && s->n == had && !s->end) st = decode_some(s, err);
    return st;
}

/* Room for more bytes: what was consumed makes way, then the buffer doubles up to a line's limit. */
static enum kw_status make_room(struct kw_source *s, size_t limit, struct kw_error *err)
{
    if (s->at) {
        memmove(s->buf, s->buf + s->at, s->n - s->at);
        s->n -= s->at;
        s->at = 0;
    }
    if (s->n < s->cap) return KW_OK;
    if (s->cap >= limit) return kw_fail(err, KW_EPARSE, "a line is longer than %u MiB", KW_SOURCE_MAX_LINE >> 20);
    size_t cap = s->cap * 2;
    char *buf = realloc(s->buf, cap + KW_SOURCE_SLACK);
    if (!buf) return kw_fail(err, KW_ENOMEM, "out of memory for a line of %zu bytes", cap);
    s->buf = buf;
    s->cap = cap;
    return KW_OK;
}

enum kw_status kw_source_peek(struct kw_source *s, size_t want, const char **head, size_t *n, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    while (s->n - s->at < want && !s->end) {
        size_t limit = want > KW_SOURCE_MAX_LINE ? want + 1 : KW_SOURCE_MAX_LINE;
        if ((st = make_room(s, limit, err)) != KW_OK || (st = fill(s, err)) != KW_OK) return st;
    }
    *head = s->buf + s->at;
    *n = s->n - s->at;
    return KW_OK;
}

void kw_source_skip(struct kw_source *s, size_t n)
{
    assert(n <= s->n - s->at);
    for (const char *p = s->buf + s->at, *end = p + n; (p = memchr(p, '\n', (size_t)(end - p))); p++) s->line++;
    s->at += n;
}

/* The start of a text: a byte-order mark is left out; a control character among the first eight bytes, as in the
 * signatures of HDF5, ELF, PNG and zip, says that it is none. */
static enum kw_status begin_text(struct kw_source *s, struct kw_error *err)
{
    const char *head;
    size_t n;
    enum kw_status st = kw_source_peek(s, 8, &head, &n, err);
    if (st != KW_OK) return st;
    for (size_t i = 0; i < n && i < 8; i++)
        if ((unsigned char)head[i] < ' ' && !strchr("\t\r\n", head[i] ? head[i] : 1))
            return kw_fail(err, KW_EPARSE, "looks binary: byte 0x%02x at its start", (unsigned)(unsigned char)head[i]);
    if (n >= 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0) s->at += 3;
    s->text_checked = true;
    return KW_OK;
}

enum kw_status kw_source_line(struct kw_source *s, char **line, size_t *n, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    *line = NULL;
    *n = 0;
    if (!s->text_checked && (st = begin_text(s, err)) != KW_OK) return st;
    char *nl = NULL;
    size_t seen = 0;
    for (;;) {
        nl = memchr(s->buf + s->at + seen, '\n', s->n - s->at - seen);
        if (nl || s->end) break;
        seen = s->n - s->at;
        if ((st = make_room(s, KW_SOURCE_MAX_LINE, err)) != KW_OK || (st = fill(s, err)) != KW_OK) {
            s->line++;
            return st;
        }
    }
    if (!nl && s->at == s->n) return KW_OK;
    s->line++;
    char *p = s->buf + s->at, *stop = nl ? nl : s->buf + s->n;
    s->at = (size_t)(stop - s->buf) + (nl ? 1 : 0);
    s->unterminated = !nl;
    s->binary = memchr(p, 0, (size_t)(stop - p)) != NULL;
    if (s->binary) return kw_fail(err, KW_EPARSE, "looks binary: a NUL byte in the text");
    if (stop > p && stop[-1] == '\r') stop--;
    *stop = 0;
    *line = p;
    *n = (size_t)(stop - p);
    return KW_OK;
}

enum kw_status kw_source_all(struct kw_source *s, size_t limit, char **text, size_t *n, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    *text = NULL;
    while (!s->end && s->n - s->at <= limit) {
        if ((st = make_room(s, limit + 1, err)) != KW_OK || (st = fill(s, err)) != KW_OK) return st;
    }
    if (s->n - s->at > limit) return kw_fail(err, KW_EPARSE, "is larger than %zu bytes", limit);
    *n = s->n - s->at;
    char *copy = malloc(*n + 1);
    if (!copy) return kw_fail(err, KW_ENOMEM, "out of memory for %zu bytes", *n);
    memcpy(copy, s->buf + s->at, *n);
    copy[*n] = 0;
    s->at = s->n;
    *text = copy;
    return KW_OK;
}

enum kw_status kw_source_hash(struct kw_source *s, char hex[65], struct kw_error *err)
{
    enum kw_status st = KW_OK;
    while (!s->raw_end) {
        size_t got;
        if ((st = raw_read(s, s->in, RAW_CHUNK, &got, err)) != KW_OK) return st; /* `in` is that large, or larger */
    }
    s->end = true;
    kw_sha256_hex(&s->sha, hex);
    return KW_OK;
}
