#include "sim/plan/readings.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

const char *const kw_reading_name[KW_READINGS][2] = { [KW_READING_PACKING] = { "spread", "pack" },
                                                      [KW_READING_RELEASE] = { "timeout", "early" },
                                                      [KW_READING_DELAY] = { "last_start", "arrival" },
                                                      [KW_READING_BATCH] = { "promised", "observed" },
                                                      [KW_READING_WINDOW] = { "shortest", "longest" } };

const char *const kw_reading_about[KW_READINGS] = {
    [KW_READING_PACKING] = "which replica takes the next request (packing)",
    [KW_READING_RELEASE] = "when idle surplus stops (idle_release)",
    [KW_READING_DELAY] = "whose wait starts a replica (target_delay_from)",
    [KW_READING_BATCH] = "how soon a batch is answered (batch.latency)",
    [KW_READING_WINDOW] = "over what time units are counted (provisioned.window_s)"
};
const char *const kw_reading_fact[KW_READINGS] = { [KW_READING_PACKING] = "scaling.balance",
                                                   [KW_READING_RELEASE] = "scaling.idle_release",
                                                   [KW_READING_DELAY] = "scaling.target_delay_from",
                                                   [KW_READING_BATCH] = "batch.observed",
                                                   [KW_READING_WINDOW] = "provisioned.windows[0].window_s" };

static bool documented(enum kw_grade g)
{
    return g == KW_GRADE_PUBLISHED || g == KW_GRADE_MEASURED;
}

/* The longest time that units may be counted over, where the user does not say; else 0. */
static kw_ns longest(const struct kw_choice *c)
{
    const struct kw_provision *u = &c->provision;
    if (c->term != KW_TERM_PROVISIONED || u->own_window) return 0;
    return kw_provisioned_longest(&c->api->provisioned, u->bought.n);
}

/* One that neither the user nor the platform's documentation settled and that can matter: replicas that come and go,
 * more than one of them. */
static bool open_reading(const struct kw_choice *c, enum kw_reading_of of)
{
    const struct kw_platform *p = c->platform;
    if (of == KW_READING_BATCH) return c->api && kw_choice_batch_open(c);
    if (of == KW_READING_WINDOW) return longest(c) > 0;
    if (p->kind != KW_KIND_SERVERLESS || c->scaling.max_replicas < 2) return false;
    if (of == KW_READING_DELAY)
        return c->scaling.scaler == KW_SCALER_QUEUE_DELAY && !c->delay_from_stated && !documented(p->delay_from_grade);
    if (of == KW_READING_RELEASE)
        return 1u << c->scaling.scaler & KW_SCALERS_STOP_IDLE && !c->idle_release_stated &&
               !documented(p->idle_release_grade);
    if (c->balance_stated || (c->balance == p->balance && documented(p->balance_grade))) return false;
    return c->balance == KW_BALANCE_LEAST_OUTSTANDING || c->balance == KW_BALANCE_PACK;
}

/* Which of the two it is now. */
static int reading_of(const struct kw_choice *c, enum kw_reading_of of)
{
    if (of == KW_READING_BATCH) return c->batch_from == KW_BATCH_OBSERVED;
    if (of == KW_READING_WINDOW) return c->provision.bought.window == longest(c);
    if (of == KW_READING_RELEASE) return c->scaling.idle_release == KW_RELEASE_EARLY;
    return of == KW_READING_DELAY ? c->scaling.target_delay_from == KW_DELAY_ARRIVAL : c->balance == KW_BALANCE_PACK;
}

/* Early release is read together with packing: spread, hardly anything falls idle for more than a moment, and what does
 * would be started anew for the next burst. */
static void read_as(struct kw_choice *c, enum kw_reading_of of, int which)
{
    if (of == KW_READING_BATCH)
        kw_choice_batch_from(c, which ? KW_BATCH_OBSERVED : KW_BATCH_PROMISED);
    else if (of == KW_READING_WINDOW)
        c->provision.bought.window =
            which ? longest(c) : kw_provisioned_window(&c->api->provisioned, c->provision.bought.n);
    else if (of == KW_READING_DELAY)
        c->scaling.target_delay_from = which ? KW_DELAY_ARRIVAL : KW_DELAY_LAST_START;
    else if (of == KW_READING_PACKING)
        c->balance = which ? KW_BALANCE_PACK : KW_BALANCE_LEAST_OUTSTANDING;
    else {
        c->scaling.idle_release = which ? KW_RELEASE_EARLY : KW_RELEASE_TIMEOUT;
        if (which && open_reading(c, KW_READING_PACKING)) c->balance = KW_BALANCE_PACK;
    }
}

bool kw_reading_matters(const struct kw_point *p, enum kw_reading_of of)
{
    return (of == KW_READING_BATCH || of == KW_READING_WINDOW || p->peak_replicas >= 2) && !kw_point_overloaded(p);
}

enum kw_status kw_reading_other(struct kw_candidate *other, int *mine, const struct kw_candidate *c,
                                enum kw_reading_of of, struct kw_error *err)
{
    *mine = -1;
    enum kw_status st = kw_candidate_copy(other, c, err);
    if (st != KW_OK) return st;
    for (uint32_t d = 0; d < other->n; d++) {
        if (!open_reading(&other->choice[d], of)) continue;
        *mine = reading_of(&other->choice[d], of);
        read_as(&other->choice[d], of, !*mine);
    }
    if (*mine < 0) kw_candidate_free(other);
    return KW_OK;
}

const struct kw_platform *kw_reading_whose(const struct kw_candidate *c, enum kw_reading_of of)
{
    const struct kw_platform *whose = NULL;
    for (uint32_t d = 0; d < c->n; d++) {
        if (!open_reading(&c->choice[d], of)) continue;
        if (whose && whose != c->choice[d].platform) return NULL;
        whose = c->choice[d].platform;
    }
    return whose;
}

/* Of what goes by the batch: all, or the first deployment whose time is open. */
static double batch_e2e(const struct kw_candidate *c, const struct kw_point *p)
{
    uint32_t d = 0;
    while (d + 1 < c->n && !(c->choice[d].api && c->choice[d].term == KW_TERM_BATCH)) d++;
    bool apart = c->n > 1 && p->n_groups > p->n_classes + d;
    return apart ? p->group[p->n_classes + d].m[KW_METRIC_E2E_P95].value : p->m[KW_METRIC_E2E_P95].value;
}

struct kw_reading kw_reading_compare(enum kw_reading_of of, int mine, const struct kw_candidate *c,
                                     const struct kw_point *p, const struct kw_point *q, double margin)
{
    struct kw_reading r = { .of = of, .grade = KW_GRADE_UNKNOWN, .feasible = q->feasible };
    r.cost[mine] = p->m[KW_METRIC_COST].value;
    r.cost[!mine] = q->m[KW_METRIC_COST].value;
    r.shown = fabs(r.cost[1] - r.cost[0]) > margin || (p->feasible && !q->feasible);
    memcpy(r.miss, q->miss, sizeof r.miss);
    if (of != KW_READING_BATCH) return r;
    r.shown = true;
    r.e2e[mine] = batch_e2e(c, p);
    r.e2e[!mine] = batch_e2e(c, q);
    for (uint32_t d = 0; d < c->n; d++)
        if (open_reading(&c->choice[d], of)) r.grade = c->choice[d].platform->batch.observed.provenance.grade;
    return r;
}

static enum kw_status run_other(struct kw_reading *r, const struct kw_candidate *other, int mine,
                                const struct kw_point *p, double margin, const struct kw_study *study,
                                const struct kw_sweep_options *run, struct kw_error *err)
{
    struct kw_point q;
    struct kw_study s = *study;
    struct kw_sweep_options quiet = *run;
    enum kw_status st = kw_point_init(&q, err);
    if (st != KW_OK) return st;
    s.replications = 1; /* the trace itself decides */
    s.records = false;
    s.series_step = 0;
    quiet.progress = NULL; /* a sweep of its own would count from zero again */
    if ((st = kw_sweep(&q, other, 1, &s, &quiet, err)) == KW_OK)
        *r = kw_reading_compare(r->of, mine, other, p, &q, margin);
    kw_point_free(&q);
    return st;
}

enum kw_status kw_readings_run(struct kw_reading r[KW_READINGS], const struct kw_candidate *c, const struct kw_point *p,
                               double margin, const struct kw_study *study, const struct kw_sweep_options *run,
                               struct kw_error *err)
{
    enum kw_status st = KW_OK;
    for (int of = 0; of < KW_READINGS; of++)
        r[of] = (struct kw_reading){ .of = (enum kw_reading_of)of, .grade = KW_GRADE_UNKNOWN };
    for (int of = 0; of < KW_READINGS && st == KW_OK; of++) {
        struct kw_candidate other;
        int mine;
        if (!kw_reading_matters(p, (enum kw_reading_of)of)) continue;
        if ((st = kw_reading_other(&other, &mine, c, (enum kw_reading_of)of, err)) != KW_OK || mine < 0) continue;
        st = run_other(&r[of], &other, mine, p, margin, study, run, err);
        kw_candidate_free(&other);
    }
    return st;
}

char *kw_reading_text(const struct kw_reading *r, char *buf, size_t size)
{
    static const char *const text[KW_READINGS][3] = {
        [KW_READING_PACKING] = { "where each request goes to the least loaded replica (spread)",
                                 "where the fullest with room gets it (pack)", "packing" },
        [KW_READING_RELEASE] = { "where idle surplus waits out its timeout",
                                 "where it stops at once, requests packed where that is open (early)", "idle_release" },
        [KW_READING_DELAY] = { "where a queue that waits too long adds one replica a delay (last_start)",
                               "where each request that waits so long adds one (arrival)", "target_delay_from" },
        [KW_READING_WINDOW] = { "where units are counted over the shortest time that is stated",
                                "over the longest (longest)", "provisioned.window_s" }
    };
    if (r->of == KW_READING_BATCH) {
        snprintf(buf, size,
                 "by the batch 95 %% are answered within %.3g h as promised, within %.3g h as others saw (%s)%s%s; "
                 "\"batch.latency\" settles it",
                 r->e2e[0] / 3600, r->e2e[1] / 3600, kw_grade_name[r->grade],
                 r->feasible ? "" : ", and so misses: ", r->feasible ? "" : r->miss);
        return buf;
    }
    const char *const *t = text[r->of];
    snprintf(buf, size,
             "$%.0f to $%.0f a month: $%.0f %s, $%.0f %s, %s%s; which one the platform does is %s, \"%s\" settles it",
             fmin(r->cost[0], r->cost[1]), fmax(r->cost[0], r->cost[1]), r->cost[0], t[0], r->cost[1], t[1],
             r->feasible ? "and both meet the objectives" : "the other of which misses: ", r->feasible ? "" : r->miss,
             kw_grade_name[r->grade], t[2]);
    return buf;
}
