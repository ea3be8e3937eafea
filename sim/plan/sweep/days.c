#include "sim/plan/sweep/days.h"
#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#define LEAST_DAYS 3 /* two days leave one degree of freedom: t = 12.7 */
#define CORRELATION_DAYS 7
#define MOST_CORRELATION 0.6
#define MOST_WEEKDAYS 7

static void cut(struct kw_days *d, kw_ns span)
{
    uint32_t near = (uint32_t)((span + KW_DAY_NS / 2) / KW_DAY_NS);
    kw_ns off = span - (kw_ns)near * KW_DAY_NS;
    if (near && (off < 0 ? -off : off) <= span / 50) { /* whole days but for the gap after the last arrival */
        d->n = d->places = near;
        d->length = (span + near - 1) / near;
        return;
    }
    d->n = (uint32_t)(span / KW_DAY_NS);
    d->places = d->n + 1;
    d->length = KW_DAY_NS;
}

static bool weekend(const struct kw_trace *t, uint32_t day)
{
    int64_t noon = t->epoch_unix + (int64_t)day * 86400 + 43200, days = noon / 86400 - (noon % 86400 < 0);
    int64_t weekday = ((days + 3) % 7 + 7) % 7; /* 0 = Monday: 1970-01-01 was a Thursday */
    return weekday >= 5;
}

/* Whether every weekend day carries less than every other day, or more. */
static bool weekends_differ(const struct kw_trace *t, const double *load, uint32_t n)
{
    double lo[2] = { INFINITY, INFINITY }, hi[2] = { -INFINITY, -INFINITY };
    uint32_t have[2] = { 0, 0 };
    if (t->epoch_unix == INT64_MIN) return false;
    for (uint32_t i = 0; i < n; i++) {
        int k = weekend(t, i);
        lo[k] = fmin(lo[k], load[i]);
        hi[k] = fmax(hi[k], load[i]);
        have[k]++;
    }
    return have[0] >= 2 && have[1] >= 2 && (hi[1] < lo[0] || lo[1] > hi[0]);
}

static void group_days(struct kw_days *d, const struct kw_trace *t, const double *load)
{
    bool weeks = d->n >= 2 * MOST_WEEKDAYS, ends = !weeks && weekends_differ(t, load, d->n);
    for (uint32_t i = 0; i < d->n; i++) d->group[i] = weeks ? i % MOST_WEEKDAYS : ends && weekend(t, i);
    d->groups = weeks ? MOST_WEEKDAYS : ends ? 2 : 1;
}

static uint32_t group_size(const struct kw_days *d, uint32_t g)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < d->n; i++) n += d->group[i] == g;
    return n;
}

static double correlation(const struct kw_days *d, const double *load)
{
    double mean[MOST_WEEKDAYS] = { 0 }, lagged = 0, squares = 0, before = 0, n = d->n;
    if (d->n < CORRELATION_DAYS) return 0;
    for (uint32_t i = 0; i < d->n; i++) mean[d->group[i]] += log1p(load[i]) / group_size(d, d->group[i]);
    for (uint32_t i = 0; i < d->n; i++) {
        double x = log1p(load[i]) - mean[d->group[i]];
        lagged += before * x;
        squares += x * x;
        before = x;
    }
    if (!(squares > 0)) return 0;
    const double of_the_mean = d->groups == MOST_WEEKDAYS ? 0 : 1; /* neighbours of two weekdays share none */
    return fmin(fmax((n * lagged / squares + of_the_mean) / (n - 4), 0), MOST_CORRELATION);
}

/* f of the header. */
static double inflation(double r, double n)
{
    double v = 1;
    for (int k = 1; k < n; k++) v += 2 * (1 - k / n) * pow(r, k);
    return v / (1 - (v - 1) / (n - 1));
}

/* Sum of w^2 when m draws share n places as evenly as they can. */
static double squares_of(uint32_t n, uint32_t m)
{
    double low = n / m, more = n % m;
    return (m - more) * low * low + more * (low + 1) * (low + 1);
}

static double wanted(const struct kw_days *d, double n)
{
    return n * n / (n - 1) * inflation(d->correlation, d->n);
}

enum kw_status kw_days_init(struct kw_days *d, const struct kw_trace *t, struct kw_error *err)
{
    *d = (struct kw_days){ .variation = { 0, 1 } };
    if (t->n == 0) return kw_fail(err, KW_ERANGE, "the trace holds no request");
    if (t->span <= 0)
        return kw_fail(err, KW_ERANGE,
                       "all requests of the trace arrive at once: no time passes that a month could be scaled from");
    cut(d, t->span);
    if (d->n < LEAST_DAYS) return KW_OK;
    double *load = calloc(d->places, sizeof *load);
    d->group = calloc(d->n, sizeof *d->group);
    if (!load || !d->group) {
        free(load);
        kw_days_free(d);
        return kw_fail(err, KW_ENOMEM, "out of memory for the days of the trace");
    }
    for (size_t i = 0; i < t->n; i++) {
        kw_ns k = t->arrival[i] / d->length;
        load[k < d->places ? k : d->places - 1] += (double)t->prompt[i] + t->output[i];
    }
    group_days(d, t, load);
    d->correlation = correlation(d, load);
    free(load);
    double asked = 0, taken = 0;
    for (uint32_t g = 0; g < d->groups; g++) {
        double n = group_size(d, g), w = wanted(d, n);
        asked += w;
        taken += fmin(w, n * n);
    }
    d->variation = (struct kw_variation){ d->n - d->groups, sqrt(asked / taken) };
    return KW_OK;
}

void kw_days_free(struct kw_days *d)
{
    free(d->group);
    d->group = NULL;
}

/* The k-th day of a group. */
static uint32_t member(const struct kw_days *d, uint32_t g, uint32_t k)
{
    uint32_t i = 0;
    while (d->group[i] != g || k-- > 0) i++;
    return i;
}

/* How many days to draw for n places: between the two m whose squares lie around what is wanted, in proportion. */
static uint32_t draws(const struct kw_days *d, uint32_t n, struct kw_rng *rng)
{
    double want = wanted(d, n), lot = kw_rng_uniform(rng);
    uint32_t m = n;
    while (m > 1 && squares_of(n, m) < want) m--;
    if (m == n || squares_of(n, m) <= want) return m;
    double below = squares_of(n, m + 1), above = squares_of(n, m);
    return lot < (want - below) / (above - below) ? m : m + 1;
}

void kw_days_draw(const struct kw_days *d, struct kw_rng *rng, uint32_t *row)
{
    assert(d->variation.df > 0);
    for (uint32_t i = d->n; i < d->places; i++) row[i] = i;
    for (uint32_t g = 0; g < d->groups; g++) {
        uint32_t n = group_size(d, g), m = draws(d, n, rng), low = n / m, more = n % m;
        uint32_t turn = (uint32_t)(kw_rng_u64(rng) % n), day = 0, left = 0;
        for (uint32_t j = 0, drawn = 0; j < n; j++) {
            if (left == 0) {
                day = member(d, g, (uint32_t)(kw_rng_u64(rng) % n));
                left = low + (drawn++ < more);
            }
            left--;
            row[member(d, g, (turn + j) % n)] = day;
        }
    }
}
