/* What the platforms' open readings would change: contenders are simulated under the other one too, and the best of each
 * other platform until it costs too much to contend; and whether a phase is billed, where that is assumed: whom it could make
 * the cheapest, or no longer the cheapest. All in one sweep, so that every core has work and what differs in its bill alone is
 * simulated once. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/plan/plan_internal.h"
#include "sim/plan/sweep/ceiling.h"

#define LATE 2 /* candidates that miss with batches as promised */
#define READ ((KW_PLAN_CONTENDERS + 2) * KW_READINGS)
#define BILLED 24 /* those whose bill is read otherwise */
#define OTHERS (READ + BILLED)

struct otherwise { /* candidates under the other reading, and what they are of */
    struct kw_candidate candidate[OTHERS];
    struct kw_point point[OTHERS];
    double most[OTHERS];
    size_t of[OTHERS];
    int mine[OTHERS];
    enum kw_reading_of reading[OTHERS];
    const struct kw_fact *bills[OTHERS];  /* NULL: a reading */
    struct kw_platform *platform[OTHERS]; /* owned: with another meter; NULL */
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
    for (int of = 0; of < KW_READINGS && st == KW_OK && o->n < READ; of++) {
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

/* USD a month that a phase is billed by, or could be: it is some of what is not billed now. Twice that, for what stands beside
 * the GPU on a bill and is rounded up with it. */
static double at_most(const struct kw_plan *p, size_t i, enum kw_phase phase)
{
    const struct kw_choice *c = &p->candidates[i].choice[0];
    const struct kw_usage *u = p->points[i].usage;
    const struct kw_meter *m = kw_choice_meter(c);
    if (c->platform->kind != KW_KIND_SERVERLESS || !c->gpu->gpu_hour.known) return INFINITY;
    double gpu_ns = (double)(m->bills[phase] ? u->gpu_ns[phase] : u->unbilled_gpu_ns);
    if (m->window || !(gpu_ns > 0)) return 0;
    gpu_ns += (double)u->rounding_gpu_ns +
              fmax(0, p->points[i].m[KW_METRIC_STARTS].value) * u->passes * (double)m->granularity * u->gpus;
    return 2 * gpu_ns / (double)u->window * (double)kw_usage_month(u) / (double)KW_NS_PER_HOUR *
           kw_nano_to_double(c->gpu->gpu_hour.v);
}

static bool assumed(const struct kw_plan *p, size_t i, enum kw_phase phase)
{
    const struct kw_choice *c = &p->candidates[i].choice[0];
    const struct kw_fact *f = p->candidates[i].n == 1 && !c->api ? kw_choice_bills(c, phase) : NULL;
    return f && f->provenance.grade == KW_GRADE_UNKNOWN;
}

/* The candidate with a platform whose meter reads the phase otherwise. */
static enum kw_status add_bill(struct otherwise *o, const struct kw_plan *p, size_t i, enum kw_phase phase,
                               struct kw_error *err)
{
    size_t at = o->n;
    struct kw_platform *q = malloc(sizeof *q);
    if (!q) return kw_fail(err, KW_ENOMEM, "out of memory for a plan");
    enum kw_status st = kw_candidate_copy(&o->candidate[at], &p->candidates[i], err);
    if (st != KW_OK) {
        free(q);
        return st;
    }
    struct kw_choice *c = &o->candidate[at].choice[0];
    *q = *c->platform;
    o->bills[at] = kw_choice_bills(c, phase);
    o->mine[at] = kw_choice_meter(c)->bills[phase];
    struct kw_meter *m = c->pooled ? &q->public_models.meter : &q->meter;
    m->bills[phase] = !m->bills[phase];
    o->platform[at] = q;
    c->platform = q;
    o->of[at] = i;
    o->most[at] = INFINITY;
    o->n++;
    return KW_OK;
}

/* The recommended one, and of each family that meets the objectives the first which could come before it, with it dearer or
 * itself cheaper. What is assumed of the recommended one or the runner-up and moves next to nothing is known to flip nothing. */
static enum kw_status choose_bills(struct otherwise *o, struct kw_plan *p, struct kw_error *err)
{
    size_t best = (size_t)p->best, before = o->n;
    enum kw_status st = KW_OK;
    for (int phase = 0; phase < KW_PHASES && st == KW_OK; phase++) {
        enum kw_phase ph = (enum kw_phase)phase;
        bool of_best = assumed(p, best, ph);
        double more = of_best ? at_most(p, best, ph) : 0;
        if (more > 0 && o->n - before < BILLED) st = add_bill(o, p, best, ph, err);
        for (size_t k = 0; k < p->n && st == KW_OK && o->n - before < BILLED; k++) {
            size_t i = p->order[k];
            if (!p->points[i].feasible) break;
            if (i == best || !assumed(p, i, ph) || !leads(p, k, false)) continue;
            double own = at_most(p, i, ph), gap = cost(p, (ptrdiff_t)i) - cost(p, p->best);
            bool shared = of_best && p->candidates[i].choice[0].platform == p->candidates[best].choice[0].platform;
            bool cheaper = kw_choice_meter(&p->candidates[i].choice[0])->bills[ph] && gap < own;
            if (own > 0 && (cheaper || (shared && gap < more))) st = add_bill(o, p, i, ph, err);
        }
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
    /* Where the next costs as much, a reading that moves a bill by half of a percent still says nothing. */
    double least = 0.005 * cost(p, p->best), margin = p->runner_up < 0 ? 2 * least : fmax(least, fabs(p->margin.value));
    for (size_t k = 0; k < o->n; k++) {
        const struct kw_point *q = &o->point[k];
        if (o->bills[k] || !q->replications) continue; /* it costs too much to contend under the other reading too */
        struct kw_range r = { .candidate = o->of[k] };
        r.reading = kw_reading_compare(o->reading[k], o->mine[k], &o->candidate[k], &p->points[o->of[k]], q, margin);
        r.wins = (ptrdiff_t)o->of[k] != p->best && q->feasible && q->m[KW_METRIC_COST].value < cost(p, p->best);
        if (r.reading.shown || r.wins) p->ranges[p->n_ranges++] = r;
    }
}

/* Also those stopped on the way. */
static void keep(struct kw_plan *p, const struct otherwise *o)
{
    for (size_t k = 0; k < o->n; k++) {
        const struct kw_point *q = &o->point[k];
        p->otherwise[p->n_otherwise++] = (struct kw_otherwise){ .of = o->of[k],
                                                                .reading = o->reading[k],
                                                                .bills = o->bills[k],
                                                                .mine = o->mine[k],
                                                                .dear = !q->replications,
                                                                .cost = q->m[KW_METRIC_COST].value,
                                                                .feasible = q->feasible };
    }
}

enum kw_status kw_plan_ranges(struct kw_plan *p, const struct kw_study *study, const struct kw_sweep_options *run,
                              struct kw_error *err)
{
    free(p->ranges);
    free(p->otherwise);
    p->n_ranges = p->n_otherwise = 0;
    p->ranges = calloc(OTHERS, sizeof *p->ranges);
    p->otherwise = calloc(OTHERS, sizeof *p->otherwise);
    struct otherwise *o = calloc(1, sizeof *o);
    enum kw_status st = p->ranges && p->otherwise && o ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for a plan");
    if (st == KW_OK && p->best >= 0) st = choose(o, p, study, err);
    if (st == KW_OK && p->best >= 0) st = choose_bills(o, p, err);
    if (st == KW_OK && o->n) st = simulate(o, study, run, err);
    if (st == KW_OK) tell(p, o);
    if (st == KW_OK) keep(p, o);
    for (size_t k = 0; o && k < o->n; k++) {
        kw_candidate_free(&o->candidate[k]);
        free(o->platform[k]);
    }
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
