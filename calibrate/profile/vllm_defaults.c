#include "calibrate/profile/vllm_defaults.h"
#include <math.h>
#include <stdio.h>

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
    p->init = (struct kw_law){ .kind = KW_LAW_QUANTILES, .n = 2, .p = { 0.25, 0.75 } };
    p->init.v[0] = round(14 * scale * 10) / 10;
    p->init.v[1] = round(39 * scale * 10) / 10;
    p->init.provenance = (struct kw_provenance){ .grade = KW_GRADE_ESTIMATED, .date = "2026-11-23" };
    snprintf(p->init.provenance.source, sizeof p->init.provenance.source,
             "ENGINE.md 1: vLLM 8B init 14 s, 39 s with compile; half the starts each%s",
             scale > 1 ? "; scaled by layers" : "");
}
