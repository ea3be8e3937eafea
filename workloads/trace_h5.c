#include "workloads/trace_h5.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/files/h5.h"
#include "workloads/sessions.h"

enum { VERSION = 1, DEFLATE = 4 };

static enum kw_status column(struct kw_h5 *f, const char *path, enum kw_h5_type type, const char *units,
                             const char *description, size_t n, const void *data, struct kw_error *err)
{
    struct kw_h5_dataset d = { .path = path,
                               .type = type,
                               .units = units,
                               .description = description,
                               .rank = 1,
                               .shape = { n },
                               .deflate = DEFLATE };
    return kw_h5_write(f, &d, data, err);
}

static enum kw_status write_columns(struct kw_h5 *f, const struct kw_trace *t, struct kw_error *err)
{
    enum kw_status st;
    if ((st = column(f, "/arrival", KW_H5_I64, "ns", "arrival since the first request", t->n, t->arrival, err)) !=
            KW_OK ||
        (st = column(f, "/prompt", KW_H5_U32, "tokens", "input tokens, cached ones included", t->n, t->prompt, err)) !=
            KW_OK ||
        (st = column(f, "/output", KW_H5_U32, "tokens", "output tokens", t->n, t->output, err)) != KW_OK)
        return st;
    if (t->cached && (st = column(f, "/cached", KW_H5_U32, "tokens", "input tokens read from the source's cache", t->n,
                                  t->cached, err)) != KW_OK)
        return st;
    if (t->written && (st = column(f, "/written", KW_H5_U32, "tokens", "input tokens written to the source's cache",
                                   t->n, t->written, err)) != KW_OK)
        return st;
    if (t->model &&
        ((st = column(f, "/model", KW_H5_U16, "", "index into model_name", t->n, t->model, err)) != KW_OK ||
         (st = column(f, "/model_name", KW_H5_STR, "", "models", t->n_models, t->model_name, err)) != KW_OK))
        return st;
    if (t->klass &&
        ((st = column(f, "/class", KW_H5_U16, "", "index into class_name", t->n, t->klass, err)) != KW_OK ||
         (st = column(f, "/class_name", KW_H5_STR, "", "classes", t->n_classes, t->class_name, err)) != KW_OK))
        return st;
    if (t->region &&
        ((st = column(f, "/region", KW_H5_U16, "", "index into region_name", t->n, t->region, err)) != KW_OK ||
         (st = column(f, "/region_name", KW_H5_STR, "", "regions", t->n_regions, t->region_name, err)) != KW_OK))
        return st;
    if (t->ttft && (st = column(f, "/ttft", KW_H5_I64, "ns", "arrival to the first output token, -1: not said", t->n,
                                t->ttft, err)) != KW_OK)
        return st;
    if (t->e2e && (st = column(f, "/e2e", KW_H5_I64, "ns", "arrival to the end of the answer, -1: not said", t->n,
                               t->e2e, err)) != KW_OK)
        return st;
    if (t->before && ((st = column(f, "/before", KW_H5_U32, "", "the turn whose answer it waits for, 2^32 - 1: none",
                                   t->n, t->before, err)) != KW_OK ||
                      (st = column(f, "/think", KW_H5_I64, "ns", "from that answer's end until it comes", t->n,
                                   t->think, err)) != KW_OK))
        return st;
    if (!t->hash_at) return KW_OK;
    if ((st = column(f, "/hash_at", KW_H5_U32, "", "n + 1 offsets into hash", t->n + 1, t->hash_at, err)) != KW_OK)
        return st;
    if (t->hash_at[t->n] == 0) return KW_OK;
    return column(f, "/hash", KW_H5_U64, "", "prefix-block hashes in prefix order", t->hash_at[t->n], t->hash, err);
}

/* The numbers of a trace that are not columns: one row each, for writing and reading. */
struct attr {
    const char *name;
    int64_t value;
};
enum { A_VERSION, A_SPAN, A_EPOCH, A_BLOCK, A_ROWS, A_FAILED, A_OTHER, A_BACK, A_WORST, A_EQUAL, A_END };

static void attrs_of(const struct kw_trace *t, struct attr a[A_END])
{
    const struct kw_trace_notes *k = &t->notes;
    const struct attr rows[A_END] = { { "keepwarm_trace", VERSION },
                                      { "span_ns", t->span },
                                      { "epoch_unix_s", t->epoch_unix },
                                      { "hash_block_tokens", t->hash_block },
                                      { "rows", (int64_t)k->rows },
                                      { "dropped_failed", (int64_t)k->dropped_failed },
                                      { "dropped_other", (int64_t)k->dropped_other },
                                      { "clock_back", (int64_t)k->clock_back },
                                      { "worst_back_ns", k->worst_back },
                                      { "equal_times", (int64_t)k->equal_times } };
    memcpy(a, rows, sizeof rows);
}

enum kw_status kw_trace_save(const struct kw_trace *t, const char *path, struct kw_error *err)
{
    struct kw_h5 *f;
    struct attr a[A_END];
    enum kw_status st = kw_h5_create(&f, path, err);
    if (st != KW_OK) return st;
    st = write_columns(f, t, err);
    attrs_of(t, a);
    for (int i = 0; i < A_END && st == KW_OK; i++) st = kw_h5_attr_i64(f, "/", a[i].name, a[i].value, err);
    if (st == KW_OK) st = kw_h5_attr_str(f, "/", "origin_format", t->notes.format, err);
    if (st == KW_OK) st = kw_h5_attr_str(f, "/", "origin_source", t->notes.source, err);
    if (st == KW_OK) st = kw_h5_attr_str(f, "/", "origin_sha256", t->notes.sha256, err);
    if (st == KW_OK) return kw_h5_commit(f, err);
    kw_h5_abandon(f);
    return st;
}

/* A dataset that must have n values (SIZE_MAX: any number, returned in *got). */
static enum kw_status read_column(struct kw_h5 *f, const char *path, enum kw_h5_type type, size_t n, void **data,
                                  size_t *got, struct kw_error *err)
{
    size_t have = 0;
    enum kw_status st = kw_h5_read(f, path, type, data, &have, err);
    if (st != KW_OK) return st;
    if (got) *got = have;
    if (n == SIZE_MAX || have == n) return KW_OK;
    return kw_fail(err, KW_EPARSE, "%s has %zu values, want %zu", path, have, n);
}

static enum kw_status read_names(struct kw_h5 *f, const char *path, char ***name, size_t *n_names, struct kw_error *err)
{
    char **block = NULL;
    size_t n = 0;
    enum kw_status st = read_column(f, path, KW_H5_STR, SIZE_MAX, (void **)&block, &n, err);
    if (st == KW_OK && !(*name = calloc(n ? n : 1, sizeof **name))) st = kw_fail(err, KW_ENOMEM, "out of memory");
    for (size_t i = 0; i < n && st == KW_OK; i++) {
        size_t k = strlen(block[i]) + 1;
        if (!((*name)[i] = malloc(k)))
            st = kw_fail(err, KW_ENOMEM, "out of memory");
        else
            memcpy((*name)[i], block[i], k), ++*n_names;
    }
    free(block);
    return st;
}

static enum kw_status read_index(struct kw_h5 *f, const char *path, const char *names, size_t n, uint16_t **index,
                                 char ***name, size_t *n_names, struct kw_error *err)
{
    if (!kw_h5_exists(f, path)) return KW_OK;
    enum kw_status st = read_column(f, path, KW_H5_U16, n, (void **)index, NULL, err);
    if (st == KW_OK) st = read_names(f, names, name, n_names, err);
    for (size_t i = 0; i < n && st == KW_OK; i++)
        if ((*index)[i] >= *n_names)
            st = kw_fail(err, KW_ERANGE, "%s[%zu] is %u, but there are %zu names", path, i, (*index)[i], *n_names);
    return st;
}

static enum kw_status read_hashes(struct kw_h5 *f, struct kw_trace *t, struct kw_error *err)
{
    if (!kw_h5_exists(f, "/hash_at")) return KW_OK;
    enum kw_status st = read_column(f, "/hash_at", KW_H5_U32, t->n + 1, (void **)&t->hash_at, NULL, err);
    if (st != KW_OK) return st;
    if (t->hash_block == 0) return kw_fail(err, KW_ERANGE, "hash_block_tokens is 0, but there are hashes");
    for (size_t i = 0; i <= t->n; i++)
        if (i ? t->hash_at[i] < t->hash_at[i - 1] : t->hash_at[0] != 0)
            return kw_fail(err, KW_ERANGE, "/hash_at[%zu] falls back", i);
    if (t->hash_at[t->n] == 0) return KW_OK;
    return read_column(f, "/hash", KW_H5_U64, t->hash_at[t->n], (void **)&t->hash, NULL, err);
}

/* Latencies that were observed: both from -1 (not said) on, the end not before the first token. */
static enum kw_status read_latencies(struct kw_h5 *f, struct kw_trace *t, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    if (kw_h5_exists(f, "/ttft")) st = read_column(f, "/ttft", KW_H5_I64, t->n, (void **)&t->ttft, NULL, err);
    if (st == KW_OK && kw_h5_exists(f, "/e2e"))
        st = read_column(f, "/e2e", KW_H5_I64, t->n, (void **)&t->e2e, NULL, err);
    for (size_t i = 0; st == KW_OK && i < t->n; i++) {
        kw_ns first = t->ttft ? t->ttft[i] : -1, end = t->e2e ? t->e2e[i] : -1;
        if (first < -1 || end < -1 || (end >= 0 && end < first))
            st = kw_fail(err, KW_ERANGE, "request %zu has its first token after %lld ns and its end after %lld", i,
                         (long long)first, (long long)end);
    }
    return st;
}

/* Who waits for whom: an earlier row of the same arrival, which nobody else waits for. */
static enum kw_status read_sessions(struct kw_h5 *f, struct kw_trace *t, struct kw_error *err)
{
    if (!kw_h5_exists(f, "/before")) return KW_OK;
    enum kw_status st = read_column(f, "/before", KW_H5_U32, t->n, (void **)&t->before, NULL, err);
    if (st == KW_OK) st = read_column(f, "/think", KW_H5_I64, t->n, (void **)&t->think, NULL, err);
    if (st == KW_OK && !(t->then = malloc(t->n * sizeof *t->then)))
        st = kw_fail(err, KW_ENOMEM, "out of memory for %zu requests", t->n);
    for (size_t i = 0; st == KW_OK && i < t->n; i++) {
        uint32_t b = t->before[i];
        if (t->think[i] < 0 || (b != KW_TRACE_NO_TURN && (b >= i || t->arrival[b] != t->arrival[i])))
            st = kw_fail(err, KW_ERANGE, "/before[%zu] and /think[%zu] are of no session", i, i);
    }
    if (st == KW_OK) kw_sessions_link(t);
    for (size_t i = 0; st == KW_OK && i < t->n; i++)
        if (t->before[i] != KW_TRACE_NO_TURN && t->then[t->before[i]] != i)
            st = kw_fail(err, KW_ERANGE, "/before[%zu] is waited for by two turns", i);
    return st;
}

/* Sorted arrivals from 0 and lengths within the limits, whoever wrote them. */
static enum kw_status check_rows(const struct kw_trace *t, const char *arrival, struct kw_error *err)
{
    for (size_t i = 0; i < t->n; i++) {
        if (i ? t->arrival[i] < t->arrival[i - 1] : t->arrival[0] != 0)
            return kw_fail(err, KW_ERANGE, "%s[%zu] is out of order", arrival, i);
        if (t->prompt[i] - 1 >= KW_TRACE_MAX_TOKENS || t->output[i] - 1 >= KW_TRACE_MAX_TOKENS)
            return kw_fail(err, KW_ERANGE, "request %zu has %u prompt and %u output tokens", i, t->prompt[i],
                           t->output[i]);
    }
    return KW_OK;
}

/* The requests of a replay (engine serve-trace -o FILE.h5) as the trace they were, at the replay's speed. */
static enum kw_status read_served(struct kw_h5 *f, struct kw_trace *t, struct kw_error *err)
{
    enum kw_status st = read_column(f, "/requests/arrival_ns", KW_H5_I64, SIZE_MAX, (void **)&t->arrival, &t->n, err);
    if (st == KW_OK && (t->n == 0 || t->n > KW_TRACE_MAX_ROWS))
        st = kw_fail(err, KW_ERANGE, "holds %zu requests", t->n);
    if (st == KW_OK) st = read_column(f, "/requests/prompt_tokens", KW_H5_U32, t->n, (void **)&t->prompt, NULL, err);
    if (st == KW_OK) st = read_column(f, "/requests/output_tokens", KW_H5_U32, t->n, (void **)&t->output, NULL, err);
    if (st == KW_OK) st = check_rows(t, "/requests/arrival_ns", err);
    if (st != KW_OK) return st;
    t->span = t->arrival[t->n - 1];
    t->notes.rows = t->n;
    return KW_OK;
}

static enum kw_status read_all(struct kw_h5 *f, struct kw_trace *t, struct kw_error *err)
{
    struct attr a[A_END];
    enum kw_status st;
    attrs_of(t, a);
    /* A simulation's result keeps requests too, but no steps: it is no traffic that anybody offered. */
    if (!kw_h5_exists(f, "/arrival") && kw_h5_exists(f, "/steps/wall_ns")) return read_served(f, t, err);
    if (!kw_h5_exists(f, "/arrival")) return kw_fail(err, KW_EPARSE, "is HDF5 but no keepwarm trace: no /arrival");
    for (int i = 0; i < A_END; i++)
        if ((st = kw_h5_read_attr_i64(f, "/", a[i].name, &a[i].value, err)) != KW_OK) return st;
    if (a[A_VERSION].value != VERSION)
        return kw_fail(err, KW_EPARSE, "trace version %" PRId64 ", this program reads %d", a[A_VERSION].value, VERSION);
    if ((st = read_column(f, "/arrival", KW_H5_I64, SIZE_MAX, (void **)&t->arrival, &t->n, err)) != KW_OK) return st;
    if (t->n == 0 || t->n > KW_TRACE_MAX_ROWS) return kw_fail(err, KW_ERANGE, "holds %zu requests", t->n);
    if ((st = read_column(f, "/prompt", KW_H5_U32, t->n, (void **)&t->prompt, NULL, err)) != KW_OK ||
        (st = read_column(f, "/output", KW_H5_U32, t->n, (void **)&t->output, NULL, err)) != KW_OK ||
        (st = read_index(f, "/model", "/model_name", t->n, &t->model, &t->model_name, &t->n_models, err)) != KW_OK ||
        (st = read_index(f, "/class", "/class_name", t->n, &t->klass, &t->class_name, &t->n_classes, err)) != KW_OK ||
        (st = read_index(f, "/region", "/region_name", t->n, &t->region, &t->region_name, &t->n_regions, err)) != KW_OK)
        return st;
    if (kw_h5_exists(f, "/cached") &&
        (st = read_column(f, "/cached", KW_H5_U32, t->n, (void **)&t->cached, NULL, err)) != KW_OK)
        return st;
    if (kw_h5_exists(f, "/written") &&
        (st = read_column(f, "/written", KW_H5_U32, t->n, (void **)&t->written, NULL, err)) != KW_OK)
        return st;
    if ((st = check_rows(t, "/arrival", err)) != KW_OK) return st;
    if ((st = read_latencies(f, t, err)) != KW_OK || (st = read_sessions(f, t, err)) != KW_OK) return st;
    for (size_t i = 0; (t->cached || t->written) && i < t->n; i++)
        if ((uint64_t)(t->cached ? t->cached[i] : 0) + (t->written ? t->written[i] : 0) > t->prompt[i])
            return kw_fail(err, KW_ERANGE, "/cached[%zu] and /written[%zu] are more than the prompt", i, i);
    for (int i = A_BLOCK; i < A_END; i++)
        if (a[i].value < 0) return kw_fail(err, KW_ERANGE, "attribute %s is negative", a[i].name);
    if (a[A_BLOCK].value > KW_TRACE_MAX_TOKENS) return kw_fail(err, KW_ERANGE, "hash_block_tokens is absurd");
    t->span = a[A_SPAN].value;
    t->epoch_unix = a[A_EPOCH].value;
    t->hash_block = (uint32_t)a[A_BLOCK].value;
    t->notes = (struct kw_trace_notes){ .rows = (uint64_t)a[A_ROWS].value,
                                        .dropped_failed = (uint64_t)a[A_FAILED].value,
                                        .dropped_other = (uint64_t)a[A_OTHER].value,
                                        .clock_back = (uint64_t)a[A_BACK].value,
                                        .worst_back = a[A_WORST].value,
                                        .equal_times = (uint64_t)a[A_EQUAL].value };
    if (t->span < t->arrival[t->n - 1]) return kw_fail(err, KW_ERANGE, "span_ns is before the last arrival");
    return read_hashes(f, t, err);
}

enum kw_status kw_trace_h5_load(struct kw_trace *t, const char *path, struct kw_error *err)
{
    struct kw_h5 *f;
    memset(t, 0, sizeof *t);
    t->epoch_unix = INT64_MIN;
    enum kw_status st = kw_h5_open(&f, path, err);
    if (st != KW_OK) return st;
    if ((st = read_all(f, t, err)) != KW_OK) {
        kw_where(err, path, 0);
        kw_trace_free(t);
    }
    kw_h5_abandon(f);
    return st;
}
