/* What the platforms' open readings would change: contenders are simulated under the other one too, and the best of each
 * other platform until it costs too much to contend. All in one sweep, so that every core has work. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/plan/plan_internal.h"
#include "sim/plan/sweep/ceiling.h"

#define LATE 2 /* candidates that miss with batches as promised */
#define OTHERS ((KW_PLAN_CONTENDERS + 2) * KW_READINGS)

struct otherwise { /* candidates under the other reading, and what they are of */
    struct kw_candidate candidate[OTHERS];
    struct kw_point point[OTHERS];
    double most[OTHERS];
    size_t of[OTHERS];
    int mine[OTHERS];
    enum kw_reading_of reading[OTHERS];
    size_t n, n_points;
};

static double cost(const struct kw_plan *p, ptrdiff_t i)
{
    return i < 0 ? 0 : p->points[i].m[KW_METRIC_COST].value;
}

static double contending_cost(const struct kw_plan *p)
{
    return fmax(cost(p, p->runner_up), KW_PLAN_CONTENDS * cost(p, p->best));
}

/* No feasible one before it in the order is of its family, or on its platform alone. */
static bool leads(const struct kw_plan *p, size_t k, bool platform)
{
    const struct kw_candidate *c = &p->candidates[p->order[k]];
    for (size_t j = 0; j < k; j++) {
        const struct kw_candidate *x = &p->candidates[p->order[j]];
        if (platform ? x->n == 1 && x->choice[0].platform == c->choice[0].platform
                     : p->family[p->order[j]] == p->family[p->order[k]])
            return false;
    }
    return !platform || c->n == 1;
}

static enum kw_status add(struct otherwise *o, const struct kw_plan *p, size_t i, double most, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    for (int of = 0; of < KW_READINGS && st == KW_OK && o->n < OTHERS; of++) {
        int *mine = &o->mine[o->n];
        if (!kw_reading_matters(&p->points[i], (enum kw_reading_of)of)) continue;
        st = kw_reading_other(&o->candidate[o->n], mine, &p->candidates[i], (enum kw_reading_of)of, err);
        if (st != KW_OK || *mine < 0) continue;
        o->of[o->n] = i;
        o->reading[o->n] = (enum kw_reading_of)of;
        o->most[o->n++] = most;
    }
    return st;
}

static bool by_batch(const struct kw_candidate *c)
{
    bool any = false;
    for (uint32_t d = 0; d < c->n; d++) any |= c->choice[d].api && kw_choice_batch_open(&c->choice[d]);
    return any;
}

/* Best and runner-up, and who else contends; then those that would have to become cheaper to do so, if what they keep
 * leaves that open. */
static enum kw_status choose(struct otherwise *o, const struct kw_plan *p, const struct kw_study *study,
                             struct kw_error *err)
{
    double limit = contending_cost(p);
    enum kw_status st = KW_OK;
    for (size_t k = 0, contending = 0, late = 0; k < p->n && st == KW_OK; k++) {
        size_t i = p->order[k];
        bool named = (ptrdiff_t)i == p->best || (ptrdiff_t)i == p->runner_up;
        if (!p->points[i].feasible) {
            /* Too late as promised, perhaps not as others saw. */
            if (cost(p, (ptrdiff_t)i) < cost(p, p->best) && by_batch(&p->candidates[i]) && late++ < LATE)
                st = add(o, p, i, INFINITY, err);
            continue;
        }
        bool contends = cost(p, (ptrdiff_t)i) <= limit && leads(p, k, false) && contending++ < KW_PLAN_CONTENDERS / 2;
        if (named || contends) {
            st = add(o, p, i, INFINITY, err);
            continue;
        }
        double floor;
        if (cost(p, (ptrdiff_t)i) <= limit || !leads(p, k, true)) continue;
        st = kw_cost_floor(&p->candidates[i], study->trace->span, kw_study_month(study), &floor, err);
        if (st == KW_OK && floor <= limit) st = add(o, p, i, limit, err);
    }
    return st;
}

static enum kw_status simulate(struct otherwise *o, const struct kw_study *study, const struct kw_sweep_options *run,
                               struct kw_error *err)
{
    struct kw_study s = *study;
    struct kw_sweep_options quiet = *run;
    struct kw_sweep *sweep;
    size_t all[OTHERS];
    enum kw_status st = KW_OK;
    s.replications = 1; /* the trace itself decides */
    s.records = false;
    s.series_step = 0;
    quiet.progress = NULL; /* a sweep of its own would count from zero again */
    for (; o->n_points < o->n && st == KW_OK; o->n_points += st == KW_OK) {
        all[o->n_points] = o->n_points;
        st = kw_point_init(&o->point[o->n_points], err);
    }
    if (st != KW_OK || (st = kw_sweep_open(&sweep, o->candidate, o->n, &s, &quiet, err)) != KW_OK) return st;
    st = kw_sweep_within(sweep, o->point, all, o->n, o->most, err);
    kw_sweep_close(sweep);
    return st;
}

static void tell(struct kw_plan *p, const struct otherwise *o)
{
    double margin = p->runner_up < 0 ? 0.01 * cost(p, p->best) : fabs(p->margin.value);
    for (size_t k = 0; k < o->n; k++) {
        const struct kw_point *q = &o->point[k];
        if (!q->replications) continue; /* it costs too much to contend under the other reading too */
        struct kw_range r = { .candidate = o->of[k] };
        r.reading = kw_reading_compare(o->reading[k], o->mine[k], &o->candidate[k], &p->points[o->of[k]], q, margin);
        r.wins = (ptrdiff_t)o->of[k] != p->best && q->feasible && q->m[KW_METRIC_COST].value < cost(p, p->best);
        if (r.reading.shown || r.wins) p->ranges[p->n_ranges++] = r;
    }
}

enum kw_status kw_plan_ranges(struct kw_plan *p, const struct kw_study *study, const struct kw_sweep_options *run,
                              struct kw_error *err)
{
    free(p->ranges);
    p->n_ranges = 0;
    p->ranges = calloc(OTHERS, sizeof *p->ranges);
    struct otherwise *o = calloc(1, sizeof *o);
    enum kw_status st = p->ranges && o ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for a plan");
    if (st == KW_OK && p->best >= 0) st = choose(o, p, study, err);
    if (st == KW_OK && o->n) st = simulate(o, study, run, err);
    if (st == KW_OK) tell(p, o);
    for (size_t k = 0; o && k < o->n; k++) kw_candidate_free(&o->candidate[k]);
    for (size_t k = 0; o && k < o->n_points; k++) kw_point_free(&o->point[k]);
    free(o);
    return st;
}

char *kw_plan_range_text(const struct kw_plan *p, size_t i, char *buf, size_t size)
{
    const struct kw_range *r = &p->ranges[i];
    char label[320], text[500];
    snprintf(buf, size, "%s: %s%s", kw_candidate_label(&p->candidates[r->candidate], label, sizeof label),
             kw_reading_text(&r->reading, text, sizeof text),
             r->wins ? "; under the cheaper one it would be recommended" : "");
    return buf;
}
