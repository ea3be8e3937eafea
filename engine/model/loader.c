#define _GNU_SOURCE /* O_DIRECT */
#include "engine/model/loader.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EDGE ((size_t)4096) /* O_DIRECT's alignment of offset, length and memory */
#define MIB ((size_t)1 << 20)

const char *const kw_load_modes[] = { "cached", "direct", "network", NULL };

/* Rows [row, row + rows) of a copy, or bytes [begin, begin + bytes) of it where nothing is converted. */
struct piece {
    const struct kw_copy *copy;
    uint64_t begin, bytes; /* in the tensor */
    uint32_t row, rows;    /* 0 rows: plain bytes */
};

struct shared {
    const struct kw_backend_ops *ops;
    struct kw_backend *b;
    unsigned char *host;
    const struct kw_checkpoint *k;
    struct kw_load_options o;
    struct piece *pieces;
    size_t n_pieces, n_done; /* n_done under lock */
    int *fd, *fd_direct;     /* [n_files]; -1: not open */
    int64_t *first_byte;     /* [n_files] network: when the file's first byte is there; 0: not asked yet. Under lock */
    int64_t bucket;          /* network: when all bytes granted so far have come. Under lock */
    pthread_mutex_t lock;
    uint64_t file_bytes, weight_bytes, direct_bytes; /* under lock */
    int64_t first_ns;                                /* under lock */
    enum kw_status st;                               /* the first failure. Under lock */
    struct kw_error err;
};

struct stage {
    void *at; /* [buffer_bytes + 2 EDGE] as read, then [buffer_bytes] converted where any copy needs it */
    uint32_t handle;
};

struct worker {
    struct shared *s;
    struct stage *ring; /* [o.ring] */
    float *row;         /* [widest]: a row on its way to fp8 */
    pthread_t thread;
};

/* ---- pieces */

static bool by_rows(const struct kw_copy *c)
{
    return c->from != c->to || c->to == KW_DT_FP8;
}

static uint32_t rows_a_piece(const struct kw_copy *c, size_t buffer)
{
    size_t in = (size_t)c->cols * kw_dtype_bytes(c->from), out = (size_t)c->cols * kw_dtype_bytes(c->to) + 4;
    size_t n = buffer / (in > out ? in : out);
    assert(n > 0); /* settle has widened the buffer to the widest row */
    return n > c->rows ? c->rows : (uint32_t)n;
}

/* All pieces in file order; to NULL: only counts them. */
/* File order is what disks and networks are fast at: threads take pieces one by one from a single list, so that
 * together they read on. Counted first and filled afterwards, since the list must not move while threads hold pieces of
 * it. */
static size_t cut(const struct kw_weights_plan *p, size_t buffer, struct piece *to)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++) {
        const struct kw_copy *c = &p->copies[i];
        const uint64_t row = (uint64_t)c->cols * kw_dtype_bytes(c->from), all = row * c->rows;
        uint32_t rows = by_rows(c) ? rows_a_piece(c, buffer) : 0;
        for (uint64_t at = 0, len; at < all; at += len) {
            len = rows ? rows * row : buffer;
            if (len > all - at) len = all - at;
            assert(len > 0 && (!rows || len % row == 0)); /* whole rows, and the walk ends */
            if (to)
                to[n] = (struct piece){ .copy = c,
                                        .begin = at,
                                        .bytes = len,
                                        .row = rows ? (uint32_t)(at / row) : 0,
                                        .rows = rows ? (uint32_t)(len / row) : 0 };
            n++;
        }
    }
    return n;
}

/* ---- emulated network */

static void sleep_until(int64_t when)
{
    struct timespec t = { .tv_sec = (time_t)(when / 1000000000), .tv_nsec = (long)(when % 1000000000) };
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR) {
    }
}

/* Returns when the piece's last byte would have come over the wire. */
/* One wire for all threads: a piece's bytes come after those of all that were asked for before. The lock is held for
 * the sum and not for the wait. */
static void network_wait(struct shared *s, uint32_t file, uint64_t bytes)
{
    pthread_mutex_lock(&s->lock);
    int64_t now = kw_now_ns();
    if (!s->first_byte[file]) s->first_byte[file] = now + (int64_t)(s->o.first_byte_s * 1e9);
    int64_t from = s->first_byte[file] > now ? s->first_byte[file] : now;
    if (s->bucket > from) from = s->bucket;
    int64_t until = s->bucket = from + (int64_t)((double)bytes / s->o.rate * 1e9);
    pthread_mutex_unlock(&s->lock);
    sleep_until(until);
}

/* ---- reading */

static enum kw_status pread_all(int fd, const char *path, unsigned char *to, uint64_t n, uint64_t at,
                                struct kw_error *err)
{
    while (n) {
        ssize_t got = pread(fd, to, n, (off_t)at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return kw_fail(err, KW_EINPUT, "%.300s: byte %" PRIu64 ": %s", path, at, strerror(errno));
        if (got == 0)
            return kw_fail(err, KW_EINPUT, "%.300s: ends at byte %" PRIu64 "; it was longer when it was opened", path,
                           at);
        to += got, at += (uint64_t)got, n -= (uint64_t)got;
    }
    return KW_OK;
}

/* The aligned range around [at, at + n) into buf by O_DIRECT; *skip: where the range itself begins. False: it did not
 * work (the file system refuses, or the read came back short), and nothing counts. */
static bool pread_direct(int fd, unsigned char *buf, uint64_t n, uint64_t at, size_t *skip, uint64_t *got_bytes)
{
    uint64_t from = at & ~(uint64_t)(EDGE - 1), want = at + n - from;
    uint64_t len = (want + EDGE - 1) & ~(uint64_t)(EDGE - 1), have = 0;
    while (have < want) {
        ssize_t got = pread(fd, buf + have, len - have, (off_t)(from + have));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        have += (uint64_t)got;
        if (have < want && have % EDGE) return false; /* short of an edge: the next read would be unaligned */
    }
    *skip = (size_t)(at - from);
    *got_bytes = have;
    return true;
}

/* The piece's bytes: at *from, in the stage's first part or (host, nothing to convert) already in their place. */
static enum kw_status fetch(struct shared *s, const struct piece *p, struct stage *g, const unsigned char **from,
                            struct kw_error *err)
{
    const struct kw_copy *c = p->copy;
    const uint64_t at = c->offset + p->begin;
    const char *path = s->k->path[c->file];
    size_t skip = 0;
    uint64_t direct = 0;
    unsigned char *to = g->at;
    if (s->o.mode == KW_LOAD_NETWORK) network_wait(s, c->file, p->bytes);
    if (s->fd_direct[c->file] >= 0 && pread_direct(s->fd_direct[c->file], to, p->bytes, at, &skip, &direct)) {
        *from = to + skip;
        assert(skip < EDGE && direct >= p->bytes); /* what the stage's two edges are for */
    } else {
        if (s->host && !p->rows) to = s->host + c->dst + p->begin;
        enum kw_status st = pread_all(s->fd[c->file], path, to, p->bytes, at, err);
        if (st != KW_OK) return st;
        *from = to;
    }
    pthread_mutex_lock(&s->lock);
    s->file_bytes += direct ? direct : p->bytes;
    s->direct_bytes += direct;
    pthread_mutex_unlock(&s->lock);
    return KW_OK;
}

/* ---- converting and sending */

/* Rows of a copy to their dtype; scales: one a row, after them. Returns the bytes before the scales. */
static size_t convert(struct worker *w, const struct piece *p, const unsigned char *from, unsigned char *to,
                      float *scales)
{
    const struct kw_copy *c = p->copy;
    const size_t in = (size_t)c->cols * kw_dtype_bytes(c->from), out = (size_t)c->cols * kw_dtype_bytes(c->to);
    if (c->to != KW_DT_FP8 || c->from == KW_DT_FP8) {
        kw_dtype_convert(to, c->to, from, c->from, (size_t)p->rows * c->cols);
        for (uint32_t r = 0; c->to == KW_DT_FP8 && r < p->rows; r++) scales[r] = c->scale;
    } else {
        for (uint32_t r = 0; r < p->rows; r++) {
            kw_dtype_convert(w->row, KW_DT_FP32, from + r * in, c->from, c->cols);
            scales[r] = kw_fp8_quantise(to + r * out, w->row, c->cols);
        }
    }
    return p->rows * out;
}

static enum kw_status send(struct shared *s, struct stage *g, uint64_t dst, const void *from, size_t n,
                           struct kw_error *err)
{
    if (from == s->host + dst) return KW_OK; /* read straight into its place */
    return s->ops->upload(s->b, g->handle, dst, from, n, err);
}

static enum kw_status move_piece(struct worker *w, const struct piece *p, struct stage *g, struct kw_error *err)
{
    struct shared *s = w->s;
    const struct kw_copy *c = p->copy;
    const unsigned char *from;
    enum kw_status st = fetch(s, p, g, &from, err);
    if (st != KW_OK) return st;
    size_t n = p->bytes;
    uint64_t dst = c->dst + p->begin;
    assert(p->bytes <= s->o.buffer_bytes);
    if (p->rows) {
        unsigned char *to = (unsigned char *)g->at + s->o.buffer_bytes + 2 * EDGE;
        float *scales = w->row + c->cols; /* uploaded from the stage too: copied behind the rows */
        n = convert(w, p, from, to, scales);
        assert(n + (c->to == KW_DT_FP8 ? p->rows * sizeof *scales : 0) <= s->o.buffer_bytes);
        dst = c->dst + (uint64_t)p->row * c->cols * kw_dtype_bytes(c->to);
        from = to;
        if (c->to == KW_DT_FP8 && !isnan(scales[0])) {
            memcpy(to + n, scales, p->rows * sizeof *scales);
            st = send(s, g, c->dst_scale + p->row * UINT64_C(4), to + n, p->rows * sizeof *scales, err);
            if (st != KW_OK) return st;
        }
    }
    if ((st = send(s, g, dst, from, n, err)) != KW_OK) return st;
    pthread_mutex_lock(&s->lock);
    s->weight_bytes += n;
    pthread_mutex_unlock(&s->lock);
    return KW_OK;
}

static void fail(struct shared *s, enum kw_status st, const struct kw_error *err)
{
    pthread_mutex_lock(&s->lock);
    if (s->st == KW_OK) s->st = st, s->err = *err;
    pthread_mutex_unlock(&s->lock);
}

/* The next piece, NULL when there is none or something failed. */
/* A lock a piece of some MiB: nothing beside its read. */
static const struct piece *next_piece(struct shared *s)
{
    pthread_mutex_lock(&s->lock);
    const struct piece *p = s->st == KW_OK && s->n_done < s->n_pieces ? &s->pieces[s->n_done++] : NULL;
    if (p && !s->first_ns) s->first_ns = kw_now_ns();
    pthread_mutex_unlock(&s->lock);
    return p;
}

/* A ring of stages a thread, so that it reads the next piece while the device still copies the last ones; a stage is
 * waited for only when its turn comes again. */
static void *work(void *arg)
{
    struct worker *w = arg;
    struct shared *s = w->s;
    struct kw_error err = { "" };
    enum kw_status st = KW_OK;
    uint32_t turn = 0;
    for (const struct piece *p; st == KW_OK && (p = next_piece(s)); turn++) {
        struct stage *g = &w->ring[turn % s->o.ring];
        if (turn >= s->o.ring) st = s->ops->upload_wait(s->b, g->handle, &err);
        if (st == KW_OK) st = move_piece(w, p, g, &err);
    }
    for (uint32_t i = 0; i < s->o.ring; i++) { /* also after a failure: the buffers are given back next */
        enum kw_status last = s->ops->upload_wait(s->b, w->ring[i].handle, st == KW_OK ? &err : NULL);
        if (st == KW_OK) st = last;
    }
    if (st != KW_OK) fail(s, st, &err);
    return NULL;
}

/* ---- setting it up */

static enum kw_status open_files(struct shared *s, struct kw_error *err)
{
    for (uint32_t f = 0; f < s->k->n_files; f++) {
        s->fd[f] = open(s->k->path[f], O_RDONLY | O_CLOEXEC);
        if (s->fd[f] < 0) return kw_fail(err, KW_EINPUT, "%.300s: %s", s->k->path[f], strerror(errno));
        if (s->o.mode == KW_LOAD_DIRECT) s->fd_direct[f] = open(s->k->path[f], O_RDONLY | O_CLOEXEC | O_DIRECT);
    }
    return KW_OK;
}

static enum kw_status take_stages(struct shared *s, struct worker *w, size_t stage_bytes, size_t row_floats,
                                  uint32_t *n_stages, struct kw_error *err)
{
    for (uint32_t i = 0; i < s->o.threads; i++) {
        w[i].s = s;
        w[i].row = malloc(row_floats * sizeof(float));
        w[i].ring = malloc(s->o.ring * sizeof *w[i].ring);
        if (!w[i].row || !w[i].ring) return kw_fail(err, KW_ENOMEM, "out of memory for a loader thread");
        for (uint32_t j = 0; j < s->o.ring; j++) {
            enum kw_status st = s->ops->stage_alloc(s->b, stage_bytes, &w[i].ring[j].at, &w[i].ring[j].handle, err);
            if (st != KW_OK) return st;
            ++*n_stages;
        }
    }
    return KW_OK;
}

static enum kw_status run_threads(struct shared *s, struct worker *w, struct kw_error *err)
{
    uint32_t started = 0;
    while (started < s->o.threads && !pthread_create(&w[started].thread, NULL, work, &w[started])) started++;
    if (!started) work(&w[0]); /* no thread to be had: this one does it all */
    for (uint32_t i = 0; i < started; i++) pthread_join(w[i].thread, NULL);
    if (s->st != KW_OK && err) *err = s->err;
    return s->st;
}

static enum kw_status load_with(struct shared *s, struct worker *w, const struct kw_weights_plan *plan,
                                struct kw_startup *startup, struct kw_load_stats *stats, struct kw_error *err)
{
    uint32_t n_stages = 0, widest = 1;
    bool any = false;
    for (size_t i = 0; i < plan->n; i++)
        if (by_rows(&plan->copies[i])) {
            any = true;
            if (plan->copies[i].cols > widest) widest = plan->copies[i].cols;
        }
    /* A row's floats, then the scales of a piece: 4 bytes a row of at least 8 values. */
    size_t row_floats = widest + (any ? s->o.buffer_bytes / 8 + 1 : 0);
    uint32_t phase = kw_startup_begin(startup, "stage buffers");
    enum kw_status st = take_stages(s, w, s->o.buffer_bytes * (any ? 2 : 1) + 2 * EDGE, row_floats, &n_stages, err);
    kw_startup_end(startup, phase, 0);
    if (st == KW_OK) st = open_files(s, err);
    if (st == KW_OK) {
        phase = kw_startup_begin(startup, "weights");
        st = run_threads(s, w, err);
        kw_startup_end(startup, phase, s->weight_bytes);
        *stats = (struct kw_load_stats){ .file_bytes = s->file_bytes,
                                         .weight_bytes = s->weight_bytes,
                                         .direct_bytes = s->direct_bytes,
                                         .first_ns = s->first_ns,
                                         .last_ns = kw_now_ns(),
                                         .threads = s->o.threads,
                                         .emulated = s->o.mode == KW_LOAD_NETWORK };
    }
    for (uint32_t i = 0; i < n_stages; i++) s->ops->stage_free(s->b, w[i / s->o.ring].ring[i % s->o.ring].handle);
    for (uint32_t i = 0; i < s->o.threads; i++) {
        free(w[i].row);
        free(w[i].ring);
    }
    for (uint32_t f = 0; f < s->k->n_files; f++) {
        if (s->fd[f] >= 0) close(s->fd[f]);
        if (s->fd_direct[f] >= 0) close(s->fd_direct[f]);
    }
    return st;
}

/* The widest row must fit a buffer. */
static enum kw_status settle(struct kw_load_options *o, const struct kw_weights_plan *plan, struct kw_error *err)
{
    if (!o->threads) {
        long n = sysconf(_SC_NPROCESSORS_ONLN);
        o->threads = n < 1 ? 1 : n > 16 ? 16 : (uint32_t)n;
    }
    if (o->threads > 256) return kw_fail(err, KW_ERANGE, "threads: want at most 256; got %u", o->threads);
    if (!o->ring) o->ring = 2;
    if (o->ring > 64) return kw_fail(err, KW_ERANGE, "ring: want at most 64 buffers a thread; got %u", o->ring);
    if (!o->buffer_bytes) o->buffer_bytes = 8 * MIB;
    if (o->buffer_bytes < MIB || o->buffer_bytes > 1024 * MIB)
        return kw_fail(err, KW_ERANGE, "buffer_bytes: want 1 MiB to 1 GiB; got %zu", o->buffer_bytes);
    for (size_t i = 0; i < plan->n; i++) {
        size_t row = (size_t)plan->copies[i].cols * 4 + 4;
        if (by_rows(&plan->copies[i]) && row > o->buffer_bytes) o->buffer_bytes = row;
    }
    o->buffer_bytes = (o->buffer_bytes + EDGE - 1) & ~(EDGE - 1);
    assert(o->threads && o->ring && o->buffer_bytes % EDGE == 0);
    if (o->mode == KW_LOAD_NETWORK &&
        !(o->rate > 0 && isfinite(o->rate) && o->first_byte_s >= 0 && o->first_byte_s < 1e6))
        return kw_fail(err, KW_ERANGE, "network: want a rate above 0 and a first-byte latency from 0; got %g B/s, %g s",
                       o->rate, o->first_byte_s);
    return KW_OK;
}

enum kw_status kw_load(const struct kw_backend_ops *ops, struct kw_backend *b, void *host,
                       const struct kw_checkpoint *k, const struct kw_weights_plan *plan,
                       const struct kw_load_options *o, struct kw_startup *startup, struct kw_load_stats *stats,
                       struct kw_error *err)
{
    struct shared s = { .ops = ops, .b = b, .host = host, .k = k, .o = *o };
    enum kw_status st = settle(&s.o, plan, err);
    if (st != KW_OK) return st;
    s.n_pieces = cut(plan, s.o.buffer_bytes, NULL);
    s.pieces = malloc((s.n_pieces + 1) * sizeof *s.pieces);
    s.fd = malloc((k->n_files + 1) * sizeof *s.fd);
    s.fd_direct = malloc((k->n_files + 1) * sizeof *s.fd_direct);
    s.first_byte = calloc(k->n_files + 1, sizeof *s.first_byte);
    struct worker *w = calloc(s.o.threads, sizeof *w);
    if (!s.pieces || !s.fd || !s.fd_direct || !s.first_byte || !w || pthread_mutex_init(&s.lock, NULL)) {
        st = kw_fail(err, KW_ENOMEM, "out of memory for loading %zu pieces", s.n_pieces);
    } else {
        for (uint32_t f = 0; f < k->n_files; f++) s.fd[f] = s.fd_direct[f] = -1;
        cut(plan, s.o.buffer_bytes, s.pieces);
        st = load_with(&s, w, plan, startup, stats, err);
        pthread_mutex_destroy(&s.lock);
    }
    free(s.pieces);
    free(s.fd);
    free(s.fd_direct);
    free(s.first_byte);
    free(w);
    return st;
}
