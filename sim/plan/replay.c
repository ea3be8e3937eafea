#include "sim/plan/replay.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

void kw_replay_free(struct kw_replay *r)
{
    kw_trace_free(&r->trace);
}

/* Whole slices of the trace; 0: it is not cut. */
static size_t slices_of(const struct kw_trace *t, size_t least)
{
    kw_ns n = t->span / KW_REPLAY_SLICE;
    return t->hash_at || n <= (kw_ns)least ? 0 : (size_t)n;
}

double kw_replay_most(const struct kw_trace *trace, const struct kw_replay_size *size)
{
    size_t slices = slices_of(trace, size->slices);
    double part = slices ? (double)size->slices / (double)slices : 1;
    return fmax(1, size->requests / ((double)trace->n * part));
}

struct slice {
    double tokens;
    kw_ns from;
};

static int by_load(const void *x, const void *y)
{
    const struct slice *a = x, *b = y;
    if (a->tokens != b->tokens) return a->tokens < b->tokens ? -1 : 1;
    return a->from < b->from ? -1 : a->from > b->from;
}

/* Tokens of each slice and its neighbours: with few requests a slice alone is mostly chance. */
static void measure(struct slice *s, size_t n, const struct kw_trace *t)
{
    size_t i = 0;
    for (size_t k = 0; k < n; k++) s[k] = (struct slice){ .from = (kw_ns)k * KW_REPLAY_SLICE };
    for (size_t k = 0; k < n; k++)
        for (; i < t->n && t->arrival[i] < (kw_ns)(k + 1) * KW_REPLAY_SLICE; i++) {
            double tokens = (double)t->prompt[i] + t->output[i];
            s[k].tokens += tokens;
            s[(k + 1) % n].tokens += tokens;
            s[(k + n - 1) % n].tokens += tokens;
        }
}

/* `take` of n slices: every (n / take)-th in order of load; even ones rise, odd ones fall. */
static enum kw_status choose(kw_ns *from, const struct kw_trace *t, size_t n, size_t take, struct kw_error *err)
{
    struct slice *s = malloc(n * sizeof *s);
    if (!s) return kw_fail(err, KW_ENOMEM, "out of memory for a replay");
    measure(s, n, t);
    qsort(s, n, sizeof *s, by_load);
    for (size_t j = 0; j < take; j++) {
        size_t even = (take + 1) / 2, k = j < even ? 2 * j : 2 * (take - j) - 1;
        from[j] = s[(size_t)(((double)k + 0.5) * (double)n / (double)take)].from;
    }
    free(s);
    return KW_OK;
}

enum kw_status kw_replay_make(struct kw_replay *r, const struct kw_trace *trace, double factor,
                              const struct kw_replay_size *size, uint64_t seed, struct kw_error *err)
{
    *r = (struct kw_replay){ .trace.epoch_unix = INT64_MIN, .windows = 1, .part = 1 };
    double need = factor * (double)trace->n, least = KW_REPLAY_LEAST_REQUESTS;
    if (factor < 1 && need < least) {
        double room = fmax(1, floor((double)KW_REPLAY_MOST_DAYS * 24 * (double)KW_NS_PER_HOUR / (double)trace->span));
        r->windows = (uint32_t)fmin(room, ceil(least / need));
    }
    if (need <= size->requests) return kw_volume_scale(&r->trace, trace, factor, r->windows, seed, err);
    size_t n = slices_of(trace, size->slices),
           take = (size_t)ceil(size->requests / (factor * (double)trace->n) * (double)n);
    if (take < size->slices) take = size->slices;
    if (n == 0 || take >= n) return kw_volume_scale(&r->trace, trace, factor, 1, seed, err);
    r->part = (double)take / (double)n;
    kw_ns *from = malloc(take * sizeof *from);
    enum kw_status st = from ? choose(from, trace, n, take, err) : kw_fail(err, KW_ENOMEM, "out of memory");
    if (st == KW_OK) st = kw_volume_slices(&r->trace, trace, factor, from, take, KW_REPLAY_SLICE, seed, err);
    free(from);
    return st;
}
