#include "engine/sampler.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum kw_status kw_sampler_init(struct kw_sampler *s, const struct kw_sampling *how, uint64_t id, struct kw_error *err)
{
    *s = (struct kw_sampler){ .how = *how };
    if (!(how->temperature >= 0 && isfinite(how->temperature)))
        return kw_fail(err, KW_ERANGE, "temperature: want a number from 0; got %g", (double)how->temperature);
    if (!(how->top_p >= 0 && how->top_p <= 1))
        return kw_fail(err, KW_ERANGE, "top_p: want a number from 0 to 1; got %g", (double)how->top_p);
    return kw_rng_init(&s->rng, how->seed, id, KW_RNG_SAMPLING, err);
}

void kw_sampler_free(struct kw_sampler *s)
{
    kw_rng_free(&s->rng);
}

enum kw_status kw_sampler_scratch_init(struct kw_sampler_scratch *x, uint32_t vocab, struct kw_error *err)
{
    x->vocab = vocab;
    x->candidate = malloc(vocab * sizeof *x->candidate);
    return x->candidate ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for sampling over %u tokens", vocab);
}

void kw_sampler_scratch_free(struct kw_sampler_scratch *x)
{
    free(x->candidate);
    x->candidate = NULL;
}

/* The largest of each block, in lanes that need not wait for each other, then a search in the first block that holds
 * the largest of all: 25 us for 128,256 logits, where comparing each with the best so far takes 480. No comparison with
 * NaN is true, so NaN never gets in. */
uint32_t kw_argmax(const float *logits, uint32_t n)
{
    enum { LANES = 16, BLOCK = 256 };
    float best = -INFINITY;
    uint32_t at = 0, i = 0;
    for (; i + BLOCK <= n; i += BLOCK) {
        float most[LANES];
        for (int j = 0; j < LANES; j++) most[j] = -INFINITY;
        for (const float *v = logits + i; v < logits + i + BLOCK; v += LANES)
            for (int j = 0; j < LANES; j++) most[j] = v[j] > most[j] ? v[j] : most[j];
        for (int j = 0; j < LANES; j++)
            if (most[j] > best) best = most[j], at = i;
    }
    for (; i < n; i++)
        if (logits[i] > best) best = logits[i], at = i;
    for (i = at; i < n; i++)
        if (logits[i] == best) return i;
    return 0;
}

static bool before(const struct kw_sampler_candidate *a, const struct kw_sampler_candidate *b)
{
    return a->logit > b->logit || (a->logit == b->logit && a->id < b->id);
}

/* A heap whose root comes before all others: the best come out one by one, and only as many as are needed. */
static void sift(struct kw_sampler_candidate *h, uint32_t i, uint32_t n)
{
    for (uint32_t c; (c = 2 * i + 1) < n; i = c) {
        if (c + 1 < n && before(&h[c + 1], &h[c])) c++;
        if (!before(&h[c], &h[i])) return;
        struct kw_sampler_candidate t = h[i];
        h[i] = h[c], h[c] = t;
    }
}

/* A draw from all of them needs no order. */
static uint32_t draw_any(const struct kw_sampler_candidate *c, uint32_t n, double t, double u)
{
    double hottest = c[0].logit, total = 0;
    for (uint32_t i = 1; i < n; i++)
        if (c[i].logit > hottest) hottest = c[i].logit;
    for (uint32_t i = 0; i < n; i++) total += exp((c[i].logit - hottest) / t);
    uint32_t last = 0;
    double left = u * total;
    for (uint32_t i = 0; i < n; i++) {
        double w = exp((c[i].logit - hottest) / t);
        if (!(w > 0)) continue; /* also what infinite logits make: NaN */
        last = i;
        if ((left -= w) < 0) break;
    }
    return c[last].id;
}

uint32_t kw_sampler_next(struct kw_sampler *s, struct kw_sampler_scratch *x, const float *logits)
{
    if (s->how.temperature == 0) return kw_argmax(logits, x->vocab);
    double u = kw_rng_uniform(&s->rng); /* drawn in any case: one draw a token */
    struct kw_sampler_candidate *c = x->candidate;
    uint32_t n = 0;
    for (uint32_t i = 0; i < x->vocab; i++)
        if (logits[i] == logits[i]) c[n++] = (struct kw_sampler_candidate){ logits[i], i };
    if (n == 0) return 0;
    if (!s->how.top_k && (s->how.top_p == 0 || s->how.top_p == 1)) return draw_any(c, n, s->how.temperature, u);
    for (uint32_t i = n / 2; i-- > 0;) sift(c, i, n);
    const double hottest = c[0].logit, t = s->how.temperature;
    if (!isfinite(hottest)) return c[0].id; /* +inf wins outright; -inf: all are alike */

    /* The best move to the array's end as they leave the heap: the i-th best is c[n - 1 - i]. Weights are
     * exp((logit - best) / t), so the first is 1. */
    const uint32_t k = s->how.top_k && s->how.top_k < n ? s->how.top_k : n;
    const double p = s->how.top_p == 0 ? 1 : s->how.top_p;
    double total = 0, kept = 0;
    bool all = k == n;
    if (all) /* top_p is a share of everything, sorted or not */
        for (uint32_t i = 0; i < n; i++) total += exp((c[i].logit - hottest) / t);
    uint32_t m = 0;
    for (; m < k && !(all && m && kept >= p * total); m++) {
        kept += exp((c[0].logit - hottest) / t);
        struct kw_sampler_candidate best = c[0];
        c[0] = c[n - 1 - m];
        sift(c, 0, n - 1 - m);
        c[n - 1 - m] = best;
    }
    if (!all && p < 1) { /* a share of the k kept ones */
        total = kept, kept = 0;
        uint32_t most = m;
        for (m = 0; m < most && !(m && kept >= p * total); m++) kept += exp((c[n - 1 - m].logit - hottest) / t);
    }
    double left = u * kept;
    for (uint32_t i = 0; i < m; i++) {
        left -= exp((c[n - 1 - i].logit - hottest) / t);
        if (left < 0) return c[n - 1 - i].id;
    }
    return c[n - m].id; /* rounding left a crumb: the last of them */
}
