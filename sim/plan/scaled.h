/* sim/plan/scaled.h - a choice whose times are `by` times as long as its laws say, by > 0: what a wrong law would mean. */
#ifndef KW_SIM_PLAN_SCALED_H
#define KW_SIM_PLAN_SCALED_H
#include "sim/plan/sweep/candidate.h"

/* *out, the caller's: the choice's step times, each term of them `by` times as long. The choice has a profile. */
enum kw_status kw_scaled_steps(struct kw_steptime **out, const struct kw_choice *c, double by, struct kw_error *err);
/* Every phase of a start. */
void kw_scaled_starts(struct kw_choice *c, double by);
/* Of an API the first token; and the rate of those after it, which is so many times as high. */
void kw_scaled_ttft(struct kw_choice *c, double by);
void kw_scaled_rate(struct kw_choice *c, double by);
/* The first token and each one after it `by` times as long. */
void kw_scaled_latency(struct kw_choice *c, double by);

#endif
