#include "calibrate/scale.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "calibrate/curve.h"
#include "calibrate/regress.h"

#define LAUNCH_S 1.3e-6 /* a kernel in a graph; ENGINE.md 2 */
#define LAUNCHES 9      /* a layer */
#define USABLE 0.9      /* of the memory; vLLM's gpu_memory_utilization, our engine's too */
#define MAX_PAIRS 512

struct sides { /* one step's operations and bytes on either GPU */
    const struct kw_gpu_spec *g, *h;
    const struct kw_model_shape *m;
    double flops_g, flops_h; /* of the linear layers' precision */
    double weight_bytes;     /* of the linear layers, a GPU */
    double params;           /* likewise */
    double head_params, head_bytes;
};

static double roof(double params, double bytes, double n, double flops, double bandwidth)
{
    return fmax(2 * params * n / flops, bytes / bandwidth);
}

static enum kw_status copy_curve(struct kw_curve *to, const struct kw_curve *from, struct kw_error *err)
{
    enum kw_status st = kw_curve_new(to, from->n, err);
    for (uint32_t i = 0; st == KW_OK && i < from->n; i++) kw_curve_put(to, from->x[i], from->y[i]);
    return st;
}

/* What lies above the first point times ratio. */
static enum kw_status scale_above(struct kw_curve *to, const struct kw_curve *from, double ratio, struct kw_error *err)
{
    enum kw_status st = copy_curve(to, from, err);
    for (uint32_t i = 0; st == KW_OK && i < to->n; i++) to->y[i] = from->y[0] + (from->y[i] - from->y[0]) * ratio;
    return st;
}

static enum kw_status scale_dense(struct kw_curve *to, const struct kw_curve *from, const struct sides *s, struct kw_error *err)
{
    double t0 = fmin(LAUNCHES * LAUNCH_S * s->m->layers, from->y[0] / 2), last = 0;
    enum kw_status st = copy_curve(to, from, err);
    for (uint32_t i = 0; st == KW_OK && i < to->n; i++) {
        double g = roof(s->params, s->weight_bytes, to->x[i], s->flops_g, s->g->bandwidth);
        double h = roof(s->params, s->weight_bytes, to->x[i], s->flops_h, s->h->bandwidth);
        last = to->y[i] = fmax(last, t0 + (from->y[i] - t0) * h / g); /* between two rooflines it may fall: level it */
    }
    return st;
}

static enum kw_status scale_head(struct kw_curve *to, const struct kw_curve *from, const struct sides *s, struct kw_error *err)
{
    double last = 0;
    enum kw_status st = copy_curve(to, from, err);
    for (uint32_t i = 0; st == KW_OK && i < to->n; i++) {
        double g = roof(s->head_params, s->head_bytes, to->x[i], s->g->flops_bf16, s->g->bandwidth);
        double h = roof(s->head_params, s->head_bytes, to->x[i], s->h->flops_bf16, s->h->bandwidth);
        last = to->y[i] = fmax(last, from->y[i] * h / g);
    }
    return st;
}

static enum kw_status scale_tables(struct kw_step_tables *to, const struct kw_step_tables *from, const struct sides *s,
                                   struct kw_error *err)
{
    double memory = s->g->bandwidth / s->h->bandwidth, flops = s->g->flops_bf16 / s->h->flops_bf16;
    enum kw_status st = scale_dense(&to->dense, &from->dense, s, err);
    if (st == KW_OK) st = scale_head(&to->head, &from->head, s, err);
    if (st == KW_OK) st = scale_above(&to->prefill_attn, &from->prefill_attn, flops, err);
    if (st == KW_OK) st = scale_above(&to->comm, &from->comm, s->g->link_bandwidth / s->h->link_bandwidth, err);
    if (st != KW_OK) return st;
    to->fixed_s = from->fixed_s; /* the host's time does not scale with the GPU */
    to->sequence_s = from->sequence_s;
    to->chunk_s = from->chunk_s;
    to->prefill_token_s = from->prefill_token_s * flops;
    to->mixed = (struct kw_step_mixed){ from->mixed.sequence_s, fmin(1e-3, from->mixed.context_s * memory), fmin(1e-3, from->mixed.pair_s * flops) };
    to->decode = calloc(from->n_decode_rows, sizeof *to->decode);
    to->decode_batch = calloc(from->n_decode_rows, sizeof *to->decode_batch);
    if (!to->decode || !to->decode_batch) return kw_fail(err, KW_ENOMEM, "out of memory");
    for (uint32_t i = 0; st == KW_OK && i < from->n_decode_rows; i++) {
        to->decode_batch[i] = from->decode_batch[i];
        st = scale_above(&to->decode[i], &from->decode[i], memory, err);
        to->n_decode_rows += st == KW_OK;
    }
    return st;
}

static enum kw_status sides_of(struct sides *s, const struct kw_profile *from, const struct kw_gpu_spec *to, struct kw_error *err)
{
    bool fp8 = !strcmp(from->precision, "fp8");
    *s = (struct sides){ .g = kw_gpu_find(from->gpu), .h = to, .m = kw_model_find(from->model) };
    if (!s->g) return kw_fail(err, KW_ERANGE, "the profile's GPU '%s' is not in gpus.json: no roofline to scale by", from->gpu);
    if (!s->m) return kw_fail(err, KW_ERANGE, "the profile's model '%s' is not in models.json: no operations to scale by", from->model);
    s->flops_g = fp8 ? s->g->flops_fp8 : s->g->flops_bf16;
    s->flops_h = fp8 ? to->flops_fp8 : to->flops_bf16;
    if (!(s->flops_g > 0 && s->flops_h > 0)) return kw_fail(err, KW_ERANGE, "%s has no %s", s->flops_g > 0 ? to->name : from->gpu, from->precision);
    s->params = kw_model_linear_params(s->m) / from->tp;
    s->weight_bytes = s->params * (fp8 ? 1 : 2);
    s->head_params = (double)s->m->vocab * s->m->hidden / from->tp;
    s->head_bytes = 2 * s->head_params;
    return KW_OK;
}

/* ---- the error ---- */

static double decode_s(const struct kw_step_tables *t, double batch, double context)
{
    uint32_t row = 0;
    while (row + 1 < t->n_decode_rows && t->decode_batch[row] < batch) row++;
    return t->fixed_s + t->sequence_s * batch + kw_curve_at(&t->dense, batch) + kw_curve_at(&t->head, batch) + kw_curve_at(&t->decode[row], batch * context);
}

static double prefill_s(const struct kw_step_tables *t, double n)
{
    return t->fixed_s + t->sequence_s + t->chunk_s + kw_curve_at(&t->dense, n) + kw_curve_at(&t->head, 1) + kw_curve_at(&t->prefill_attn, n * n / 2) + t->prefill_token_s * n;
}

static void free_tables(struct kw_step_tables *t)
{
    struct kw_profile p = { .tables = *t };
    kw_profile_free(&p);
    *t = (struct kw_step_tables){ 0 };
}

static bool judges(const struct kw_profile *p, const struct kw_profile *like, const char *model)
{
    return p->tp == 1 && p->steps.grade <= KW_GRADE_PUBLISHED && !strcmp(p->precision, like->precision) && !strcmp(p->model, model);
}

struct errors {
    double decode[MAX_PAIRS * 12], prefill[MAX_PAIRS * 3];
    size_t n_decode, n_prefill, pairs;
};

/* One GPU guessed from each other one. */
static enum kw_status errors_into(struct errors *e, const struct kw_profile *real, const struct kw_profiles *known, FILE *report,
                                  struct kw_error *err)
{
    static const double batches[] = { 1, 8, 32, 128 }, contexts[] = { 512, 2048, 8192 }, prompts[] = { 512, 2048, 8192 };
    double decode = 0, prefill = 0, n = 0;
    enum kw_status st = KW_OK;
    for (size_t i = 0; st == KW_OK && i < known->n && e->pairs < MAX_PAIRS; i++) {
        const struct kw_profile *donor = &known->p[i];
        struct kw_step_tables guess = { 0 };
        struct sides s;
        if (!judges(donor, real, real->model) || !strcmp(donor->gpu, real->gpu)) continue;
        st = sides_of(&s, donor, kw_gpu_find(real->gpu), err);
        if (st == KW_OK) st = scale_tables(&guess, &donor->tables, &s, err);
        for (int b = 0; st == KW_OK && b < 4; b++)
            for (int c = 0; c < 3; c++) {
                double x = decode_s(&guess, batches[b], contexts[c]) / decode_s(&real->tables, batches[b], contexts[c]) - 1;
                e->decode[e->n_decode++] = fabs(x);
                decode += x / 12;
            }
        for (int k = 0; st == KW_OK && k < 3; k++) {
            double x = prefill_s(&guess, prompts[k]) / prefill_s(&real->tables, prompts[k]) - 1;
            e->prefill[e->n_prefill++] = fabs(x);
            prefill += x / 3;
        }
        n++;
        e->pairs++;
        free_tables(&guess);
    }
    if (st == KW_OK && n > 0)
        fprintf(report, "  %-10s from %2.0f others: decode %+5.1f %%, prefill %+5.1f %% in the mean\n", real->gpu, n, 100 * decode / n, 100 * prefill / n);
    return st;
}

static enum kw_status errors_of(struct kw_profile *out, const struct kw_profiles *known, FILE *report, struct kw_error *err)
{
    struct errors *e = calloc(1, sizeof *e);
    if (!e) return kw_fail(err, KW_ENOMEM, "out of memory");
    const char *model = "llama-3.1-8b"; /* the one that the most GPUs have tables for */
    enum kw_status st = KW_OK;
    for (size_t i = 0; st == KW_OK && i < known->n; i++)
        if (judges(&known->p[i], out, model) && kw_gpu_find(known->p[i].gpu)) st = errors_into(e, &known->p[i], known, report, err);
    if (st == KW_OK && !e->pairs) st = kw_fail(err, KW_ERANGE, "no two GPUs have published tables of %s in %s: the error cannot be told", model, out->precision);
    if (st == KW_OK) {
        kw_regress_errors(e->decode, e->n_decode, &out->steps_error_median, &out->steps_error_worst);
        kw_regress_errors(e->prefill, e->n_prefill, &out->prefill_error_median, &out->prefill_error_worst);
        fprintf(report, "one GPU from another, %zu pairs: decode step median %.0f %%, worst %.0f %%; prefill step median %.0f %%, worst %.0f %%\n",
                e->pairs, 100 * out->steps_error_median, 100 * out->steps_error_worst, 100 * out->prefill_error_median,
                100 * out->prefill_error_worst);
    }
    free(e);
    return st;
}

/* ---- all of it ---- */

static enum kw_status scale_kv(struct kw_profile *out, const struct kw_profile *from, const struct sides *s, struct kw_error *err)
{
    double block = from->block_size * from->kv_bytes_per_token;
    double overhead = USABLE * from->tp * s->g->memory_bytes - from->weight_bytes - from->num_blocks * block;
    double room = USABLE * from->tp * s->h->memory_bytes - from->weight_bytes - fmax(0, overhead);
    if (from->num_blocks * block < 0.5 * (USABLE * from->tp * s->g->memory_bytes - from->weight_bytes)) /* a limit was set by hand */
        room = fmin(room, from->num_blocks * block);
    if (room < 8192 * from->kv_bytes_per_token)
        return kw_fail(err, KW_ERANGE, "%.1f GB of weights leave no room for 8192 tokens on %u x %s of %.1f GB", from->weight_bytes / 1e9, from->tp,
                       s->h->name, s->h->memory_bytes / 1e9);
    out->num_blocks = (uint32_t)(room / block);
    return KW_OK;
}

static void estimated(struct kw_provenance *v, const struct kw_profile *from)
{
    char source[sizeof v->source];
    snprintf(source, sizeof source, "scaled from %s by the roofline: %.*s", from->gpu, (int)sizeof source - 64, v->source);
    memcpy(v->source, source, sizeof source);
    v->grade = KW_GRADE_ESTIMATED;
}

enum kw_status kw_scale(struct kw_profile *out, const struct kw_profile *from, const struct kw_gpu_spec *to,
                        const struct kw_profiles *known, FILE *report, struct kw_error *err)
{
    struct sides s;
    struct kw_profile p = *from;
    *out = (struct kw_profile){ 0 };
    p.tables = (struct kw_step_tables){ 0 };
    snprintf(p.gpu, sizeof p.gpu, "%s", to->name);
    enum kw_status st = sides_of(&s, from, to, err);
    if (st == KW_OK) st = scale_kv(&p, from, &s, err);
    if (st == KW_OK) st = scale_tables(&p.tables, &from->tables, &s, err);
    if (st == KW_OK) st = errors_of(&p, known, report, err);
    if (st != KW_OK) {
        kw_profile_free(&p);
        return st;
    }
    struct kw_provenance *const all[] = { &p.steps, &p.kv, &p.load_rate.provenance, &p.cached_load_rate.provenance, &p.init.provenance };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) estimated(all[i], from);
    p.weakest = KW_GRADE_ESTIMATED;
    *out = p;
    return KW_OK;
}
