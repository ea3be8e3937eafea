#include "calibrate/profile/vllm_defaults.h"
#include <math.h>
#include <stdio.h>
#include "calibrate/profile/storage.h"

#define LAYERS_8B 32.0 /* of the model whose engine start is published */

void kw_vllm_limits(struct kw_profile *p, const struct kw_gpu_spec *g)
{
    int large = g->memory_bytes >= 70.0 * (1 << 30) && g->sm != 80;
    p->max_num_seqs = large ? 1024 : 256;
    p->max_num_batched_tokens = large ? 8192 : 2048;
}

void kw_vllm_init(struct kw_profile *p, const struct kw_model_shape *m)
{
    double scale = fmax(1, m->layers / LAYERS_8B);
    double cached = 14 * scale, compiled = 39 * scale;
    p->init = (struct kw_law){ .kind = KW_LAW_QUANTILES, .n = 3, .p = { 0.25, 0.75, 0.95 } };
    p->init.v[0] = round(cached * 10) / 10;
    p->init.v[1] = round(compiled * 10) / 10;
    p->init.v[2] = round(2 * sqrt(cached * compiled) * 10) / 10; /* the median lies between the two in logarithms */
    p->init.provenance = (struct kw_provenance){ .grade = KW_GRADE_ESTIMATED, .date = "2026-11-30" };
    snprintf(p->init.provenance.source, sizeof p->init.provenance.source,
             "ENGINE.md 1: vLLM 8B init 14 s, 39 s with compile; half the starts each, p95 twice the median%s",
             scale > 1 ? "; scaled by layers" : "");
}

enum kw_status kw_vllm_load_rates(struct kw_profile *p, struct kw_error *err)
{
    enum kw_status st = kw_storage_law(&p->load_rate, KW_STORAGE_UNKNOWN, p->tp, err);
    return st == KW_OK ? kw_storage_law(&p->cached_load_rate, KW_STORAGE_NODE, p->tp, err) : st;
}
