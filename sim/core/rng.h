/* sim/core/rng.h - random streams. One stream per purpose, so a change of policy leaves the others' draws alone and two
 * configurations meet the same requests and the same luck (common random numbers). The generator is xoshiro256++
 * (Blackman & Vigna, ACM TOMS 47(4), 2021), wrapped as a gsl_rng_type so that every GSL distribution works on it. */
#ifndef KW_SIM_CORE_RNG_H
#define KW_SIM_CORE_RNG_H
#include <gsl/gsl_rng.h>
#include <stdint.h>
#include "sim/core/status.h"

enum kw_purpose { /* what a stream is for; add at the end, the numbers are part of a result's identity */
                  KW_RNG_ARRIVALS = 1,
                  KW_RNG_LENGTHS,
                  KW_RNG_COLD_START,
                  KW_RNG_CACHE_HIT,
                  KW_RNG_FAILURE,
                  KW_RNG_API_LATENCY,
                  KW_RNG_ROUTING,
                  KW_RNG_RESAMPLE,
                  KW_RNG_RETRY,
                  KW_RNG_SERVICE,
                  KW_RNG_CLASS,
                  KW_RNG_SAMPLING,
                  KW_RNG_INTERRUPTION,
                  KW_RNG_REGION,
                  KW_RNG_ADAPTER,
                  KW_RNG_POOLED,
                  KW_RNG_DRAFTS,
                  KW_RNG_SESSIONS
};

struct kw_rng {
    gsl_rng *g; /* owned; hand it to gsl_ran_* */
};

/* A stream that depends on all three and on nothing else. KW_ENOMEM leaves r->g NULL. */
enum kw_status kw_rng_init(struct kw_rng *r, uint64_t seed, uint64_t replication, enum kw_purpose purpose,
                           struct kw_error *err);
void kw_rng_free(struct kw_rng *r); /* safe to call again */

uint64_t kw_rng_u64(struct kw_rng *r);            /* 64 uniform bits */
double kw_rng_uniform(struct kw_rng *r);          /* (0, 1): never 0, never 1 */
#define KW_RNG_UNIFORM_MOST (1 - 0x1p-53)         /* the largest of them; the smallest is 1 less it */
double kw_rng_exp(struct kw_rng *r, double mean); /* exponential; mean >= 0 */
double kw_rng_normal(struct kw_rng *r);           /* N(0, 1), inversion: exactly one draw, so streams stay aligned */
uint64_t kw_mix64(uint64_t x);                    /* splitmix64 finaliser: a hash, not a stream */
extern const gsl_rng_type *kw_rng_xoshiro;

#endif
