#include "sim/plan/sweep/point.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct kw_metric_info kw_metric_info[] = {
    [KW_METRIC_COST] = { "cost_usd_month", "USD/month", "cost of a month" },
    [KW_METRIC_USD_PER_MTOK] = { "usd_per_mtok", "USD/Mtok", "cost of a million tokens, input and output, as served" },
    [KW_METRIC_TTFT_P50] = { "ttft_p50_s", "s", "time to first token, median" },
    [KW_METRIC_TTFT_P95] = { "ttft_p95_s", "s", "time to first token, 95th percentile" },
    [KW_METRIC_TTFT_P99] = { "ttft_p99_s", "s", "time to first token, 99th percentile" },
    [KW_METRIC_TPOT_P50] = { "tpot_p50_s", "s", "time per output token after the first, median over requests" },
    [KW_METRIC_TPOT_P95] = { "tpot_p95_s", "s", "time per output token, 95th percentile over requests" },
    [KW_METRIC_TPOT_P99] = { "tpot_p99_s", "s", "time per output token, 99th percentile over requests" },
    [KW_METRIC_E2E_P50] = { "e2e_p50_s", "s", "arrival to last token, median" },
    [KW_METRIC_E2E_P95] = { "e2e_p95_s", "s", "arrival to last token, 95th percentile" },
    [KW_METRIC_E2E_P99] = { "e2e_p99_s", "s", "arrival to last token, 99th percentile" },
    [KW_METRIC_COLD_FRACTION] = { "cold_fraction", "1", "share of requests that waited for a replica to start" },
    [KW_METRIC_COLD_COST] = { "cold_cost_usd_month", "USD/month", "paid for provisioning, loading and failed starts" },
    [KW_METRIC_IDLE_COST] = { "idle_cost_usd_month", "USD/month",
                              "paid for replicas that served nothing: kept warm or idle" },
    [KW_METRIC_ERROR_FRACTION] = { "error_fraction", "1", "share of requests refused, timed out or too long" },
    [KW_METRIC_UTILISATION] = { "utilisation", "1",
                                "share of ready replica time with at least one request; how full they were is "
                                "capacity_used" },
    [KW_METRIC_GOODPUT] = { "goodput_rps", "1/s", "requests a second that met every per-request objective" },
    [KW_METRIC_ATTAINMENT] = { "attainment", "1", "share of requests that met every per-request objective" },
    [KW_METRIC_OVERLOAD] = { "overload", "1",
                             "requests that came for each one completed where the queue grew through the window, else "
                             "0" },
    [KW_METRIC_CARRIED] = { "carried_rps", "1/s",
                            "requests completed a second of the window: under overload what it carries" },
    [KW_METRIC_COST_WINDOW] = { "cost_usd_window", "USD", "cost of the window itself, not scaled; fees pro rata" },
    [KW_METRIC_CAPACITY_USED] = { "capacity_used", "1",
                                  "share of the token capacity of ready replicas: what their tokens take in the best "
                                  "steps, over the time they were ready" },
    [KW_METRIC_STARTS] = { "cold_starts", "1", "replicas that were ordered and came up within the window" },
    [KW_METRIC_START_P50] = { "cold_start_p50_s", "s", "from a replica's order until it is ready, median" },
    [KW_METRIC_START_P95] = { "cold_start_p95_s", "s", "from a replica's order until it is ready, 95th percentile" },
    [KW_METRIC_START_COST] = { "cold_start_usd", "USD",
                               "paid for each of them, failed ones included: cost of starts of the window over "
                               "cold_starts" },
    [KW_METRIC_UNITS_USED] = { "units_used", "1",
                               "share of the units bought of an API that the tokens they carried took; nan without "
                               "any" },
    [KW_METRIC_SPILLED] = { "spilled_fraction", "1",
                            "share of the tokens of deployments with units that were billed by the token; nan without "
                            "any" },
    [KW_METRIC_UNITS_BREAK_EVEN] = { "units_break_even", "1",
                                     "share of units that has to be used, by this mix of tokens, before they cost less "
                                     "than on demand; above 1 they never do" },
    [KW_METRIC_FORECAST_MAE] = { "forecast_mae", "1",
                                 "mean error of the forecast that replicas are started by, in requests a step; nan "
                                 "without any" },
    [KW_METRIC_FORECAST_WAPE] = { "forecast_wape", "1",
                                  "sum of its errors over the requests that came in what was forecast" },
    [KW_METRIC_HELD] = { "held_requests", "1",
                         "requests of the window that were held until a replica was ready or their time was up; nan "
                         "without any" },
    [KW_METRIC_HELD_WAIT] = { "held_wait_s", "s", "how long these were held, mean" },
    [KW_METRIC_PINGS] = { "pings", "1", "health checks sent in the window; nan without any" },
    [KW_METRIC_ADAPTER_COLD] = { "adapter_cold_fraction", "1",
                                 "share of the requests for LoRA adapters that waited for the adapter to load" },
    [KW_METRIC_ADAPTER_WAIT] = { "adapter_wait_s", "s",
                                 "mean wait of those, from the replica's to the engine's queue" },
    [KW_METRIC_ADAPTER_LOADS] = { "adapter_loads", "1", "LoRA adapters loaded into a replica's memory in the window" },
    [KW_METRIC_FOUND_WARM] = { "found_warm", "1",
                               "replicas of public models that were ready for others' requests, in the place of a "
                               "start, in the "
                               "window; nan without any such model" },
    [KW_METRIC_DRAFT_TOKENS] = { "tokens_per_step", "1",
                                 "output tokens that a decode step brings a sequence whose drafted tokens it verifies, "
                                 "mean; nan without speculative decoding" },
    [KW_METRIC_PREFIX_HIT] = { "prefix_hit", "1",
                               "share of the prompt tokens at replicas that their prefix caches held; nan where none "
                               "did" },
    [KW_METRIC_HOST_HIT] = { "host_hit", "1",
                             "share of the prompt tokens at replicas that was loaded from the host's memory, part "
                             "of prefix_hit; nan without kv_offload" },
    [KW_METRIC_HOST_TOKENS] = { "host_tokens", "1",
                                "prompt tokens loaded from the host's memory in the window; nan without kv_offload" },
    [KW_METRIC_CLASS_WORST] = { "class_worst", "1",
                                "worst figure of a class and model over its limit, above 1 misses; nan where all "
                                "requests are of one" },
};
_Static_assert(sizeof kw_metric_info / sizeof *kw_metric_info == KW_METRICS, "a row for each metric");
enum kw_status kw_point_init(struct kw_point *p, struct kw_error *err)
{
    memset(p, 0, sizeof *p);
    p->margin = (struct kw_margin){ NAN, NAN, NAN, false };
    for (int m = 0; m < KW_METRICS; m++) p->m[m] = (struct kw_estimate){ NAN, NAN, NAN };
    enum kw_status st;
    if ((st = kw_hist_init(&p->ttft, err)) == KW_OK && (st = kw_hist_init(&p->tpot, err)) == KW_OK &&
        (st = kw_hist_init(&p->itl, err)) == KW_OK && (st = kw_hist_init(&p->e2e, err)) == KW_OK &&
        (st = kw_hist_init(&p->start, err)) == KW_OK)
        return KW_OK;
    kw_point_free(p);
    return st;
}

void kw_point_free(struct kw_point *p)
{
    free(p->sample);
    free(p->usage);
    free(p->bill_of);
    for (uint32_t i = 0; p->group && i < p->n_groups; i++) free(p->group[i].percentiles);
    free(p->percentiles);
    free(p->group);
    free(p->group_sample);
    free(p->share);
    kw_hist_free(&p->ttft);
    kw_hist_free(&p->tpot);
    kw_hist_free(&p->itl);
    kw_hist_free(&p->e2e);
    kw_hist_free(&p->start);
    uint32_t *columns[] = { p->series.arrivals,   p->series.completions, p->series.rejections, p->series.queue,
                            p->series.ready_busy, p->series.ready_idle,  p->series.starting };
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) free(columns[i]);
    free(p->records);
    memset(p, 0, sizeof *p);
}

/* A row is `each` bytes, `ahead` bytes stand before the first. */
static bool grow(void **rows, size_t ahead, size_t each, uint32_t from, uint32_t to)
{
    char *grown = realloc(*rows, ahead + each * to);
    if (!grown) return false;
    memset(grown + ahead + each * from, 0, each * (to - from));
    *rows = grown;
    return true;
}

static bool grow_places(struct kw_percentiles **t, uint32_t from, uint32_t to)
{
    void *rows = *t;
    bool ok = !rows || grow(&rows, sizeof **t, sizeof *(*t)->place, from, to);
    *t = rows;
    return ok;
}

enum kw_status kw_point_grow(struct kw_point *p, uint32_t room, struct kw_error *err)
{
    uint32_t from = p->room;
    void *sample = p->sample, *usage = p->usage, *groups = p->group_sample, *share = p->share;
    if (room <= from) return KW_OK;
    bool ok = grow(&sample, 0, sizeof *p->sample, from, room);
    p->sample = sample;
    ok = ok && grow(&usage, 0, p->n * sizeof *p->usage, from, room);
    p->usage = usage;
    ok = ok && grow_places(&p->percentiles, from, room);
    if (p->n_groups) {
        ok = ok && grow(&groups, 0, p->n_groups * sizeof *p->group_sample, from, room);
        p->group_sample = groups;
        ok = ok && grow(&share, 0, (size_t)(p->n_classes ? p->n_classes : 1) * p->n * sizeof *p->share, from, room);
        p->share = share;
        for (uint32_t i = 0; i < p->n_groups && ok; i++) ok = grow_places(&p->group[i].percentiles, from, room);
    }
    if (!ok) return kw_fail(err, KW_ENOMEM, "out of memory for a result");
    p->room = room;
    return KW_OK;
}

/* One objective: a metric against a limit. */
struct objective {
    enum kw_metric metric;
    double limit;
    bool at_least;
};

/* All but the budget. */
static size_t objectives(const struct kw_slo *s, struct objective out[KW_METRICS])
{
    const struct {
        enum kw_metric metric;
        kw_ns limit;
    } times[] = { { KW_METRIC_TTFT_P50, s->ttft_p50 }, { KW_METRIC_TTFT_P95, s->ttft_p95 },
                  { KW_METRIC_TTFT_P99, s->ttft_p99 }, { KW_METRIC_TPOT_P50, s->tpot_p50 },
                  { KW_METRIC_TPOT_P95, s->tpot_p95 }, { KW_METRIC_TPOT_P99, s->tpot_p99 },
                  { KW_METRIC_E2E_P50, s->e2e_p50 },   { KW_METRIC_E2E_P95, s->e2e_p95 },
                  { KW_METRIC_E2E_P99, s->e2e_p99 } };
    size_t n = 0;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        if (times[i].limit > 0)
            out[n++] = (struct objective){ times[i].metric, kw_nano_to_double(times[i].limit), false };
    if (s->cold_fraction >= 0) out[n++] = (struct objective){ KW_METRIC_COLD_FRACTION, s->cold_fraction, false };
    if (s->error_fraction >= 0) out[n++] = (struct objective){ KW_METRIC_ERROR_FRACTION, s->error_fraction, false };
    if (s->attainment >= 0) out[n++] = (struct objective){ KW_METRIC_ATTAINMENT, s->attainment, true };
    return n;
}

size_t kw_slo_percentiles(const struct kw_slo *slo, enum kw_metric out[KW_PERCENTILES])
{
    struct objective o[KW_METRICS];
    size_t all = objectives(slo, o), n = 0;
    for (size_t i = 0; i < all; i++)
        if (kw_metric_is_percentile(o[i].metric)) out[n++] = o[i].metric;
    return n;
}

/* Overload is above 1 in each replication whose queue grew, 0 in the others: half of them. */
#define OVERLOADED 0.5

/* How far off: 0.5 = half as much again as allowed (or two thirds of what is wanted). A limit of 0 counts as 1e-6, so
 * that misses of it still compare. */
static double miss_of(const struct objective *o, double v)
{
    if (isnan(v)) return -1; /* nothing to judge */
    const double least = 1e-6;
    return o->at_least ? fmax(o->limit, least) / fmax(v, least) - 1 : fmax(v, 0) / fmax(o->limit, least) - 1;
}

static bool missed(const struct objective *o, double v)
{
    return o->at_least ? v < o->limit : v > o->limit; /* NAN does neither */
}

/* Index of the one missed by most, its miss in *most; -1 for none of none. */
static size_t worst_of(const struct objective *o, size_t n, const double figure[KW_METRICS], double *most)
{
    size_t worst = 0;
    *most = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        double v = figure[o[i].metric], m = miss_of(&o[i], v);
        if (missed(&o[i], v) && m <= 0) m = 1e-9; /* a limit of 0 missed by less than the scale of its misses */
        if (m > *most) {
            *most = m;
            worst = i;
        }
    }
    return worst;
}

static void say_miss(const struct objective *o, double v, char *miss, size_t size)
{
    snprintf(miss, size, "%s %.4g %s %.4g", kw_metric_info[o->metric].name, v, o->at_least ? "<" : ">", o->limit);
}

double kw_slo_worst(const struct kw_slo *slo, const double figure[KW_METRICS], char *miss, size_t size)
{
    struct objective o[KW_METRICS];
    double most;
    size_t n = objectives(slo, o), worst = worst_of(o, n, figure, &most);
    if (size) miss[0] = 0;
    if (!n) return 0;
    if (most > 0) say_miss(&o[worst], figure[o[worst].metric], miss, size);
    return most + 1;
}

/* What is left when all objectives that rest on a time are gone. */
static struct kw_slo without_latency(const struct kw_slo *slo)
{
    return (struct kw_slo){ .cold_fraction = slo->cold_fraction,
                            .error_fraction = slo->error_fraction,
                            .attainment = -1,
                            .budget_month = slo->budget_month };
}

#define NOT_KNOWN 1e-9 /* how far off what nobody knows counts as: behind all that meets, before all that misses */

/* Objectives on a latency that is not known are not met, nor missed by so and so much. */
static bool judge_without_latency(const struct kw_slo *slo, const double figure[KW_METRICS], char *miss, size_t size,
                                  double *ratio)
{
    struct kw_slo rest = without_latency(slo);
    struct objective all[KW_METRICS], known[KW_METRICS];
    double timed[KW_METRICS];
    memcpy(timed, figure, sizeof timed);
    timed[KW_METRIC_TTFT_P50] = 0;
    timed[KW_METRIC_CLASS_WORST] = NAN;
    if (!kw_slo_judge(&rest, timed, miss, size, ratio)) return false;
    if (!slo->n_by_class && objectives(slo, all) == objectives(&rest, known)) return true;
    snprintf(miss, size, KW_MISS_LATENCY);
    *ratio = NOT_KNOWN;
    return false;
}

/* Told apart by class and model, what all of them together reach is no objective but for the budget. The
 * objective missed by most names the miss: it is what has to change for the point to pass. NAN misses, since what was
 * not served has no percentile. */
bool kw_slo_judge(const struct kw_slo *slo, const double figure[KW_METRICS], char *miss, size_t size, double *ratio)
{
    struct objective o[KW_METRICS];
    size_t n = 0;
    if (isnan(figure[KW_METRIC_CLASS_WORST]))
        n = objectives(slo, o);
    else
        o[n++] = (struct objective){ KW_METRIC_CLASS_WORST, 1, false };
    if (slo->budget_month > 0)
        o[n++] = (struct objective){ KW_METRIC_COST, kw_nano_to_double(slo->budget_month), false };
    double worst_miss;
    size_t worst = worst_of(o, n, figure, &worst_miss);
    bool feasible = !(worst_miss > 0);
    if (size) miss[0] = 0;
    if (!(figure[KW_METRIC_ERROR_FRACTION] < 1)) { /* nothing was served: no percentile can speak for it */
        snprintf(miss, size, "no request completes");
        *ratio = INFINITY;
        return false;
    }
    if (figure[KW_METRIC_ERROR_FRACTION] < 1 &&
        isnan(figure[KW_METRIC_TTFT_P50])) /* served, and nobody knows how fast */
        return judge_without_latency(slo, figure, miss, size, ratio);
    *ratio = n ? worst_miss : -1;
    double overload = figure[KW_METRIC_OVERLOAD];
    if (overload >= OVERLOADED) {
        snprintf(miss, size, "overloaded: carries %.3g requests/s of %.3g", figure[KW_METRIC_CARRIED],
                 figure[KW_METRIC_CARRIED] * fmax(overload, 1));
        *ratio = fmax(*ratio, fmax(overload - 1, 1e-9));
        return false;
    }
    if (!feasible) {
        say_miss(&o[worst], figure[o[worst].metric], miss, size);
    }
    return feasible;
}

/* The objectives whose figure no request tells, by name. */
static void say_unjudged(const struct kw_point *p, const struct kw_slo *slo, char *buf, size_t size)
{
    struct objective o[KW_METRICS];
    size_t n = objectives(slo, o), at = 0;
    buf[0] = 0;
    for (size_t i = 0; i < n && at < size; i++)
        if (isnan(p->m[o[i].metric].value))
            at += (size_t)snprintf(buf + at, size - at, "%s%s", at ? ", " : "", kw_metric_info[o[i].metric].name);
}

bool kw_point_overloaded(const struct kw_point *p)
{
    return p->m[KW_METRIC_OVERLOAD].value >= OVERLOADED;
}

static struct kw_estimate told(const struct kw_point *p, const struct kw_estimate all[KW_METRICS], enum kw_metric m)
{
    bool of_a_month =
        m == KW_METRIC_COST || m == KW_METRIC_USD_PER_MTOK || m == KW_METRIC_COLD_COST || m == KW_METRIC_IDLE_COST;
    if (of_a_month && kw_point_overloaded(p)) return (struct kw_estimate){ NAN, NAN, NAN };
    return all[m];
}

char *kw_point_steady(const struct kw_point *p, char *buf, size_t size)
{
    double percent = 100 * p->steady_error;
    buf[0] = 0;
    if (p->passes > 1 && p->steady == KW_STEADY_REPEATS)
        snprintf(buf, size, "its state comes back after %u windows on end; this is their mean", p->passes);
    if (p->passes > 1 && p->steady == KW_STEADY_MEAN)
        snprintf(buf, size, "mean of %u windows on end, within %.1f %% (95 %%)", p->passes, percent);
    if (p->passes > 1 && p->steady == KW_STEADY_UNSETTLED)
        snprintf(buf, size, "not settled: the mean of %u windows on end is known to %.1f %% only (95 %%)", p->passes,
                 percent);
    return buf;
}

struct kw_estimate kw_point_told(const struct kw_point *p, enum kw_metric m)
{
    return told(p, p->m, m);
}

struct kw_estimate kw_point_group_told(const struct kw_point *p, uint32_t group, enum kw_metric m)
{
    return told(p, p->group[group].m, m);
}

const struct kw_bill *kw_point_bill(const struct kw_point *p)
{
    static const struct kw_bill none;
    return kw_point_overloaded(p) ? &none : &p->bill;
}

/* The scale on which a figure other than a percentile is about normal: sizes vary by factors, shares lie in [0, 1]. */
static enum kw_scale scale_of(enum kw_metric m)
{
    switch (m) {
    case KW_METRIC_COLD_FRACTION:
    case KW_METRIC_ADAPTER_COLD:
    case KW_METRIC_ERROR_FRACTION:
    case KW_METRIC_UTILISATION:
    case KW_METRIC_CAPACITY_USED:
    case KW_METRIC_SPILLED:
    case KW_METRIC_ATTAINMENT: return KW_SCALE_SHARE;
    default: return KW_SCALE_LOG;
    }
}

/* Shares of the requests that arrived. (Those for adapters alone are not counted apart: their interval is as wide as all
 * requests tell, at the least.) */
static bool of_requests(enum kw_metric m)
{
    return m == KW_METRIC_COLD_FRACTION || m == KW_METRIC_ADAPTER_COLD || m == KW_METRIC_ERROR_FRACTION ||
           m == KW_METRIC_ATTAINMENT;
}

/* Of one metric in rows of KW_METRICS, `stride` figures apart, of `arrived` requests over all replications. Without t a
 * percentile keeps the interval it has. */
static struct kw_estimate estimate(const struct kw_point *p, enum kw_metric m, const double *x, size_t stride,
                                   uint64_t arrived, const struct kw_percentiles *t, const struct kw_estimate *now)
{
    static const double level[] = { 0.50, 0.95, 0.99 };
    double requests = (double)arrived / p->replications;
    if (!kw_metric_is_percentile(m)) {
        struct kw_estimate e = kw_stats_interval(x, p->replications, stride, scale_of(m), &p->variation);
        return of_requests(m) ? kw_stats_share(e, requests) : e;
    }
    if (!t) return (struct kw_estimate){ *x, now->lo, now->hi };
    int k = m - KW_METRIC_TTFT_P50;
    return kw_stats_percentile(*x, level[k % 3], &t->ranks[k / 3], &t->place[0][k], requests, p->replications,
                               KW_PERCENTILES, &p->variation);
}

static enum kw_status too_dear(struct kw_error *err)
{
    return kw_fail(err, KW_ERANGE, "the bill exceeds 9.2 billion dollars");
}

char *kw_point_group_name(const struct kw_point_group *g, char *buf, size_t size)
{
    if (g->deployment[0])
        snprintf(buf, size, "deployment %s", g->deployment);
    else
        snprintf(buf, size, "%s%s%s%s%s", g->klass, g->klass[0] && g->model[0] ? " of " : "", g->model,
                 !g->region[0]                ? ""
                 : g->klass[0] || g->model[0] ? " from "
                                              : "region ",
                 g->region);
    return buf;
}

static const struct kw_slo *slo_of(const struct kw_slo *s, const struct kw_point_group *g)
{
    return g->klass[0] ? kw_slo_of_class(s, g->klass) : s;
}

/* What each group costs a month in replication r, of the deployments' bills. */
static void price_groups(struct kw_point *p, uint32_t r, const struct kw_bill *bill_of)
{
    double(*sample)[KW_METRICS] = &p->group_sample[(size_t)r * p->n_groups];
    for (uint32_t i = 0; i < p->n_classes; i++) {
        const double *share = &p->share[((size_t)r * p->n_classes + i) * p->n];
        double cost = 0;
        for (uint32_t d = 0; d < p->n; d++) cost += share[d] * kw_nano_to_double(bill_of[d].total);
        sample[i][KW_METRIC_COST] = cost;
    }
    for (uint32_t i = p->n_classes; i < p->n_groups; i++) {
        uint32_t d = i - p->n_classes;
        const struct kw_bill *b = &bill_of[d];
        sample[i][KW_METRIC_COST] = kw_nano_to_double(b->total);
        sample[i][KW_METRIC_COLD_COST] = kw_nano_to_double(kw_bill_cold(b));
        sample[i][KW_METRIC_IDLE_COST] = kw_nano_to_double(kw_bill_idle(b, &p->usage[(size_t)r * p->n + d]));
    }
}

/* How far the worst class and model is off in each replication, and the groups' estimates. A point without groups (of
 * the first results too) keeps what its samples say. */
static void finish_groups(struct kw_point *p, const struct kw_slo *slo)
{
    for (uint32_t r = 0; r < p->replications && p->n_classes; r++) {
        double worst = 0;
        for (uint32_t i = 0; i < p->n_classes; i++)
            worst = fmax(
                worst, kw_slo_worst(slo_of(slo, &p->group[i]), p->group_sample[(size_t)r * p->n_groups + i], NULL, 0));
        p->sample[r][KW_METRIC_CLASS_WORST] = worst;
    }
    for (uint32_t i = 0; i < p->n_groups; i++)
        for (int m = 0; m < KW_METRICS; m++)
            p->group[i].m[m] = estimate(p, (enum kw_metric)m, &p->group_sample[i][m], (size_t)p->n_groups * KW_METRICS,
                                        p->group[i].arrived, p->group[i].percentiles, &p->group[i].m[m]);
}

/* Which class and model misses which objective by most: "ttft_p99_s 61.2 > 2 (batch)"; "" where none does. */
static void say_group_miss(const struct kw_point *p, const struct kw_slo *slo, char *miss, size_t size)
{
    double worst = 1;
    if (size) miss[0] = 0;
    for (uint32_t i = 0; i < p->n_classes; i++) {
        char of[96], name[160];
        double ratio = kw_slo_worst(slo_of(slo, &p->group[i]), p->group_sample[i], of, sizeof of);
        if (ratio <= worst) continue;
        worst = ratio;
        snprintf(miss, size, "%.44s (%.46s)", of, kw_point_group_name(&p->group[i], name, sizeof name));
    }
}

/* What units did in replication r: all deployments that have some together. The mix of tokens that they carried would cost
 * in proportion on demand, so that they break even at used * (what they cost) / (what it would cost). */
static enum kw_status judge_units(struct kw_point *p, uint32_t r, const struct kw_tariff *tariff,
                                  const struct kw_bill *bill_of, struct kw_error *err)
{
    const struct kw_usage *u = &p->usage[(size_t)r * p->n];
    double units = 0, used = 0, carried = 0, spilled = 0, cost = 0, worth = 0;
    double *v = p->sample[r];
    for (uint32_t d = 0; d < p->n; d++) {
        kw_nusd on_demand;
        if (!u[d].units) continue;
        enum kw_status st = kw_bill_carried(&on_demand, &u[d], &tariff[d], err);
        if (st != KW_OK) return st;
        units += (double)u[d].units;
        used += (double)u[d].units_used_millionths / 1e6;
        carried += (double)u[d].carried_in + (double)u[d].carried_cached + (double)u[d].carried_cache_write +
                   (double)u[d].carried_out;
        spilled += (double)u[d].tokens_in + (double)u[d].tokens_cached + (double)u[d].tokens_cache_write +
                   (double)u[d].tokens_out;
        cost += kw_nano_to_double(bill_of[d].item[KW_ITEM_PROVISIONED]);
        worth += kw_nano_to_double(on_demand);
    }
    v[KW_METRIC_UNITS_USED] = units > 0 ? used / units : NAN;
    v[KW_METRIC_SPILLED] = carried + spilled > 0 && units > 0 ? spilled / (carried + spilled) : NAN;
    v[KW_METRIC_UNITS_BREAK_EVEN] = worth > 0 ? used / units * cost / worth : NAN;
    return KW_OK;
}

static double per_start(double cost, double starts)
{
    return starts > 0 ? cost / starts : NAN;
}

/* One replication's costs into its sample; bill_of[p->n] is filled. */
static enum kw_status price(struct kw_point *p, uint32_t r, const struct kw_tariff *tariff, struct kw_bill *bill_of,
                            struct kw_error *err)
{
    const struct kw_usage *u = &p->usage[(size_t)r * p->n];
    kw_nusd all = 0, cold = 0, idle = 0, window = 0, cold_window = 0;
    double tokens_month = 0;
    enum kw_status st = kw_bills(bill_of, u, tariff, p->n, false, err);
    for (uint32_t d = 0; d < p->n && st == KW_OK; d++) {
        if (__builtin_add_overflow(window, bill_of[d].total, &window)) st = too_dear(err);
        cold_window += kw_bill_cold(&bill_of[d]);
    }
    if (st == KW_OK) st = kw_bills(bill_of, u, tariff, p->n, true, err);
    for (uint32_t d = 0; d < p->n && st == KW_OK; d++) {
        if (__builtin_add_overflow(all, bill_of[d].total, &all)) st = too_dear(err);
        cold += kw_bill_cold(&bill_of[d]); /* parts of the total, so they fit where it does */
        idle += kw_bill_idle(&bill_of[d], &u[d]);
        double served = (double)u[d].tokens_in + (double)u[d].tokens_cached + (double)u[d].tokens_cache_write +
                        (double)u[d].tokens_out + (double)u[d].carried_in + (double)u[d].carried_cached +
                        (double)u[d].carried_cache_write + (double)u[d].carried_out;
        tokens_month += served * ((double)kw_usage_month(&u[d]) / (double)u[d].window);
    }
    if (st != KW_OK) return st;
    double cost = kw_nano_to_double(all);
    p->sample[r][KW_METRIC_COST] = cost;
    p->sample[r][KW_METRIC_COST_WINDOW] = kw_nano_to_double(window);
    p->sample[r][KW_METRIC_COLD_COST] = kw_nano_to_double(cold);
    p->sample[r][KW_METRIC_IDLE_COST] = kw_nano_to_double(idle);
    p->sample[r][KW_METRIC_START_COST] = per_start(kw_nano_to_double(cold_window), p->sample[r][KW_METRIC_STARTS]);
    p->sample[r][KW_METRIC_USD_PER_MTOK] = tokens_month > 0 ? cost / (tokens_month / 1e6) : NAN;
    price_groups(p, r, bill_of);
    return judge_units(p, r, tariff, bill_of, err);
}

/* What meets the objectives only if long prompts wait no longer than those measured is not known to meet them: not on
 * the trace itself, and not on other days. */
static void judge_beyond(struct kw_point *p, const struct kw_slo *slo)
{
    char miss[sizeof p->miss];
    double ratio;
    if (!kw_point_has_range(p) || !p->feasible) return;
    p->beyond[KW_METRIC_COST] = p->sample[0][KW_METRIC_COST];
    if (kw_slo_judge(slo, p->beyond, miss, sizeof miss, &ratio)) return;
    const char *of_classes = kw_metric_info[KW_METRIC_CLASS_WORST].name;
    if (!strncmp(miss, of_classes, strlen(of_classes))) /* which class, is known of what was simulated alone */
        snprintf(miss, sizeof miss, "one class at %.4g times its limit", p->beyond[KW_METRIC_CLASS_WORST]);
    p->feasible = false;
    p->met = 0;
    p->miss_ratio = NOT_KNOWN;
    if (p->known_to)
        snprintf(p->miss, sizeof p->miss, "not known beyond prompts of %u: %.50s", p->known_to, miss);
    else if (p->rate_known_to)
        snprintf(p->miss, sizeof p->miss, "not known beyond %u tokens: %.50s", p->rate_known_to, miss);
    else if (p->steps_outside > 0)
        snprintf(p->miss, sizeof p->miss, "not known beyond measured steps: %.50s", miss);
    else
        snprintf(p->miss, sizeof p->miss, "not with LoRA steps %.0f %% longer: %.50s", 100 * p->adapter_overhead, miss);
}

enum kw_status kw_point_finish(struct kw_point *p, const struct kw_tariff *tariff, const struct kw_slo *slo,
                               struct kw_error *err)
{
    assert(p->replications > 0);
    struct kw_bill *bill_of = calloc(p->n, sizeof *bill_of), total = { .total = 0 };
    enum kw_status st = bill_of ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for a bill");
    for (uint32_t r = p->replications; r-- > 0 && st == KW_OK;) /* the trace itself last: its bill stays */
        st = price(p, r, tariff, bill_of, err);
    for (uint32_t d = 0; d < p->n && st == KW_OK; d++) st = kw_bill_add(&total, &bill_of[d], err);
    if (st != KW_OK) {
        free(bill_of);
        return st;
    }
    free(p->bill_of);
    p->bill_of = bill_of;
    p->bill = total;
    p->one_off = kw_bills_one_off(bill_of, tariff, p->n);
    finish_groups(p, slo);
    for (int k = 0; k < KW_METRICS; k++) {
        p->m[k] = estimate(p, (enum kw_metric)k, &p->sample[0][k], KW_METRICS, p->arrived, p->percentiles, &p->m[k]);
        if (p->m[k].lo < 0 && p->m[k].value >= 0) p->m[k].lo = 0; /* no figure is negative, whatever Student says */
    }
    p->drawn = p->replications - 1;
    p->met = 0;
    for (uint32_t r = 1; r < p->replications; r++) {
        double ratio;
        p->met += kw_slo_judge(slo, p->sample[r], NULL, 0, &ratio);
    }
    p->feasible = kw_slo_judge(slo, p->sample[0], p->miss, sizeof p->miss, &p->miss_ratio);
    if (!p->feasible && !strncmp(p->miss, kw_metric_info[KW_METRIC_CLASS_WORST].name,
                                 strlen(kw_metric_info[KW_METRIC_CLASS_WORST].name))) {
        char miss[sizeof p->miss];
        say_group_miss(p, slo, miss, sizeof miss);
        if (miss[0]) memcpy(p->miss, miss, sizeof miss);
    }
    judge_beyond(p, slo);
    say_unjudged(p, slo, p->unjudged, sizeof p->unjudged);
    assert(p->feasible == (p->miss[0] == 0) && (p->feasible || p->miss_ratio > 0));
    return KW_OK;
}

static double chance(const struct kw_point *p, uint32_t count, size_t outcomes)
{
    return p->drawn ? (count + 1.0 / (double)outcomes) / (p->drawn + 1) : NAN;
}

double kw_point_p_best(const struct kw_point *p)
{
    return chance(p, p->won, p->rivals + 2);
}

double kw_point_p_feasible(const struct kw_point *p)
{
    return chance(p, p->met, 2);
}

struct kw_estimate kw_points_dearer(const struct kw_point *a, const struct kw_point *b)
{
    uint32_t n = a->replications < b->replications ? a->replications : b->replications;
    return kw_stats_paired(&a->sample[0][KW_METRIC_COST], &b->sample[0][KW_METRIC_COST], n, KW_METRICS, &a->variation);
}

bool kw_points_tie(const struct kw_estimate *more)
{
    return !(more->value > 0) || more->lo <= 0;
}

/* A total order but for exact ties, which callers break by index: the ranking must not depend on the sort. */
bool kw_point_better(const struct kw_point *a, const struct kw_point *b)
{
    if (a->feasible != b->feasible) return a->feasible;
    if (!a->feasible && a->miss_ratio != b->miss_ratio) return a->miss_ratio < b->miss_ratio;
    double x = a->m[KW_METRIC_COST].value, y = b->m[KW_METRIC_COST].value;
    if (x != y) return x < y;
    double s = a->m[KW_METRIC_TTFT_P95].value, t = b->m[KW_METRIC_TTFT_P95].value;
    return (isnan(s) ? INFINITY : s) < (isnan(t) ? INFINITY : t);
}

struct merit {
    const struct kw_point *point;
    size_t index;
};

static int by_merit(const void *x, const void *y)
{
    const struct merit *a = x, *b = y;
    if (kw_point_better(a->point, b->point)) return -1;
    if (kw_point_better(b->point, a->point)) return 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

/* No other point is at most as dear and as slow, and better in one; one that fails more than it and than is allowed is
 * no rival. Points that serve nothing are not on the frontier. */
static void mark_pareto(struct kw_point *p, size_t n, const struct kw_slo *slo)
{
    const double hardly = 0.01, allowed = slo->error_fraction >= 0 ? slo->error_fraction : hardly;
    for (size_t i = 0; i < n; i++) {
        double cost = p[i].m[KW_METRIC_COST].value, ttft = p[i].m[KW_METRIC_TTFT_P95].value;
        p[i].pareto = !isnan(ttft) && p[i].m[KW_METRIC_ERROR_FRACTION].value < 0.5 && !kw_point_overloaded(&p[i]);
        for (size_t j = 0; j < n && p[i].pareto; j++) {
            double c = p[j].m[KW_METRIC_COST].value, t = p[j].m[KW_METRIC_TTFT_P95].value;
            bool serves =
                p[j].m[KW_METRIC_ERROR_FRACTION].value <= fmax(p[i].m[KW_METRIC_ERROR_FRACTION].value, allowed) &&
                !kw_point_overloaded(&p[j]);
            if (serves && c <= cost && t <= ttft && (c < cost || t < ttft)) p[i].pareto = false;
        }
    }
}

/* The cheapest that meets the objectives in each replication; the first by merit among equals. */
static void count_wins(struct kw_point *p, const struct merit *order, size_t n, const struct kw_slo *slo)
{
    uint32_t all = 0;
    for (size_t i = 0; i < n; i++) {
        if (p[i].replications > all) all = p[i].replications;
        p[i].won = 0;
        p[i].rivals = n - 1;
    }
    for (uint32_t r = 1; r < all; r++) {
        struct kw_point *winner = NULL;
        for (size_t k = 0; k < n; k++) {
            struct kw_point *x = &p[order[k].index];
            double ratio;
            if (x->replications < all || (kw_point_has_range(x) && !x->feasible)) continue;
            if (winner && !(x->sample[r][KW_METRIC_COST] < winner->sample[r][KW_METRIC_COST])) continue;
            if (kw_slo_judge(slo, x->sample[r], NULL, 0, &ratio)) winner = x;
        }
        if (winner) winner->won++;
    }
}

/* What costs as much as the first, as far as the interval of their paired difference tells. */
static void mark_ties(struct kw_point *p, const struct merit *order, size_t n)
{
    struct kw_point *first = &p[order[0].index];
    first->tie = false;
    for (size_t k = 1; k < n; k++) {
        struct kw_point *x = &p[order[k].index];
        struct kw_estimate more = kw_points_dearer(first, x);
        x->tie = first->feasible && x->feasible && kw_points_tie(&more);
        first->tie = first->tie || x->tie;
    }
}

enum kw_status kw_points_rank(struct kw_point *p, size_t n, const struct kw_slo *slo, struct kw_error *err)
{
    if (n == 0) return KW_OK;
    struct merit *order = malloc(n * sizeof *order);
    if (!order) return kw_fail(err, KW_ENOMEM, "out of memory for a ranking");
    for (size_t i = 0; i < n; i++) {
        order[i] = (struct merit){ &p[i], i };
        p[i].rank = 0;
    }
    qsort(order, n, sizeof *order, by_merit); /* a total order, equals by index: the C library's sort does not show */
    for (size_t k = 0; k < n; k++) {
        struct kw_point *x = &p[order[k].index];
        assert(x->rank == 0 && "ranks are a permutation");
        assert((k == 0 || !kw_point_better(x, order[k - 1].point)) && "nobody ranks behind a worse one");
        assert((k == 0 || order[k - 1].point->feasible || !x->feasible) && "feasible ones come first");
        x->rank = (uint32_t)k + 1;
    }
    mark_pareto(p, n, slo);
    mark_ties(p, order, n);
    count_wins(p, order, n, slo);
    free(order);
    return KW_OK;
}
