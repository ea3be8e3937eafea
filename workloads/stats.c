#include "workloads/stats.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/ascending.h"
#include "sim/core/rng.h"

#define MINUTE (60 * KW_NS_PER_S)

/* Bins of `width` ns: how many there are, how many empty, the fullest and where. Arrivals are sorted, so runs do. */
struct bins {
    uint64_t n, empty, most;
    kw_ns most_at;
};

static struct bins count_bins(const struct kw_trace *t, kw_ns width)
{
    struct bins b = { 0 };
    kw_ns last = t->arrival[t->n - 1];
    uint64_t used = 0;
    b.n = (uint64_t)(last / width) + 1;
    uint64_t whole = (uint64_t)(t->span / width) + (t->span % width != 0);
    if (whole > b.n) b.n = whole;
    for (size_t i = 0; i < t->n;) {
        kw_ns bin = t->arrival[i] / width;
        size_t j = i;
        while (j < t->n && t->arrival[j] / width == bin) j++;
        used++;
        if (j - i > b.most) b.most = j - i, b.most_at = bin * width;
        i = j;
    }
    b.empty = b.n - used;
    return b;
}

static void gaps(struct kw_trace_stats *s, const struct kw_trace *t)
{
    s->cv = NAN;
    if (t->n < 2) return;
    double mean = (double)t->arrival[t->n - 1] / (double)(t->n - 1), sum = 0;
    for (size_t i = 1; i < t->n; i++) {
        kw_ns g = t->arrival[i] - t->arrival[i - 1];
        double d = (double)g - mean;
        sum += d * d;
        if (g > s->longest_gap) s->longest_gap = g, s->longest_gap_at = t->arrival[i - 1];
    }
    if (mean > 0) s->cv = sqrt(sum / (double)(t->n - 1)) / mean;
}

/* count[v] for v in 0..max; rank (may be NULL) becomes the mid-rank of each value. */
static void tokens(struct kw_token_stats *s, const uint32_t *x, size_t n, uint32_t *count, double *rank)
{
    const double p[4] = { 0.50, 0.90, 0.95, 0.99 };
    uint32_t *out[4] = { &s->p50, &s->p90, &s->p95, &s->p99 };
    uint64_t at[4], seen = 0;
    for (int k = 0; k < 4; k++) {
        at[k] = (uint64_t)ceil(p[k] * (double)n);
        if (at[k] < 1) at[k] = 1;
    }
    for (size_t i = 0; i < n; i++) count[x[i]]++, s->total += x[i];
    for (uint32_t v = s->min, k = 0; v <= s->max; v++) {
        if (!count[v]) continue;
        rank[v] = (double)seen + ((double)count[v] + 1) / 2;
        seen += count[v];
        while (k < 4 && seen >= at[k]) *out[k++] = v;
    }
    s->mean = (double)s->total / (double)n;
}

static void extremes(struct kw_token_stats *s, const uint32_t *x, size_t n)
{
    s->min = s->max = x[0];
    for (size_t i = 1; i < n; i++) {
        if (x[i] < s->min) s->min = x[i];
        if (x[i] > s->max) s->max = x[i];
    }
}

static enum kw_status lengths(struct kw_trace_stats *s, const struct kw_trace *t, struct kw_error *err)
{
    extremes(&s->prompt, t->prompt, t->n);
    extremes(&s->output, t->output, t->n);
    uint32_t *cp = calloc((size_t)s->prompt.max + 1, sizeof *cp), *co = calloc((size_t)s->output.max + 1, sizeof *co);
    double *rp = malloc(((size_t)s->prompt.max + 1) * sizeof *rp),
           *ro = malloc(((size_t)s->output.max + 1) * sizeof *ro);
    enum kw_status st = KW_OK;
    if (cp && co && rp && ro) {
        double mean = ((double)t->n + 1) / 2, xx = 0, yy = 0, xy = 0;
        tokens(&s->prompt, t->prompt, t->n, cp, rp);
        tokens(&s->output, t->output, t->n, co, ro);
        for (size_t i = 0; i < t->n; i++) {
            double x = rp[t->prompt[i]] - mean, y = ro[t->output[i]] - mean;
            xx += x * x, yy += y * y, xy += x * y;
        }
        s->rank_correlation = xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : NAN;
    } else {
        st = kw_fail(err, KW_ENOMEM, "out of memory for token counts");
    }
    free(cp), free(co), free(rp), free(ro);
    return st;
}

struct set { /* of 64-bit hashes; open addressing; 0 is kept apart as it marks a free slot */
    uint64_t *slot;
    size_t n, slots;
    bool zero;
};

static size_t find(const struct set *s, uint64_t x)
{
    size_t i = kw_mix64(x) & (s->slots - 1);
    while (s->slot[i] && s->slot[i] != x) i = (i + 1) & (s->slots - 1);
    return i;
}

static bool has(const struct set *s, uint64_t x)
{
    return x ? s->slots && s->slot[find(s, x)] : s->zero;
}

static bool add(struct set *s, uint64_t x)
{
    if (!x) {
        s->n += !s->zero;
        s->zero = true;
        return true;
    }
    if (2 * (s->n + 1) > s->slots) {
        struct set big = { .n = s->n, .slots = s->slots ? s->slots * 2 : 1024, .zero = s->zero };
        if (!(big.slot = calloc(big.slots, sizeof *big.slot))) return false;
        for (size_t i = 0; i < s->slots; i++)
            if (s->slot[i]) big.slot[find(&big, s->slot[i])] = s->slot[i];
        free(s->slot);
        *s = big;
    }
    size_t at = find(s, x);
    s->n += !s->slot[at];
    s->slot[at] = x;
    return true;
}

static enum kw_status prefixes(struct kw_trace_stats *s, const struct kw_trace *t, struct kw_error *err)
{
    struct set seen = { 0 };
    uint64_t hits = 0, tokens_hit = 0, looked_at = 0;
    if (!t->hash_at || t->hash_at[t->n] == 0) return KW_OK;
    for (size_t i = 0; i < t->n; i++) {
        uint32_t k = t->hash_at[i], end = t->hash_at[i + 1], found = 0;
        uint32_t named = end; /* with those of the answer, where there are such */
        if (t->before) end = k + t->prompt[i] / t->hash_block;
        while (k + found < end && has(&seen, t->hash[k + found])) found++;
        uint64_t tok = (uint64_t)found * t->hash_block;
        hits += found;
        tokens_hit += tok < t->prompt[i] ? tok : t->prompt[i];
        looked_at += end - k;
        for (; k < named; k++) {
            if (add(&seen, t->hash[k])) continue;
            free(seen.slot);
            return kw_fail(err, KW_ENOMEM, "out of memory for prefix hashes");
        }
    }
    free(seen.slot);
    s->blocks = looked_at;
    s->distinct_blocks = seen.n;
    s->block_hits = (double)hits / (double)s->blocks;
    s->token_hits = (double)tokens_hit / (double)s->prompt.total;
    return KW_OK;
}

static enum kw_status sessions(struct kw_trace_stats *s, const struct kw_trace *t, struct kw_error *err)
{
    size_t n = 0;
    if (!t->before) return KW_OK;
    double *v = malloc((t->n + 1) * sizeof *v);
    if (!v) return kw_fail(err, KW_ENOMEM, "out of memory for %zu pauses", t->n);
    for (size_t i = 0; i < t->n; i++)
        if (t->before[i] != KW_TRACE_NO_TURN) v[n++] = (double)t->think[i] / 1e9;
    s->sessions = t->n - n;
    if (n) qsort(v, n, sizeof *v, kw_ascending);
    s->think_p50_s = n ? v[(n - 1) / 2] : 0;
    free(v);
    return KW_OK;
}

static enum kw_status shares(uint64_t **count, const uint16_t *index, size_t n, size_t names, struct kw_error *err)
{
    if (!index) return KW_OK;
    if (!(*count = calloc(names ? names : 1, sizeof **count)))
        return kw_fail(err, KW_ENOMEM, "out of memory for counts");
    for (size_t i = 0; i < n; i++) (*count)[index[i]]++;
    return KW_OK;
}

/* Of v[n], which it sorts; slow: 1 where much is slow, -1 where little is. */
static struct kw_latency_stats latency(double *v, size_t n, int slow)
{
    struct kw_latency_stats s = { .n = n };
    const double p[] = { 0.5, 0.9, 0.95, 0.99, 1 };
    double *const to[] = { &s.p50, &s.p90, &s.p95, &s.p99, &s.worst };
    if (n) qsort(v, n, sizeof *v, kw_ascending);
    for (int k = 0; n && k < 5; k++) {
        size_t rank = (size_t)ceil(p[k] * (double)n - 1e-9); /* from 1, and from the fast end */
        *to[k] = v[slow > 0 ? rank - 1 : n - rank];
    }
    return s;
}

static enum kw_status latencies(struct kw_trace_stats *s, const struct kw_trace *t, struct kw_error *err)
{
    if (!t->ttft && !t->e2e) return KW_OK;
    double *v = malloc(t->n * sizeof *v);
    size_t n = 0;
    if (!v) return kw_fail(err, KW_ENOMEM, "out of memory for latencies");
    for (size_t i = 0; t->ttft && i < t->n; i++)
        if (t->ttft[i] >= 0) v[n++] = (double)t->ttft[i] / 1e9;
    s->ttft_s = latency(v, n, 1);
    n = 0;
    for (size_t i = 0; t->e2e && i < t->n; i++)
        if (t->e2e[i] >= 0) v[n++] = (double)t->e2e[i] / 1e9;
    s->e2e_s = latency(v, n, 1);
    n = 0;
    for (size_t i = 0; t->ttft && t->e2e && i < t->n; i++)
        if (t->ttft[i] >= 0 && t->e2e[i] > t->ttft[i] && t->output[i] > 1)
            v[n++] = (t->output[i] - 1) / ((double)(t->e2e[i] - t->ttft[i]) / 1e9);
    s->output_rate = latency(v, n, -1);
    free(v);
    return KW_OK;
}

enum kw_status kw_trace_stats(struct kw_trace_stats *s, const struct kw_trace *t, struct kw_error *err)
{
    enum kw_status st;
    memset(s, 0, sizeof *s);
    s->n = t->n;
    s->span_s = (double)t->span / 1e9;
    s->rate = t->span ? (double)t->n / s->span_s : 0;
    gaps(s, t);
    struct bins m = count_bins(t, MINUTE), h = count_bins(t, KW_NS_PER_HOUR);
    s->peak_minute = (double)m.most * (double)m.n / (double)t->n;
    s->peak_hour = (double)h.most * (double)h.n / (double)t->n;
    s->busiest_minute = m.most;
    s->busiest_minute_at = m.most_at;
    s->minutes = m.n;
    s->empty_minutes = m.empty;
    s->hours = h.n;
    s->empty_hours = h.empty;
    if ((st = lengths(s, t, err)) != KW_OK || (st = prefixes(s, t, err)) != KW_OK ||
        (st = sessions(s, t, err)) != KW_OK || (st = latencies(s, t, err)) != KW_OK ||
        (st = shares(&s->model_count, t->model, t->n, t->n_models, err)) != KW_OK ||
        (st = shares(&s->class_count, t->klass, t->n, t->n_classes, err)) != KW_OK ||
        (st = shares(&s->region_count, t->region, t->n, t->n_regions, err)) != KW_OK)
        kw_trace_stats_free(s);
    return st;
}

void kw_trace_stats_free(struct kw_trace_stats *s)
{
    free(s->model_count);
    free(s->class_count);
    free(s->region_count);
    memset(s, 0, sizeof *s);
}
