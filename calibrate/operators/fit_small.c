#include "calibrate/operators/fit_small.h"
#include <math.h>
#include <stdlib.h>
#include "calibrate/operators/regress.h"

const char *const kw_small_layer[] = { "embedding",       "layernorm", "rotary_emb", "act_fn",
                                       "final_layernorm", "sampler",   NULL };

double kw_small_bytes(enum kw_small_kernel k, const struct kw_model_shape *m, unsigned tp)
{
    double hidden = m->hidden, kv_heads = m->kv_heads < tp ? tp : m->kv_heads;
    switch (k) {
    case KW_SMALL_EMBEDDING: return 2 * 2 * hidden; /* read a row, write it */
    case KW_SMALL_NORM:
    case KW_SMALL_LAST_NORM: return 4 * 2 * hidden; /* x and residual, both ways */
    case KW_SMALL_ROPE: return 2 * 2 * (m->heads + kv_heads) * m->head_dim / tp;
    case KW_SMALL_ACT: return 3 * 2 * (double)m->intermediate / tp; /* gate, up, product */
    case KW_SMALL_SAMPLER: return 4 * (double)m->vocab;             /* logits in fp32, gathered from all GPUs */
    case KW_SMALL_KINDS: break;
    }
    return 0;
}

enum kw_status kw_small_fit(struct kw_small_fit *f, const struct kw_samples *points, const double *bandwidth,
                            size_t boards, double bytes, struct kw_error *err)
{
    size_t n = 0;
    for (size_t b = 0; b < boards; b++) n += points[b].n;
    double *x = calloc(n * 4 + 1, sizeof *x), *y = x ? x + 2 * n : NULL, *e = x ? x + 3 * n : NULL, c[2];
    if (!x) return kw_fail(err, KW_ENOMEM, "out of memory");
    n = 0;
    for (size_t b = 0; b < boards; b++)
        for (size_t i = 0; i < points[b].n; i++, n++) {
            x[2 * n] = 1;
            x[2 * n + 1] = points[b].p[i].x[0] * bytes / bandwidth[b];
            y[n] = points[b].p[i].s;
        }
    enum kw_status st = kw_regress(n, 2, x, y, NULL, c, err);
    if (st == KW_OK) {
        for (size_t i = 0; i < n; i++) e[i] = fabs((c[0] + c[1] * x[2 * i + 1]) / y[i] - 1);
        *f = (struct kw_small_fit){ .t0 = c[0], .per_byte = c[1] };
        kw_regress_errors(e, n, &f->error_median, &f->error_worst);
    }
    free(x);
    return st;
}

double kw_small_fit_s(const struct kw_small_fit *f, double n, double bytes, double bandwidth)
{
    return f->t0 + n * bytes * f->per_byte / bandwidth;
}
