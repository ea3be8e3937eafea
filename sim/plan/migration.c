#include "sim/plan/migration.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void kw_migration_ask_default(struct kw_migration_ask *a)
{
    *a = (struct kw_migration_ask){ .share = { 0.05, 0.25, 0.5, 1 }, .n = 4, .failure = KW_NS_PER_HOUR };
}

void kw_migration_split(struct kw_routing *r, const uint8_t at[KW_MIGRATION_SIDES], double share)
{
    *r = (struct kw_routing){ .policy = KW_ROUTE_SPLIT };
    r->share[at[KW_MIGRATION_OLD]] =
        kw_nano_to_double(KW_NANO - (int64_t)(share * (double)KW_NANO + 0.5)); /* as written */
    r->share[at[KW_MIGRATION_NEW]] = share;
}

kw_ns kw_migration_busiest(const struct kw_trace *t, kw_ns length)
{
    kw_ns at = 0;
    size_t most = 0;
    for (size_t first = 0, end = 0; first < t->n; first++) {
        while (end < t->n && t->arrival[end] - t->arrival[first] < length) end++;
        if (end - first <= most) continue;
        most = end - first;
        at = t->arrival[first];
    }
    return at;
}

/* What stays to be paid for on a side that is left. */
static void binds(const struct kw_choice *c, char *buf, size_t size)
{
    const struct kw_meter *m = kw_choice_meter(c);
    double least = kw_nano_to_double(m->min_charge > m->granularity ? m->min_charge : m->granularity);
    if (c->term == KW_TERM_PROVISIONED)
        kw_choice_bought(c, buf, size);
    else
        kw_choice_binds(c, buf, size);
    if (buf[0]) return;
    if (c->term == KW_TERM_MONTHLY) {
        snprintf(buf, size, "rented by the month: what is left of it is paid for");
        return;
    }
    bool rented = c->platform->kind == KW_KIND_DEDICATED;
    int at = snprintf(buf, size, "nothing is committed to%s",
                      rented ? "; it costs what it does until it is given back" : "");
    if (!c->api && least > 1 && at > 0 && (size_t)at < size)
        snprintf(buf + at, size - (size_t)at, "; %s billed for %g s at the least", rented ? "it is" : "a replica is",
                 least);
}

static void fill_side(struct kw_migration_side *s, const struct kw_point *p, uint8_t d, const struct kw_slo *slo)
{
    const struct kw_point_group *g = &p->group[p->n_classes + d];
    struct kw_slo apart = *slo;
    double figure[KW_METRICS], ratio;
    for (int m = 0; m < KW_METRICS; m++) figure[m] = g->m[m].value;
    apart.budget_month = 0;
    *s = (struct kw_migration_side){ .cost = p->bill_of[d].total,
                                     .served = g->arrived > 0,
                                     .ttft_p95 = figure[KW_METRIC_TTFT_P95],
                                     .ttft_p99 = figure[KW_METRIC_TTFT_P99],
                                     .cold = figure[KW_METRIC_COLD_FRACTION],
                                     .error = figure[KW_METRIC_ERROR_FRACTION] };
    if (s->served) s->met = kw_slo_judge(&apart, figure, s->miss, sizeof s->miss, &ratio);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* The k-th of n that no more than a twentieth exceeds. */
static double p95(double *v, size_t n)
{
    if (!n) return NAN;
    qsort(v, n, sizeof *v, by_value);
    size_t k = (size_t)ceil(0.95 * (double)n);
    return v[k ? k - 1 : 0];
}

static double starts_of(const struct kw_point *p, uint8_t d)
{
    double n = p->group_sample[p->n_classes + d][KW_METRIC_STARTS];
    return isnan(n) ? 0 : n;
}

/* p: of the run in which the new side fails, with records; usual: of the one in which it does not. */
static enum kw_status fill_back(struct kw_migration_back *b, const struct kw_migration *m, const struct kw_point *p,
                                const struct kw_point *usual, const uint8_t at[KW_MIGRATION_SIDES],
                                const struct kw_study *study, struct kw_error *err)
{
    const kw_ns from = m->failure_at, to = from + m->failure;
    double *ttft = malloc((p->n_records + 1) * sizeof *ttft);
    size_t answered = 0;
    if (!ttft) return kw_fail(err, KW_ENOMEM, "out of memory for a migration");
    *b = (struct kw_migration_back){ .first_token = NAN };
    for (size_t i = 0; i < p->n_records; i++) {
        const struct kw_record *r = &p->records[i];
        kw_ns arrival = study->trace->arrival[r->request];
        bool completed = r->status == KW_REQ_COMPLETED;
        if (arrival < from) {
            b->cut += completed && r->deployment == at[KW_MIGRATION_NEW] && arrival + r->e2e > from;
        } else if (arrival < to) {
            b->arrived++;
            b->failed += !completed;
            if (!completed) continue;
            ttft[answered++] = kw_nano_to_double(r->ttft);
            b->first_token =
                fmin(b->first_token, kw_nano_to_double(arrival + r->ttft - from)); /* fmin passes over NAN */
        }
    }
    b->ttft_p95 = p95(ttft, answered);
    b->error = b->arrived + b->cut ? (double)(b->failed + b->cut) / (double)(b->arrived + b->cut) : NAN;
    b->starts = starts_of(p, at[KW_MIGRATION_OLD]) - starts_of(usual, at[KW_MIGRATION_OLD]);
    b->cost = (kw_nano_to_double(p->bill_of[at[KW_MIGRATION_OLD]].total) -
               kw_nano_to_double(usual->bill_of[at[KW_MIGRATION_OLD]].total)) *
              (double)study->trace->span / (double)kw_study_month(study);
    free(ttft);
    return KW_OK;
}

/* One replay of the trace itself. */
static enum kw_status go_back(struct kw_migration_step *s, const struct kw_migration *m, const struct kw_candidate *c,
                              const struct kw_point *usual, const uint8_t at[KW_MIGRATION_SIDES],
                              const struct kw_study *study, const struct kw_sweep_options *run, struct kw_error *err)
{
    struct kw_candidate failing;
    struct kw_point p = { 0 };
    struct kw_study once = *study;
    struct kw_sweep_options quiet = *run;
    once.records = true;
    once.series_step = 0;
    once.replications = 1;
    once.precision = 0;
    quiet.progress = NULL; /* a sweep of its own would count from zero again */
    kw_candidate_init(&failing);
    enum kw_status st = kw_candidate_copy(&failing, c, err);
    failing.routing.back_from = m->failure_at;
    failing.routing.back_to = m->failure_at + m->failure;
    failing.routing.back = at[KW_MIGRATION_OLD];
    if (st == KW_OK) st = kw_point_init(&p, err);
    if (st == KW_OK) st = kw_sweep(&p, &failing, 1, &once, &quiet, err);
    if (st == KW_OK) st = fill_back(&s->back, m, &p, usual, at, study, err);
    kw_point_free(&p);
    kw_candidate_free(&failing);
    return st;
}

enum kw_status kw_migration_run(struct kw_migration *m, const struct kw_migration_ask *ask,
                                const struct kw_candidate *candidates, const struct kw_point *points,
                                const uint8_t at[KW_MIGRATION_SIDES], const struct kw_study *study,
                                const struct kw_sweep_options *run, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    memset(m, 0, sizeof *m);
    m->failure = ask->failure;
    m->failure_at = kw_migration_busiest(study->trace, ask->failure);
    for (int k = 0; k < KW_MIGRATION_SIDES; k++) {
        struct kw_choice *c = &candidates[0].choice[at[k]];
        kw_candidate_label(&(struct kw_candidate){ .choice = c, .n = 1 }, m->name[k], sizeof m->name[k]);
        binds(c, m->binds[k], sizeof m->binds[k]);
    }
    for (uint32_t i = 0; i < ask->n && st == KW_OK; i++) {
        struct kw_migration_step *s = &m->step[m->n++];
        const struct kw_point *p = &points[i];
        assert(p->n == KW_MIGRATION_SIDES && p->replications);
        s->share = ask->share[i];
        s->cost = p->bill.total;
        s->met = p->feasible;
        memcpy(s->miss, p->miss, sizeof s->miss);
        for (int k = 0; k < KW_MIGRATION_SIDES; k++) fill_side(&s->side[k], p, at[k], &study->slo);
        st = go_back(s, m, &candidates[i], p, at, study, run, err);
    }
    return st;
}
