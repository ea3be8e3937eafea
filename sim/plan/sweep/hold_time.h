/* sim/plan/sweep/hold_time.h - for how long requests that may wait are held (hold.h): as the user says, or as their
 * objective lets:
 *
 *     most = limit - start - service - rtt
 *
 * limit: the shorter of what the class's objective asks of E2E and TTFT; start: what 95 % of the starts take at most;
 * service: what a request as long as 99 % of the class's are at most takes in a replica that is full (prewarm.h's T(B)), since
 * those that are held come together. What it cannot know (a start that takes longer, another queue) makes it late. */
#ifndef KW_SIM_PLAN_SWEEP_HOLD_TIME_H
#define KW_SIM_PLAN_SWEEP_HOLD_TIME_H
#include "sim/plan/sweep/candidate.h"

struct kw_class_lengths { /* tokens that 99 % of a class's requests have at most, as the trace counts them */
    uint32_t prompt[KW_HOLD_CLASSES], output[KW_HOLD_CLASSES];
};

/* O(n log n) over the trace. KW_ENOMEM. */
enum kw_status kw_class_lengths(struct kw_class_lengths *l, const struct kw_trace *t, struct kw_error *err);

/* d's hold as the choice asks. KW_ERANGE with the class whose objective leaves no time; KW_ENOMEM. */
enum kw_status kw_hold_time(struct kw_deployment *d, const struct kw_hold_ask *a, const struct kw_trace *t,
                            const struct kw_class_lengths *l, const struct kw_slo *slo, struct kw_error *err);

/* The classes that may wait by their objectives: something is asked of their E2E, nothing of their TTFT. As bits; a trace
 * without classes has class 0 alone. */
uint32_t kw_hold_classes(const struct kw_trace *t, const struct kw_slo *slo);

#endif
