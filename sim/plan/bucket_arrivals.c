#include "sim/plan/bucket_arrivals.h"
#include <math.h>
#include <stdio.h>

static const double same_cost = 0.05;

void kw_bucket_study_take(struct kw_bucket_study *x, enum kw_bucket_arrivals how, const struct kw_point *p)
{
    struct kw_bucket_figures *f = &x->of[how];
    f->cost = p->m[KW_METRIC_COST].value;
    f->ttft_p95 = p->m[KW_METRIC_TTFT_P95].value;
    f->feasible = p->feasible;
    snprintf(f->miss, sizeof f->miss, "%s", p->miss);
}

enum kw_status kw_bucket_study_replay(struct kw_bucket_study *x, enum kw_bucket_arrivals how,
                                      const struct kw_candidate *c, const struct kw_study *study,
                                      const struct kw_sweep_options *run, struct kw_error *err)
{
    struct kw_point p;
    struct kw_study s = *study;
    struct kw_sweep_options quiet = *run;
    enum kw_status st = kw_point_init(&p, err);
    if (st != KW_OK) return st;
    s.replications = 1; /* the trace itself */
    s.precision = 0;
    s.records = false;
    s.series_step = 0;
    quiet.progress = NULL; /* a sweep of its own would count from zero again */
    if ((st = kw_sweep(&p, c, 1, &s, &quiet, err)) == KW_OK) kw_bucket_study_take(x, how, &p);
    kw_point_free(&p);
    return st;
}

bool kw_bucket_study_matters(const struct kw_bucket_study *x)
{
    const struct kw_bucket_figures *mine = &x->of[x->taken];
    for (int i = 0; i < KW_BUCKET_ARRIVALS; i++)
        if (x->of[i].feasible != mine->feasible || fabs(x->of[i].cost - mine->cost) > same_cost * mine->cost)
            return true;
    return false;
}

char *kw_bucket_study_text(const struct kw_bucket_study *x, char *buf, size_t size)
{
    static const char *const when[] = { "at random (buckets=poisson)", "at equal gaps (buckets=even)",
                                        "all as it begins (buckets=begin)" };
    size_t used = (size_t)snprintf(buf, size, "requests of a %s are taken to come %s",
                                   x->load_test ? "load test" : "bucket", when[x->taken]);
    for (int k = 0; k < KW_BUCKET_ARRIVALS && used < size; k++) {
        int i = k ? (k <= (int)x->taken ? k - 1 : k) : (int)x->taken; /* the taken one first */
        const struct kw_bucket_figures *f = &x->of[i];
        if (k) used += (size_t)snprintf(buf + used, size - used, "; %s", when[i]);
        if (used < size)
            used +=
                (size_t)snprintf(buf + used, size - used, ": $%.*f a month, TTFT p95 ", f->cost < 100 ? 2 : 0, f->cost);
        if (used < size)
            used += isnan(f->ttft_p95) ? (size_t)snprintf(buf + used, size - used, "-")
                                       : (size_t)snprintf(buf + used, size - used, "%.3g s", f->ttft_p95);
        if (used < size && !f->feasible) used += (size_t)snprintf(buf + used, size - used, ", misses %s", f->miss);
    }
    if (used < size)
        snprintf(buf + used, size - used, "%s",
                 kw_bucket_study_matters(x) ? ". It matters: the log of the requests themselves settles it"
                                            : ". It does not matter here");
    return buf;
}
