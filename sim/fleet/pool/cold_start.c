#include "sim/fleet/pool/cold_start.h"
#include <math.h>
#include <stdlib.h>

#define MOST_STOCKOUTS 100000 /* of one start */

enum kw_status kw_start_streams_begin(struct kw_start_streams *streams, uint64_t seed, uint64_t replication,
                                      struct kw_error *err)
{
    kw_start_streams_free(streams);
    enum kw_status st = kw_rng_init(&streams->cold, seed, replication, KW_RNG_COLD_START, err);
    if (st == KW_OK) st = kw_rng_init(&streams->cache, seed, replication, KW_RNG_CACHE_HIT, err);
    if (st == KW_OK) st = kw_rng_init(&streams->failure, seed, replication, KW_RNG_FAILURE, err);
    return st;
}

void kw_start_streams_free(struct kw_start_streams *streams)
{
    kw_rng_free(&streams->cold);
    kw_rng_free(&streams->cache);
    kw_rng_free(&streams->failure);
}

/* What is published of load and init in all says more than laboratories do of each, unless these alone take longer: a
 * larger model than those it was published of. In the proportion of the two; all of it init where neither is known. */
static void lengthen(kw_ns *load, kw_ns *init, kw_ns in_all)
{
    kw_ns parts = *load + *init;
    if (parts >= in_all) return;
    if (parts > 0) *load = (kw_ns)llround((double)*load * ((double)in_all / (double)parts));
    *init = in_all - *load;
}

/* Eleven variates, whatever comes of them. */
struct kw_start kw_start_draw(const struct kw_cold_start *c, const struct kw_autoscaling *a,
                              struct kw_start_streams *streams)
{
    struct kw_start s = { .stockouts = 0 };
    kw_ns provision = kw_law_draw_ns(&c->provision, &streams->cold), pull = kw_law_draw_ns(&c->pull, &streams->cold);
    kw_ns load = kw_law_draw_ns(&c->load, &streams->cold);
    double rate = kw_law_draw(&c->load_rate, &streams->cold),
           cached_rate = kw_law_draw(&c->cached_load_rate, &streams->cold);
    double slow = kw_rng_uniform(&streams->cold); /* a slow init is part of a slow start: no variate of its own */
    kw_ns init = kw_law_ns(kw_law_quantile(&c->init, slow));
    kw_ns engine_start = kw_law_ns(kw_law_quantile(&c->engine_start, slow));
    kw_ns restore = kw_law_draw_ns(&c->restore, &streams->cold);
    bool cached = kw_rng_uniform(&streams->cache) < c->cache_hit;
    s.restores = kw_rng_uniform(&streams->cache) < c->snapshot_probability && c->restore.kind != KW_LAW_NONE;
    double no_gpu = kw_rng_uniform(&streams->failure);
    s.fails = kw_rng_uniform(&streams->failure) < a->start_failure_probability;

    if (a->stockout_probability > 0) { /* P(at least k) = q^k */
        double k = floor(log(no_gpu) / log(a->stockout_probability));
        s.stockouts = k < MOST_STOCKOUTS ? (uint32_t)k : MOST_STOCKOUTS;
        double wait = (double)provision + (double)s.stockouts * (double)a->stockout_retry;
        provision = wait < (double)KW_LAW_LONGEST ? provision + (kw_ns)s.stockouts * a->stockout_retry : KW_LAW_LONGEST;
    }
    if (cached && c->cached_load_rate.kind != KW_LAW_NONE) rate = cached_rate;
    if (c->weight_bytes > 0 && rate > 0) load += kw_law_ns(c->weight_bytes / rate);
    lengthen(&load, &init, engine_start);
    s.phase[KW_PHASE_PROVISION] = provision;
    s.phase[KW_PHASE_PULL] = s.restores ? 0 : pull;
    s.phase[KW_PHASE_LOAD] = s.restores ? 0 : load;
    s.phase[KW_PHASE_INIT] = s.restores ? 0 : init;
    s.phase[KW_PHASE_RESTORE] = s.restores ? restore : 0;
    return s;
}

static int ascending(const void *x, const void *y)
{
    const kw_ns *a = x, *b = y;
    return (*a > *b) - (*a < *b);
}

/* A failed start is followed by another one, whose time is waited for too. */
enum kw_status kw_start_quantile(const struct kw_cold_start *c, const struct kw_autoscaling *a, double p, kw_ns *took,
                                 struct kw_error *err)
{
    struct kw_start_streams streams = { 0 };
    const int n = kw_start_varies(c, a) ? KW_START_DRAWS : 1;
    kw_ns *of = malloc((size_t)n * sizeof *of);
    enum kw_status st = of ? kw_start_streams_begin(&streams, 1, 0, err) : kw_fail(err, KW_ENOMEM, "out of memory");
    for (int i = 0; i < n && st == KW_OK; i++) {
        struct kw_start s;
        of[i] = 0;
        do {
            s = kw_start_draw(c, a, &streams);
            for (int k = 0; k <= KW_PHASE_RESTORE; k++) of[i] += s.phase[k];
        } while (s.fails && of[i] < KW_LAW_LONGEST);
    }
    if (st == KW_OK) {
        qsort(of, (size_t)n, sizeof *of, ascending);
        *took = of[(int)ceil(p * n) - 1];
    }
    kw_start_streams_free(&streams);
    free(of);
    return st;
}

static kw_ns most_of(const struct kw_law *l) /* an exponential one falls with its variate */
{
    return kw_law_ns(fmax(kw_law_quantile(l, KW_RNG_UNIFORM_MOST), kw_law_quantile(l, 1 - KW_RNG_UNIFORM_MOST)));
}

static double least_rate(const struct kw_law *l)
{
    return fmin(kw_law_quantile(l, KW_RNG_UNIFORM_MOST), kw_law_quantile(l, 1 - KW_RNG_UNIFORM_MOST));
}

static kw_ns longer(kw_ns a, kw_ns b)
{
    return a > b ? a : b;
}

/* Each law at its worst variate, and a second for what exp and log round. */
kw_ns kw_start_longest(const struct kw_cold_start *c)
{
    double rate = least_rate(&c->load_rate), cached = least_rate(&c->cached_load_rate);
    if (cached > 0 && (cached < rate || !(rate > 0))) rate = cached;
    kw_ns load = most_of(&c->load) + (c->weight_bytes > 0 && rate > 0 ? kw_law_ns(c->weight_bytes / rate) : 0);
    kw_ns engine = longer(load + most_of(&c->init), most_of(&c->engine_start));
    return most_of(&c->provision) + longer(most_of(&c->pull) + engine, most_of(&c->restore)) + KW_NS_PER_S;
}

static bool varies(const struct kw_law *l)
{
    return l->kind != KW_LAW_NONE && l->kind != KW_LAW_CONSTANT;
}

static bool either(double probability)
{
    return probability > 0 && probability < 1;
}

bool kw_start_varies(const struct kw_cold_start *c, const struct kw_autoscaling *a)
{
    bool cached = c->cached_load_rate.kind != KW_LAW_NONE && c->weight_bytes > 0;
    return varies(&c->provision) || varies(&c->pull) || varies(&c->load) || varies(&c->init) ||
           varies(&c->engine_start) || varies(&c->load_rate) ||
           (cached && (either(c->cache_hit) || (c->cache_hit > 0 && varies(&c->cached_load_rate)))) ||
           (c->restore.kind != KW_LAW_NONE && c->snapshot_probability > 0 &&
            (c->snapshot_probability < 1 || varies(&c->restore))) ||
           a->stockout_probability > 0 || a->start_failure_probability > 0;
}
