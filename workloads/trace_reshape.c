/* Traces made from traces: played faster, cut, put in order. */
#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/rng.h"
#include "workloads/sessions.h"
#include "workloads/trace.h"

enum kw_status kw_trace_speed(struct kw_trace *t, double speed, struct kw_error *err)
{
    if (!(speed >= 1e-6 && speed <= 1e6)) return kw_fail(err, KW_ERANGE, "speed %g is not within 1e-6 and 1e6", speed);
    if ((double)t->span / speed >= 9.2e18)
        return kw_fail(err, KW_ERANGE, "at speed %g the trace would last more than 292 years", speed);
    if (speed == 1) return KW_OK;
    /* long double holds every int64 exactly on x86; elsewhere the last bits of spans above 104 days may round. */
    for (size_t i = 0; i < t->n; i++) t->arrival[i] = (kw_ns)((long double)t->arrival[i] / speed + 0.5L);
    t->span = (kw_ns)((long double)t->span / speed + 0.5L);
    t->epoch_unix = INT64_MIN; /* its hours are no clock's any more */
    t->notes.equal_times = 0;
    for (size_t i = 1; i < t->n; i++) t->notes.equal_times += t->arrival[i] == t->arrival[i - 1];
    return KW_OK;
}

/* Columns of out for n requests and n_hash hashes, in the shape of in, with its names. */
static enum kw_status shape_like(struct kw_trace *out, const struct kw_trace *in, size_t n, size_t n_hash,
                                 struct kw_error *err)
{
    bool ok = (out->arrival = malloc(n * sizeof *out->arrival)) && (out->prompt = malloc(n * sizeof *out->prompt)) &&
              (out->output = malloc(n * sizeof *out->output));
    if (ok && in->model) ok = (out->model = malloc(n * sizeof *out->model)) != NULL;
    if (ok && in->cached) ok = (out->cached = malloc(n * sizeof *out->cached)) != NULL;
    if (ok && in->written) ok = (out->written = malloc(n * sizeof *out->written)) != NULL;
    if (ok && in->klass) ok = (out->klass = malloc(n * sizeof *out->klass)) != NULL;
    if (ok && in->region) ok = (out->region = malloc(n * sizeof *out->region)) != NULL;
    if (ok && in->ttft) ok = (out->ttft = malloc(n * sizeof *out->ttft)) != NULL;
    if (ok && in->e2e) ok = (out->e2e = malloc(n * sizeof *out->e2e)) != NULL;
    if (ok && in->before)
        ok = (out->before = malloc(n * sizeof *out->before)) && (out->then = malloc(n * sizeof *out->then)) &&
             (out->think = malloc(n * sizeof *out->think));
    if (ok && in->hash_at)
        ok = (out->hash_at = malloc((n + 1) * sizeof *out->hash_at)) &&
             (out->hash = malloc((n_hash + 1) * sizeof *out->hash));
    if (ok && in->n_models) ok = (out->model_name = calloc(in->n_models, sizeof *out->model_name)) != NULL;
    if (ok && in->n_classes) ok = (out->class_name = calloc(in->n_classes, sizeof *out->class_name)) != NULL;
    if (ok && in->n_regions) ok = (out->region_name = calloc(in->n_regions, sizeof *out->region_name)) != NULL;
    for (size_t i = 0; ok && i < in->n_models; i++)
        if ((ok = (out->model_name[i] = strdup(in->model_name[i])) != NULL)) out->n_models++;
    for (size_t i = 0; ok && i < in->n_classes; i++)
        if ((ok = (out->class_name[i] = strdup(in->class_name[i])) != NULL)) out->n_classes++;
    for (size_t i = 0; ok && i < in->n_regions; i++)
        if ((ok = (out->region_name[i] = strdup(in->region_name[i])) != NULL)) out->n_regions++;
    if (!ok) {
        kw_trace_free(out);
        return kw_fail(err, KW_ENOMEM, "out of memory for %zu requests", n);
    }
    out->n = n;
    out->hash_block = in->hash_block;
    out->epoch_unix = in->epoch_unix;
    out->notes = in->notes;
    return KW_OK;
}

enum kw_status kw_trace_slice(struct kw_trace *out, const struct kw_trace *in, kw_ns from, kw_ns to,
                              struct kw_error *err)
{
    size_t a = 0, b;
    memset(out, 0, sizeof *out);
    out->epoch_unix = INT64_MIN;
    while (a < in->n && in->arrival[a] < from) a++;
    for (b = a; b < in->n && in->arrival[b] < to; b++) {
    }
    if (a == b)
        return kw_fail(err, KW_ERANGE, "no request arrives in [%.9g s, %.9g s)", (double)from / 1e9, (double)to / 1e9);
    size_t n = b - a, h = in->hash_at ? in->hash_at[a] : 0, nh = in->hash_at ? in->hash_at[b] - h : 0;
    enum kw_status st = shape_like(out, in, n, nh, err);
    if (st != KW_OK) return st;
    kw_ns first = in->arrival[a];
    out->notes.equal_times = 0;
    for (size_t i = 0; i < n; i++) {
        out->arrival[i] = in->arrival[a + i] - first;
        out->notes.equal_times += i && out->arrival[i] == out->arrival[i - 1];
    }
    memcpy(out->prompt, in->prompt + a, n * sizeof *out->prompt);
    memcpy(out->output, in->output + a, n * sizeof *out->output);
    if (in->model) memcpy(out->model, in->model + a, n * sizeof *out->model);
    if (in->cached) memcpy(out->cached, in->cached + a, n * sizeof *out->cached);
    if (in->written) memcpy(out->written, in->written + a, n * sizeof *out->written);
    if (in->klass) memcpy(out->klass, in->klass + a, n * sizeof *out->klass);
    if (in->region) memcpy(out->region, in->region + a, n * sizeof *out->region);
    if (in->ttft) memcpy(out->ttft, in->ttft + a, n * sizeof *out->ttft);
    if (in->e2e) memcpy(out->e2e, in->e2e + a, n * sizeof *out->e2e);
    if (in->before) { /* all turns of a session have one arrival: none is cut */
        memcpy(out->think, in->think + a, n * sizeof *out->think);
        for (size_t i = 0; i < n; i++)
            out->before[i] = in->before[a + i] == KW_TRACE_NO_TURN ? KW_TRACE_NO_TURN : in->before[a + i] - (uint32_t)a;
        kw_sessions_link(out);
    }
    if (in->hash_at) {
        for (size_t i = 0; i <= n; i++) out->hash_at[i] = in->hash_at[a + i] - (uint32_t)h;
        if (nh) memcpy(out->hash, in->hash + h, nh * sizeof *out->hash);
    }
    out->span = (to < in->span ? to : in->span) - first;
    if (out->span < out->arrival[n - 1]) out->span = out->arrival[n - 1];
    if (in->epoch_unix != INT64_MIN) out->epoch_unix = in->epoch_unix + first / KW_NS_PER_S;
    return KW_OK;
}

enum kw_status kw_trace_pick(struct kw_trace *out, const struct kw_trace *in,
                             bool (*keep)(const void *ctx, size_t request), const void *ctx, struct kw_error *err)
{
    size_t n = 0, nh = 0;
    memset(out, 0, sizeof *out);
    out->epoch_unix = INT64_MIN;
    for (size_t i = 0; i < in->n; i++) {
        if (!keep(ctx, i)) continue;
        n++;
        if (in->hash_at) nh += in->hash_at[i + 1] - in->hash_at[i];
    }
    if (n == 0) return kw_fail(err, KW_ERANGE, "no request is left");
    uint32_t *last = in->before ? malloc(in->n * sizeof *last) : NULL; /* of its session up to a turn: who is kept */
    if (in->before && !last) return kw_fail(err, KW_ENOMEM, "out of memory for %zu requests", n);
    enum kw_status st = shape_like(out, in, n, nh, err);
    if (st != KW_OK) {
        free(last);
        return st;
    }
    out->notes.equal_times = 0;
    n = nh = 0;
    for (size_t i = 0; i < in->n; i++) {
        uint32_t waits_for = !last || in->before[i] == KW_TRACE_NO_TURN ? KW_TRACE_NO_TURN : last[in->before[i]];
        bool kept = keep(ctx, i);
        if (last) last[i] = kept ? (uint32_t)n : waits_for;
        if (!kept) continue;
        if (last) {
            out->before[n] = waits_for;
            out->think[n] = waits_for == KW_TRACE_NO_TURN ? 0 : in->think[i];
        }
        out->arrival[n] = in->arrival[i];
        out->prompt[n] = in->prompt[i];
        out->output[n] = in->output[i];
        if (in->model) out->model[n] = in->model[i];
        if (in->cached) out->cached[n] = in->cached[i];
        if (in->written) out->written[n] = in->written[i];
        if (in->klass) out->klass[n] = in->klass[i];
        if (in->region) out->region[n] = in->region[i];
        if (in->ttft) out->ttft[n] = in->ttft[i];
        if (in->e2e) out->e2e[n] = in->e2e[i];
        if (in->hash_at) {
            size_t blocks = in->hash_at[i + 1] - in->hash_at[i];
            out->hash_at[n] = (uint32_t)nh;
            if (blocks) memcpy(out->hash + nh, in->hash + in->hash_at[i], blocks * sizeof *out->hash);
            nh += blocks;
        }
        out->notes.equal_times += n && out->arrival[n] == out->arrival[n - 1];
        n++;
    }
    if (in->hash_at) out->hash_at[n] = (uint32_t)nh;
    if (last) kw_sessions_link(out);
    free(last);
    out->span = in->span;
    out->origin = in->origin;
    return KW_OK;
}

/* Orders are held in 32 bits: half the memory, and a trace has no more requests. */
static_assert(KW_TRACE_MAX_ROWS <= UINT32_MAX, "an index of the sort is a uint32_t");

/* Merges the sorted p[lo, mid) and p[mid, hi) in place, stably, through spare. Only where the two overlap is anything
 * moved, so a trace that is nearly in order costs nearly nothing. */
static void merge(const kw_ns *key, uint32_t *p, size_t lo, size_t mid, size_t hi, uint32_t *spare)
{
    assert(lo < mid && mid < hi);
    if (key[p[mid - 1]] <= key[p[mid]]) return;
    kw_ns first = key[p[mid]], last = key[p[mid - 1]];
    size_t a = lo, b = mid;
    for (size_t end = mid; a < end;) { /* a: the first on the left that is later than the right's first */
        size_t m = a + (end - a) / 2;
        if (key[p[m]] <= first)
            a = m + 1;
        else
            end = m;
    }
    for (size_t end = hi; b < end;) { /* b: the first on the right that is not before the left's last */
        size_t m = b + (end - b) / 2;
        if (key[p[m]] < last)
            b = m + 1;
        else
            end = m;
    }
    size_t n = mid - a, i = 0, j = mid, k = a;
    memcpy(spare, p + a, n * sizeof *p);
    while (i < n) p[k++] = j < b && key[p[j]] < key[spare[i]] ? p[j++] : spare[i++];
}

/* column[i] becomes column[p[i]], through spare[n]. */
#define GATHER(column, spare, type)                                                                                    \
    do {                                                                                                               \
        type *to_ = (type *)(spare);                                                                                   \
        for (size_t i = 0; i < n; i++) to_[i] = (column)[p[i]];                                                        \
        memcpy(column, to_, n * sizeof *to_);                                                                          \
    } while (0)

enum kw_status kw_trace_sort(struct kw_trace *t, struct kw_error *err)
{
    /* All memory up front, 12 bytes a request: a hundred million must sort within 4 GiB, and failure must change
     * nothing. The spare block serves the merges, then the columns one after another. */
    size_t n = t->n, n_hash = t->hash_at ? t->hash_at[n] : 0;
    uint32_t *order = malloc((n + 1) * sizeof *order), *hash_at = t->hash_at ? malloc((n + 1) * sizeof *hash_at) : NULL;
    void *spare = malloc((n + 1) * sizeof(kw_ns));
    uint64_t *hash = t->hash_at ? malloc((n_hash + 1) * sizeof *hash) : NULL;
    uint32_t *to = t->before ? malloc((n + 1) * sizeof *to) : NULL; /* where each goes */
    if (!order || !spare || (t->hash_at && (!hash_at || !hash)) || (t->before && !to)) {
        free(order), free(spare), free(hash_at), free(hash), free(to);
        return kw_fail(err, KW_ENOMEM, "out of memory sorting %zu requests", n);
    }
    uint32_t *p = order;
    for (size_t i = 0; i < n; i++) p[i] = (uint32_t)i;
    for (size_t w = 1; w < n; w *= 2)
        for (size_t lo = 0; lo + w < n; lo += 2 * w)
            merge(t->arrival, p, lo, lo + w, lo + 2 * w < n ? lo + 2 * w : n, spare);
    GATHER(t->arrival, spare, kw_ns);
    GATHER(t->prompt, spare, uint32_t);
    GATHER(t->output, spare, uint32_t);
    if (t->model) GATHER(t->model, spare, uint16_t);
    if (t->cached) GATHER(t->cached, spare, uint32_t);
    if (t->written) GATHER(t->written, spare, uint32_t);
    if (t->klass) GATHER(t->klass, spare, uint16_t);
    if (t->region) GATHER(t->region, spare, uint16_t);
    if (t->owner) GATHER(t->owner, spare, uint16_t);
    if (t->charged) GATHER(t->charged, spare, kw_nusd);
    if (t->id) GATHER(t->id, spare, uint64_t);
    if (t->start) GATHER(t->start, spare, kw_ns);
    if (t->gpu) GATHER(t->gpu, spare, kw_ns);
    if (t->ttft) GATHER(t->ttft, spare, kw_ns);
    if (t->e2e) GATHER(t->e2e, spare, kw_ns);
    if (t->hash_at) {
        hash_at[0] = 0;
        for (size_t i = 0; i < n; i++) {
            uint32_t from = t->hash_at[p[i]], k = t->hash_at[p[i] + 1] - from;
            if (k) memcpy(hash + hash_at[i], t->hash + from, k * sizeof *hash);
            hash_at[i + 1] = hash_at[i] + k;
        }
        free(t->hash_at);
        free(t->hash);
        t->hash_at = hash_at;
        t->hash = hash;
    }
    if (t->before) {
        for (size_t i = 0; i < n; i++) to[p[i]] = (uint32_t)i;
        for (size_t i = 0; i < n; i++)
            if (t->before[i] != KW_TRACE_NO_TURN) t->before[i] = to[t->before[i]];
        GATHER(t->before, spare, uint32_t);
        GATHER(t->think, spare, kw_ns);
        kw_sessions_link(t);
    }
    free(to);
    free(order);
    free(spare);
    return KW_OK;
}

enum kw_status kw_trace_gather(struct kw_trace *out, const struct kw_trace *in, const uint32_t *row, const kw_ns *at,
                               const uint32_t *copy, size_t n, kw_ns span, struct kw_error *err)
{
    size_t nh = 0;
    memset(out, 0, sizeof *out);
    out->epoch_unix = INT64_MIN;
    for (size_t i = 0; i < n && in->hash_at; i++) nh += in->hash_at[row[i] + 1] - in->hash_at[row[i]];
    enum kw_status st = kw_sessions_refuse(in, "arrivals laid out anew", err);
    if (st != KW_OK) return st;
    if (n == 0) return kw_fail(err, KW_ERANGE, "no request is left");
    if (n >= KW_TRACE_MAX_ROWS || nh >= UINT32_MAX) return kw_fail(err, KW_ERANGE, "%zu requests are too many", n);
    if ((st = shape_like(out, in, n, nh, err)) != KW_OK) return st;
    nh = 0;
    for (size_t i = 0; i < n; i++) {
        size_t r = row[i];
        assert(at[i] >= 0 && at[i] <= span && r < in->n);
        out->arrival[i] = at[i];
        out->prompt[i] = in->prompt[r];
        out->output[i] = in->output[r];
        if (in->model) out->model[i] = in->model[r];
        if (in->cached) out->cached[i] = in->cached[r];
        if (in->written) out->written[i] = in->written[r];
        if (in->klass) out->klass[i] = in->klass[r];
        if (in->region) out->region[i] = in->region[r];
        if (in->ttft) out->ttft[i] = in->ttft[r];
        if (in->e2e) out->e2e[i] = in->e2e[r];
        if (!in->hash_at) continue;
        out->hash_at[i] = (uint32_t)nh;
        for (uint32_t k = in->hash_at[r]; k < in->hash_at[r + 1]; k++)
            out->hash[nh++] = copy && copy[i] ? kw_mix64(in->hash[k] ^ kw_mix64(copy[i])) : in->hash[k];
    }
    if (in->hash_at) out->hash_at[n] = (uint32_t)nh;
    out->span = span;
    out->origin = in->origin;
    if ((st = kw_trace_sort(out, err)) != KW_OK) {
        kw_trace_free(out);
        return st;
    }
    out->notes.equal_times = 0;
    for (size_t i = 1; i < n; i++) out->notes.equal_times += out->arrival[i] == out->arrival[i - 1];
    return KW_OK;
}
