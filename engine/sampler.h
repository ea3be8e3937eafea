/* engine/sampler.h - the next token from one row of logits: greedy, temperature, top-k, top-p. One uniform draw a
 * token, so a sequence's tokens depend on its own seed and logits alone, not on the batch or on preemption. */
#ifndef KW_ENGINE_SAMPLER_H
#define KW_ENGINE_SAMPLER_H
#include <stdint.h>
#include "sim/core/rng.h"
#include "sim/core/status.h"

struct kw_sampling {   /* {0} is greedy */
    float temperature; /* 0: greedy */
    uint32_t top_k;    /* 0: all */
    float top_p;       /* (0, 1]; 0 means 1 */
    uint64_t seed;
};

struct kw_sampler { /* of one sequence */
    struct kw_sampling how;
    struct kw_rng rng;
};
/* Working memory that samplers of one thread share: [vocab]. */
struct kw_sampler_scratch {
    struct kw_sampler_candidate {
        float logit;
        uint32_t id;
    } * candidate;
    uint32_t vocab;
};

/* KW_ERANGE: temperature or top_p negative, not finite, top_p > 1. id: one stream each for (seed, id). */
enum kw_status kw_sampler_init(struct kw_sampler *s, const struct kw_sampling *how, uint64_t id, struct kw_error *err);
void kw_sampler_free(struct kw_sampler *s);
enum kw_status kw_sampler_scratch_init(struct kw_sampler_scratch *x, uint32_t vocab, struct kw_error *err);
void kw_sampler_scratch_free(struct kw_sampler_scratch *x);

/* logits / temperature -> the top_k largest (ties: smaller id first) -> softmax -> the smallest set of most likely
 * tokens whose probabilities sum to >= top_p -> one draw in proportion. NaN logits are never chosen; if all are NaN, id
 * 0. */
uint32_t kw_sampler_next(struct kw_sampler *s, struct kw_sampler_scratch *x, const float *logits);

uint32_t kw_argmax(const float *logits, uint32_t n); /* smallest index of the largest; NaN never; 0 if all are NaN */

#endif
