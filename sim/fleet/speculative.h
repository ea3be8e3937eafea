/* sim/fleet/speculative.h - speculative decoding: what drafting takes, and how many drafted tokens turn out to be right.
 *
 * In each step a decoding sequence has k drafted tokens verified beside its last one. The run of leading right ones comes
 * out, and one more, which the model itself says: 1 to 1 + k tokens. Token i of a draft is right, where those before it
 * were, with probability accept[i]; where all are alike, a, a step brings
 *     E = (1 - a^(k+1)) / (1 - a)
 * tokens in the mean. Source: Leviathan et al., ICML 2023, arXiv:2211.17192, equation 1, whose assumption that one token's
 * acceptance tells nothing of the next one's is made here too.
 *
 * Whether an answer's token at a place would be guessed is a function of the run's seed, the request and that place, and
 * of nothing else: neither of the batch, the stepping or the threads, nor of k.
 *
 * Drafting follows in the same step, k passes one after the other (vLLM v1/spec_decode: the first over the step's own tokens,
 * each further one over the newest token of each sequence), so the step's tokens are handed out when it is over, all at
 * one time: the first of them at a gap of the step, the others at none. */
#ifndef KW_SIM_FLEET_SPECULATIVE_H
#define KW_SIM_FLEET_SPECULATIVE_H
#include <stdint.h>
#include "calibrate/profile/steptime.h"
#include "engine/scheduler/scheduler.h"

struct kw_speculative {
    uint32_t tokens;                    /* k; 0: there is none, and the rest is not looked at */
    double accept[KW_SCHED_MAX_DRAFTS]; /* [tokens] 0..1 */
    const struct kw_steptime *draft;    /* of a draft model, compiled for the same steps; borrowed. NULL: pass_ps */
    int64_t pass_ps;                    /* a pass, whatever its batch; 0: drafting takes the device no time */
};

/* E above for accept[], from 1 to 1 + tokens. */
double kw_speculative_mean(const struct kw_speculative *p);
/* How many of the draft for the places from `place` on are right, 0 to tokens; luck: of the request, 64 bits that look
 * random. */
uint32_t kw_speculative_right(const struct kw_speculative *p, uint64_t luck, uint32_t place);
/* What drafting adds to the step: nothing of pass_ps where nobody gets a token. */
int64_t kw_speculative_ps(const struct kw_speculative *p, const struct kw_step *step);

#endif
