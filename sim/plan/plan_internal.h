/* sim/plan/plan_internal.h - what the files that make a plan share: enumerate, search, rank, explain, in this order. */
#ifndef KW_SIM_PLAN_PLAN_INTERNAL_H
#define KW_SIM_PLAN_PLAN_INTERNAL_H
#include "sim/plan/plan.h"

#define KW_PLAN_CONTENDS 1.25   /* times the cheapest's cost: up to where another family contends */
#define KW_PLAN_MAX_REPLICAS 64 /* above this a plan is a capacity contract, not a keep-warm count */

/* Appends a candidate of one deployment, or a copy of any; KW_ENOMEM: unchanged. */
enum kw_status kw_plan_push(struct kw_plan *p, const struct kw_choice *c, struct kw_error *err);
enum kw_status kw_plan_push_copy(struct kw_plan *p, const struct kw_candidate *c, struct kw_error *err);
/* Appends two deployments; the second's name is told apart where both are on one platform. */
enum kw_status kw_plan_push_pair(struct kw_plan *p, const struct kw_choice *first, const struct kw_choice *second,
                                 const struct kw_routing *routing, struct kw_error *err);
/* The deployment of candidate i where it is one of a row of settings of a serverless offer: not as the user wrote it, the same
 * number kept all week, no mitigation; else NULL. */
const struct kw_choice *kw_plan_serverless(const struct kw_plan *p, size_t i);
/* Notes what was not considered and why. */
enum kw_status kw_plan_drop(struct kw_plan *p, const char *what, const char *why, struct kw_error *err);
/* Appends hybrids of the best of the first `looked` candidates, which have had a first look: serverless with an API
 * while cold or busy, dedicated with either for bursts, a class to warm replicas and another to some that scale to zero, a
 * class that says how long it may wait to the cheapest batch that is answered in time. Points do not grow here. */
enum kw_status kw_plan_hybrids(struct kw_plan *p, size_t looked, const struct kw_study *study,
                               const struct kw_plan_options *o, struct kw_error *err);
/* Appends mixes of the best few offers of GPUs among the first `looked`: a dedicated pool of several sizes, with serverless
 * replicas for what it has no room for, or with machines of another GPU. What there is none of is dropped by name. */
enum kw_status kw_plan_mixes(struct kw_plan *p, size_t looked, struct kw_error *err);
/* Appends, of the best of each of a few platforms among the first `looked`, one deployment for each region of the traffic:
 * in the nearest places that the options allow, and in the cheapest that a region lies in. */
enum kw_status kw_plan_regions(struct kw_plan *p, size_t looked, const struct kw_trace *t,
                               const struct kw_plan_options *o, struct kw_error *err);
/* Appends the cheapest schedule by the hour of the week of the best serverless offers, where one saves something, and fills
 * schedule. Points do not grow here. */
enum kw_status kw_plan_schedules(struct kw_plan *p, const struct kw_study *study, const struct kw_plan_options *o,
                                 struct kw_error *err);
/* Appends the best serverless offers with what the options name against cold starts, where the platform has it, the traffic
 * has classes that may wait, or days that come back; p->untried. Points do not grow here. */
enum kw_status kw_plan_mitigations(struct kw_plan *p, const struct kw_study *study, const struct kw_plan_options *o,
                                   struct kw_error *err);
void kw_plan_schedules_settle(struct kw_plan *p); /* which candidates they are, when others have been dropped */
/* Whether the place lies in one that the options name. */
bool kw_plan_allows_region(const struct kw_plan_options *o, const struct kw_region_offer *r);
/* What the options say of interruptions, into a choice of spot machines where it lies. */
void kw_plan_own_spot(struct kw_choice *d, const struct kw_plan_options *o, bool fallback);
/* Whether it is known how often they are interrupted and what follows, or the options rank them without; else why not. */
bool kw_plan_allows_spot(const struct kw_plan_options *o, const struct kw_choice *d, char *why, size_t size);
/* What the options say of batches, into an API's choice by the batch. */
void kw_plan_batch_options(struct kw_choice *c, const struct kw_plan_options *o);
/* Numbers of units to try of an API's capacity bought ahead, ascending, all of them `step` apart: from the fewest that can be
 * bought, or, where what does not fit is refused, those for nine tenths of the mean load, to half as many again as carry
 * the busiest minute. Each of the counts that are sold where they are at most KW_PLAN_MAX_COUNTS. p: window of no weight. */
#define KW_PLAN_MAX_COUNTS 200
size_t kw_plan_unit_counts(const struct kw_trace *t, const struct kw_provision *p, uint32_t tokens_ppm,
                           uint32_t out[KW_PLAN_MAX_COUNTS], uint32_t *step);
/* What the tokens that such units cannot carry cost in a month at the least, USD, on the trace itself; 0 where nothing is
 * certain, and of any other choice. It comes on top of kw_cost_floor. O(requests). */
double kw_plan_units_floor(const struct kw_choice *c, const struct kw_trace *t, kw_ns month);
/* Fills family from the candidates. Quadratic in them, which a thousand candidates bear. */
enum kw_status kw_plan_families(struct kw_plan *p, struct kw_error *err);
/* Simulates what can matter, and leaves in the plan only candidates with at least one replication. Frees what an
 * earlier run left in points; needs a rank afterwards, as family and order are stale. */
enum kw_status kw_plan_search(struct kw_plan *p, const struct kw_study *study, const struct kw_plan_options *o,
                              struct kw_error *err);
/* Only the cheapest that meets the objectives, in best: one replication of what may be that, or costs up to KW_PLAN_NEAR
 * of it. widened: with other idle timeouts and concurrencies for the leaders, as kw_plan_search adds them. What was not
 * simulated stays in the plan, without replications. Points must be NULL. */
enum kw_status kw_plan_cheapest(struct kw_plan *p, const struct kw_study *study, const struct kw_plan_options *o,
                                bool widened, struct kw_error *err);
/* Tokens of the trace that engines must compute at the least, as a tokenizer counts them (kw_tokens_as), and the least engine
 * time one of them can take: no replica is busy for less than their product. */
double kw_plan_computed(const struct kw_trace *t, uint32_t tokens_ppm);
double kw_plan_least_token_s(const struct kw_choice *c);
/* Fills order, best, runner_up, nearest_miss, margin and tie from the points. */
enum kw_status kw_plan_rank(struct kw_plan *p, const struct kw_study *study, struct kw_error *err);
/* Fills stress, the points' margins and, where another offer within the tie bears them better, turns best, runner_up, margin and
 * passed_over to it. At most KW_PLAN_STRESSED offers are replayed, the others only where the cheapest misses. */
enum kw_status kw_plan_steady(struct kw_plan *p, const struct kw_study *study, const struct kw_sweep_options *run,
                              struct kw_error *err);
/* Fills ranges: the other readings of those that contend, told where they move the cost by more than the margin; and of
 * the best of each other platform, told where they make it one that contends. */
enum kw_status kw_plan_ranges(struct kw_plan *p, const struct kw_study *study, const struct kw_sweep_options *run,
                              struct kw_error *err);
/* Fills flips once best stands: of prices, then of times (flip_times.h). */
enum kw_status kw_plan_flips(struct kw_plan *p, const struct kw_study *study, const struct kw_plan_options *o,
                             struct kw_error *err);
/* Appends a fact that nothing is known of yet. */
enum kw_status kw_plan_flip_push(struct kw_plan *p, const struct kw_lever *l, struct kw_error *err);
/* Fills tradeoffs, once the order stands. */
enum kw_status kw_plan_tradeoffs(struct kw_plan *p, const struct kw_study *study, const struct kw_plan_options *o,
                                 struct kw_error *err);
/* Fills recommendation, why and assumptions once best, runner_up and nearest_miss stand. */
enum kw_status kw_plan_explain(struct kw_plan *p, struct kw_error *err);

#endif
