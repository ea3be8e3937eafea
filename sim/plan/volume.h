/* sim/plan/volume.h - the same traffic at another volume, by a rule that keeps its daily shape and its bursts.
 *
 * A volume is taken as a number of users who each do what they did: more of them are more copies of the trace, fewer are
 * fewer of its bursts.
 * Above 1, superposition: whole copies, each moved as a whole by a draw of its own within +-15 minutes, round the
 * window's end (up to +-1 h where fewer than 1000 requests come in 30 minutes, so that the chance of a few is not taken
 * for the shape of the day; at most a sixteenth of the span); the rest of the factor is one more copy, thinned. Moved apart by more
 * than a burst lasts, copies burst at different times, so the index of dispersion I (variance over mean of the requests
 * in 10 s) stays that of one, while what all copies share, the shape of day and week, grows with the volume.
 * Below 1, thinning by bursts: requests that follow another closely are joined to it, and such a run is kept or left out
 * as a whole. Joined are those with the smallest gaps, at most 10 s, a share q of all with
 *     q = (I - 1)/(I + 1),
 * the q at which batches of geometric size have that I; with it thinning leaves I as it was. Thinned one by one, I - 1
 * would shrink with the factor, and bursts would come apart into single cold starts. I = 1, a Poisson process: single
 * requests.
 * Sources: superposition and thinning, Cox & Isham, Point Processes (1980), 4.3 and 4.5; I of geometric batches, ibid.
 * 3.1; traffic as clients of their own bursts, Xiang et al., ServeGen, arXiv:2505.09999. */
#ifndef KW_SIM_PLAN_VOLUME_H
#define KW_SIM_PLAN_VOLUME_H
#include "workloads/trace.h"

#define KW_VOLUME_WINDOW (10 * KW_NS_PER_S) /* what dispersion is counted in */

/* out = in at `factor` times the volume. Exactly that volume: which run is kept last is chosen so that prompt and output
 * tokens come to factor times those of in, to within half a run. What is kept at a factor is kept at a larger one.
 * windows > 1 lays that many windows one after another, each thinned by draws of its own, so that little traffic still
 * shows what it does; the volume is then factor * windows times in's, over that many spans. Deterministic in (in,
 * factor, windows, seed). KW_ERANGE: factor is not within 1e-6 and 1e6, nothing is left, or too many requests. out must
 * not be in. */
enum kw_status kw_volume_scale(struct kw_trace *out, const struct kw_trace *in, double factor, uint32_t windows,
                               uint64_t seed, struct kw_error *err);

/* Of that the slices [from[i], from[i] + length) alone, i < n, laid one after another. Their tokens come to factor times
 * those of as much time of in, to within a few runs. No calendar is left. */
enum kw_status kw_volume_slices(struct kw_trace *out, const struct kw_trace *in, double factor, const kw_ns *from,
                                size_t n, kw_ns length, uint64_t seed, struct kw_error *err);

/* I of requests in windows of `window`, from the differences of neighbouring windows, so that a slow change of the rate
 * does not count as bursts: sum (N_i+1 - N_i)^2 / (2 sum N_i). 1 for a trace of fewer than 2 windows. */
double kw_volume_dispersion(const struct kw_trace *t, kw_ns window);

/* Prompt and output tokens of all requests. */
double kw_volume_tokens(const struct kw_trace *t);

#endif
