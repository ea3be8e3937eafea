#include "sim/watch/log_file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "sim/core/files/sha256.h"

enum { EDGE = 64 << 10 };

/* SHA-256 of [from, to). */
static enum kw_status hash(int fd, uint64_t from, uint64_t to, char hex[65], struct kw_error *err)
{
    static char buf[EDGE];
    struct kw_sha256 sha;
    kw_sha256_init(&sha);
    while (from < to) {
        ssize_t k = pread(fd, buf, to - from < sizeof buf ? (size_t)(to - from) : sizeof buf, (off_t)from);
        if (k <= 0) return kw_fail(err, KW_EINPUT, "read failed: %s", k < 0 ? strerror(errno) : "the file got shorter");
        kw_sha256_add(&sha, buf, (size_t)k);
        from += (uint64_t)k;
    }
    kw_sha256_hex(&sha, hex);
    return KW_OK;
}

static enum kw_status edges(int fd, uint64_t bytes, char head[65], char tail[65], struct kw_error *err)
{
    enum kw_status st = hash(fd, 0, bytes < EDGE ? bytes : EDGE, head, err);
    return st == KW_OK ? hash(fd, bytes < EDGE ? 0 : bytes - EDGE, bytes, tail, err) : st;
}

/* What kind of text: whether lines are records, and the first line where it is a CSV header. */
struct shape {
    bool lines, csv, plain;
    char first; /* its first character that is no blank */
};

static enum kw_status shape_of(int fd, struct shape *s, struct kw_error *err)
{
    unsigned char buf[4096];
    ssize_t k = pread(fd, buf, sizeof buf, 0), i = 0;
    if (k < 0) return kw_fail(err, KW_EINPUT, "%s", strerror(errno));
    bool gzip = k >= 2 && buf[0] == 0x1f && buf[1] == 0x8b, zstd = k >= 4 && !memcmp(buf, "\x28\xb5\x2f\xfd", 4);
    if (k >= 3 && !memcmp(buf, "\xef\xbb\xbf", 3)) i = 3;
    while (i < k && strchr(" \t\r\n", buf[i] ? buf[i] : 1)) i++;
    bool utf16 = k >= 2 && (!memcmp(buf, "\xff\xfe", 2) || !memcmp(buf, "\xfe\xff", 2));
    s->plain =
        !gzip && !zstd && !utf16 && !(k >= 4 && !memcmp(buf, "PK\3\4", 4)) && !(k >= 8 && !memcmp(buf, "\x89HDF", 4));
    s->first = i < k ? (char)buf[i] : 0;
    s->csv = s->plain && s->first != '{' && s->first != '[';
    s->lines = s->csv;
    return KW_OK;
}

/* The byte behind the last newline before `size`, 0: there is none; *next: the first byte of what follows it. */
static enum kw_status last_line(int fd, uint64_t size, uint64_t *begin, char *next, struct kw_error *err)
{
    static char buf[EDGE];
    *next = 0;
    for (uint64_t to = size; to > 0;) {
        uint64_t from = to < EDGE ? 0 : to - EDGE;
        ssize_t k = pread(fd, buf, (size_t)(to - from), (off_t)from);
        if (k != (ssize_t)(to - from)) return kw_fail(err, KW_EINPUT, "read failed");
        while (k > 0 && buf[k - 1] != '\n') *next = buf[--k];
        *begin = from + (uint64_t)k;
        if (k > 0) return KW_OK;
        to = from;
    }
    *begin = 0;
    return KW_OK;
}

/* The ledger's log that this one begins with: *known, or SIZE_MAX. */
static enum kw_status find(int fd, uint64_t size, const struct kw_watch_ledger *l, size_t *known, struct kw_error *err)
{
    char head[65], tail[65], edge[65] = "";
    enum kw_status st = KW_OK;
    *known = SIZE_MAX;
    for (size_t i = l->n_files; i-- > 0 && *known == SIZE_MAX && st == KW_OK;) {
        const struct kw_watch_file *f = &l->file[i];
        if (f->bytes > size) continue;
        bool whole = f->bytes >= EDGE;
        if (whole && !*edge) st = hash(fd, 0, EDGE, edge, err);
        if (st == KW_OK && !whole) st = hash(fd, 0, f->bytes, head, err);
        if (st != KW_OK || strcmp(whole ? edge : head, f->head)) continue;
        st = edges(fd, f->bytes, head, tail, err);
        if (st == KW_OK && !strcmp(tail, f->tail)) *known = i;
    }
    return st;
}

static enum kw_status open_rest(struct kw_watch_log *g, int fd, const char *path, const struct shape *s, uint64_t from,
                                struct kw_error *err)
{
    char *head = NULL;
    size_t n = 0;
    if (s->csv) { /* its header */
        enum { MOST = 256 << 10 };
        ssize_t k = (head = malloc(MOST)) ? pread(fd, head, MOST, 0) : -1;
        const char *end = k > 0 ? memchr(head, '\n', (size_t)k) : NULL;
        if (!end) {
            free(head);
            return kw_fail(err, KW_ERANGE, "its first line is longer than %d bytes", MOST);
        }
        n = (size_t)(end + 1 - head);
    }
    enum kw_status st = kw_source_open_part(&g->source, path, from, g->as.bytes, head, n, err);
    free(head);
    return st;
}

static enum kw_status opened(struct kw_watch_log *g, const struct kw_watch_ledger *l, int fd, const char *path,
                             struct kw_error *err)
{
    struct stat file;
    struct shape s;
    char next;
    if (fstat(fd, &file) != 0) return kw_fail(err, KW_EINPUT, "%s", strerror(errno));
    if (!S_ISREG(file.st_mode))
        return kw_fail(err, KW_EINPUT, "is no file: what is read with --state must be found again");
    uint64_t size = (uint64_t)file.st_size;
    g->as.bytes = size;
    if (size == 0) return kw_fail(err, KW_ERANGE, "is empty");
    KW_TRY(shape_of(fd, &s, err));
    if (s.plain) {
        uint64_t begin = 0;
        KW_TRY(last_line(fd, size, &begin, &next, err));
        if (s.first == '{' && begin > 0) s.lines = next ? next == '{' : true;
        if (s.lines && next && begin > 0) g->left = size - begin, g->as.bytes = begin;
    }
    KW_TRY(find(fd, size, l, &g->known, err));
    KW_TRY(edges(fd, g->as.bytes, g->as.head, g->as.tail, err));
    if (g->known == SIZE_MAX) {
        g->progress = KW_WATCH_NEW;
        return g->left ? kw_source_open_part(&g->source, path, 0, g->as.bytes, "", 0, err)
                       : kw_source_open(&g->source, path, err);
    }
    uint64_t had = l->file[g->known].bytes;
    g->progress = had >= g->as.bytes ? KW_WATCH_KNOWN : KW_WATCH_GREW;
    if (g->progress == KW_WATCH_KNOWN) return KW_OK;
    if (!s.lines)
        return kw_fail(
            err, KW_ERANGE,
            "has grown since it was read, and is no text of a record a line: give what is new in a file of its "
            "own, or begin a new --state");
    return open_rest(g, fd, path, &s, had, err);
}

enum kw_status kw_watch_log_open(struct kw_watch_log *g, const struct kw_watch_ledger *l, const char *path,
                                 struct kw_error *err)
{
    memset(g, 0, sizeof *g);
    g->known = SIZE_MAX;
    g->source.fd = -1;
    g->as.path = (char *)path;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return kw_fail(err, KW_EINPUT, "%s: %s", path, strerror(errno));
    enum kw_status st = opened(g, l, fd, path, err);
    if (st != KW_OK && strncmp(err->msg, path, strlen(path))) kw_where(err, path, 0);
    close(fd);
    return st;
}

static bool all_have_ids(const struct kw_trace *t)
{
    for (size_t i = 0; i < t->n && t->id; i++)
        if (!t->id[i]) return false;
    return t->id != NULL;
}

enum kw_status kw_watch_log_check(struct kw_watch_log *g, const struct kw_watch_ledger *l, const struct kw_trace *t,
                                  int64_t epoch, struct kw_error *err)
{
    kw_ns first = epoch * KW_NS_PER_S + t->epoch_part + t->arrival[0];
    bool kept = first / KW_NS_PER_HOUR >= l->ids_from;
    g->as.ids = all_have_ids(t);
    if (g->progress != KW_WATCH_NEW) return KW_OK;
    for (size_t i = 0; i < l->n_files; i++)
        if (!strcmp(l->file[i].path, g->as.path) && first <= l->file[i].until && !(kept && g->as.ids && l->file[i].ids))
            return kw_fail(
                err, KW_ERANGE,
                "%s is another file than when it was read, and begins before the end of that one: its requests "
                "would count twice%s; give what is new in a file of its own, or begin a new --state",
                g->as.path, !kept && g->as.ids ? " (ids are not kept for so long)" : " (no ids tell which)");
    return KW_OK;
}

enum kw_status kw_watch_log_done(struct kw_watch_log *g, struct kw_watch_ledger *l, const char *format,
                                 uint64_t requests, kw_ns until, struct kw_error *err)
{
    if (g->progress == KW_WATCH_GREW) {
        struct kw_watch_file *f = &l->file[g->known];
        f->bytes = g->as.bytes;
        f->requests += requests;
        f->ids &= g->as.ids;
        if (until > f->until) f->until = until;
        memcpy(f->head, g->as.head, sizeof f->head);
        memcpy(f->tail, g->as.tail, sizeof f->tail);
        return KW_OK;
    }
    struct kw_watch_file *more = realloc(l->file, (l->n_files + 1) * sizeof *more);
    if (more) l->file = more;
    struct kw_watch_file f = g->as;
    f.path = strdup(g->as.path);
    f.format = strdup(format);
    if (!more || !f.path || !f.format) {
        free(f.path), free(f.format);
        return kw_fail(err, KW_ENOMEM, "out of memory for the ledger");
    }
    f.requests = requests;
    f.until = until;
    l->file[l->n_files++] = f;
    return KW_OK;
}
