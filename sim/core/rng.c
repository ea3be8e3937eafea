#include "sim/core/rng.h"
#include <assert.h>
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>

static_assert(sizeof(unsigned long) == 8, "GSL hands a draw on as unsigned long");

#define GOLDEN UINT64_C(0x9e3779b97f4a7c15) /* 2^64 / golden ratio: splitmix64's step */

struct state {
    uint64_t s[4];
};

uint64_t kw_mix64(uint64_t x) /* variant 13 of Stafford, as in Steele, Lea, Flood, OOPSLA 2014 */
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

static uint64_t next(struct state *x) /* Blackman & Vigna 2021, figure "xoshiro256++": A=17, B=45, R=23 */
{
    uint64_t *s = x->s, out = rotl(s[0] + s[3], 23) + s[0], t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return out;
}

static void set(void *state, unsigned long seed) /* splitmix64, as the authors advise; never all zero */
{
    struct state *x = state;
    for (int i = 0; i < 4; i++) x->s[i] = kw_mix64(seed + GOLDEN * (uint64_t)(i + 1));
}

static unsigned long get(void *state)
{
    return next(state);
}

static double get_double(void *state)
{
    return (double)(next(state) >> 11) * 0x1p-53;
}

static const gsl_rng_type xoshiro = { .name = "xoshiro256++",
                                      .max = UINT64_MAX,
                                      .min = 0,
                                      .size = sizeof(struct state),
                                      .set = set,
                                      .get = get,
                                      .get_double = get_double };
const gsl_rng_type *kw_rng_xoshiro = &xoshiro;

enum kw_status kw_rng_init(struct kw_rng *r, uint64_t seed, uint64_t replication, enum kw_purpose purpose,
                           struct kw_error *err)
{
    /* By hand instead of gsl_rng_alloc, whose error handler would end the process; gsl_rng_free undoes both. */
    r->g = malloc(sizeof *r->g);
    void *state = malloc(sizeof(struct state));
    if (!r->g || !state) {
        free(r->g);
        free(state);
        r->g = NULL;
        return kw_fail(err, KW_ENOMEM, "out of memory for a random stream");
    }
    *r->g = (gsl_rng){ .type = kw_rng_xoshiro, .state = state };
    uint64_t h = kw_mix64(seed + GOLDEN); /* each step a bijection of h, so streams that differ in one part differ */
    h = kw_mix64((h ^ replication) + GOLDEN);
    h = kw_mix64((h ^ (uint64_t)purpose) + GOLDEN);
    set(state, h);
    return KW_OK;
}

void kw_rng_free(struct kw_rng *r)
{
    if (r->g) gsl_rng_free(r->g);
    r->g = NULL;
}

uint64_t kw_rng_u64(struct kw_rng *r)
{
    return next(r->g->state);
}

double kw_rng_uniform(struct kw_rng *r)
{
    return ((double)(kw_rng_u64(r) >> 12) + 0.5) * 0x1p-52; /* 52 bits: with 53 the last one would round to 1 */
}

double kw_rng_exp(struct kw_rng *r, double mean)
{
    assert(mean >= 0);
    return -mean * log(kw_rng_uniform(r));
}

double kw_rng_normal(struct kw_rng *r)
{
    return gsl_cdf_ugaussian_Pinv(kw_rng_uniform(r));
}
