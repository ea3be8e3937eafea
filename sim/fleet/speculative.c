#include "sim/fleet/speculative.h"
#include "sim/core/rng.h"

double kw_speculative_mean(const struct kw_speculative *p)
{
    double mean = 1, all = 1; /* all: that the first i are right */
    for (uint32_t i = 0; i < p->tokens; i++) mean += all *= p->accept[i];
    return mean;
}

/* [0, 1), by splitmix64's n-th state. */
static double uniform(uint64_t luck, uint32_t n)
{
    return (double)(kw_mix64(luck + n * UINT64_C(0x9e3779b97f4a7c15)) >> 11) * 0x1p-53;
}

uint32_t kw_speculative_right(const struct kw_speculative *p, uint64_t luck, uint32_t place)
{
    uint32_t n = 0;
    while (n < p->tokens && uniform(luck, place + n) < p->accept[n]) n++;
    return n;
}

int64_t kw_speculative_ps(const struct kw_speculative *p, const struct kw_step *step)
{
    struct kw_step pass = { .n_decode = step->n_decode, .decode_context = step->decode_context };
    for (uint32_t i = 0; i < step->n_chunks; i++) {
        if (!step->chunks[i].last) continue;
        pass.n_decode++;
        pass.decode_context += step->chunks[i].past + step->chunks[i].len;
    }
    if (!p->draft) return pass.n_decode ? p->pass_ps * p->tokens : 0;
    int64_t ps = kw_steptime_ps(p->draft, step);
    for (uint32_t i = 1; i < p->tokens && pass.n_decode; i++) {
        pass.decode_context += pass.n_decode;
        ps += kw_steptime_ps(p->draft, &pass);
    }
    return ps;
}
