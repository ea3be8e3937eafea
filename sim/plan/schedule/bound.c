#include "sim/plan/schedule/bound.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "sim/fleet/pool/cold_start.h"
#include "sim/plan/sweep/ceiling.h"

#define HARDLY 0.05 /* of the starts are as short as what is taken for the shortest */
#define MOSTLY 0.95 /* are as short as what is taken for the longest */

#define LEVELS 16 /* of N, and of w, that are told apart */

struct edge {
    kw_ns at;
    int change;
};

struct account { /* of the run of instant starts, by hour */
    const struct kw_hours *h;
    const struct kw_study *study;
    const struct kw_hours_objective *objective;
    uint32_t n_objectives, least;
    kw_ns shortest, longest, timeout;      /* of a start; for which an idle replica stays */
    bool billed;                           /* starts are, from their order on */
    double held[LEVELS][KW_HOURS_MAX];     /* replica-s of max(w, N) */
    double more[LEVELS + 1][KW_HOURS_MAX]; /* what the groups of the n-th replica add where it is not held */
    double late[KW_HOURS_OBJECTIVES][KW_HOURS_MAX];
    enum kw_status st;
};

static int by_time(const void *x, const void *y)
{
    const struct edge *a = x, *b = y;
    if (a->at != b->at) return a->at < b->at ? -1 : 1;
    return b->change - a->change; /* who comes before who goes: no session ends between the two */
}

static size_t first_at(const struct kw_trace *t, kw_ns at)
{
    size_t low = 0, high = t->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->arrival[middle] < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Who is late because no replica is there at `at`. */
static void count_late(struct account *s, kw_ns at, uint32_t hour)
{
    const struct kw_trace *t = s->study->trace;
    for (uint32_t k = 0; k < s->n_objectives; k++) {
        const struct kw_hours_objective *o = &s->objective[k];
        bool counts = o->counts == KW_COUNTS_TTFT || o->counts == KW_COUNTS_E2E || o->counts == KW_COUNTS_COLD;
        for (size_t i = first_at(t, at); counts && i < t->n && t->arrival[i] < at + s->shortest - o->limit; i++)
            s->late[k][hour] += o->klass < 0 || t->klass[i] == o->klass;
    }
}

/* A group of sessions of the n-th replica, the first one behind the window's begin. */
static void add_group(struct account *s, uint32_t n, kw_ns begin, kw_ns length)
{
    size_t piece = kw_hours_at(s->h, begin);
    uint32_t hour = s->h->which[piece];
    kw_ns left = s->h->begin[piece + 1] - begin, least = s->timeout + s->shortest, free = length - s->timeout;
    bool alone = begin - s->h->begin[piece] >= s->timeout && left > s->longest;
    if (free > s->longest) free = s->longest;
    if (least > left) least = left;
    if (s->billed && alone && least > length) s->more[n][hour] += kw_nano_to_double(least - length);
    if (!s->billed && free > 0) s->more[n][hour] -= kw_nano_to_double(free);
    if (alone && n == 1) count_late(s, begin, hour);
}

/* n replicas in [from, to). */
static void add_time(struct account *s, kw_ns from, kw_ns to, int64_t n)
{
    while (from < to) {
        size_t piece = kw_hours_at(s->h, from);
        kw_ns end = s->h->begin[piece + 1] < to ? s->h->begin[piece + 1] : to;
        for (int64_t w = 0; w < LEVELS; w++)
            s->held[w][s->h->which[piece]] += kw_nano_to_double(end - from) * (double)(n > w ? n : w);
        from = end;
    }
}

/* The sessions of the n-th replica, gathered into the groups that one life may serve. */
static void gather(struct account *s, const struct edge *e, size_t edges, kw_ns window, uint32_t n)
{
    int64_t now = 0;
    kw_ns begin = -1, until = 0, length = 0, opened = 0; /* of the group; of the session */
    bool at_edge = false;                                /* it began with the window */
    for (size_t i = 0; i < edges; i++) {
        int64_t before = now;
        now += e[i].change;
        if (before < n && now >= n) {
            opened = e[i].at;
            if (begin >= 0 && opened > until) {
                if (!at_edge) add_group(s, n, begin, length);
                begin = -1;
            }
            if (begin < 0) {
                begin = opened;
                length = 0;
                until = begin + s->longest + s->timeout;
                at_edge = begin <= s->longest + s->timeout;
            }
        } else if (before >= n && now < n) {
            length += e[i].at - opened;
            if (e[i].at > until) until = e[i].at;
            if (e[i].at >= window) return; /* cut */
        }
    }
    if (begin >= 0 && !at_edge && until < window) add_group(s, n, begin, length);
}

static void look(void *ctx, size_t candidate, const struct kw_outcome *o)
{
    struct account *s = ctx;
    const struct kw_ledger *g = &o->ledger[0];
    kw_ns window = o->window / o->passes, at = 0;
    struct edge *e = malloc((2 * g->lives_n + 1) * sizeof *e);
    size_t edges = 0;
    int64_t n = 0;
    (void)candidate;
    if (!e) {
        s->st = KW_ENOMEM;
        return;
    }
    for (uint64_t i = 0; i < g->lives_n; i++) {
        if (g->lives[i].born >= window) continue; /* of the first of the windows added up */
        e[edges++] = (struct edge){ g->lives[i].born, 1 };
        e[edges++] = (struct edge){ g->lives[i].gone < window ? g->lives[i].gone : window, -1 };
    }
    qsort(e, edges, sizeof *e, by_time);
    for (size_t i = 0; i < edges; i++) {
        add_time(s, at, e[i].at, n);
        at = e[i].at;
        n += e[i].change;
    }
    add_time(s, at, window, n);
    for (uint32_t k = 1; k <= LEVELS; k++) gather(s, e, edges, window, k);
    free(e);
}

/* Replica-s of an hour at level w. */
static double cost_at(const struct account *s, uint32_t w, uint32_t hour)
{
    double sum = s->held[w][hour];
    for (uint32_t n = w + 1; n <= LEVELS; n++) sum += s->more[n][hour];
    return sum;
}

/* The cheapest way to leave no more than `budget` late, hours in part allowed, in replica-s. */
static double cheapest(const struct account *s, const double *late, double budget)
{
    double sum = 0, over = -budget, price[KW_HOURS_MAX];
    for (uint32_t i = 0; i < s->h->n; i++) {
        double above = INFINITY, zero = s->least ? INFINITY : cost_at(s, 0, i);
        for (uint32_t w = s->least ? s->least : 1; w < LEVELS; w++) above = fmin(above, cost_at(s, w, i));
        sum += fmin(zero, above);
        price[i] = zero < above && late[i] > 0 ? (above - zero) / late[i] : INFINITY;
        if (isfinite(price[i])) over += late[i];
    }
    while (over > 0) {
        uint32_t best = 0;
        for (uint32_t i = 1; i < s->h->n; i++)
            if (price[i] < price[best]) best = i;
        if (isinf(price[best])) break;
        double avoided = fmin(over, late[best]);
        sum += avoided * price[best];
        over -= avoided;
        price[best] = INFINITY;
    }
    return sum;
}

static bool takes_time(const struct kw_law *l)
{
    return l->kind != KW_LAW_NONE && kw_law_quantile(l, MOSTLY) > 0;
}

/* Whether a start is billed from its order on, in all phases that it has. */
static bool starts_billed(const struct kw_choice *c)
{
    const struct kw_cold_start *x = &c->cold;
    const struct {
        enum kw_phase phase;
        bool occurs;
    } part[] = { { KW_PHASE_PROVISION, takes_time(&x->provision) },
                 { KW_PHASE_PULL, takes_time(&x->pull) },
                 { KW_PHASE_LOAD, takes_time(&x->load) || x->load_rate.kind != KW_LAW_NONE },
                 { KW_PHASE_INIT, takes_time(&x->init) },
                 { KW_PHASE_RESTORE, x->snapshot_probability > 0 } };
    for (size_t i = 0; i < sizeof part / sizeof *part; i++)
        if (part[i].occurs && !kw_choice_meter(c)->bills[part[i].phase]) return false;
    return true;
}

static enum kw_status run_instant(struct account *s, const struct kw_candidate *of, const struct kw_sweep_options *run,
                                  struct kw_error *err)
{
    struct kw_study own = *s->study;
    struct kw_candidate c;
    struct kw_point p;
    struct kw_sweep *sweep = NULL;
    size_t zero = 0;
    enum kw_status st = kw_candidate_copy(&c, of, err);
    if (st != KW_OK) return st;
    if ((st = kw_point_init(&p, err)) != KW_OK) {
        kw_candidate_free(&c);
        return st;
    }
    struct kw_choice *x = &c.choice[0];
    memset(&x->cold, 0, sizeof x->cold);
    memset(&x->schedule, 0, sizeof x->schedule);
    x->scaling.keep_warm = s->least;
    x->scaling.stockout_probability = x->scaling.start_failure_probability = 0;
    own.replications = 1;
    own.precision = 0;
    own.records = false;
    own.series_step = 0;
    own.look = look;
    own.look_ctx = s;
    st = kw_sweep_open(&sweep, &c, 1, &own, run, err);
    if (st == KW_OK) st = kw_sweep_advance(sweep, &p, &zero, 1, 1, err);
    kw_sweep_close(sweep);
    kw_candidate_free(&c);
    kw_point_free(&p);
    return st == KW_OK && s->st != KW_OK ? kw_fail(err, s->st, "out of memory for a bound") : st;
}

enum kw_status kw_schedule_bound(double *usd, const struct kw_hours *h, const struct kw_candidate *of,
                                 const struct kw_study *study, const struct kw_sweep_options *run, uint32_t least,
                                 struct kw_error *err)
{
    const struct kw_choice *c = &of->choice[0];
    const struct kw_meter *m = kw_choice_meter(c);
    struct kw_hours_objective objective[KW_HOURS_OBJECTIVES];
    *usd = NAN;
    if (c->platform->kind != KW_KIND_SERVERLESS || m->window || !m->bills[KW_PHASE_ACTIVE] ||
        !m->bills[KW_PHASE_KEEP_WARM] || !m->bills[KW_PHASE_IDLE])
        return KW_OK;
    struct account *s = calloc(1, sizeof *s);
    if (!s) return kw_fail(err, KW_ENOMEM, "out of memory for a bound");
    s->h = h;
    s->study = study;
    s->objective = objective;
    s->n_objectives = kw_hours_objectives(study, objective);
    s->least = least;
    s->billed = starts_billed(c);
    s->timeout = c->scaling.zero_timeout ? c->scaling.zero_timeout : c->scaling.idle_timeout;
    enum kw_status st = kw_start_quantile(&c->cold, &c->scaling, HARDLY, &s->shortest, err);
    if (st == KW_OK) st = kw_start_quantile(&c->cold, &c->scaling, MOSTLY, &s->longest, err);
    if (st == KW_OK) st = run_instant(s, of, run, err);
    double most = cheapest(s, s->late[0], INFINITY);
    for (uint32_t k = 0; k < s->n_objectives && !least; k++)
        most = fmax(most, cheapest(s, s->late[k], objective[k].budget));
    if (st == KW_OK)
        st = kw_cost_of_replicas(c, (kw_ns)(most * 1e9), study->trace->span, kw_study_month(study), usd, err);
    free(s);
    return st;
}
