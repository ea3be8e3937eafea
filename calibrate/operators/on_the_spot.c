#include "calibrate/operators/on_the_spot.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "calibrate/operators/server_law.h"
#include "calibrate/profile/kv.h"
#include "calibrate/profile/vllm_defaults.h"

/* Turing has no bf16; fp8 came with Ada, FP4 products with Blackwell; 4-bit weights that are widened on the way run from
 * Ampere on (vLLM's Marlin and Triton kernels), int4 from Turing on (docs.vllm.ai, supported hardware for quantization
 * kernels, read 2026-11-30). */
static bool runs(const struct kw_gpu_spec *g, const char *precision)
{
    if (!strcmp(precision, "bf16") || !strcmp(precision, "mxfp4")) return g->sm >= 80;
    if (!strcmp(precision, "fp16")) return g->sm < 80;
    if (!strcmp(precision, "nvfp4")) return g->sm >= 100;
    return !strcmp(precision, "int4") || (!strcmp(precision, "fp8") && g->flops_fp8 > 0);
}

static struct kw_parallel parallel_of(const struct kw_split *s)
{
    return (struct kw_parallel){ s->tp, s->dp, s->ep };
}

static enum kw_status size_cache(struct kw_profile *p, const struct kw_model_shape *m, const struct kw_gpu_spec *g,
                                 const struct kw_split *split, struct kw_error *err)
{
    double tp = p->tp, token = kw_kv_gpu_bytes_per_token(m, p->precision, p->tp) / (split->kv_fp8 ? 2 : 1),
           layers = m->layers - m->linear_layers, weights = kw_kv_gpu_weight_bytes(m, p->precision, parallel_of(split));
    double room = kw_kv_room(g, m, p->precision, parallel_of(split), p->max_num_batched_tokens),
           state = kw_model_state_bytes(m) / tp;
    if (state > 0) {
        p->max_num_seqs = (uint32_t)fmax(1, fmin(p->max_num_seqs, room / 2 / state));
        room -= p->max_num_seqs * state;
    }
    double plain = room / token, full = token * (layers - m->window_layers) / layers,
           windows = p->max_num_seqs * (token - full) * m->window,
           kept = m->window_layers ? (room - windows) / full : 0;
    double tokens = fmax(plain, full > 0 ? kept : 0);
    if (!(tokens >= KW_KV_SMALLEST))
        return kw_fail(err, KW_ERANGE,
                       "%s %s does not fit on %u x %s: %.1f GB of weights a GPU leave %.1f of %.1f GB for "
                       "the KV cache",
                       m->name, p->precision, split->tp * split->dp, g->name, weights / 1e9, room / 1e9,
                       g->memory_bytes / 1e9);
    p->block_size = KW_KV_BLOCK_SIZE;
    p->num_blocks = (uint32_t)fmin(tokens / KW_KV_BLOCK_SIZE, 1 << 30);
    p->kv_bytes_per_token = (tokens > plain ? full : token) * tp;
    p->max_model_len = (uint32_t)fmin(m->max_position, (double)p->num_blocks * p->block_size);
    p->kv = (struct kw_provenance){ .grade = KW_GRADE_ESTIMATED, .date = "2026-11-30" };
    snprintf(
        p->kv.source, sizeof p->kv.source,
        "0.9 memory - weights - 0.99 GB - activations, by the shape's kinds of attention (calibrate/profile/kv.h)");
    return KW_OK;
}

static enum kw_status by_laws(struct kw_profile *out, const struct kw_model_shape *m, const struct kw_gpu_spec *gpu,
                              const struct kw_kernel_laws *laws, const char *precision, const struct kw_split *split,
                              struct kw_error *err)
{
    uint32_t tp = split->tp;
    struct kw_profile p = { .tp = tp,
                            .dp = split->apart ? split->dp : 1,
                            .ep = split->ep,
                            .routing = m->experts.n ? split->routing : KW_EXPERTS_POWER_LAW };
    struct kw_link link = { .gpus = 0 }, exchange = { .gpus = 0 };
    *out = (struct kw_profile){ 0 };
    if (isnan(kw_model_weight_bytes(m, precision)) || !runs(gpu, precision))
        return kw_fail(err, KW_ERANGE, "%s does not run %s", gpu->name, precision);
    snprintf(p.gpu, sizeof p.gpu, "%s", gpu->name);
    snprintf(p.model, sizeof p.model, "%s", m->name);
    snprintf(p.precision, sizeof p.precision, "%s", precision);
    snprintf(p.engine, sizeof p.engine, "vllm, by the shape alone");
    p.weight_bytes = kw_kv_gpu_weight_bytes(m, precision, parallel_of(split)) * tp * p.dp;
    kw_vllm_limits(&p, gpu);
    kw_vllm_init(&p, m);
    enum kw_status st = kw_server_law_load(err);
    if (st == KW_OK) st = kw_vllm_load_rates(&p, err);
    if (st == KW_OK) st = size_cache(&p, m, gpu, split, err);
    uint32_t joined = split->apart ? tp : tp * split->dp;
    if (st == KW_OK && joined > 1) st = kw_link_in_graph(&link, gpu->link, joined, err);
    if (st == KW_OK && split->apart) st = kw_link_named(&exchange, gpu->link, split->dp, err);
    if (st == KW_OK) st = kw_shape_steps(&p.tables, m, gpu, precision, split, laws, &link, &exchange, err);
    if (st != KW_OK) return st;
    const char *engine = split->engine ? split->engine : "vllm";
    st = kw_server_law_put(&p, engine, tp * split->dp, m->experts.n > 0, !strcmp(laws->from, gpu->name), err);
    if (st != KW_OK) {
        kw_profile_free(&p);
        return st;
    }
    kw_profile_put_link(&p, link.gpus ? &link : &exchange);
    p.steps = (struct kw_provenance){ .grade = KW_GRADE_ESTIMATED, .date = "2026-11-30" };
    snprintf(p.steps.source, sizeof p.steps.source,
             "shape, data sheet, kernels of %.54s%s, host of %.10s; error: of 9 in 10 published servers", laws->from,
             !m->experts.n                           ? ""
             : split->routing == KW_EXPERTS_BALANCED ? ", balanced experts"
                                                     : ", experts",
             engine);
    p.weakest = KW_GRADE_ESTIMATED;
    *out = p;
    return KW_OK;
}

enum kw_status kw_on_the_spot(struct kw_profile *out, const struct kw_model_shape *m, const struct kw_gpu_spec *gpu,
                              const char *precision, const struct kw_split *split, struct kw_error *err)
{
    struct kw_kernel_laws laws;
    *out = (struct kw_profile){ 0 };
    enum kw_status st = kw_kernel_laws_of(&laws, gpu, err);
    return st == KW_OK ? by_laws(out, m, gpu, &laws, precision, split, err) : st;
}

/* Has *all one of that combination which no user's file says? */
static bool stands(const struct kw_profiles *all, const struct kw_model_shape *m, const struct kw_gpu_spec *g,
                   const char *precision, const struct kw_split *split)
{
    const struct kw_parallel par = { split->tp, split->apart ? split->dp : 1, split->ep };
    for (size_t i = 0; i < all->n; i++)
        if (!all->p[i].file[0] && kw_profile_combines(&all->p[i], g->name, m->name, precision, par)) return true;
    return false;
}

/* One more, where it runs and fits and *all has none. */
static enum kw_status add(struct kw_profiles *made, const struct kw_profiles *all, const struct kw_model_shape *m,
                          const struct kw_gpu_spec *g, const struct kw_kernel_laws *laws, const char *precision,
                          const struct kw_split *split, struct kw_error *err)
{
    struct kw_profile p;
    struct kw_error why;
    if (stands(all, m, g, precision, split)) return KW_OK;
    enum kw_status st = by_laws(&p, m, g, laws, precision, split, &why);
    if (st == KW_ERANGE) return KW_OK;
    if (st == KW_OK && (st = kw_profiles_add(made, &p, &why)) != KW_OK) kw_profile_free(&p);
    return st == KW_OK ? st : kw_fail(err, st, "%s", why.msg);
}

/* On every GPU, in the precisions of the checkpoint, and tp 1, 2, 4 and 8: of dp ranks, with experts whole or sliced. */
static enum kw_status add_each(struct kw_profiles *made, const struct kw_profiles *all, const struct kw_model_shape *m,
                               uint32_t dp, bool whole, enum kw_expert_routing routing, struct kw_error *err)
{
    struct kw_kernel_laws laws;
    const char *wide[] = { "bf16", "fp16", "fp8", NULL }, *own[] = { kw_model_own_precision(m), NULL };
    const char *const *precisions = m->quant == KW_QUANT_NONE ? wide : own;
    enum kw_status st = kw_gpu_count() ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory");
    for (size_t g = 0; g < kw_gpu_count() && st == KW_OK; g++) {
        st = kw_kernel_laws_of(&laws, kw_gpu_at(g), err);
        for (size_t k = 0; precisions[k]; k++)
            for (uint32_t tp = 1; tp <= 8 && st == KW_OK; tp *= 2) {
                const struct kw_split split = {
                    .tp = tp, .dp = dp, .ep = whole ? tp * dp : 1, .apart = dp > 1, .routing = routing
                };
                if (!whole || tp * dp > 1) st = add(made, all, m, kw_gpu_at(g), &laws, precisions[k], &split, err);
            }
    }
    return st;
}

static bool lists(const uint32_t *v, size_t n, uint32_t x)
{
    for (size_t i = 0; i < n; i++)
        if (v[i] == x) return true;
    return false;
}

static enum kw_status join(struct kw_profiles *all, struct kw_profiles *made, enum kw_status st, struct kw_error *err)
{
    for (size_t i = 0; i < made->n && st == KW_OK; i++) st = kw_profiles_add(all, &made->p[i], err);
    kw_profiles_free(made);
    return st;
}

enum kw_status kw_on_the_spot_groups(struct kw_profiles *all, const struct kw_model_shape *m, const uint32_t *dp,
                                     size_t n_dp, const uint32_t *ep, size_t n_ep, enum kw_expert_routing routing,
                                     struct kw_error *err)
{
    struct kw_profiles made = { 0 };
    enum kw_status st = KW_OK;
    for (size_t i = 0; i < n_dp && m->experts.n && st == KW_OK; i++) {
        bool sliced = n_ep ? lists(ep, n_ep, 1) : false, whole = n_ep > (size_t)sliced || (!n_ep && dp[i] > 1);
        if (dp[i] > 1 && sliced) st = add_each(&made, all, m, dp[i], false, routing, err);
        if (whole && st == KW_OK) st = add_each(&made, all, m, dp[i], true, routing, err);
    }
    return join(all, &made, st, err);
}

enum kw_status kw_on_the_spot_all(struct kw_profiles *all, const struct kw_model_shape *m,
                                  enum kw_expert_routing routing, struct kw_error *err)
{
    struct kw_profiles made = { 0 };
    enum kw_status st = add_each(&made, all, m, 1, false, routing, err);
    return join(all, &made, st, err);
}
