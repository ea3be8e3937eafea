#include "sim/plan/sweep/sweep.h"
#include <assert.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include "sim/fleet/warmup.h"
#include "sim/plan/sweep/groups.h"

struct worker { /* what one thread needs; made once a sweep */
    struct kw_fleet *fleet;
    struct kw_outcome outcome;
};

struct kw_sweep {
    const struct kw_candidate *candidates;
    size_t n;
    struct kw_study study;
    struct kw_sweep_options opt;
    struct kw_resampling resampling;
    struct kw_groups groups;           /* of the trace, with the limits of each class */
    struct kw_deployment *deployments; /* of all candidates, one after another */
    size_t *first;                     /* [n] where candidate i's begin */
    size_t *shared_run;                /* [n] the lowest candidate with the same deployments and routing */
    struct worker *workers;            /* [n_workers] */
    uint32_t n_workers;
    struct kw_sweep_count count;
    uint64_t expected; /* simulations asked for so far, done ones included */
};

static uint64_t hash_bytes(uint64_t h, const void *data, size_t n)
{
    const unsigned char *b = data;
    for (size_t i = 0; i < n; i++) h = (h ^ b[i]) * UINT64_C(1099511628211); /* FNV-1a */
    return h;
}

/* Padding is zero in every deployment (kw_choice_deployment), so equal bytes is equality. */
static bool same(const struct kw_sweep *s, size_t a, size_t b)
{
    const struct kw_candidate *x = &s->candidates[a], *y = &s->candidates[b];
    if (x->n != y->n || x->routing.policy != y->routing.policy || x->routing.overflow_at != y->routing.overflow_at)
        return false;
    for (uint32_t d = 0; d < x->n; d++)
        if (x->routing.share[d] != y->routing.share[d]) return false;
    if (memcmp(x->routing.class_to, y->routing.class_to, sizeof x->routing.class_to)) return false;
    return !memcmp(s->deployments + s->first[a], s->deployments + s->first[b], x->n * sizeof *s->deployments);
}

/* O(n^2) comparisons of hashes, 5e7 for 10,000 candidates. Equal
 * deployments on different platforms (a price, a meter) are simulated once and billed apart. */
static enum kw_status find_shared_runs(struct kw_sweep *s, struct kw_error *err)
{
    uint64_t *hash = malloc(s->n * sizeof *hash);
    if (!hash) return kw_fail(err, KW_ENOMEM, "out of memory for a sweep");
    for (size_t i = 0; i < s->n; i++) {
        hash[i] = hash_bytes(UINT64_C(14695981039346656037), s->deployments + s->first[i],
                             s->candidates[i].n * sizeof *s->deployments);
        s->shared_run[i] = i;
        for (size_t j = 0; j < i; j++) {
            if (s->shared_run[j] != j || hash[j] != hash[i] || !same(s, i, j)) continue;
            s->shared_run[i] = j;
            break;
        }
    }
    free(hash);
    return KW_OK;
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
    s->workers = calloc(s->n_workers, sizeof *s->workers);
    if (!s->deployments || !s->first || !s->shared_run || !s->workers)
        return kw_fail(err, KW_ENOMEM, "out of memory for a sweep");
    all = 0;
    for (size_t i = 0; i < s->n; i++) {
        s->first[i] = all;
        for (uint32_t d = 0; d < s->candidates[i].n; d++) {
            struct kw_deployment *to = &s->deployments[all++];
            kw_choice_deployment(&s->candidates[i].choice[d], to);
            memset(to->name, 0, sizeof to->name); /* equal candidates may differ in it: no part of what happens */
        }
    }
    if ((st = find_shared_runs(s, err)) != KW_OK) return st;
    for (size_t i = 0; i < s->n; i++) /* messages want them */
        for (uint32_t d = 0; d < s->candidates[i].n; d++) {
            struct kw_deployment *to = &s->deployments[s->first[i] + d];
            memcpy(to->name, s->candidates[i].choice[d].name, sizeof to->name);
        }
    for (uint32_t w = 0; w < s->n_workers; w++) {
        if ((st = kw_fleet_new(&s->workers[w].fleet, err)) != KW_OK) return st;
        if ((st = kw_outcome_init(&s->workers[w].outcome, err)) != KW_OK) {
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
    }
    free(s->workers);
    free(s->deployments);
    free(s->first);
    free(s->shared_run);
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

static enum kw_status make_room(struct kw_sweep *s, struct kw_point *p, const struct kw_candidate *c,
                                struct kw_error *err)
{
    if (p->sample) return KW_OK;
    p->n = c->n;
    p->sample = calloc(s->study.replications, sizeof *p->sample);
    p->usage = calloc((size_t)s->study.replications * p->n, sizeof *p->usage);
    p->variation = s->resampling.days.variation;
    p->grade = KW_GRADE_MEASURED;
    for (uint32_t d = 0; d < c->n; d++) p->grade = kw_grade_weaker(p->grade, kw_choice_grade(&c->choice[d]));
    if (!p->sample || !p->usage) return kw_fail(err, KW_ENOMEM, "out of memory for a result");
    return kw_point_groups_make(p, s->study.replications, c, &s->groups, s->study.trace, err);
}

static bool copy_column(uint32_t **to, const uint32_t *from, size_t n)
{
    if (!from) return true;
    *to = malloc((n ? n : 1) * sizeof **to);
    if (*to && n) memcpy(*to, from, n * sizeof **to);
    return *to != NULL;
}

/* Replication 0 may bring a time series and records. */
static enum kw_status keep_first(struct kw_point *p, const struct kw_candidate *c, const struct kw_outcome *o,
                                 struct kw_error *err)
{
    const struct kw_series *from = &o->series;
    p->series.step = from->step;
    p->series.n = from->n;
    bool ok = copy_column(&p->series.arrivals, from->arrivals, from->n) &&
              copy_column(&p->series.completions, from->completions, from->n) &&
              copy_column(&p->series.rejections, from->rejections, from->n) &&
              copy_column(&p->series.queue, from->queue, from->n) &&
              copy_column(&p->series.ready_busy, from->ready_busy, from->n) &&
              copy_column(&p->series.ready_idle, from->ready_idle, from->n) &&
              copy_column(&p->series.starting, from->starting, from->n);
    if (ok && o->records) {
        p->records = malloc((o->arrived ? o->arrived : 1) * sizeof *p->records);
        ok = p->records != NULL;
        if (ok) {
            memcpy(p->records, o->records, o->arrived * sizeof *p->records);
            p->n_records = o->arrived;
            for (size_t i = 0; i < p->n_records; i++)
                if (!kw_choice_latency_known(&c->choice[p->records[i].deployment]))
                    p->records[i].ttft = p->records[i].e2e = -1;
        }
    }
    return ok ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for records");
}

/* Sums and maxima only, so the order in which threads come here does not show. */
static void merge(struct kw_point *p, const struct kw_outcome *o, const double sample[KW_METRICS])
{
    if (!isnan(sample[KW_METRIC_TTFT_P50])) { /* else nothing was served, or nobody knows how fast */
        kw_hist_merge(&p->ttft, &o->ttft);
        kw_hist_merge(&p->tpot, &o->tpot);
        kw_hist_merge(&p->itl, &o->itl);
        kw_hist_merge(&p->e2e, &o->e2e);
        p->attained += o->attained;
    }
    kw_hist_merge(&p->start, &o->start);
    p->arrived += o->arrived;
    p->completed += o->completed;
    p->rejected += o->rejected;
    p->timed_out += o->timed_out;
    p->too_long += o->too_long;
    p->cold += o->cold;
    p->events += o->events;
    for (uint32_t d = 0; d < o->n_deployments; d++) {
        const struct kw_ledger *l = &o->ledger[d];
        p->starts += l->starts;
        p->failed_starts += l->failed_starts;
        p->interruptions += l->interruptions;
        p->cut_off += l->cut_off;
        p->preemptions += l->preemptions;
        p->steps += l->steps;
        p->iterations += l->iterations;
        if (l->peak_replicas > p->peak_replicas) p->peak_replicas = l->peak_replicas;
    }
}

/* The longest prompt that all APIs of the candidate are known to, where the trace has longer ones; 0: it has not. */
static uint32_t known_to(const struct kw_candidate *c, const struct kw_trace *t)
{
    uint32_t least = 0, longest = 0;
    for (uint32_t d = 0; d < c->n; d++)
        if (c->choice[d].ttft_known_to && (!least || c->choice[d].ttft_known_to < least))
            least = c->choice[d].ttft_known_to;
    for (size_t i = 0; least && i < t->n; i++)
        if (t->prompt[i] > longest) longest = t->prompt[i];
    return longest > least ? least : 0;
}

struct job { /* one run of the event loop, and who takes its outcome: which[from..to) */
    uint32_t replication;
    size_t from, to;
};

/* A thread writes only what belongs to its job, samples by replication; what is shared is merged in the critical
 * section, and only in ways whose order does not show. A worker's fleet is used again: its memory has found its size. */
static enum kw_status do_job(struct kw_sweep *s, struct worker *w, const struct job *j, const size_t *which,
                             struct kw_point *points, struct kw_error *err)
{
    size_t lead = which[j->from];
    const struct kw_candidate *c = &s->candidates[lead];
    const struct kw_study *study = &s->study;
    if (s->opt.stop && *s->opt.stop) return kw_fail(err, KW_EFAIL, "interrupted");
    struct kw_trace_view view = kw_resampling_view(&s->resampling, study->trace, j->replication);
    const struct kw_deployment *deployments = s->deployments + s->first[lead];
    struct kw_fleet_options opt = { .seed = study->seed,
                                    .replication = j->replication,
                                    .stepping_each = study->stepping_each,
                                    .records = study->records && j->replication == 0,
                                    .series_step = j->replication == 0 ? study->series_step : 0,
                                    .warmup = study->empty_start ? 0 : kw_warmup_length(deployments, c->n),
                                    .slo = kw_slo_limits(&study->slo),
                                    .groups = &s->groups,
                                    .stop = s->opt.stop };
    enum kw_status st = kw_fleet_run(w->fleet, &view, deployments, c->n, &c->routing, &opt, &w->outcome, err);
    if (st != KW_OK) return s->opt.stop && *s->opt.stop ? st : label(c, st, err);
    for (size_t k = j->from; k < j->to; k++) {
        size_t i = which[k];
        struct kw_point *p = &points[i];
        if (p->replications > j->replication) continue; /* it has this one already */
        st = kw_evaluate_outcome(&s->candidates[i], &w->outcome, p->sample[j->replication],
                                 &p->usage[(size_t)j->replication * p->n], err);
        for (uint32_t d = 0; d < p->n; d++) p->usage[(size_t)j->replication * p->n + d].month = kw_study_month(study);
        if (st == KW_OK && j->replication == 0) st = keep_first(p, &s->candidates[i], &w->outcome, err);
        if (st != KW_OK) return label(&s->candidates[i], st, err);
    }
#pragma omp critical(kw_sweep_merge)
    {
        uint64_t members = 0; /* at least one lacked this replication, or the job would not be */
        for (size_t k = j->from; k < j->to; k++) {
            if (points[which[k]].replications > j->replication) continue;
            merge(&points[which[k]], &w->outcome, points[which[k]].sample[j->replication]);
            kw_point_groups_evaluate(&points[which[k]], j->replication, &s->candidates[which[k]], &w->outcome);
            members++;
        }
        assert(members > 0);
        s->count.simulations++;
        s->count.shared += members - 1;
        s->count.requests += w->outcome.arrived;
        if (s->opt.progress) s->opt.progress(s->opt.progress_ctx, s->count.simulations, s->expected);
    }
    uint32_t known = j->replication == 0 ? known_to(c, study->trace) : 0;
    if (!known) return KW_OK;
    opt.beyond = true;
    opt.records = false;
    opt.series_step = 0;
    st = kw_fleet_run(w->fleet, &view, deployments, c->n, &c->routing, &opt, &w->outcome, err);
    if (st != KW_OK) return s->opt.stop && *s->opt.stop ? st : label(c, st, err);
    struct kw_usage unused[KW_FLEET_MAX_DEPLOYMENTS];
    for (size_t k = j->from; k < j->to && st == KW_OK; k++) {
        struct kw_point *p = &points[which[k]];
        if (p->replications > 0) continue;
        p->known_to = known;
        st = label(c, kw_evaluate_outcome(&s->candidates[which[k]], &w->outcome, p->beyond, unused, err), err);
        p->beyond[KW_METRIC_CLASS_WORST] = NAN; /* objectives by class are judged on the law as it is */
    }
    return st;
}

struct by_shared_run {
    size_t shared_run, index;
};

static int compare_shared_runs(const void *x, const void *y)
{
    const struct by_shared_run *a = x, *b = y;
    if (a->shared_run != b->shared_run) return a->shared_run < b->shared_run ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

/* Jobs in order of (lowest candidate, replication); sorted[] is `which` with equal candidates side by side. */
/* A job is one run of the event loop: fine enough that threads end together, and the unit that progress counts. */
static enum kw_status list_jobs(struct kw_sweep *s, const struct kw_point *points, const size_t *which, size_t n_which,
                                uint32_t upto, size_t **sorted, struct job **jobs, size_t *n_jobs, struct kw_error *err)
{
    struct by_shared_run *t = malloc(n_which * sizeof *t);
    *sorted = malloc(n_which * sizeof **sorted);
    *jobs = malloc(n_which * upto * sizeof **jobs);
    *n_jobs = 0;
    if (!t || !*sorted || !*jobs) {
        free(t);
        return kw_fail(err, KW_ENOMEM, "out of memory for a sweep");
    }
    for (size_t k = 0; k < n_which; k++) t[k] = (struct by_shared_run){ s->shared_run[which[k]], which[k] };
    qsort(t, n_which, sizeof *t, compare_shared_runs);
    for (size_t k = 0; k < n_which; k++) (*sorted)[k] = t[k].index;
    for (size_t from = 0, to; from < n_which; from = to) {
        uint32_t least = upto;
        for (to = from; to < n_which && t[to].shared_run == t[from].shared_run; to++)
            if (points[t[to].index].replications < least) least = points[t[to].index].replications;
        assert(t[from].shared_run <= t[from].index && "the lowest of equal candidates runs for all");
        for (uint32_t r = least; r < upto; r++) (*jobs)[(*n_jobs)++] = (struct job){ r, from, to };
    }
    free(t);
    return KW_OK;
}

enum kw_status kw_sweep_advance(struct kw_sweep *s, struct kw_point *points, const size_t *which, size_t n_which,
                                uint32_t upto, struct kw_error *err)
{
    assert(upto >= 1 && upto <= s->study.replications);
    for (size_t k = 0; k < n_which; k++) {
        assert(which[k] < s->n && (k == 0 || which[k] > which[k - 1]) && "ascending: the lowest failure decides");
        assert(points[which[k]].replications <= upto && "replications are never taken back");
    }
    if (n_which == 0) return KW_OK;
    size_t *sorted = NULL, n_jobs = 0;
    struct job *jobs = NULL;
    enum kw_status st = KW_OK;
    for (size_t k = 0; k < n_which && st == KW_OK; k++)
        st = make_room(s, &points[which[k]], &s->candidates[which[k]], err);
    if (st == KW_OK) st = list_jobs(s, points, which, n_which, upto, &sorted, &jobs, &n_jobs, err);
    if (st == KW_OK) {
        if (s->expected < s->count.simulations + n_jobs) s->expected = s->count.simulations + n_jobs;
        /* The lowest job that failed decides the error. A job is left out only if a lower one has failed already, so
         * the lowest is the same whatever the threads do. */
        size_t failed = n_jobs;
#pragma omp parallel num_threads((int)s->n_workers)
        {
            struct worker *w = &s->workers[omp_get_thread_num()];
#pragma omp for schedule(dynamic, 1)
            for (size_t j = 0; j < n_jobs; j++) {
                size_t lowest;
#pragma omp atomic read
                lowest = failed;
                if (j > lowest) continue;
                struct kw_error mine = { "" };
                enum kw_status got = do_job(s, w, &jobs[j], sorted, points, &mine);
                if (got == KW_OK) continue;
#pragma omp critical(kw_sweep_fail)
                if (j < failed) {
#pragma omp atomic write
                    failed = j;
                    st = got;
                    if (err) *err = mine;
                }
            }
        }
    }
    for (size_t k = 0; k < n_which && st == KW_OK; k++) {
        const struct kw_candidate *c = &s->candidates[which[k]];
        struct kw_tariff tariff[KW_FLEET_MAX_DEPLOYMENTS];
        for (uint32_t d = 0; d < c->n; d++) tariff[d] = kw_choice_tariff(&c->choice[d]);
        points[which[k]].replications = upto;
        st = label(c, kw_point_finish(&points[which[k]], tariff, &s->study.slo, err), err);
    }
    free(sorted);
    free(jobs);
    return st;
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
    if (st == KW_OK) st = kw_sweep_advance(s, points, all, n, s->study.replications, err);
    if (st == KW_OK) st = kw_points_rank(points, n, &study->slo, err);
    free(all);
    kw_sweep_close(s);
    return st;
}
