#include "sim/plan/schedule/hours.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "sim/fleet/pool/cold_start.h"

#define HOUR KW_NS_PER_HOUR

void kw_hours_free(struct kw_hours *h)
{
    free(h->begin);
    free(h->which);
    *h = (struct kw_hours){ .n = 0 };
}

/* Which of n hours an hour of the week is. */
static uint32_t which_of(uint32_t n, uint32_t hour)
{
    assert(n == 168 || n == 48 || n == 24);
    return n == 168 ? hour : hour % 24 + (n == 48 && hour >= 5 * 24 ? 24 : 0);
}

enum kw_status kw_hours_init(struct kw_hours *h, const struct kw_trace *t, const struct kw_zone *zone, uint32_t n,
                             struct kw_error *err)
{
    const struct kw_schedule clock = { .zone = zone };
    *h = (struct kw_hours){ .zone = zone, .n = n };
    if (t->epoch_unix == INT64_MIN) return kw_fail(err, KW_ERANGE, "the trace has no dates, so no hours of the week");
    if (t->span < 48 * HOUR) return kw_fail(err, KW_ERANGE, "less than two days show no hours that come back");
    size_t most = (size_t)(t->span / HOUR) * 2 + 8; /* clocks may be put forward or back within an hour */
    h->begin = malloc((most + 1) * sizeof *h->begin);
    h->which = malloc(most * sizeof *h->which);
    if (!h->begin || !h->which) {
        kw_hours_free(h);
        return kw_fail(err, KW_ENOMEM, "out of memory for the hours of a week");
    }
    for (int64_t at = t->epoch_unix; (at - t->epoch_unix) * KW_NS_PER_S < t->span && h->pieces < most;) {
        uint32_t seconds, minute = kw_schedule_minute(&clock, at, &seconds);
        int64_t full = at + (60 - minute % 60) * 60 - seconds, clocks = kw_zone_next(zone, at);
        h->begin[h->pieces] = (at - t->epoch_unix) * KW_NS_PER_S;
        h->which[h->pieces++] = (uint8_t)which_of(n, minute / 60);
        at = full < clocks ? full : clocks;
    }
    h->begin[h->pieces] = t->span;
    return KW_OK;
}

size_t kw_hours_at(const struct kw_hours *h, kw_ns t)
{
    size_t low = 0, high = h->pieces;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        *(h->begin[middle] <= t ? &low : &high) = middle;
    }
    return low;
}

void kw_hours_schedule(const struct kw_hours *h, const uint32_t *level, struct kw_schedule *out)
{
    memset(out, 0, sizeof *out); /* choices are compared byte by byte */
    out->zone = h->zone;
    out->lead = KW_LEAD_AUTO;
    for (uint32_t i = 0; i < KW_HOURS_MAX; i++) {
        uint32_t now = level[which_of(h->n, i)];
        if (i && now == out->change[out->n - 1].warm) continue;
        out->change[out->n++] = (struct kw_schedule_change){ (uint16_t)(i * 60), (uint16_t)now };
    }
    if (out->n > 1 && out->change[0].warm == out->change[out->n - 1].warm) { /* Monday goes on as Sunday ended */
        memmove(out->change, out->change + 1, --out->n * sizeof *out->change);
        out->change[out->n] = (struct kw_schedule_change){ 0, 0 };
    }
}

static void add_objective(struct kw_hours_objective *out, uint32_t *n, enum kw_hours_counts counts, kw_ns limit,
                          double share, int klass, double requests)
{
    if (*n == KW_HOURS_OBJECTIVES || share < 0) return;
    out[(*n)++] = (struct kw_hours_objective){ counts, limit, klass, share * requests };
}

static void objectives_of(const struct kw_slo *s, int klass, double requests, struct kw_hours_objective *out,
                          uint32_t *n)
{
    const struct {
        enum kw_hours_counts counts;
        kw_ns limit[3];
    } times[] = { { KW_COUNTS_TTFT, { s->ttft_p50, s->ttft_p95, s->ttft_p99 } },
                  { KW_COUNTS_TPOT, { s->tpot_p50, s->tpot_p95, s->tpot_p99 } },
                  { KW_COUNTS_E2E, { s->e2e_p50, s->e2e_p95, s->e2e_p99 } } };
    static const double share[] = { 0.50, 0.05, 0.01 };
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        for (int k = 0; k < 3; k++)
            if (times[i].limit[k]) add_objective(out, n, times[i].counts, times[i].limit[k], share[k], klass, requests);
    add_objective(out, n, KW_COUNTS_COLD, 0, s->cold_fraction, klass, requests);
    add_objective(out, n, KW_COUNTS_ERRORS, 0, s->error_fraction, klass, requests);
}

uint32_t kw_hours_objectives(const struct kw_study *study, struct kw_hours_objective out[KW_HOURS_OBJECTIVES])
{
    const struct kw_trace *t = study->trace;
    uint32_t n = 0;
    if (!study->slo.n_by_class || !t->klass) {
        objectives_of(&study->slo, -1, (double)t->n, out, &n);
        return n;
    }
    for (size_t k = 0; k < t->n_classes; k++) {
        double requests = 0;
        for (size_t i = 0; i < t->n; i++) requests += t->klass[i] == k;
        objectives_of(kw_slo_of_class(&study->slo, t->class_name[k]), (int)k, requests, out, &n);
    }
    return n;
}

void kw_hours_billed(const struct kw_life *l, const struct kw_meter *m, kw_ns *from, kw_ns *to)
{
    kw_ns free = 0;
    for (int p = 0; p < KW_PHASES; p++)
        if (!m->bills[p]) free += l->phase[p];
    *from = l->born + free < l->gone ? l->born + free : l->gone;
    *to = l->gone;
}

struct looker {
    const struct kw_hours *h;
    const struct kw_candidate *of;
    const struct kw_trace *trace;
    const struct kw_hours_objective *objective;
    uint32_t n_objectives;
    kw_ns lead;
    struct kw_hours_step *step; /* [candidates * pieces], NULL: nobody asks */
};

static bool counts_against(const struct kw_hours_objective *o, const struct kw_trace *t, const struct kw_record *r)
{
    bool served = r->status == KW_REQ_COMPLETED;
    if (o->klass >= 0 && t->klass[r->request] != o->klass) return false;
    switch (o->counts) {
    case KW_COUNTS_TTFT: return served && r->ttft > o->limit;
    case KW_COUNTS_TPOT: {
        kw_ns gaps = t->output[r->request] - (kw_ns)1;
        return served && gaps > 0 && (r->e2e - r->ttft) / gaps > o->limit;
    }
    case KW_COUNTS_E2E: return served && r->e2e > o->limit;
    case KW_COUNTS_COLD: return r->cold;
    case KW_COUNTS_ERRORS: return !served;
    }
    return false;
}

/* Into the pieces it is billed in, by the shifted clock. */
static void add_billed(const struct looker *l, struct kw_hours_step *step, kw_ns from, kw_ns to, uint32_t passes)
{
    kw_ns window = l->trace->span;
    while (from < to) {
        kw_ns in = (from + l->lead) % window, left = to - from;
        size_t at = kw_hours_at(l->h, in);
        if (left > l->h->begin[at + 1] - in) left = l->h->begin[at + 1] - in;
        step[at].billed += (double)left / 1e9 / passes;
        from += left;
    }
}

/* Alive at the begin of which pieces of the first window. */
static void add_before(const struct looker *l, struct kw_hours_step *step, const struct kw_life *x)
{
    kw_ns window = l->trace->span, born = x->born + l->lead, gone = x->gone + l->lead;
    if (x->born >= window) return;
    kw_ns round = born - born % window;
    size_t at = kw_hours_at(l->h, born % window);
    for (;;) {
        if (++at == l->h->pieces) {
            at = 0;
            round += window;
        }
        kw_ns begin = round + l->h->begin[at];
        if (begin > gone || begin - l->lead > window) return;
        step[at].before++;
    }
}

/* Only its own candidate's row is written. Records are of the first of the windows added up. */
static void look(void *ctx, size_t candidate, const struct kw_outcome *o)
{
    const struct looker *l = ctx;
    struct kw_hours_step *step = l->step + candidate * l->h->pieces;
    const struct kw_ledger *g = &o->ledger[0];
    for (uint64_t i = 0; i < (g->places ? g->nodes_n : g->lives_n); i++) {
        kw_ns from, to;
        kw_hours_billed(g->places ? &g->nodes[i] : &g->lives[i], kw_choice_meter(&l->of->choice[0]), &from, &to);
        add_billed(l, step, from, to, o->passes);
    }
    for (uint64_t i = 0; i < g->lives_n; i++) add_before(l, step, &g->lives[i]);
    for (uint64_t i = 0; o->records && i < o->arrived / o->passes; i++) {
        const struct kw_record *r = &o->records[i];
        size_t at = kw_hours_at(l->h, (l->trace->arrival[r->request] + l->lead) % l->trace->span);
        for (uint32_t k = 0; k < l->n_objectives; k++) step[at].bad[k] += counts_against(&l->objective[k], l->trace, r);
    }
}

enum kw_status kw_hours_try(const struct kw_hours *h, const struct kw_candidate *of, const struct kw_study *study,
                            const struct kw_sweep_options *run, const uint32_t *level, size_t n,
                            struct kw_hours_run *out, struct kw_hours_step *step, struct kw_error *err)
{
    struct kw_hours_objective objective[KW_HOURS_OBJECTIVES];
    struct looker l = { h, of, study->trace, objective, kw_hours_objectives(study, objective), 0, step };
    struct kw_study own = *study;
    struct kw_candidate *c = calloc(n, sizeof *c);
    struct kw_point *p = calloc(n, sizeof *p);
    size_t *all = malloc(n * sizeof *all);
    struct kw_sweep *s = NULL;
    enum kw_status st = c && p && all ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for schedules");
    assert(of->n == 1 && n > 0);
    own.replications = 1;
    own.precision = 0;
    own.records = step != NULL;
    own.series_step = 0;
    own.look = step ? look : NULL;
    own.look_ctx = &l;
    memset(out, 0, n * sizeof *out);
    if (step) memset(step, 0, n * h->pieces * sizeof *step);
    if (st == KW_OK && step)
        st = kw_start_quantile(&of->choice[0].cold, &of->choice[0].scaling, KW_SCHEDULE_WITHIN, &l.lead, err);
    for (size_t k = 0; k < n && st == KW_OK; k++) {
        all[k] = k;
        st = kw_candidate_copy(&c[k], of, err);
        if (st == KW_OK) st = kw_point_init(&p[k], err);
        if (st != KW_OK) break;
        kw_hours_schedule(h, level + k * h->n, &c[k].choice[0].schedule);
        c[k].choice[0].scaling.keep_warm = kw_schedule_least(&c[k].choice[0].schedule);
    }
    if (st == KW_OK) st = kw_sweep_open(&s, c, n, &own, run, err);
    if (st == KW_OK) st = kw_sweep_advance(s, p, all, n, 1, err);
    for (size_t k = 0; k < n && st == KW_OK; k++) {
        out[k].feasible = p[k].feasible;
        out[k].cost = p[k].m[KW_METRIC_COST].value;
        out[k].ttft_p95_s = p[k].m[KW_METRIC_TTFT_P95].value;
    }
    kw_sweep_close(s);
    for (size_t k = 0; c && p && k < n; k++) {
        kw_candidate_free(&c[k]);
        kw_point_free(&p[k]);
    }
    free(c);
    free(p);
    free(all);
    return st;
}
