#include "sim/plan/sweep/sweep.h"
#include <assert.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include "sim/fleet/api/api_gateway.h"
#include "sim/fleet/pool/indifference.h"
#include "sim/fleet/prewarm.h"
#include "sim/fleet/schedule.h"
#include "sim/fleet/warmup.h"
#include "sim/plan/sweep/ceiling.h"
#include "sim/plan/sweep/groups.h"
#include "sim/plan/sweep/hold_time.h"
#include "sim/plan/sweep/precision.h"
#include "workloads/sessions.h"

/* What finding the steady state of a window of a few days may cost, in arrivals and timers: some milliseconds. Where
 * days are drawn anew, their variation is by far larger than that of starts. */
#define SETTLE 100000

struct worker { /* what one thread needs; made once a sweep */
    struct kw_fleet *fleet;
    struct kw_outcome outcome;
    struct kw_outcome far;                           /* of the same run: kw_fleet_options.far */
    struct kw_floor floor[KW_FLEET_MAX_DEPLOYMENTS]; /* of those that a forecast or a schedule starts */
    struct kw_forecast_error off;                    /* of the run just over */
    bool *answered, *now; /* [n of the batch]: members of a job that have their answer; from the run just over */
};

struct kw_sweep {
    const struct kw_candidate *candidates;
    size_t n;
    struct kw_study study;
    struct kw_sweep_options opt;
    struct kw_resampling resampling;
    struct kw_class_lengths lengths; /* of the trace, once a candidate holds requests */
    bool lengths_known;
    struct kw_groups groups;           /* of the trace, with the limits of each class */
    struct kw_deployment *deployments; /* of all candidates, one after another */
    size_t *first;                     /* [n] where candidate i's begin */
    size_t *shared_run;                /* [n] the lowest candidate with the same deployments and routing */
    size_t *kin;                       /* [n] the same but for limits: sim/fleet/pool/indifference.h */
    struct worker *workers;            /* [n_workers] */
    uint32_t n_workers;
    struct kw_sweep_count count;
    struct kw_steptime **made; /* [n_made] step times of runs at the other end of what was measured, owned */
    size_t n_made;
    uint64_t expected; /* simulations asked for so far, done ones included */
};

static_assert(sizeof(struct kw_deployment) % sizeof(uint64_t) == 0, "it is hashed by words");

/* By words: thousands of candidates are hashed each time a sweep opens, on one thread. */
static uint64_t hash_deployments(const struct kw_deployment *d, size_t n)
{
    uint64_t h = UINT64_C(14695981039346656037), word;
    for (size_t i = 0; i < n * sizeof *d; i += sizeof word) {
        memcpy(&word, (const char *)d + i, sizeof word);
        h = (h ^ word ^ h >> 32) *
            UINT64_C(1099511628211); /* FNV-1a, which alone would keep the high bits of a word high */
    }
    return h;
}

/* Padding is zero in every deployment (kw_choice_deployment), so equal bytes is equality. */
static bool same(const struct kw_sweep *s, const struct kw_deployment *d, size_t a, size_t b)
{
    const struct kw_candidate *x = &s->candidates[a], *y = &s->candidates[b];
    if (x->n != y->n || x->routing.policy != y->routing.policy || x->routing.overflow_at != y->routing.overflow_at)
        return false;
    for (uint32_t i = 0; i < x->n; i++)
        if (x->routing.share[i] != y->routing.share[i]) return false;
    if (x->routing.back_from != y->routing.back_from || x->routing.back_to != y->routing.back_to ||
        x->routing.back != y->routing.back)
        return false;
    if (memcmp(x->routing.class_to, y->routing.class_to, sizeof x->routing.class_to)) return false;
    return !memcmp(d + s->first[a], d + s->first[b], x->n * sizeof *d);
}

struct hashed {
    uint64_t hash;
    size_t index;
};

static int by_hash(const void *x, const void *y)
{
    const struct hashed *a = x, *b = y;
    if (a->hash != b->hash) return a->hash < b->hash ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

/* lowest[i]: the first candidate whose deployments in d equal i's. O(n log n). */
static enum kw_status find_equal(const struct kw_sweep *s, const struct kw_deployment *d, size_t *lowest,
                                 struct kw_error *err)
{
    struct hashed *h = malloc(s->n * sizeof *h);
    if (!h) return kw_fail(err, KW_ENOMEM, "out of memory for a sweep");
    for (size_t i = 0; i < s->n; i++)
        h[i] = (struct hashed){ hash_deployments(d + s->first[i], s->candidates[i].n), i };
    qsort(h, s->n, sizeof *h, by_hash);
    for (size_t k = 0, begin = 0; k < s->n; k++) {
        if (h[k].hash != h[begin].hash) begin = k;
        size_t i = h[k].index, j = begin;
        while (j < k && (lowest[h[j].index] != h[j].index || !same(s, d, h[j].index, i))) j++;
        lowest[i] = h[j].index;
    }
    free(h);
    return KW_OK;
}

/* Equal deployments on different platforms (a price, a meter) are simulated once and billed apart; kin, whose limits
 * differ, where the run shows that these decided nothing. */
static enum kw_status find_shared_runs(struct kw_sweep *s, size_t n_deployments, struct kw_error *err)
{
    enum kw_status st = find_equal(s, s->deployments, s->shared_run, err);
    if (st != KW_OK) return st;
    struct kw_deployment *alike = malloc(n_deployments * sizeof *alike);
    if (!alike) return kw_fail(err, KW_ENOMEM, "out of memory for a sweep");
    memcpy(alike, s->deployments, n_deployments * sizeof *alike);
    for (size_t d = 0; d < n_deployments; d++) kw_indifferent(&alike[d]);
    st = find_equal(s, alike, s->kin, err);
    free(alike);
    return st;
}

static enum kw_status label(const struct kw_candidate *c, enum kw_status st, struct kw_error *err)
{
    char name[160];
    if (err && st != KW_OK && st != KW_ENOMEM) kw_where(err, kw_candidate_label(c, name, sizeof name), 0);
    return st;
}

static enum kw_status make_groups(struct kw_sweep *s, struct kw_error *err)
{
    const struct kw_slo *slo = &s->study.slo;
    const struct kw_trace *t = s->study.trace;
    struct kw_slo_limits limits = kw_slo_limits(slo);
    enum kw_status st = kw_groups_init(&s->groups, t, &limits, err);
    for (uint32_t i = 0; st == KW_OK && i < s->groups.n; i++) {
        struct kw_group *g = &s->groups.group[i];
        if (g->klass >= 0) g->limits = kw_slo_limits(kw_slo_of_class(slo, t->class_name[g->klass]));
    }
    return st;
}

/* For how long its requests are held, where any are. */
static enum kw_status hold(struct kw_sweep *s, const struct kw_choice *c, struct kw_deployment *d, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    if (!c->hold.most || !kw_choice_scales(c)) return KW_OK;
    if (!s->lengths_known) st = kw_class_lengths(&s->lengths, s->study.trace, err);
    s->lengths_known = st == KW_OK;
    return st == KW_OK ? kw_hold_time(d, &c->hold, s->study.trace, &s->lengths, &s->study.slo, err) : st;
}

static enum kw_status open_sweep(struct kw_sweep *s, struct kw_error *err)
{
    enum kw_status st = kw_resampling_init(&s->resampling, s->study.trace, s->study.replications, s->study.seed, err);
    if (st != KW_OK) return st;
    s->study.replications = s->resampling.replications;
    if ((st = make_groups(s, err)) != KW_OK) return st;
    size_t all = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct kw_candidate *c = &s->candidates[i];
        if (c->n == 0) return kw_fail(err, KW_ERANGE, "configuration %zu has no deployment", i);
        for (uint32_t d = 0; d < c->n; d++)
            if ((st = label(c, kw_choice_check(&c->choice[d], err), err)) != KW_OK) return st;
        all += c->n;
    }
    s->deployments = calloc(all, sizeof *s->deployments);
    s->first = malloc(s->n * sizeof *s->first);
    s->shared_run = malloc(s->n * sizeof *s->shared_run);
    s->kin = malloc(s->n * sizeof *s->kin);
    s->workers = calloc(s->n_workers, sizeof *s->workers);
    if (!s->deployments || !s->first || !s->shared_run || !s->kin || !s->workers)
        return kw_fail(err, KW_ENOMEM, "out of memory for a sweep");
    all = 0;
    for (size_t i = 0; i < s->n; i++) {
        s->first[i] = all;
        for (uint32_t d = 0; d < s->candidates[i].n; d++) {
            struct kw_deployment *to = &s->deployments[all++];
            kw_choice_deployment(&s->candidates[i].choice[d], to);
            if ((st = label(&s->candidates[i], hold(s, &s->candidates[i].choice[d], to, err), err)) != KW_OK) return st;
            memset(to->name, 0, sizeof to->name); /* equal candidates may differ in it: no part of what happens */
        }
    }
    if ((st = find_shared_runs(s, all, err)) != KW_OK) return st;
    for (size_t i = 0; i < s->n; i++) /* messages want them */
        for (uint32_t d = 0; d < s->candidates[i].n; d++) {
            struct kw_deployment *to = &s->deployments[s->first[i] + d];
            memcpy(to->name, s->candidates[i].choice[d].name, sizeof to->name);
        }
    for (uint32_t w = 0; w < s->n_workers; w++) {
        if ((st = kw_fleet_new(&s->workers[w].fleet, err)) != KW_OK) return st;
        st = kw_outcome_init(&s->workers[w].outcome, err);
        if (st == KW_OK && (st = kw_outcome_init(&s->workers[w].far, err)) != KW_OK)
            kw_outcome_free(&s->workers[w].outcome);
        if (st != KW_OK) {
            kw_fleet_delete(s->workers[w].fleet);
            s->workers[w].fleet = NULL;
            return st;
        }
    }
    return KW_OK;
}

enum kw_status kw_sweep_open(struct kw_sweep **out, const struct kw_candidate *candidates, size_t n,
                             const struct kw_study *study, const struct kw_sweep_options *opt, struct kw_error *err)
{
    if (n == 0) return kw_fail(err, KW_ERANGE, "nothing to evaluate");
    struct kw_sweep *s = calloc(1, sizeof *s);
    if (!s) return kw_fail(err, KW_ENOMEM, "out of memory for a sweep");
    s->candidates = candidates;
    s->n = n;
    s->study = *study;
    if (study->replications < 2) s->study.precision = 0;
    if (s->study.precision > 0) s->study.replications = KW_REPLICATIONS_MAX;
    if (opt) s->opt = *opt;
    s->n_workers = s->opt.threads ? s->opt.threads : (uint32_t)omp_get_max_threads();
    enum kw_status st = open_sweep(s, err);
    if (st != KW_OK)
        kw_sweep_close(s);
    else
        *out = s;
    return st;
}

void kw_sweep_close(struct kw_sweep *s)
{
    if (!s) return;
    for (uint32_t w = 0; s->workers && w < s->n_workers; w++) {
        if (!s->workers[w].fleet) continue;
        kw_fleet_delete(s->workers[w].fleet);
        kw_outcome_free(&s->workers[w].outcome);
        kw_outcome_free(&s->workers[w].far);
        for (int d = 0; d < KW_FLEET_MAX_DEPLOYMENTS; d++) kw_floor_free(&s->workers[w].floor[d]);
    }
    free(s->workers);
    for (size_t i = 0; i < s->n_made; i++) kw_steptime_delete(s->made[i]);
    free(s->made);
    free(s->deployments);
    free(s->first);
    free(s->shared_run);
    free(s->kin);
    kw_resampling_free(&s->resampling);
    kw_groups_free(&s->groups);
    free(s);
}

struct kw_sweep_count kw_sweep_done(const struct kw_sweep *s)
{
    return s->count;
}

uint32_t kw_sweep_replications(const struct kw_sweep *s)
{
    return s->study.replications;
}

uint64_t kw_sweep_size(const struct kw_sweep *s, uint32_t upto)
{
    uint64_t runs = 0;
    for (size_t i = 0; i < s->n; i++) runs += s->shared_run[i] == i;
    return runs * upto;
}

static enum kw_status make_room(struct kw_sweep *s, struct kw_point *p, const struct kw_candidate *c, uint32_t upto,
                                struct kw_error *err)
{
    if (p->sample) return kw_point_grow(p, upto, err);
    if (!p->ttft.count) {
        enum kw_status st = kw_point_init(p, err);
        if (st != KW_OK) return st;
    }
    bool drawn = s->study.replications > 1;
    p->n = c->n;
    p->variation = s->resampling.days.variation;
    p->grade = KW_GRADE_MEASURED;
    for (uint32_t d = 0; d < c->n; d++) p->grade = kw_grade_weaker(p->grade, kw_choice_grade(&c->choice[d]));
    if (drawn && !(p->percentiles = malloc(sizeof *p->percentiles)))
        return kw_fail(err, KW_ENOMEM, "out of memory for a result");
    enum kw_status st = kw_point_groups_make(p, drawn, c, &s->groups, s->study.trace, err);
    return st == KW_OK ? kw_point_grow(p, upto, err) : st;
}

static bool copy_column(uint32_t **to, const uint32_t *from, size_t n)
{
    if (!from) return true;
    *to = malloc((n ? n : 1) * sizeof **to);
    if (*to && n) memcpy(*to, from, n * sizeof **to);
    return *to != NULL;
}

/* Replication 0 may bring a time series and records, and it is the one whose steadiness is told. */
static enum kw_status keep_first(struct kw_point *p, const struct kw_candidate *c, const struct kw_outcome *o,
                                 struct kw_error *err)
{
    const struct kw_series *from = &o->series;
    p->series.step = from->step;
    p->series.n = from->n;
    p->passes = o->passes;
    p->steady = o->steady;
    p->steady_error = o->steady_error;
    bool ok = copy_column(&p->series.arrivals, from->arrivals, from->n) &&
              copy_column(&p->series.completions, from->completions, from->n) &&
              copy_column(&p->series.rejections, from->rejections, from->n) &&
              copy_column(&p->series.queue, from->queue, from->n) &&
              copy_column(&p->series.ready_busy, from->ready_busy, from->n) &&
              copy_column(&p->series.ready_idle, from->ready_idle, from->n) &&
              copy_column(&p->series.starting, from->starting, from->n);
    if (ok && o->records) {
        uint64_t n = o->arrived / o->passes; /* of the first of the windows added up */
        p->records = malloc((n ? n : 1) * sizeof *p->records);
        ok = p->records != NULL;
        if (ok) {
            memcpy(p->records, o->records, n * sizeof *p->records);
            p->n_records = n;
            for (size_t i = 0; i < p->n_records; i++)
                if (!kw_choice_latency_known(&c->choice[p->records[i].deployment]))
                    p->records[i].ttft = p->records[i].e2e = -1;
        }
    }
    return ok ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for records");
}

/* A count over the windows added up as one of them has it, rounded. */
static uint64_t a_window(const struct kw_outcome *o, uint64_t n)
{
    return (n + o->passes / 2) / o->passes;
}

/* Sums and maxima only, so the order in which threads come here does not show. */
static void merge(struct kw_point *p, const struct kw_outcome *o, const double sample[KW_METRICS])
{
    if (!isnan(sample[KW_METRIC_TTFT_P50])) { /* else nothing was served, or nobody knows how fast */
        kw_hist_merge(&p->ttft, &o->ttft);
        kw_hist_merge(&p->tpot, &o->tpot);
        kw_hist_merge(&p->itl, &o->itl);
        kw_hist_merge(&p->e2e, &o->e2e);
        p->attained += a_window(o, o->attained);
    }
    kw_hist_merge(&p->start, &o->start);
    uint64_t rejected = a_window(o, o->rejected), timed_out = a_window(o, o->timed_out),
             too_long = a_window(o, o->too_long), arrived = a_window(o, o->arrived),
             lost = rejected + timed_out + too_long;
    p->arrived += arrived;
    p->completed += lost < arrived ? arrived - lost : 0;
    p->rejected += rejected;
    p->timed_out += timed_out;
    p->too_long += too_long;
    p->cold += a_window(o, o->cold);
    p->events += o->events;
    for (uint32_t d = 0; d < o->n_deployments; d++) {
        const struct kw_ledger *l = &o->ledger[d];
        p->starts += a_window(o, l->starts);
        p->failed_starts += a_window(o, l->failed_starts);
        p->interruptions += a_window(o, l->interruptions);
        p->cut_off += a_window(o, l->cut_off);
        p->standins += a_window(o, l->standins);
        p->preemptions += a_window(o, l->preemptions);
        p->steps += l->steps;
        p->iterations += l->iterations;
        if (l->peak_replicas > p->peak_replicas) p->peak_replicas = l->peak_replicas;
    }
}

/* What of the trace lies outside of what the candidate's laws were measured at. */
struct outside {
    uint32_t prompt;  /* the longest that all its APIs are known to, where the trace has longer ones; 0: it has not */
    uint32_t context; /* the same of prompt and output together */
    double steps;     /* share of its engines' steps */
    double overhead;  /* the most that steps with adapters may take longer, where it is a range and there were any */
};

static uint32_t least_known(uint32_t a, uint32_t b)
{
    return !a || (b && b < a) ? b : a;
}

/* What its APIs are asked, whatever a run shows. */
static struct outside outside_of_apis(const struct kw_candidate *c, const struct kw_trace *t)
{
    struct outside x = { 0 };
    for (uint32_t d = 0; d < c->n; d++) {
        x.prompt = least_known(x.prompt, c->choice[d].ttft_known_to);
        x.context = least_known(x.context, c->choice[d].rate_known_to);
    }
    uint64_t prompt = 0, context = 0;
    for (uint32_t d = 0; d < c->n; d++)
        for (size_t i = 0; (x.prompt || x.context) && c->choice[d].api && i < t->n; i++) {
            uint64_t in = kw_tokens_as(t->prompt[i], c->choice[d].tokens_ppm),
                     both = in + kw_tokens_as(t->output[i], c->choice[d].tokens_ppm);
            if (in > prompt) prompt = in;
            if (both > context) context = both;
        }
    if (prompt <= x.prompt) x.prompt = 0;
    if (context <= x.context) x.context = 0;
    return x;
}

/* And what its engines did. */
static void outside_of_engines(struct outside *x, const struct kw_candidate *c, const struct kw_outcome *o)
{
    uint64_t steps = 0, of = 0;
    for (uint32_t d = 0; d < c->n; d++) {
        const struct kw_lora *l = &c->choice[d].lora;
        if (l->overhead_most > l->overhead && o->ledger[d].adapter_requests)
            x->overhead = fmax(x->overhead, l->overhead_most);
        steps += o->ledger[d].outside;
        of += o->ledger[d].iterations;
    }
    x->steps = of ? (double)steps / (double)of : 0;
}

struct job {
    uint32_t replication;
    size_t from, to;
};

struct batch { /* what one call asks for */
    struct kw_point *points;
    size_t *which; /* [n] kin side by side, and among them those of equal deployments */
    size_t n;
    const double *most; /* by candidate, NULL: no limits */
    bool *over;         /* [n] its run ended at the limit */
    struct job *jobs;
    size_t n_first, n_jobs; /* of replication 0, which come first; of all */
    uint32_t upto;
};

/* The ceiling of a run that answers which[k] and maybe the kin after it: the loosest of theirs. */
static enum kw_status ceiling_of(const struct kw_sweep *s, const struct worker *w, const struct batch *b,
                                 const struct job *j, size_t k, struct kw_ceiling *out, struct kw_error *err)
{
    *out = (struct kw_ceiling){ .most = 0 };
    for (size_t m = k; b->most && m < j->to; m++) {
        size_t i = b->which[m];
        struct kw_ceiling c;
        if (w->answered[m]) continue;
        enum kw_status st =
            kw_ceiling(&c, &s->candidates[i], s->study.trace->span, kw_study_month(&s->study), b->most[i], err);
        if (st != KW_OK) return label(&s->candidates[i], st, err);
        if (m > k && memcmp(c.counts, out->counts, sizeof c.counts)) c.most = 0; /* meters that count other phases */
        if (m == k || !c.most || c.most > out->most) *out = c;
        if (!c.most) break;
    }
    return KW_OK;
}

/* Whether the run that which[lead] just had is that of which[m] too. */
static bool shares(const struct kw_sweep *s, const struct batch *b, size_t lead, size_t m, const struct kw_outcome *o)
{
    size_t i = b->which[lead], k = b->which[m];
    bool alike = true;
    for (uint32_t d = 0; d < s->candidates[i].n && alike && s->shared_run[i] != s->shared_run[k]; d++) {
        const struct kw_deployment *x = &s->deployments[s->first[i] + d], *y = &s->deployments[s->first[k] + d];
        alike = x->kind == KW_KIND_API || kw_pool_alike(x, y, &o->ledger[d]);
    }
    return alike;
}

/* The outcome of a run that candidate i shares says of i what it does not share. */
static void outcome_of(const struct kw_sweep *s, size_t i, struct kw_outcome *o)
{
    for (uint32_t d = 0; d < s->candidates[i].n; d++) {
        const struct kw_deployment *x = &s->deployments[s->first[i] + d];
        if (x->kind != KW_KIND_API) kw_ledger_of(&o->ledger[d], x);
    }
}

/* The floor of a schedule; the view's days keep their places, so its hours are the trace's. */
static enum kw_status by_schedule(struct kw_floor *out, const struct kw_deployment *d, const struct kw_trace *t,
                                  struct kw_error *err)
{
    kw_ns lead;
    enum kw_status st = kw_schedule_lead(d, &lead, err);
    if (t->epoch_unix == INT64_MIN)
        return kw_fail(err, KW_ERANGE, "%s: a schedule goes by hours of the week, and the trace has no dates", d->name);
    return st == KW_OK ? kw_schedule_floor(out, &d->schedule, t->epoch_unix, t->span, lead, err) : st;
}

/* own[n]: the candidate's deployments as this view makes them: those that a forecast or a schedule starts have its floor,
 * w's. Each replication has a forecast of its own, made of its own past. */
static enum kw_status make_floors(const struct kw_sweep *s, struct worker *w, size_t i,
                                  const struct kw_trace_view *view, struct kw_deployment own[KW_FLEET_MAX_DEPLOYMENTS],
                                  struct kw_error *err)
{
    const struct kw_candidate *c = &s->candidates[i];
    struct kw_slo_limits limits = kw_slo_limits(&s->study.slo);
    enum kw_status st = KW_OK;
    memcpy(own, s->deployments + s->first[i], c->n * sizeof *own);
    w->off = (struct kw_forecast_error){ 0 };
    for (uint32_t d = 0; d < c->n && st == KW_OK; d++) {
        if (own[d].schedule.n)
            st = by_schedule(&w->floor[d], &own[d], view->trace, err);
        else if (own[d].prewarm.forecast != KW_FORECAST_NONE)
            st = kw_prewarm_floor(&w->floor[d], &own[d], d, &c->routing, view, limits.tpot, &w->off, err);
        else
            continue;
        own[d].floor = &w->floor[d];
    }
    return st;
}

static enum kw_status take(struct kw_sweep *s, const struct worker *w, const struct batch *b, size_t i,
                           uint32_t replication, const struct kw_outcome *o, struct kw_error *err)
{
    struct kw_point *p = &b->points[i];
    const struct kw_candidate *c = &s->candidates[i];
    struct kw_usage *usage = &p->usage[(size_t)replication * p->n];
    enum kw_status st = kw_evaluate_outcome(c, o, p->sample[replication], usage, err);
    if (w->off.steps) {
        p->sample[replication][KW_METRIC_FORECAST_MAE] = kw_forecast_mae(&w->off);
        p->sample[replication][KW_METRIC_FORECAST_WAPE] = kw_forecast_wape(&w->off);
    }
    for (uint32_t d = 0; d < p->n; d++) usage[d].month = kw_study_month(&s->study);
    if (p->percentiles)
        kw_evaluate_places(p->percentiles, replication, p->sample[0],
                           (const struct kw_hist *[]){ &o->ttft, &o->tpot, &o->e2e });
    if (st == KW_OK && replication == 0 && s->study.look) s->study.look(s->study.look_ctx, i, o);
    if (st == KW_OK && replication == 0) st = keep_first(p, c, o, err);
    return label(c, st, err);
}

/* For all whom the run answers. What is shared is summed under a lock, and only in ways whose order does not show. */
static enum kw_status hand_out(struct kw_sweep *s, struct worker *w, const struct batch *b, const struct job *j,
                               size_t lead, size_t *culprit, struct kw_error *err)
{
    struct kw_outcome *o = &w->outcome;
    uint64_t members = 0;
    for (size_t k = lead; k < j->to; k++) {
        w->now[k] = !w->answered[k] && shares(s, b, lead, k, o);
        if (!w->now[k]) continue;
        w->answered[k] = true;
        members++;
        if (o->stopped) {
            b->over[k] = true;
            continue;
        }
        outcome_of(s, b->which[k], o);
        enum kw_status st = take(s, w, b, *culprit = b->which[k], j->replication, o, err);
        if (st != KW_OK) return st;
    }
    assert(members > 0);
#pragma omp critical(kw_sweep_merge)
    {
        for (size_t k = lead; k < j->to; k++) {
            struct kw_point *p = &b->points[b->which[k]];
            if (!w->now[k] || o->stopped) continue;
            outcome_of(s, b->which[k], o);
            merge(p, o, p->sample[j->replication]);
            kw_point_groups_evaluate(p, j->replication, &s->candidates[b->which[k]], o);
        }
        s->count.simulations++;
        s->count.stopped += o->stopped;
        s->count.shared += members - 1;
        s->count.requests += o->arrived;
        if (s->opt.progress) s->opt.progress(s->opt.progress_ctx, s->count.simulations, s->expected);
    }
    return KW_OK;
}

/* Deployments whose engines' steps lay outside of their tables get the other end of them, which s keeps. */
static enum kw_status slow_outside(struct kw_sweep *s, struct kw_deployment *d, uint32_t n, const uint64_t *steps,
                                   struct kw_error *err)
{
    for (uint32_t i = 0; i < n; i++) {
        struct kw_steptime *made = NULL;
        if (!steps[i]) continue;
        enum kw_status st = kw_steptime_in_proportion(&made, d[i].steptime, err);
        if (st != KW_OK) return st;
        d[i].steptime = made;
#pragma omp critical(kw_sweep_made)
        {
            struct kw_steptime **more = realloc(s->made, (s->n_made + 1) * sizeof *more);
            if (more) {
                s->made = more;
                s->made[s->n_made++] = made;
                made = NULL;
            }
        }
        if (!made) continue;
        kw_steptime_delete(made);
        return kw_fail(err, KW_ENOMEM, "out of memory for step times");
    }
    return KW_OK;
}

/* Candidate i at the other end; steps: of each deployment, those that were outside. */
static enum kw_status run_beyond(struct kw_sweep *s, struct worker *w, size_t i, const struct kw_fleet_options *opt,
                                 const uint64_t *steps, struct kw_error *err)
{
    const struct kw_candidate *c = &s->candidates[i];
    struct kw_trace_view view = kw_resampling_view(&s->resampling, s->study.trace, 0);
    struct kw_deployment slower[KW_FLEET_MAX_DEPLOYMENTS];
    enum kw_status st = make_floors(s, w, i, &view, slower, err);
    if (st == KW_OK) st = slow_outside(s, slower, c->n, steps, err);
    if (st == KW_OK) st = kw_fleet_run(w->fleet, &view, slower, c->n, &c->routing, opt, &w->outcome, err);
    return st == KW_OK || (s->opt.stop && *s->opt.stop) ? st : label(c, st, err);
}

/* Slower APIs change nothing but the times of their own answers, so the run that has them at their near end knows the far one too.
 * Not where a short window is replayed until its state comes back: its answers fall into other windows then. */
static bool far_is_known(const struct kw_sweep *s, const struct kw_deployment *d, uint32_t n, const struct outside *x,
                         const struct kw_fleet_options *opt)
{
    bool known = (x->prompt || x->context) && !opt->settle && !opt->replication;
    for (uint32_t i = 0; i < n && known; i++) known = d[i].kind != KW_KIND_API || kw_api_apart(&d[i], s->study.trace);
    return known;
}

/* o: how candidate i fares at the other end. */
static enum kw_status tell_beyond(struct kw_sweep *s, const struct batch *b, size_t i, const struct outside *x,
                                  struct kw_outcome *o, struct kw_error *err)
{
    struct kw_usage unused[KW_FLEET_MAX_DEPLOYMENTS];
    struct kw_point *p = &b->points[i];
    const struct kw_candidate *c = &s->candidates[i];
    outcome_of(s, i, o);
    p->known_to = x->prompt;
    p->rate_known_to = x->context;
    p->steps_outside = x->steps;
    p->adapter_overhead = x->overhead;
    enum kw_status st = label(c, kw_evaluate_outcome(c, o, p->beyond, unused, err), err);
    p->beyond[KW_METRIC_CLASS_WORST] =
        kw_point_groups_worst(p, o, !isnan(p->beyond[KW_METRIC_TTFT_P50]), &s->study.slo);
    return st;
}

/* The trace itself again, with what lies outside of what was measured at its other end. Who shared the run before may
 * not share this one: slower engines hold more requests at once. x: of the APIs. */
static enum kw_status look_beyond(struct kw_sweep *s, struct worker *w, const struct batch *b, const struct job *j,
                                  size_t lead, struct outside x, struct kw_fleet_options opt, struct kw_error *err)
{
    uint64_t steps[KW_FLEET_MAX_DEPLOYMENTS];
    enum kw_status st = KW_OK;
    outside_of_engines(&x, &s->candidates[b->which[lead]], &w->outcome);
    if (!x.prompt && !x.context && !(x.steps > 0) && !(x.overhead > 0)) return KW_OK;
    if (opt.far && !(x.steps > 0) && !(x.overhead > 0)) {
        struct kw_outcome far = kw_outcome_with_times(&w->outcome, opt.far);
        for (size_t k = lead; k < j->to && st == KW_OK; k++)
            if (w->now[k]) st = tell_beyond(s, b, b->which[k], &x, &far, err);
        return st;
    }
    for (uint32_t d = 0; d < w->outcome.n_deployments; d++) steps[d] = w->outcome.ledger[d].outside;
    opt.beyond = true;
    opt.far = NULL;
    opt.records = false;
    opt.series_step = 0;
    opt.ceiling.most = 0;
    for (size_t first = lead; first < j->to && st == KW_OK; first++) {
        if (!w->now[first]) continue;
        st = run_beyond(s, w, b->which[first], &opt, steps, err);
        for (size_t k = first; k < j->to && st == KW_OK; k++) {
            if (!w->now[k] || !shares(s, b, first, k, &w->outcome)) continue;
            w->now[k] = false;
            st = tell_beyond(s, b, b->which[k], &x, &w->outcome, err);
        }
    }
    return st;
}

/* A run for which[lead] and all whom it answers. A worker's fleet is used again: its memory has found its size. */
static enum kw_status run_for(struct kw_sweep *s, struct worker *w, const struct batch *b, const struct job *j,
                              size_t lead, size_t *culprit, struct kw_error *err)
{
    size_t i = *culprit = b->which[lead];
    const struct kw_candidate *c = &s->candidates[i];
    const struct kw_study *study = &s->study;
    if (s->opt.stop && *s->opt.stop) return kw_fail(err, KW_EFAIL, "interrupted");
    struct kw_trace_view view = kw_resampling_view(&s->resampling, study->trace, j->replication);
    struct kw_deployment deployments[KW_FLEET_MAX_DEPLOYMENTS];
    enum kw_status st = make_floors(s, w, i, &view, deployments, err);
    if (st != KW_OK) return label(c, st, err);
    struct kw_fleet_options opt = { .seed = study->seed,
                                    .replication = j->replication,
                                    .stepping_each = study->stepping_each,
                                    .records = study->records && j->replication == 0,
                                    .series_step = j->replication == 0 ? study->series_step : 0,
                                    .warmup = study->empty_start
                                                  ? 0
                                                  : kw_warmup_length(deployments, c->n, study->trace->span) +
                                                        kw_sessions_longest(study->trace),
                                    .settle = s->resampling.days.variation.df > 0 ? 0 : SETTLE,
                                    .slo = kw_slo_limits(&study->slo),
                                    .groups = &s->groups,
                                    .stop = s->opt.stop };
    st = ceiling_of(s, w, b, j, lead, &opt.ceiling, err);
    if (st != KW_OK) return st;
    struct outside x = { 0 };
    if (!j->replication) x = outside_of_apis(c, study->trace);
    if (far_is_known(s, deployments, c->n, &x, &opt)) opt.far = &w->far;
    st = kw_fleet_run(w->fleet, &view, deployments, c->n, &c->routing, &opt, &w->outcome, err);
    if (st != KW_OK) return s->opt.stop && *s->opt.stop ? st : label(c, st, err);
    bool stopped = w->outcome.stopped;
    if ((st = hand_out(s, w, b, j, lead, culprit, err)) != KW_OK || stopped || j->replication) return st;
    return look_beyond(s, w, b, j, lead, x, opt, err);
}

/* A thread writes only what belongs to its job, samples by replication. *culprit: the candidate that failed. */
static enum kw_status do_job(struct kw_sweep *s, struct worker *w, const struct batch *b, const struct job *j,
                             size_t *culprit, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    for (size_t k = j->from; k < j->to; k++) w->answered[k] = b->points[b->which[k]].replications > j->replication;
    for (size_t k = j->from; k < j->to && st == KW_OK; k++)
        if (!w->answered[k]) st = run_for(s, w, b, j, k, culprit, err);
    return st;
}

struct kin {
    size_t kin, shared_run, index;
};

static int by_kin(const void *x, const void *y)
{
    const struct kin *a = x, *b = y;
    if (a->kin != b->kin) return a->kin < b->kin ? -1 : 1;
    if (a->shared_run != b->shared_run) return a->shared_run < b->shared_run ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

static void close_batch(struct kw_sweep *s, struct batch *b)
{
    free(b->which);
    free(b->over);
    free(b->jobs);
    for (uint32_t w = 0; w < s->n_workers; w++) {
        free(s->workers[w].answered);
        free(s->workers[w].now);
        s->workers[w].answered = s->workers[w].now = NULL;
    }
}

static bool batch_memory(struct kw_sweep *s, struct batch *b)
{
    b->which = malloc(b->n * sizeof *b->which);
    b->over = calloc(b->n, sizeof *b->over);
    b->jobs = malloc(b->n * b->upto * sizeof *b->jobs);
    bool ok = b->which && b->over && b->jobs;
    for (uint32_t w = 0; w < s->n_workers && ok; w++) {
        s->workers[w].answered = malloc(b->n * sizeof(bool));
        s->workers[w].now = malloc(b->n * sizeof(bool));
        ok = s->workers[w].answered && s->workers[w].now;
    }
    return ok;
}

/* Jobs in order of (lowest candidate, replication), those of replication 0 before all others. A job is the unit that
 * threads take: fine enough that they end together. */
static enum kw_status open_batch(struct kw_sweep *s, struct batch *b, const size_t *which, struct kw_error *err)
{
    struct kin *t = malloc(b->n * sizeof *t);
    if (!t || !batch_memory(s, b)) {
        free(t);
        return kw_fail(err, KW_ENOMEM, "out of memory for a sweep");
    }
    for (size_t k = 0; k < b->n; k++) t[k] = (struct kin){ s->kin[which[k]], s->shared_run[which[k]], which[k] };
    qsort(t, b->n, sizeof *t, by_kin);
    for (size_t k = 0; k < b->n; k++) b->which[k] = t[k].index;
    for (int first = 1; first >= 0; first--) {
        for (size_t from = 0, to; from < b->n; from = to) {
            uint32_t least = b->upto;
            for (to = from; to < b->n && t[to].kin == t[from].kin; to++)
                if (b->points[t[to].index].replications < least) least = b->points[t[to].index].replications;
            for (uint32_t r = least; r < b->upto; r++)
                if ((r == 0) == first) b->jobs[b->n_jobs++] = (struct job){ r, from, to };
        }
        if (first) b->n_first = b->n_jobs;
    }
    free(t);
    return KW_OK;
}

/* A failure's place in the order in which one thread would meet it. */
static size_t failure_at(const struct batch *b, size_t candidate, uint32_t replication)
{
    return candidate * b->upto + replication;
}

/* Jobs from..to. The lowest failure decides the error. A job is left out only if one below all of its own has come already, so the
 * lowest is the same whatever the threads do. */
static enum kw_status run_batch(struct kw_sweep *s, const struct batch *b, size_t from, size_t to, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    size_t failed = SIZE_MAX;
#pragma omp parallel num_threads((int)s->n_workers)
    {
        struct worker *w = &s->workers[omp_get_thread_num()];
#pragma omp for schedule(dynamic, 1)
        for (size_t j = from; j < to; j++) {
            const struct job *job = &b->jobs[j];
            size_t lowest, culprit = b->which[job->from];
            for (size_t k = job->from; k < job->to; k++)
                if (b->which[k] < culprit) culprit = b->which[k];
#pragma omp atomic read
            lowest = failed;
            if (failure_at(b, culprit, job->replication) > lowest) continue;
            struct kw_error mine = { "" };
            enum kw_status got = do_job(s, w, b, job, &culprit, &mine);
            if (got == KW_OK) continue;
#pragma omp critical(kw_sweep_fail)
            if (failure_at(b, culprit, job->replication) < failed) {
#pragma omp atomic write
                failed = failure_at(b, culprit, job->replication);
                st = got;
                if (err) *err = mine;
            }
        }
    }
    return st;
}

static enum kw_status finish_point(struct kw_sweep *s, struct kw_point *p, size_t i, uint32_t upto,
                                   struct kw_error *err)
{
    const struct kw_candidate *c = &s->candidates[i];
    struct kw_tariff tariff[KW_FLEET_MAX_DEPLOYMENTS];
    for (uint32_t d = 0; d < c->n; d++) tariff[d] = kw_choice_tariff(&c->choice[d]);
    p->replications = upto;
    return label(c, kw_point_finish(p, tariff, &s->study.slo, err), err);
}

static enum kw_status finish_batch(struct kw_sweep *s, const struct batch *b, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    for (size_t k = 0; k < b->n && st == KW_OK; k++) {
        size_t i = b->which[k];
        struct kw_point *p = &b->points[i];
        if (!b->over[k]) st = finish_point(s, p, i, b->upto, err);
        if (st != KW_OK || !(b->over[k] || (b->most && p->m[KW_METRIC_COST].value > b->most[i]))) continue;
        kw_point_free(p); /* a megabyte, which many thousand candidates would not find */
    }
    return st;
}

static enum kw_status advance(struct kw_sweep *s, struct batch *b, const size_t *which, struct kw_error *err)
{
    assert(b->upto >= 1 && b->upto <= s->study.replications);
    for (size_t k = 0; k < b->n; k++) {
        assert(which[k] < s->n && (k == 0 || which[k] > which[k - 1]) && "ascending");
        assert(b->points[which[k]].replications <= b->upto && "replications are never taken back");
        assert((!b->most || !b->points[which[k]].replications) && "a limit is for a first look");
    }
    if (b->n == 0) return KW_OK;
    enum kw_status st = KW_OK;
    for (size_t k = 0; k < b->n && st == KW_OK; k++)
        st = make_room(s, &b->points[which[k]], &s->candidates[which[k]], b->upto, err);
    if (st == KW_OK) st = open_batch(s, b, which, err);
    if (st == KW_OK) {
        if (s->expected < s->count.simulations + b->n_jobs) s->expected = s->count.simulations + b->n_jobs;
        st =
            run_batch(s, b, 0, b->n_first, err); /* a replication tells where the trace's own percentiles stand in it */
        if (st == KW_OK) st = run_batch(s, b, b->n_first, b->n_jobs, err);
    }
    if (st == KW_OK) st = finish_batch(s, b, err);
    close_batch(s, b);
    return st;
}

enum kw_status kw_sweep_advance(struct kw_sweep *s, struct kw_point *points, const size_t *which, size_t n_which,
                                uint32_t upto, struct kw_error *err)
{
    struct batch b = { .points = points, .n = n_which, .upto = upto };
    return advance(s, &b, which, err);
}

enum kw_status kw_sweep_within(struct kw_sweep *s, struct kw_point *points, const size_t *which, size_t n_which,
                               const double *most, struct kw_error *err)
{
    struct batch b = { .points = points, .n = n_which, .upto = 1, .most = most };
    return advance(s, &b, which, err);
}

/* In two stages, the second as large as the first shows: precision.h. */
enum kw_status kw_sweep_finish(struct kw_sweep *s, struct kw_point *points, const size_t *which, size_t n_which,
                               const size_t *judged, size_t n_judged, uint32_t *upto, struct kw_error *err)
{
    uint32_t all = s->study.replications, wanted = KW_PRECISION_FIRST;
    if (!(s->study.precision > 0) || all < KW_PRECISION_FIRST)
        return kw_sweep_advance(s, points, which, n_which, *upto, err);
    for (size_t k = 0; k < n_which; k++) /* of an earlier call */
        if (points[which[k]].replications > wanted) wanted = points[which[k]].replications;
    enum kw_status st = kw_sweep_advance(s, points, which, n_which, wanted, err);
    for (size_t k = 0; k < n_judged && st == KW_OK; k++) {
        uint32_t n = kw_precision_wanted(&points[judged[k]], &s->study.slo, s->study.precision);
        if (n > wanted) wanted = n;
    }
    *upto = wanted < all ? wanted : all;
    return st == KW_OK ? kw_sweep_advance(s, points, which, n_which, *upto, err) : st;
}

enum kw_status kw_sweep(struct kw_point *points, const struct kw_candidate *candidates, size_t n,
                        const struct kw_study *study, const struct kw_sweep_options *opt, struct kw_error *err)
{
    struct kw_sweep *s;
    enum kw_status st = kw_sweep_open(&s, candidates, n, study, opt, err);
    if (st != KW_OK) return st;
    size_t *all = malloc(n * sizeof *all);
    if (!all) st = kw_fail(err, KW_ENOMEM, "out of memory for a sweep");
    for (size_t i = 0; all && i < n; i++) all[i] = i;
    uint32_t upto = s->study.replications;
    if (st == KW_OK) st = kw_sweep_finish(s, points, all, n, all, n, &upto, err);
    if (st == KW_OK) st = kw_points_rank(points, n, &study->slo, err);
    free(all);
    kw_sweep_close(s);
    return st;
}
