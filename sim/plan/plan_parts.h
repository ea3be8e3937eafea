/* sim/plan/plan_parts.h - one traffic, several models: each is planned alone, with what the user wrote for it, and the
 * bills are added up as those of one customer. */
#ifndef KW_SIM_PLAN_PLAN_PARTS_H
#define KW_SIM_PLAN_PLAN_PARTS_H
#include "sim/plan/plan.h"

struct kw_plan_part {
    const char *model;           /* borrowed */
    struct kw_trace picked;      /* owned; empty where the part is the whole trace */
    struct kw_candidate written; /* owned; n == 0 where the user wrote no deployments */
    struct kw_plan plan;         /* owned; for the caller to fill */
};

struct kw_plan_parts {
    struct kw_plan_part
        *part; /* [n], owned; at least one; in order of their first deployment, else of the trace's names */
    size_t n;
};

/* A part a model, where the deployments serve several and requests are routed to them by the trace's model or class, or
 * where nobody says which model serves and the trace names its own. Else one part: of `model`, or, where no deployment
 * serves that, of the first deployment's; a request's model is then whatever answers it. model_of[written->n]: of each
 * deployment, of a fine-tune its base. A fine-tune is of its base's part. written may be NULL, model too. KW_EUSAGE: nobody names a model. KW_ERANGE: a model gets no request. */
enum kw_status kw_plan_parts_split(struct kw_plan_parts *x, const struct kw_trace *trace,
                                   const struct kw_candidate *written, const char *const *model_of, const char *model,
                                   const struct kw_fine_tunes *fine_tunes, struct kw_error *err);
void kw_plan_parts_free(struct kw_plan_parts *x); /* safe to call again */
/* The part's requests: picked ones, or all of the trace. */
const struct kw_trace *kw_plan_part_trace(const struct kw_plan_part *part, const struct kw_trace *whole);

struct kw_plan_whole {
    struct kw_bill bill; /* a month of every part's recommendation, fees and credits once an account */
    kw_nusd one_off;     /* what sign-up credits pay of the first month, once */
    kw_nusd apart;       /* what they would cost as customers of their own */
    bool complete;       /* every part has a recommendation */
};
/* From finished plans; parts without a recommendation are left out. */
enum kw_status kw_plan_parts_whole(struct kw_plan_whole *w, const struct kw_plan_parts *x, struct kw_error *err);

#endif
