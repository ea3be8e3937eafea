/* Traces made from traces: played faster, cut, repeated. */
#include <stdlib.h>
#include <string.h>
#include "sim/core/rng.h"
#include "workloads/readers/rows.h"

enum kw_status kw_trace_speed(struct kw_trace *t, double speed, struct kw_error *err)
{
    if (!(speed >= 1e-6 && speed <= 1e6)) return kw_fail(err, KW_ERANGE, "speed %g is not within 1e-6 and 1e6", speed);
    if ((double)t->span / speed >= 9.2e18)
        return kw_fail(err, KW_ERANGE, "at speed %g the trace would last more than 292 years", speed);
    if (speed == 1) return KW_OK;
    /* long double holds every int64 exactly on x86; elsewhere the last bits of spans above 104 days may round. */
    for (size_t i = 0; i < t->n; i++) t->arrival[i] = (kw_ns)((long double)t->arrival[i] / speed + 0.5L);
    t->span = (kw_ns)((long double)t->span / speed + 0.5L);
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
    if (ok && in->klass) ok = (out->klass = malloc(n * sizeof *out->klass)) != NULL;
    if (ok && in->hash_at)
        ok = (out->hash_at = malloc((n + 1) * sizeof *out->hash_at)) &&
             (out->hash = malloc((n_hash + 1) * sizeof *out->hash));
    if (ok && in->n_models) ok = (out->model_name = calloc(in->n_models, sizeof *out->model_name)) != NULL;
    if (ok && in->n_classes) ok = (out->class_name = calloc(in->n_classes, sizeof *out->class_name)) != NULL;
    for (size_t i = 0; ok && i < in->n_models; i++)
        if ((ok = (out->model_name[i] = strdup(in->model_name[i])) != NULL)) out->n_models++;
    for (size_t i = 0; ok && i < in->n_classes; i++)
        if ((ok = (out->class_name[i] = strdup(in->class_name[i])) != NULL)) out->n_classes++;
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
    if (in->klass) memcpy(out->klass, in->klass + a, n * sizeof *out->klass);
    if (in->hash_at) {
        for (size_t i = 0; i <= n; i++) out->hash_at[i] = in->hash_at[a + i] - (uint32_t)h;
        if (nh) memcpy(out->hash, in->hash + h, nh * sizeof *out->hash);
    }
    out->span = (to < in->span ? to : in->span) - first;
    if (out->span < out->arrival[n - 1]) out->span = out->arrival[n - 1];
    if (in->epoch_unix != INT64_MIN) out->epoch_unix = in->epoch_unix + first / KW_NS_PER_S;
    return KW_OK;
}

enum kw_status kw_trace_repeat(struct kw_trace *out, const struct kw_trace *in, uint32_t times, kw_ns jitter,
                               uint64_t seed, struct kw_error *err)
{
    struct kw_rng rng;
    size_t nh = in->hash_at ? in->hash_at[in->n] : 0, n = in->n;
    memset(out, 0, sizeof *out);
    out->epoch_unix = INT64_MIN;
    kw_ns period = in->span + (in->span == in->arrival[n - 1] && n > 1 ? in->span / (kw_ns)(n - 1) : 0);
    if (times == 0 || jitter < 0) return kw_fail(err, KW_ERANGE, "repeat wants at least 1 copy and no negative jitter");
    if (n > KW_TRACE_MAX_ROWS / times) return kw_fail(err, KW_ERANGE, "%u copies are too many requests", times);
    if (nh > UINT32_MAX / times) return kw_fail(err, KW_ERANGE, "%u copies have too many prefix hashes", times);
    if (period > (INT64_MAX / 4) / (kw_ns)times || jitter > INT64_MAX / 8)
        return kw_fail(err, KW_ERANGE, "%u copies would last more than 73 years", times);
    enum kw_status st = shape_like(out, in, n * times, nh * times, err);
    if (st != KW_OK) return st;
    if ((st = kw_rng_init(&rng, seed, 0, KW_RNG_RESAMPLE, err)) != KW_OK) {
        kw_trace_free(out);
        return st;
    }
    bool sorted = true;
    for (uint32_t c = 0; c < times; c++) {
        size_t at = (size_t)c * n;
        for (size_t i = 0; i < n; i++) {
            kw_ns move = 0;
            if (c && jitter) move = (kw_ns)((2 * kw_rng_uniform(&rng) - 1) * (double)jitter);
            kw_ns t = in->arrival[i] + (kw_ns)c * period + move;
            out->arrival[at + i] = t > 0 ? t : 0; /* the first request of all stays first */
            sorted = sorted && (at + i == 0 || out->arrival[at + i] >= out->arrival[at + i - 1]);
        }
        memcpy(out->prompt + at, in->prompt, n * sizeof *out->prompt);
        memcpy(out->output + at, in->output, n * sizeof *out->output);
        if (in->model) memcpy(out->model + at, in->model, n * sizeof *out->model);
        if (in->klass) memcpy(out->klass + at, in->klass, n * sizeof *out->klass);
        if (!in->hash_at) continue;
        for (size_t i = 0; i <= n; i++) out->hash_at[at + i] = (uint32_t)((size_t)c * nh) + in->hash_at[i];
        for (size_t i = 0; i < nh; i++)
            out->hash[(size_t)c * nh + i] = c ? kw_mix64(in->hash[i] ^ kw_mix64(c)) : in->hash[i];
    }
    kw_rng_free(&rng);
    if (!sorted && (st = kw_rows_sort(out, err)) != KW_OK) {
        kw_trace_free(out);
        return st;
    }
    size_t total = out->n;
    kw_ns end = period * (kw_ns)(times - 1) + in->span;
    out->span = end > out->arrival[total - 1] ? end : out->arrival[total - 1];
    out->notes.rows = total;
    out->notes.equal_times = 0;
    for (size_t i = 1; i < total; i++) out->notes.equal_times += out->arrival[i] == out->arrival[i - 1];
    return KW_OK;
}
