#include "calibrate/import/fit_bench.h"
#include "calibrate/import/fit_layers.h"
#include "calibrate/import/import_vllm_bench.h"
#include "calibrate/profile/curve.h"

/* What a step runs, and how often: per layer of the model, or once. */
static const struct {
    const char *name, *file;
    int per_layer; /* 0: once */
    bool head;
} layers[] = {
    { "qkv_proj", "profile_dense.csv", 1, false },        { "o_proj", "profile_dense.csv", 1, false },
    { "gate_up_proj", "profile_dense.csv", 1, false },    { "down_proj", "profile_dense.csv", 1, false },
    { "layernorm", "profile_dense.csv", 2, false },       { "rotary_emb", "profile_dense.csv", 1, false },
    { "act_fn", "profile_dense.csv", 1, false },          { "embedding", "profile_dense.csv", 0, false },
    { "final_layernorm", "profile_dense.csv", 0, false }, { "lm_head", "profile_per_sequence.csv", 0, true },
    { "sampler", "profile_per_sequence.csv", 0, true },
};

static enum kw_status read_attention(struct kw_layer_set *s, const char *dir, struct kw_error *err)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/profile_attention.csv.gz", dir);
    return kw_import_vllm_attention(&s->attention, path, err);
}

enum kw_status kw_bench_mixed(struct kw_step_mixed *law, double *context_ratio, const char *dir, FILE *report,
                              struct kw_error *err)
{
    struct kw_layer_set s = { .n = 0 };
    enum kw_status st = read_attention(&s, dir, err);
    if (st == KW_OK) st = kw_fit_layers_mixed(law, context_ratio, &s, report, err);
    kw_layer_set_free(&s);
    return st;
}

enum kw_status kw_fit_bench(struct kw_profile *p, const char *dir, const struct kw_model_shape *m, FILE *report,
                            struct kw_error *err)
{
    struct kw_layer_set s = { .n = 0 };
    char path[1024];
    enum kw_status st = KW_OK;
    for (size_t i = 0; st == KW_OK && i < sizeof layers / sizeof *layers; i++) {
        struct kw_samples q = { 0 };
        snprintf(path, sizeof path, "%s/%s", dir, layers[i].file);
        st = kw_import_vllm_layer(&q, path, layers[i].name, err);
        double times = layers[i].per_layer ? layers[i].per_layer * (double)m->layers : 1;
        if (st == KW_OK) st = kw_layer_set_add(&s, layers[i].head, &q, times, err);
        kw_samples_free(&q);
    }
    if (st == KW_OK) st = read_attention(&s, dir, err);
    if (st == KW_OK) st = kw_fit_layers(p, &s, m, report, err);
    kw_layer_set_free(&s);
    if (st == KW_OK) st = kw_curve_new(&p->tables.comm, 1, err);
    if (st == KW_OK) kw_curve_put(&p->tables.comm, 0, 0);
    return st;
}
