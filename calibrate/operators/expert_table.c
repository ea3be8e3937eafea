#include "calibrate/operators/expert_table.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "calibrate/profile/table.h"

const double kw_expert_tokens[KW_EXPERT_TOKENS] = { 1,    2,    4,    8,    16,   32,   48,   64,    80,
                                                    96,   128,  160,  192,  256,  320,  384,  512,   768,
                                                    1024, 1536, 2048, 3072, 4096, 6144, 8192, 12288, 16384 };

static enum kw_status read_row(struct kw_jnode n, void *to, struct kw_error *err)
{
    static const char *const keys[] = { "gpu", "precision", "hidden", "width", "active", "n", "tp", "ep", "us", NULL };
    struct kw_expert_row *r = to;
    uint32_t *const counts[] = { &r->hidden, &r->width, &r->active, &r->n, &r->tp, &r->ep };
    const char *gpu, *precision;
    enum kw_status st = kw_json_keys(n, keys, err);
    if (st == KW_OK) st = kw_json_str(kw_json_get(n, "gpu"), &gpu, err);
    if (st == KW_OK) st = kw_json_str(kw_json_get(n, "precision"), &precision, err);
    if (st != KW_OK) return st;
    snprintf(r->gpu, sizeof r->gpu, "%s", gpu);
    snprintf(r->precision, sizeof r->precision, "%s", precision);
    for (int i = 0; i < 6 && st == KW_OK; i++) {
        int64_t v = 0;
        st = kw_json_i64(kw_json_get(n, keys[2 + i]), 1, 1 << 20, &v, err);
        *counts[i] = (uint32_t)v;
    }
    struct kw_jnode us = kw_json_get(n, "us");
    if (st == KW_OK && kw_json_len(us) != KW_EXPERT_TOKENS)
        return kw_json_fail(us, KW_ERANGE, err, "want %d times", KW_EXPERT_TOKENS);
    for (int i = 0; i < KW_EXPERT_TOKENS && st == KW_OK; i++) {
        double v = 0;
        st = kw_json_f64(kw_json_at(us, i), 0.1, 1e7, &v, err);
        r->us[i] = (float)v;
    }
    return st;
}

#define ROWS 2048
static struct kw_expert_row rows[KW_EXPERTS_ROUTINGS][ROWS];
#define TABLE(routing, file)                                                                                           \
    [routing] = { .path = file,                                                                                        \
                  .key = "experts",                                                                                    \
                  .read = read_row,                                                                                    \
                  .rows = rows[routing],                                                                               \
                  .size = sizeof **rows,                                                                               \
                  .cap = ROWS,                                                                                         \
                  .lock = PTHREAD_MUTEX_INITIALIZER }
static struct kw_table table[KW_EXPERTS_ROUTINGS] = { TABLE(KW_EXPERTS_POWER_LAW, "calibrate/data/experts.json"),
                                                      TABLE(KW_EXPERTS_BALANCED,
                                                            "calibrate/data/experts-balanced.json") };

enum kw_status kw_expert_table_load(enum kw_expert_routing routing, struct kw_error *err)
{
    return kw_table_load(&table[routing]) ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory");
}

const struct kw_expert_row *kw_expert_row_find(const struct kw_gpu_spec *gpu, const struct kw_model_shape *m,
                                               const char *precision, uint32_t tp, uint32_t ep,
                                               enum kw_expert_routing routing)
{
    size_t n = kw_table_load(&table[routing]);
    for (size_t i = 0; i < n; i++) {
        const struct kw_expert_row *r = &rows[routing][i];
        if (r->hidden == m->hidden && r->width == m->experts.width && r->active == m->experts.active &&
            r->n == m->experts.n && r->tp == tp && r->ep == ep && !strcmp(r->gpu, gpu->name) &&
            !strcmp(r->precision, precision))
            return r;
    }
    return NULL;
}

double kw_expert_row_s(const struct kw_expert_row *r, double tokens)
{
    const double *t = kw_expert_tokens;
    if (tokens <= 1) return r->us[0] * 1e-6;
    if (tokens >= t[KW_EXPERT_TOKENS - 1]) return r->us[KW_EXPERT_TOKENS - 1] * 1e-6 * tokens / t[KW_EXPERT_TOKENS - 1];
    int i = 0;
    while (t[i + 1] < tokens) i++;
    return 1e-6 * r->us[i] * pow(r->us[i + 1] / r->us[i], log(tokens / t[i]) / log(t[i + 1] / t[i]));
}
