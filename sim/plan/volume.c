#include "sim/plan/volume.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/rng.h"

#define SPREAD_NS (30 * KW_NS_PER_S)

/* Exactly as long as needed: at 16 times its volume a trace is large. */
static enum kw_status columns(struct kw_trace *out, const struct kw_trace *in, size_t n, size_t n_hash,
                              struct kw_error *err)
{
    bool ok = (out->arrival = malloc(n * sizeof *out->arrival)) && (out->prompt = malloc(n * sizeof *out->prompt)) &&
              (out->output = malloc(n * sizeof *out->output)) &&
              (!in->model || (out->model = malloc(n * sizeof *out->model))) &&
              (!in->cached || (out->cached = malloc(n * sizeof *out->cached))) &&
              (!in->written || (out->written = malloc(n * sizeof *out->written))) &&
              (!in->klass || (out->klass = malloc(n * sizeof *out->klass))) &&
              (!in->hash_at || ((out->hash_at = malloc((n + 1) * sizeof *out->hash_at)) &&
                                (out->hash = malloc((n_hash + 1) * sizeof *out->hash))));
    if (!ok) return kw_fail(err, KW_ENOMEM, "out of memory for %zu requests", n);
    out->hash_block = in->hash_block;
    out->epoch_unix = in->epoch_unix;
    out->origin = in->origin;
    out->span = in->span;
    out->notes = in->notes;
    return KW_OK;
}

/* Uniform in (0, 1), a function of the request alone, so that thinner traces are subsets of fuller ones. */
static double lot(uint64_t seed, size_t i)
{
    return ((double)(kw_mix64(seed ^ kw_mix64(i + 1)) >> 11) + 0.5) * 0x1p-53;
}

enum kw_status kw_volume_scale(struct kw_trace *out, const struct kw_trace *in, double factor, uint64_t seed,
                               struct kw_error *err)
{
    memset(out, 0, sizeof *out);
    out->epoch_unix = INT64_MIN;
    if (!(factor >= 1e-6) || factor > 1e6 || (factor > 1 && factor != floor(factor)))
        return kw_fail(err, KW_ERANGE, "volume factor %g: want 1e-6 to 1, or a whole number", factor);
    uint32_t times = factor > 1 ? (uint32_t)factor : 1;
    size_t n = 0, n_hash = 0;
    for (size_t i = 0; i < in->n; i++) {
        if (factor < 1 && lot(seed, i) >= factor) continue;
        n += times;
        if (in->hash_at) n_hash += (size_t)times * (in->hash_at[i + 1] - in->hash_at[i]);
    }
    if (n == 0) return kw_fail(err, KW_ERANGE, "no request is left at %g times the volume", factor);
    if (n >= KW_TRACE_MAX_ROWS || n_hash >= UINT32_MAX)
        return kw_fail(err, KW_ERANGE, "%g times the volume is %zu requests, too many", factor, n);
    enum kw_status st = columns(out, in, n, n_hash, err);
    struct kw_rng rng = { .g = NULL };
    if (st == KW_OK) st = kw_rng_init(&rng, seed, times, KW_RNG_RESAMPLE, err);
    size_t at = 0, h = 0;
    for (size_t i = 0; i < in->n && st == KW_OK; i++) {
        if (factor < 1 && lot(seed, i) >= factor) continue;
        for (uint32_t c = 0; c < times; c++, at++) {
            kw_ns t = in->arrival[i];
            if (c) t += (kw_ns)((2 * kw_rng_uniform(&rng) - 1) * (double)SPREAD_NS);
            out->arrival[at] = t < 0 ? 0 : t > in->span ? in->span : t;
            out->prompt[at] = in->prompt[i];
            out->output[at] = in->output[i];
            if (in->model) out->model[at] = in->model[i];
            if (in->cached) out->cached[at] = in->cached[i];
            if (in->written) out->written[at] = in->written[i];
            if (in->klass) out->klass[at] = in->klass[i];
            if (!in->hash_at) continue;
            out->hash_at[at] = (uint32_t)h;
            for (uint32_t k = in->hash_at[i]; k < in->hash_at[i + 1]; k++)
                out->hash[h++] = c ? kw_mix64(in->hash[k] ^ kw_mix64(c)) : in->hash[k];
        }
    }
    kw_rng_free(&rng);
    if (st == KW_OK) {
        out->n = n;
        if (in->hash_at) out->hash_at[n] = (uint32_t)h;
        if (times > 1) st = kw_trace_sort(out, err);
    }
    if (st != KW_OK) {
        kw_trace_free(out);
        return st;
    }
    return KW_OK;
}
