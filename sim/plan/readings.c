#include "sim/plan/readings.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* One that neither the user nor the platform's documentation settled and that can matter: replicas that come and go,
 * more than one of them. */
static bool open(const struct kw_choice *c)
{
    enum kw_grade g = c->platform->balance_grade;
    if (c->balance == c->platform->balance && (g == KW_GRADE_PUBLISHED || g == KW_GRADE_MEASURED)) return false;
    return c->platform->kind == KW_KIND_SERVERLESS && !c->balance_stated && c->scaling.max_replicas > 1 &&
           (c->balance == KW_BALANCE_LEAST_OUTSTANDING || c->balance == KW_BALANCE_PACK);
}

enum kw_status kw_reading_run(struct kw_reading *r, const struct kw_candidate *c, const struct kw_point *p,
                              double margin, const struct kw_study *study, const struct kw_sweep_options *run,
                              struct kw_error *err)
{
    struct kw_candidate other;
    struct kw_point q;
    bool any = false, packed = false;
    *r = (struct kw_reading){ .grade = KW_GRADE_UNKNOWN };
    if (p->peak_replicas < 2 || kw_point_overloaded(p)) return KW_OK;
    enum kw_status st = kw_candidate_copy(&other, c, err);
    if (st != KW_OK) return st;
    for (uint32_t d = 0; d < other.n; d++) {
        struct kw_choice *x = &other.choice[d];
        if (!open(x)) continue;
        any = true;
        packed = x->balance == KW_BALANCE_PACK;
        x->balance = packed ? KW_BALANCE_LEAST_OUTSTANDING : KW_BALANCE_PACK;
    }
    if (!any || (st = kw_point_init(&q, err)) != KW_OK) {
        kw_candidate_free(&other);
        return st;
    }
    struct kw_study s = *study;
    struct kw_sweep_options quiet = *run;
    s.replications = 1; /* the trace itself decides */
    s.records = false;
    s.series_step = 0;
    quiet.progress = NULL; /* a sweep of its own would count from zero again */
    if ((st = kw_sweep(&q, &other, 1, &s, &quiet, err)) == KW_OK) {
        double mine = p->m[KW_METRIC_COST].value, theirs = q.m[KW_METRIC_COST].value;
        r->shown = fabs(theirs - mine) > margin;
        r->spread = packed ? theirs : mine;
        r->pack = packed ? mine : theirs;
        r->feasible = q.feasible;
        memcpy(r->miss, q.miss, sizeof r->miss);
    }
    kw_point_free(&q);
    kw_candidate_free(&other);
    return st;
}

char *kw_reading_text(const struct kw_reading *r, char *buf, size_t size)
{
    snprintf(buf, size,
             "$%.0f to $%.0f a month: $%.0f where each request goes to the least loaded replica (spread), $%.0f where "
             "the fullest with room gets it (pack), %s%s; which one the platform does is %s, \"packing\" settles it",
             fmin(r->spread, r->pack), fmax(r->spread, r->pack), r->spread, r->pack,
             r->feasible ? "and both meet the objectives" : "the other of which misses: ", r->feasible ? "" : r->miss,
             kw_grade_name[r->grade]);
    return buf;
}
