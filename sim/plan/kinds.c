#include "sim/plan/kinds.h"
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/rng.h"
#include "sim/plan/plan_internal.h"
#include "sim/plan/sweep/ceiling.h"

/* Of the replay that decides, of the one that finds who comes near, and of those between volumes and of other days. */
static const struct kw_replay_size deciding = { 40000, 12 }, screening = { 12000, 6 }, probing = { 12000, 12 };

#define MOST_CONTENDERS 6
#define MOST_REPLICATIONS 8

struct kw_kinds {
    struct kw_kinds_of of;
    struct kw_plan_options options; /* the user's, of one kind at a time, without hybrids */
    struct kw_resampling days;
    double tokens_month;
    struct kw_volume_point full; /* the most that one pool is replayed with; factor 0: not planned yet */
};

void kw_volume_point_free(struct kw_volume_point *v)
{
    for (int k = 0; k < KW_KINDS; k++) kw_plan_free(&v->contenders[k]);
}

enum kw_status kw_kinds_open(struct kw_kinds **out, const struct kw_kinds_of *of, struct kw_error *err)
{
    struct kw_kinds *k = calloc(1, sizeof *k);
    if (!k) return kw_fail(err, KW_ENOMEM, "out of memory for other volumes");
    const struct kw_trace *t = of->study->trace;
    uint32_t n = of->study->replications;
    k->of = *of;
    k->options = *of->o;
    k->options.hybrids = k->options.mixes = k->options.exhaustive = k->options.pools_apart = false;
    k->options.pools_shared = true;
    k->options.run.progress = NULL;
    for (int i = 0; i < KW_KINDS; i++) kw_plan_init(&k->full.contenders[i]);
    k->tokens_month = kw_volume_tokens(t) * (double)kw_study_month(of->study) / (double)t->span;
    enum kw_status st =
        kw_resampling_init(&k->days, t, n < MOST_REPLICATIONS ? n : MOST_REPLICATIONS, of->study->seed, err);
    if (st == KW_OK)
        *out = k;
    else
        kw_kinds_close(k);
    return st;
}

void kw_kinds_close(struct kw_kinds *k)
{
    if (!k) return;
    kw_volume_point_free(&k->full);
    kw_resampling_free(&k->days);
    free(k);
}

double kw_kinds_tokens_month(const struct kw_kinds *k)
{
    return k->tokens_month;
}

double kw_kinds_most_in_one_pool(const struct kw_kinds *k)
{
    return kw_replay_most(k->of.study->trace, &deciding);
}

const struct kw_variation *kw_kinds_variation(const struct kw_kinds *k)
{
    return &k->days.days.variation;
}

uint32_t kw_kinds_replications(const struct kw_kinds *k)
{
    return k->days.replications;
}

/* A run of the whole at one volume: what is replayed and how. */
struct look {
    struct kw_replay replay;
    double pools;
    struct kw_study study;
};

static void look_free(struct look *l)
{
    kw_replay_free(&l->replay);
}

/* The trace with its days as replication r draws them. */
static enum kw_status drawn(const struct kw_kinds *k, struct kw_trace *out, uint32_t r, struct kw_error *err)
{
    const struct kw_trace *t = k->of.study->trace;
    struct kw_trace_view view = kw_resampling_view(&k->days, t, r);
    struct kw_cursor c;
    kw_ns span;
    uint64_t n = 0, i = 0;
    enum kw_status st = kw_cursor_init(&c, &view, &span, &n, err);
    if (st != KW_OK) return st;
    uint32_t *row = malloc((n + 1) * sizeof *row);
    kw_ns *at = malloc((n + 1) * sizeof *at);
    st = row && at ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for %llu requests", (unsigned long long)n);
    for (; st == KW_OK && i < n; i++, kw_cursor_step(&c)) {
        row[i] = (uint32_t)c.request;
        at[i] = c.next;
    }
    if (st == KW_OK) st = kw_trace_gather(out, t, row, at, NULL, n, span, err);
    free(row);
    free(at);
    return st;
}

static enum kw_status look_make(const struct kw_kinds *k, struct look *l, double factor, uint32_t r,
                                const struct kw_replay_size *size, struct kw_error *err)
{
    const struct kw_trace *t = k->of.study->trace;
    struct kw_trace other = { .epoch_unix = INT64_MIN };
    enum kw_status st = KW_OK;
    *l = (struct look){ .study = *k->of.study, .replay.trace.epoch_unix = INT64_MIN };
    l->pools = fmax(1, factor / kw_kinds_most_in_one_pool(k));
    factor /= l->pools;
    l->study.seed = r ? kw_mix64(l->study.seed ^ r) : l->study.seed;
    if (r && (st = drawn(k, &other, r, err)) == KW_OK) {
        factor *= kw_volume_tokens(t) / (double)t->span * (double)other.span / kw_volume_tokens(&other);
        t = &other;
    }
    if (st == KW_OK) st = kw_replay_make(&l->replay, t, factor, size, l->study.seed, err);
    kw_trace_free(&other);
    l->study.trace = &l->replay.trace;
    l->study.replications = 1;
    l->study.series_step = 0;
    l->study.records = false;
    return st;
}

/* A month of the candidate, of as many pools as there are. */
static enum kw_status cost_of(const struct kw_candidate *c, const struct kw_point *p, double pools, double *usd,
                              struct kw_error *err)
{
    struct kw_usage usage[KW_FLEET_MAX_DEPLOYMENTS];
    struct kw_tariff tariff[KW_FLEET_MAX_DEPLOYMENTS];
    struct kw_bill bill[KW_FLEET_MAX_DEPLOYMENTS];
    enum kw_status st = KW_OK;
    *usd = 0;
    for (uint32_t d = 0; d < c->n && st == KW_OK; d++) {
        usage[d] = p->usage[d];
        tariff[d] = kw_choice_tariff(&c->choice[d]);
        st = kw_usage_times(&usage[d], pools, err);
    }
    if (st == KW_OK) st = kw_bills(bill, usage, tariff, c->n, true, err);
    for (uint32_t d = 0; d < c->n && st == KW_OK; d++) *usd += kw_nano_to_double(bill[d].total);
    return st;
}

/* The part of an account's limits that one of several pools has. */
static int64_t part_of(int64_t limit, double pools)
{
    return limit ? (int64_t)fmax(1, (double)limit / pools) : 0;
}

static void share_limits(struct kw_plan *p, double pools)
{
    for (size_t i = 0; i < p->n && pools > 1; i++) {
        struct kw_rate_limits *l = &p->candidates[i].choice[0].limits;
        int64_t *all[] = { &l->rpm, &l->rpd, &l->tpm, &l->itpm, &l->otpm, &l->tpd };
        for (size_t j = 0; j < sizeof all / sizeof *all; j++) *all[j] = part_of(*all[j], pools);
    }
}

/* A schedule or a forecast goes by the days of the trace, which a replay of another volume may not have. */
static bool goes_by_days(const struct kw_choice *c)
{
    return c->schedule.n || c->prewarm.forecast != KW_FORECAST_NONE;
}

/* What the user wrote is a candidate here where it is one deployment of the kind. */
static void keep_kind(struct kw_plan *p, enum kw_kind kind)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->n; i++) {
        struct kw_candidate *c = &p->candidates[i];
        if (c->n == 1 && c->choice[0].platform->kind == kind && !goes_by_days(&c->choice[0]))
            p->candidates[kept++] = *c;
        else
            kw_candidate_free(c);
    }
    p->n = kept;
}

/* Candidates of the kind at the volume; none is no failure. Names were checked by the plan before, and all kinds are
 * enumerated, since an option that gives nothing of one kind is refused. */
static enum kw_status enumerate(const struct kw_kinds *k, struct kw_plan *p, const struct look *l, enum kw_kind kind,
                                struct kw_error *err)
{
    struct kw_error none = { "" };
    kw_plan_init(p);
    enum kw_status st = kw_plan_enumerate(p, k->of.platforms, k->of.profiles, k->of.steptimes, l->study.trace,
                                          k->of.model, &k->options, &none);
    if (st != KW_OK && st != KW_ERANGE) return kw_fail(err, st, "%s", none.msg);
    keep_kind(p, kind);
    return KW_OK;
}

/* An API that is not known to meet the objectives, since prompts or answers are longer than those its latency was
 * measured with, and meets them if it is no slower there. What a month costs is known all the same. */
static bool assumed(const struct kw_candidate *c, const struct kw_point *x, const struct kw_slo *slo)
{
    double figure[KW_METRICS], ratio;
    if (!c->choice[0].api || !x->replications || x->feasible || kw_point_overloaded(x)) return false;
    if (!kw_choice_latency_known(&c->choice[0])) return false;
    for (int m = 0; m < KW_METRICS; m++) figure[m] = x->m[m].value;
    return kw_slo_judge(slo, figure, NULL, 0, &ratio);
}

/* Meets the objectives on the short replay, or misses by little. */
static bool near(const struct kw_point *x)
{
    const double little = 0.25;
    return x->feasible || x->miss_ratio <= little;
}

/* Index of the next-cheapest candidate after `after` in order of (cost, index) that comes near. -1: none. */
static ptrdiff_t next_near(const struct kw_plan *p, ptrdiff_t after, double limit)
{
    ptrdiff_t next = -1;
    double least = INFINITY, from = after < 0 ? -INFINITY : p->points[after].m[KW_METRIC_COST].value;
    for (size_t i = 0; i < p->n; i++) {
        const struct kw_point *x = &p->points[i];
        double cost = x->m[KW_METRIC_COST].value;
        if (!x->replications || !near(x) || cost > limit) continue;
        if (cost < from || (cost == from && (ptrdiff_t)i <= after)) continue;
        if (cost < least) {
            least = cost;
            next = (ptrdiff_t)i;
        }
    }
    return next;
}

/* Of dedicated pools all but those that the short replay refutes: the longer one may want a replica more, and another
 * volume another GPU; what a pool costs is known beforehand, so that dearer ones are not simulated. */
static enum kw_status shortlist(struct kw_plan *to, const struct kw_plan *p, enum kw_kind kind,
                                const struct kw_slo *slo, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    double limit = p->best < 0 ? INFINITY : KW_PLAN_NEAR * p->points[p->best].m[KW_METRIC_COST].value;
    int taken = 0;
    kw_plan_init(to);
    for (size_t i = 0; i < p->n && kind == KW_KIND_DEDICATED && st == KW_OK; i++)
        if (!p->points[i].replications || near(&p->points[i])) st = kw_plan_push_copy(to, &p->candidates[i], err);
    for (size_t i = 0; i < p->n && kind == KW_KIND_API && st == KW_OK; i++)
        if (near(&p->points[i]) || assumed(&p->candidates[i], &p->points[i], slo))
            st = kw_plan_push_copy(to, &p->candidates[i], err);
    for (ptrdiff_t i = -1; kind == KW_KIND_SERVERLESS && st == KW_OK && taken < MOST_CONTENDERS;) {
        if ((i = next_near(p, i, limit)) < 0) break;
        taken += p->best < 0 || p->points[i].feasible;
        st = kw_plan_push_copy(to, &p->candidates[i], err);
    }
    return st;
}

/* What a second replica adds to a month, over its hours: neither a fee nor a credit is in it. */
static enum kw_status replica_hour(const struct kw_choice *c, const struct kw_study *study, double *usd,
                                   struct kw_error *err)
{
    kw_ns window = study->trace->span, month = kw_study_month(study);
    double one = 0, two = 0;
    enum kw_status st = KW_OK;
    *usd = NAN;
    if (!c->gpu) return KW_OK;
    if (c->platform->kind == KW_KIND_SERVERLESS) {
        st = kw_cost_of_replicas(c, window, window, month, &one, err);
        if (st == KW_OK) st = kw_cost_of_replicas(c, 2 * window, window, month, &two, err);
    } else {
        struct kw_choice of = *c;
        struct kw_candidate alone = { .choice = &of, .n = 1 };
        uint32_t step = kw_gpu_offer_step(c->gpu, c->gpus);
        kw_choice_replicas(&of, step);
        st = kw_cost_floor(&alone, window, month, &one, err);
        kw_choice_replicas(&of, 2 * step);
        if (st == KW_OK) st = kw_cost_floor(&alone, window, month, &two, err);
        two = one + (two - one) / step;
    }
    *usd = (two - one) / ((double)month / (double)KW_NS_PER_HOUR);
    return st;
}

/* The cheapest of p at one look, told. p's points are used up. */
static enum kw_status cheapest(const struct kw_kinds *k, struct kw_kind_best *best, struct kw_plan *p,
                               const struct look *l, struct kw_error *err)
{
    *best = (struct kw_kind_best){
        .cost = { NAN, NAN, NAN }, .utilisation = NAN, .capacity_used = NAN, .ttft_p95_s = NAN, .replica_hour = NAN
    };
    if (p->n == 0) return KW_OK;
    enum kw_status st = kw_plan_cheapest(p, &l->study, &k->options, false, err);
    const struct kw_slo *slo = &k->of.study->slo;
    for (size_t i = 0; i < p->n && st == KW_OK; i++) {
        const struct kw_point *x = &p->points[i];
        if (!assumed(&p->candidates[i], x, slo)) continue;
        if (p->best >= 0 && x->m[KW_METRIC_COST].value >= p->points[p->best].m[KW_METRIC_COST].value) continue;
        p->best = (ptrdiff_t)i;
        best->assumed = true;
    }
    if (st != KW_OK || p->best < 0) return st;
    const struct kw_point *x = &p->points[p->best];
    best->utilisation = x->m[KW_METRIC_UTILISATION].value;
    best->capacity_used = x->m[KW_METRIC_CAPACITY_USED].value;
    best->ttft_p95_s = x->m[KW_METRIC_TTFT_P95].value;
    if ((st = replica_hour(&p->candidates[p->best].choice[0], &l->study, &best->replica_hour, err)) != KW_OK) return st;
    kw_candidate_label(&p->candidates[p->best], best->label, sizeof best->label);
    return cost_of(&p->candidates[p->best], x, l->pools, &best->cost.value, err);
}

/* Points are of one look; candidates stay for the next. */
static void forget(struct kw_plan *p)
{
    for (size_t i = 0; p->points && i < p->n; i++) kw_point_free(&p->points[i]);
    free(p->points);
    p->points = NULL;
}

/* The looks at one volume. */
struct looks {
    struct look screening, deciding, drawing[MOST_REPLICATIONS]; /* drawing: none where days cannot be drawn */
    uint32_t n_drawing;
};

static void looks_free(struct looks *l)
{
    look_free(&l->screening);
    look_free(&l->deciding);
    while (l->n_drawing) look_free(&l->drawing[--l->n_drawing]);
}

static enum kw_status looks_make(const struct kw_kinds *k, struct looks *l, double factor, struct kw_error *err)
{
    uint32_t n = k->days.replications > 1 ? k->days.replications : 0;
    l->n_drawing = 0;
    enum kw_status st = look_make(k, &l->deciding, factor, 0, &deciding, err), got = KW_OK;
    if ((got = look_make(k, &l->screening, factor, 0, &screening, st == KW_OK ? err : NULL)) != KW_OK && st == KW_OK)
        st = got;
    while (st == KW_OK && l->n_drawing < n)
        if ((st = look_make(k, &l->drawing[l->n_drawing], factor, l->n_drawing, &probing, err)) == KW_OK)
            l->n_drawing++;
    return st;
}

static enum kw_status cost_at(const struct kw_kinds *k, const struct kw_candidate *c, const struct look *l, double *usd,
                              struct kw_error *err)
{
    struct kw_point p;
    struct kw_sweep_options run = k->options.run;
    run.threads = 1;
    enum kw_status st = kw_point_init(&p, err);
    if (st != KW_OK) return st;
    st = kw_sweep(&p, c, 1, &l->study, &run, err);
    if (st == KW_OK) st = cost_of(c, &p, l->pools, usd, err);
    kw_point_free(&p);
    return st;
}

/* Other days of as many tokens. */
static enum kw_status interval(const struct kw_kinds *k, struct kw_kind_best *best, const struct kw_candidate *c,
                               const struct looks *l, struct kw_error *err)
{
    double cost[MOST_REPLICATIONS];
    struct kw_error each[MOST_REPLICATIONS];
    enum kw_status got[MOST_REPLICATIONS];
    int n = (int)l->n_drawing, threads = (int)k->options.run.threads;
    if (n < 2) return KW_OK;
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads ? threads : omp_get_max_threads())
    for (int r = 0; r < n; r++) got[r] = cost_at(k, c, &l->drawing[r], &cost[r], &each[r]);
    for (int r = 0; r < n; r++)
        if (got[r] != KW_OK) return kw_fail(err, got[r], "%s", each[r].msg);
    struct kw_estimate e = kw_stats_interval(cost, n, 1, KW_SCALE_LOG, kw_kinds_variation(k));
    double scale = cost[0] != 0 ? best->cost.value / cost[0] : 1; /* from the short replay to the long one */
    best->cost.lo = e.lo * scale;
    best->cost.hi = e.hi * scale;
    return KW_OK;
}

static enum kw_status plan_kind(struct kw_kinds *k, struct kw_volume_point *v, enum kw_kind kind, const struct looks *l,
                                struct kw_error *err)
{
    struct kw_plan all;
    enum kw_status st = enumerate(k, &all, &l->deciding, kind, err);
    if (st == KW_OK && all.n) st = kw_plan_cheapest(&all, &l->screening.study, &k->options, true, err);
    if (st == KW_OK && all.n) st = shortlist(&v->contenders[kind], &all, kind, &k->of.study->slo, err);
    kw_plan_free(&all);
    if (st == KW_OK) st = cheapest(k, &v->kind[kind], &v->contenders[kind], &l->deciding, err);
    if (st == KW_OK && v->contenders[kind].best >= 0)
        st = interval(k, &v->kind[kind], &v->contenders[kind].candidates[v->contenders[kind].best], l, err);
    forget(&v->contenders[kind]);
    return st;
}

static void choose(struct kw_volume_point *v)
{
    v->winner = -1;
    for (int i = 0; i < KW_KINDS; i++) {
        if (isnan(v->kind[i].cost.value)) continue;
        if (v->winner < 0 || v->kind[i].cost.value < v->kind[v->winner].cost.value) v->winner = i;
    }
}

static enum kw_status plan_one_pool(struct kw_kinds *k, struct kw_volume_point *v, double factor, struct kw_error *err)
{
    struct looks *l = calloc(1, sizeof *l);
    if (!l) return kw_fail(err, KW_ENOMEM, "out of memory for a volume");
    *v = (struct kw_volume_point){ .factor = factor, .tokens_month = factor * k->tokens_month, .winner = -1 };
    for (int i = 0; i < KW_KINDS; i++) kw_plan_init(&v->contenders[i]);
    enum kw_status st = looks_make(k, l, factor, err);
    v->windows = l->deciding.replay.windows;
    v->part = l->deciding.replay.part;
    v->pools = l->deciding.pools;
    v->requests = l->deciding.replay.trace.n;
    for (int i = 0; i < KW_KINDS && st == KW_OK; i++) st = plan_kind(k, v, (enum kw_kind)i, l, err);
    choose(v);
    looks_free(l);
    free(l);
    if (st != KW_OK) kw_volume_point_free(v);
    return st;
}

static bool same_offer(const struct kw_choice *a, const struct kw_choice *b)
{
    return a->platform == b->platform && a->gpu == b->gpu && a->api == b->api && a->profile == b->profile &&
           a->term == b->term && a->autoscaler == b->autoscaler;
}

/* Pools of c's offer, of every size from the smallest that the lower volume left to the largest of both. */
static enum kw_status merge_pools(struct kw_plan *to, const struct kw_plan *below, const struct kw_plan *above,
                                  const struct kw_choice *c, struct kw_error *err)
{
    const struct kw_plan *at[] = { below, above };
    uint32_t lo = 0, hi = 0, step = kw_gpu_offer_step(c->gpu, c->gpus);
    enum kw_status st = KW_OK;
    for (size_t i = 0; i < to->n; i++)
        if (same_offer(&to->candidates[i].choice[0], c)) return KW_OK;
    for (int e = 0; e < 2; e++) {
        bool known = lo > 0;
        for (size_t i = 0; i < at[e]->n; i++) {
            const struct kw_choice *x = &at[e]->candidates[i].choice[0];
            uint32_t n = x->scaling.max_replicas;
            if (!same_offer(x, c)) continue;
            if (!known && (!lo || n < lo)) lo = n;
            if (n > hi) hi = n;
        }
    }
    for (uint32_t n = lo; n <= hi && st == KW_OK; n += step) {
        struct kw_choice d = *c;
        kw_choice_replicas(&d, n);
        st = kw_plan_push(to, &d, err);
    }
    return st;
}

/* The contenders of two volumes, once each. */
static enum kw_status merge(struct kw_plan *to, const struct kw_plan *below, const struct kw_plan *above,
                            struct kw_error *err)
{
    enum kw_status st = KW_OK;
    kw_plan_init(to);
    for (size_t i = 0; i < below->n + above->n && st == KW_OK; i++) {
        const struct kw_choice *c =
            &(i < below->n ? &below->candidates[i] : &above->candidates[i - below->n])->choice[0];
        if (!kw_choice_scales(c) && c->gpu) {
            st = merge_pools(to, below, above, c, err);
            continue;
        }
        bool there = false;
        for (size_t j = 0; j < to->n && !there; j++) {
            struct kw_choice *x = &to->candidates[j].choice[0];
            there = same_offer(x, c) && x->scaling.keep_warm == c->scaling.keep_warm &&
                    x->scaling.idle_timeout == c->scaling.idle_timeout &&
                    kw_choice_concurrency(x) == kw_choice_concurrency(c) &&
                    !memcmp(&x->provision, &c->provision, sizeof c->provision);
            if (there && x->scaling.max_replicas < c->scaling.max_replicas)
                x->scaling.max_replicas = c->scaling.max_replicas;
        }
        if (!there) st = kw_plan_push(to, c, err);
    }
    return st;
}

enum kw_status kw_kinds_cheapest(struct kw_kinds *k, struct kw_kind_best *best, enum kw_kind kind,
                                 const struct kw_volume_point *below, const struct kw_volume_point *above,
                                 double factor, uint32_t replication, struct kw_error *err)
{
    struct look l;
    struct kw_plan p;
    kw_plan_init(&p);
    enum kw_status st = look_make(k, &l, factor, replication, &probing, err);
    if (st == KW_OK) st = merge(&p, &below->contenders[kind], &above->contenders[kind], err);
    share_limits(&p, l.pools);
    if (st == KW_OK) st = cheapest(k, best, &p, &l, err);
    kw_plan_free(&p);
    look_free(&l);
    return st;
}

/* The pool of the most that is replayed, as often as the volume has it. */
static enum kw_status plan_pools(struct kw_kinds *k, struct kw_volume_point *v, double factor, struct kw_error *err)
{
    const struct kw_volume_point *full = &k->full;
    enum kw_status st = KW_OK;
    if (k->full.factor == 0) st = plan_one_pool(k, &k->full, kw_kinds_most_in_one_pool(k), err);
    *v = *full;
    v->factor = factor;
    v->tokens_month = factor * k->tokens_month;
    v->pools = factor / full->factor;
    for (int i = 0; i < KW_KINDS; i++) kw_plan_init(&v->contenders[i]);
    for (int i = 0; i < KW_KINDS && st == KW_OK; i++) {
        const struct kw_plan *from = &full->contenders[i];
        for (size_t j = 0; j < from->n && st == KW_OK; j++)
            st = kw_plan_push_copy(&v->contenders[i], &from->candidates[j], err);
        if (st == KW_OK) st = kw_kinds_cheapest(k, &v->kind[i], (enum kw_kind)i, full, full, factor, 0, err);
        double scale = v->kind[i].cost.value / full->kind[i].cost.value; /* NAN stays NAN */
        v->kind[i].cost.lo = full->kind[i].cost.lo * scale;
        v->kind[i].cost.hi = full->kind[i].cost.hi * scale;
    }
    choose(v);
    if (st != KW_OK) kw_volume_point_free(v);
    return st;
}

enum kw_status kw_kinds_plan(struct kw_kinds *k, struct kw_volume_point *v, double factor, struct kw_error *err)
{
    return factor > kw_kinds_most_in_one_pool(k) * (1 + 1e-9) ? plan_pools(k, v, factor, err)
                                                              : plan_one_pool(k, v, factor, err);
}
