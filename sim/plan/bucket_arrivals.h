/* sim/plan/bucket_arrivals.h - a trace of usage buckets, or of a load test at a rate, does not say when its requests came: does
 * that matter? One configuration is replayed on the trace with them spread in each way there is (trace.h). */
#ifndef KW_SIM_PLAN_BUCKET_ARRIVALS_H
#define KW_SIM_PLAN_BUCKET_ARRIVALS_H
#include "sim/plan/sweep/sweep.h"

struct kw_bucket_study {
    bool shown;                    /* the trace is such a one, and could be read again */
    bool load_test;                /* of no buckets */
    enum kw_bucket_arrivals taken; /* what the answer rests on */
    struct kw_bucket_figures {
        double cost, ttft_p95; /* USD a month, s; NAN: none completed */
        bool feasible;
        char miss[96];
    } of[KW_BUCKET_ARRIVALS];
};

/* One of x->of, by a replay of candidate c. study->trace: spread this way. KW_ENOMEM, KW_EFAIL when stopped. */
enum kw_status kw_bucket_study_replay(struct kw_bucket_study *x, enum kw_bucket_arrivals how,
                                      const struct kw_candidate *c, const struct kw_study *study,
                                      const struct kw_sweep_options *run, struct kw_error *err);
/* The one that is known already: of point p. */
void kw_bucket_study_take(struct kw_bucket_study *x, enum kw_bucket_arrivals how, const struct kw_point *p);

/* Another way misses objectives that the taken one meets or the other way round, or costs 5 % more or less: as much as the
 * differences that a plan calls none. */
bool kw_bucket_study_matters(const struct kw_bucket_study *x);
/* All of it in a sentence. Returns buf. */
char *kw_bucket_study_text(const struct kw_bucket_study *x, char *buf, size_t size);

#endif
