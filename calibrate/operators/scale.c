#include "calibrate/operators/scale.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "calibrate/profile/curve.h"
#include "calibrate/profile/kv.h"
#include "calibrate/profile/link.h"
#include "calibrate/operators/regress.h"

#define LAUNCH_S 1.3e-6 /* a kernel in a graph; ENGINE.md 2 */
#define LAUNCHES 9      /* a layer */
#define USABLE 0.9      /* of the memory; vLLM's gpu_memory_utilization, our engine's too */
#define MAX_PAIRS 2048
#define MAX_GROUPS 64

struct side { /* what a step of one model asks of one GPU of tp; flops and bytes a GPU */
    const struct kw_gpu_spec *g;
    const struct kw_model_shape *m;
    double flops;                   /* of the linear layers' precision */
    double params, bytes;           /* of the linear layers */
    double head_params, head_bytes; /* lm_head, in 16 bits in every precision */
    double kv;                      /* KV bytes a token, all tp GPUs */
};

struct sides { /* the step measured and the step wanted */
    struct side from, to;
    uint32_t tp;
    double layers, attention, kv; /* to over from: kernel launches; attention's operations; KV bytes */
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

/* The first point, which is launches, times layers; what lies above it times ratio. */
static enum kw_status scale_above(struct kw_curve *to, const struct kw_curve *from, double layers, double ratio,
                                  struct kw_error *err)
{
    enum kw_status st = copy_curve(to, from, err);
    for (uint32_t i = 0; st == KW_OK && i < to->n; i++)
        to->y[i] = from->y[0] * layers + (from->y[i] - from->y[0]) * ratio;
    return st;
}

static enum kw_status scale_dense(struct kw_curve *to, const struct kw_curve *from, const struct sides *s,
                                  struct kw_error *err)
{
    double t0 = fmin(LAUNCHES * LAUNCH_S * s->from.m->layers, from->y[0] / 2), last = 0;
    enum kw_status st = copy_curve(to, from, err);
    for (uint32_t i = 0; st == KW_OK && i < to->n; i++) {
        double g = roof(s->from.params, s->from.bytes, to->x[i], s->from.flops, s->from.g->bandwidth);
        double h = roof(s->to.params, s->to.bytes, to->x[i], s->to.flops, s->to.g->bandwidth);
        last = to->y[i] =
            fmax(last, t0 * s->layers + (from->y[i] - t0) * h / g); /* between two rooflines it may fall: level it */
    }
    return st;
}

static enum kw_status scale_head(struct kw_curve *to, const struct kw_curve *from, const struct sides *s,
                                 struct kw_error *err)
{
    double last = 0;
    enum kw_status st = copy_curve(to, from, err);
    for (uint32_t i = 0; st == KW_OK && i < to->n; i++) {
        double g = roof(s->from.head_params, s->from.head_bytes, to->x[i], s->from.g->flops_bf16, s->from.g->bandwidth);
        double h = roof(s->to.head_params, s->to.head_bytes, to->x[i], s->to.g->flops_bf16, s->to.g->bandwidth);
        last = to->y[i] = fmax(last, from->y[i] * h / g);
    }
    return st;
}

static enum kw_status scale_comm(struct kw_curve *to, const struct kw_curve *from, const struct sides *s,
                                 struct kw_error *err)
{
    struct kw_link g, h;
    enum kw_status st = copy_curve(to, from, err);
    if (s->tp == 1 || st != KW_OK) return st;
    if ((st = kw_link_named(&g, s->from.g->link, s->tp, err)) != KW_OK) return st;
    if ((st = kw_link_named(&h, s->to.g->link, s->tp, err)) != KW_OK) return st;
    double last = 0;
    for (uint32_t i = 0; i < to->n; i++)
        last = to->y[i] =
            fmax(last, from->y[i] * kw_link_step_s(&h, s->to.m, to->x[i]) / kw_link_step_s(&g, s->from.m, to->x[i]));
    return KW_OK;
}

static enum kw_status scale_tables(struct kw_step_tables *to, const struct kw_step_tables *from, const struct sides *s,
                                   struct kw_error *err)
{
    const struct kw_gpu_spec *g = s->from.g, *h = s->to.g;
    double memory = s->kv * g->bandwidth / h->bandwidth, flops = s->attention * g->flops_bf16 / h->flops_bf16;
    enum kw_status st = scale_dense(&to->dense, &from->dense, s, err);
    if (st == KW_OK) st = scale_head(&to->head, &from->head, s, err);
    if (st == KW_OK) st = scale_above(&to->prefill_attn, &from->prefill_attn, s->layers, flops, err);
    if (st == KW_OK) st = scale_comm(&to->comm, &from->comm, s, err);
    if (st != KW_OK) return st;
    to->fixed_s = from->fixed_s; /* the host's time does not scale with the GPU, nor with the model */
    to->sequence_s = from->sequence_s;
    to->chunk_s = from->chunk_s;
    to->cold = from->cold;
    to->prefill_token_s = from->prefill_token_s * flops;
    to->mixed =
        (struct kw_step_mixed){ fmin(1e-3, from->mixed.sequence_s * s->layers),
                                fmin(1e-3, from->mixed.context_s * memory), fmin(1e-3, from->mixed.pair_s * flops) };
    to->decode = calloc(from->n_decode_rows, sizeof *to->decode);
    to->decode_batch = calloc(from->n_decode_rows, sizeof *to->decode_batch);
    if (!to->decode || !to->decode_batch) return kw_fail(err, KW_ENOMEM, "out of memory");
    for (uint32_t i = 0; st == KW_OK && i < from->n_decode_rows; i++) {
        to->decode_batch[i] = from->decode_batch[i];
        st = scale_above(&to->decode[i], &from->decode[i], s->layers, memory, err);
        to->n_decode_rows += st == KW_OK;
    }
    return st;
}

static enum kw_status side_of(struct side *s, const char *gpu, const char *model, const char *precision, uint32_t tp,
                              struct kw_error *err)
{
    bool fp8 = !strcmp(precision, "fp8");
    *s = (struct side){ .g = kw_gpu_find(gpu), .m = kw_model_find(model) };
    if (!s->g) return kw_fail(err, KW_ERANGE, "the GPU '%s' is not in gpus.json: no roofline to scale by", gpu);
    if (!s->m)
        return kw_fail(err, KW_ERANGE, "the model '%.48s' is not in models.json: no operations to scale by", model);
    if (s->m->heads % tp)
        return kw_fail(err, KW_ERANGE, "%s has %u attention heads: they do not split over %u GPUs", s->m->name,
                       s->m->heads, tp);
    if (!kw_model_is_plain(s->m))
        return kw_fail(err, KW_ERANGE,
                       "%s has experts, or layers that do not attend to all tokens: it is no dense model", s->m->name);
    if (!fp8 && strcmp(precision, "bf16") && strcmp(precision, "fp16"))
        return kw_fail(err, KW_ERANGE, "precision '%.8s': want bf16, fp16 or fp8 on both sides", precision);
    s->flops = fp8 ? s->g->flops_fp8 : s->g->flops_bf16;
    if (!(s->flops > 0)) return kw_fail(err, KW_ERANGE, "%s has no %s", gpu, precision);
    s->params = kw_model_linear_params(s->m) / tp;
    s->bytes = s->params * (fp8 ? 1 : 2);
    s->head_params = (double)s->m->vocab * s->m->hidden / tp;
    s->head_bytes = 2 * s->head_params;
    s->kv = kw_kv_gpu_bytes_per_token(s->m, precision, tp) * tp;
    return KW_OK;
}

static enum kw_status sides_of(struct sides *s, const struct kw_profile *from, const char *gpu, const char *model,
                               const char *precision, struct kw_error *err)
{
    enum kw_status st = side_of(&s->from, from->gpu, from->model, from->precision, from->tp, err);
    if (st == KW_OK) st = side_of(&s->to, gpu, model, precision, from->tp, err);
    if (st != KW_OK) return st;
    const struct kw_model_shape *a = s->from.m, *b = s->to.m;
    s->tp = from->tp;
    s->layers = (double)b->layers / a->layers;
    s->attention = s->layers * b->heads * b->head_dim / ((double)a->heads * a->head_dim);
    s->kv = s->to.kv / s->from.kv;
    return KW_OK;
}

/* ---- the error ---- */

static double decode_s(const struct kw_step_tables *t, double batch, double context)
{
    uint32_t row = 0;
    while (row + 1 < t->n_decode_rows && t->decode_batch[row] < batch) row++;
    return t->fixed_s + t->sequence_s * batch + kw_curve_at(&t->dense, batch) + kw_curve_at(&t->head, batch) +
           kw_curve_at(&t->decode[row], batch * context) + kw_curve_at(&t->comm, batch);
}

static double prefill_s(const struct kw_step_tables *t, double n)
{
    return t->fixed_s + t->sequence_s + t->chunk_s + kw_curve_at(&t->dense, n) + kw_curve_at(&t->head, 1) +
           kw_curve_at(&t->prefill_attn, n * n / 2) + t->prefill_token_s * n + kw_curve_at(&t->comm, n);
}

static void free_tables(struct kw_step_tables *t)
{
    struct kw_profile p = { .tables = *t };
    kw_profile_free(&p);
    *t = (struct kw_step_tables){ 0 };
}

/* What a profile is carried across: a pair of known ones that differ in the same tells the error. */
struct across {
    bool gpu, model, precision;
    const char *from_precision, *to_precision;
};

#define JUDGE_MODEL "llama-3.1-8b" /* across GPUs alone: the one that the most of them have tables for */

static bool same_shape(const struct kw_profile *a, const struct kw_profile *b)
{
    return !strcmp(a->model, b->model) || kw_model_same_shape(a->model, b->model);
}

static bool is_pair(const struct across *a, const struct kw_profile *donor, const struct kw_profile *real)
{
    if (donor->steps.grade > KW_GRADE_PUBLISHED || real->steps.grade > KW_GRADE_PUBLISHED || donor->tp != real->tp)
        return false;
    if (!kw_gpu_find(donor->gpu) || !kw_gpu_find(real->gpu) || !kw_model_find(donor->model) ||
        !kw_model_find(real->model))
        return false;
    if (strcmp(donor->precision, a->from_precision) || strcmp(real->precision, a->to_precision)) return false;
    if (a->gpu && !a->model && (donor->tp != 1 || strcmp(real->model, JUDGE_MODEL))) return false;
    return !strcmp(donor->gpu, real->gpu) == !a->gpu && same_shape(donor, real) == !a->model;
}

struct errors {
    double decode[MAX_PAIRS * 12], prefill[MAX_PAIRS * 3];
    size_t n_decode, n_prefill, pairs, n_groups;
    struct group { /* pairs named alike, a line of the report */
        char name[112];
        double decode, prefill;
        size_t n;
    } group[MAX_GROUPS];
};

static struct group *group_of(struct errors *e, const struct across *a, const struct kw_profile *donor,
                              const struct kw_profile *real)
{
    char name[sizeof e->group->name];
    if (a->model)
        snprintf(name, sizeof name, "%.40s from %.40s", real->model, donor->model);
    else
        snprintf(name, sizeof name, "%s", real->gpu);
    size_t i = 0;
    while (i < e->n_groups && strcmp(e->group[i].name, name)) i++;
    if (i == MAX_GROUPS) return &e->group[MAX_GROUPS - 1];
    if (i == e->n_groups) memcpy(e->group[e->n_groups++].name, name, sizeof name);
    return &e->group[i];
}

/* One known profile guessed from another. */
static enum kw_status judge(struct errors *e, const struct across *a, const struct kw_profile *donor,
                            const struct kw_profile *real, struct kw_error *err)
{
    static const double batches[] = { 1, 8, 32, 128 }, contexts[] = { 512, 2048, 8192 },
                        prompts[] = { 512, 2048, 8192 };
    struct kw_step_tables guess = { 0 };
    struct sides s;
    struct group *g = group_of(e, a, donor, real);
    enum kw_status st = sides_of(&s, donor, real->gpu, real->model, real->precision, err);
    if (st == KW_OK) st = scale_tables(&guess, &donor->tables, &s, err);
    for (int b = 0; st == KW_OK && b < 4; b++)
        for (int c = 0; c < 3; c++) {
            double x = decode_s(&guess, batches[b], contexts[c]) / decode_s(&real->tables, batches[b], contexts[c]) - 1;
            e->decode[e->n_decode++] = fabs(x);
            g->decode += x / 12;
        }
    for (int k = 0; st == KW_OK && k < 3; k++) {
        double x = prefill_s(&guess, prompts[k]) / prefill_s(&real->tables, prompts[k]) - 1;
        e->prefill[e->n_prefill++] = fabs(x);
        g->prefill += x / 3;
    }
    g->n++;
    e->pairs++;
    free_tables(&guess);
    return st;
}

static enum kw_status errors_of(struct kw_profile *out, const struct across *a, const struct kw_profiles *known,
                                FILE *report, struct kw_error *err)
{
    struct errors *e = calloc(1, sizeof *e);
    if (!e) return kw_fail(err, KW_ENOMEM, "out of memory");
    char what[96];
    snprintf(what, sizeof what, "%s%s%s%s%s", a->gpu ? "GPU" : "", a->gpu && a->model ? ", " : "",
             a->model ? "model" : "", a->precision && (a->gpu || a->model) ? ", " : "",
             a->precision ? "precision" : "");
    enum kw_status st = KW_OK;
    for (size_t i = 0; st == KW_OK && i < known->n; i++)
        for (size_t k = 0; st == KW_OK && k < known->n && e->pairs < MAX_PAIRS; k++)
            if (i != k && is_pair(a, &known->p[k], &known->p[i])) st = judge(e, a, &known->p[k], &known->p[i], err);
    if (st == KW_OK && !e->pairs)
        st = kw_fail(err, KW_ERANGE, "no two published profiles differ in just %s (%s to %s): the error cannot be told",
                     what, a->from_precision, a->to_precision);
    if (st == KW_OK) {
        kw_regress_errors(e->decode, e->n_decode, &out->steps_error_median, &out->steps_error_worst);
        kw_regress_errors(e->prefill, e->n_prefill, &out->prefill_error_median, &out->prefill_error_worst);
        for (size_t i = 0; i < e->n_groups; i++) {
            const struct group *g = &e->group[i];
            double n = (double)g->n;
            fprintf(report, "  %-*s %3zu pair%s decode %+6.1f %%, prefill %+6.1f %% in the mean\n", a->model ? 30 : 10,
                    g->name, g->n, g->n == 1 ? ": " : "s:", 100 * g->decode / n, 100 * g->prefill / n);
        }
        fprintf(report,
                "left out, one %s from another (%s to %s), %zu pairs: decode step median %.0f %%, worst %.0f %%; "
                "prefill step median %.0f %%, "
                "worst %.0f %%\n",
                what, a->from_precision, a->to_precision, e->pairs, 100 * out->steps_error_median,
                100 * out->steps_error_worst, 100 * out->prefill_error_median, 100 * out->prefill_error_worst);
    }
    free(e);
    return st;
}

/* ---- all of it ---- */

static enum kw_status scale_kv(struct kw_profile *out, const struct kw_profile *from, const struct sides *s,
                               struct kw_error *err)
{
    double block = from->block_size * from->kv_bytes_per_token,
           had = USABLE * from->tp * s->from.g->memory_bytes - from->weight_bytes;
    double overhead = had - from->num_blocks * block, to = from->block_size * out->kv_bytes_per_token;
    double room = USABLE * from->tp * s->to.g->memory_bytes - out->weight_bytes - fmax(0, overhead);
    if (from->num_blocks * block < 0.5 * had) { /* a limit was set by hand */
        room = fmin(USABLE * from->tp * s->to.g->memory_bytes - out->weight_bytes, from->num_blocks * block);
    }
    if (room < 8192 * out->kv_bytes_per_token)
        return kw_fail(err, KW_ERANGE, "%.1f GB of weights leave no room for 8192 tokens on %u x %s of %.1f GB",
                       out->weight_bytes / 1e9, from->tp, s->to.g->name, s->to.g->memory_bytes / 1e9);
    out->num_blocks = (uint32_t)fmin(room / to, 1 << 30);
    return KW_OK;
}

/* The source it had behind how it was carried, cut at a word where there is no room. */
static void estimated(struct kw_provenance *v, const struct kw_profile *from, const char *how)
{
    char source[sizeof v->source], was[sizeof v->source];
    snprintf(was, sizeof was, "%s", v->source);
    int n =
        snprintf(source, sizeof source, "%s %s %s %s tp%u: ", how, from->gpu, from->model, from->precision, from->tp);
    size_t room = sizeof source - 1 - (size_t)n, len = strlen(was);
    if (len > room) {
        len = room - 3;
        while (len && was[len] != ' ') len--;
        while (len && strchr(" (,;:", was[len - 1])) len--;
        memcpy(was + len, "...", 4);
    }
    memcpy(source + n, was, strlen(was) + 1);
    memcpy(v->source, source, sizeof source);
    v->grade = KW_GRADE_ESTIMATED;
}

enum kw_status kw_scale(struct kw_profile *out, const struct kw_profile *from, const struct kw_scale_to *to,
                        const struct kw_profiles *known, FILE *report, struct kw_error *err)
{
    struct sides s;
    struct kw_profile p = *from;
    const char *model = to->model ? to->model->name : from->model,
               *precision = to->precision ? to->precision : from->precision;
    *out = (struct kw_profile){ 0 };
    p.tables = (struct kw_step_tables){ 0 };
    p.device[0] = p.file[0] = p.sha256[0] = 0;
    p.set_aside = 0;
    snprintf(p.gpu, sizeof p.gpu, "%s", to->gpu ? to->gpu->name : from->gpu);
    snprintf(p.model, sizeof p.model, "%s", model);
    snprintf(p.precision, sizeof p.precision, "%s", precision);
    enum kw_status st = sides_of(&s, from, p.gpu, model, precision, err);
    if (st != KW_OK) return st;
    p.weight_bytes = from->weight_bytes *
                     (kw_model_weight_bytes(s.to.m, precision) / kw_model_weight_bytes(s.from.m, from->precision));
    p.kv_bytes_per_token = from->kv_bytes_per_token * s.kv;
    if (p.max_model_len > s.to.m->max_position) p.max_model_len = s.to.m->max_position;
    struct across a = { .gpu = strcmp(p.gpu, from->gpu),
                        .model = strcmp(model, from->model) && !kw_model_same_shape(model, from->model),
                        .precision = strcmp(precision, from->precision),
                        .from_precision = from->precision,
                        .to_precision = precision };
    if (!a.gpu && !a.model && !a.precision) a.gpu = true; /* onto itself: as good as GPUs are at it */
    st = scale_kv(&p, from, &s, err);
    if (st == KW_OK) st = scale_tables(&p.tables, &from->tables, &s, err);
    if (st == KW_OK) st = errors_of(&p, &a, known, report, err);
    if (st != KW_OK) {
        kw_profile_free(&p);
        return st;
    }
    struct kw_provenance *const all[] = { &p.steps, &p.load_rate.provenance, &p.cached_load_rate.provenance,
                                          &p.init.provenance };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) estimated(all[i], from, i ? "as of" : "by roofline from");
    estimated(&p.kv, from, "room left by roofline, overhead of");
    p.weakest = KW_GRADE_ESTIMATED;
    *out = p;
    return KW_OK;
}
