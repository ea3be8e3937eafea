#include "calibrate/own/own_requests.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "calibrate/profile/curve.h"
#include "calibrate/profile/gpu.h"

/* A step reads all weights but the embedding table, a prompt's token is multiplied with each parameter: data sheets' bounds, as
 * profile.c checks them. 0 of a GPU or a model that nobody knows. */
static void bounds(double floor[KW_REQUEST_TERMS], const struct kw_profile *p)
{
    const struct kw_gpu_spec *g = kw_gpu_find(p->gpu);
    const struct kw_model_shape *m = kw_model_find(p->model);
    for (int j = 0; j < KW_REQUEST_TERMS; j++) floor[j] = 0;
    if (!g || !m || m->experts.n) return; /* of experts a small batch reads few */
    const double flops = !strcmp(p->precision, "fp8") ? g->flops_fp8 : g->flops_bf16;
    floor[KW_REQUEST_STEP] = kw_model_step_bytes(m, p->precision) / (p->tp * g->bandwidth);
    if (flops > 0) floor[KW_REQUEST_PREFILL] = 2 * kw_model_active_linear_params(m) / (p->tp * flops);
}

static enum kw_status line_of(struct kw_curve *c, double x, double y, struct kw_error *err)
{
    enum kw_status st = kw_curve_new(c, 2, err);
    if (st != KW_OK) return st;
    kw_curve_put(c, 0, 0);
    kw_curve_put(c, x, y);
    return KW_OK;
}

static enum kw_status tables(struct kw_step_tables *t, const struct kw_request_law *l, double max_tokens,
                             struct kw_error *err)
{
    const double a = l->term[KW_REQUEST_STEP].v, b = l->term[KW_REQUEST_SEQUENCE].v, c = l->term[KW_REQUEST_CONTEXT].v,
                 d = l->term[KW_REQUEST_PREFILL].v, e = l->term[KW_REQUEST_PAIR].v;
    const double knee = fmax(l->batch_most, 2), last = fmax(max_tokens, 4 * knee),
                 pairs = last * fmax(l->prompt_most, last);
    *t = (struct kw_step_tables){ .fixed_s = 0 };
    enum kw_status st = kw_curve_new(&t->dense, 4, err);
    if (st == KW_OK) {
        const double at[] = { 1, knee, 2 * knee, last };
        for (int i = 0; i < 4; i++) kw_curve_put(&t->dense, at[i], a + (i < 2 ? b * at[i] : fmax(b * knee, d * at[i])));
    }
    if (st == KW_OK) st = line_of(&t->head, 1, 0, err);
    if (st == KW_OK) st = line_of(&t->prefill_attn, pairs, e * pairs, err);
    if (st == KW_OK && (st = kw_curve_new(&t->comm, 1, err)) == KW_OK) kw_curve_put(&t->comm, 0, 0);
    if (st != KW_OK) return st;
    t->decode = calloc(2, sizeof *t->decode);
    t->decode_batch = calloc(2, sizeof *t->decode_batch);
    if (!t->decode || !t->decode_batch) return kw_fail(err, KW_ENOMEM, "out of memory");
    for (uint32_t i = 0; st == KW_OK && i < 2; i++) {
        const double most = fmax(l->context_most, 1);
        st = line_of(&t->decode[i], most, c * most, err);
        t->decode_batch[i] = i ? knee : 1;
        t->n_decode_rows = i + 1;
    }
    return st;
}

/* ---- in words ---- */

static void row(FILE *f, const char *name, const struct kw_request_estimate *e, double unit, const char *what,
                double floor)
{
    fprintf(f, "  %-26s %10.4g %s", name, e->v * unit, what);
    if (isfinite(e->lo))
        fprintf(f, "  (%.4g to %.4g)", e->lo * unit, e->hi * unit);
    else
        fputs("  (not told by these requests)", f);
    if (floor > 0 && e->v <= floor * (1 + 1e-9)) fputs("  the data sheet's bound", f);
    fputc('\n', f);
}

static void say_judged(FILE *f, const char *name, const struct kw_request_judged *j)
{
    fprintf(f,
            "  %s of the other half: off by %.1f %% in the median, %.1f %% for nine of ten, %.0f %% at worst of %zu\n",
            name, 100 * j->median, 100 * j->p90, 100 * j->worst, j->n);
}

static void say(FILE *f, const struct kw_request_law *l, size_t n)
{
    const double *floor = l->floor;
    fprintf(f, "%zu requests over %.0f s: %zu tell of the steps, %zu of the front", n, l->span_s, l->decodes,
            l->firsts);
    if (l->short_answers) fprintf(f, "; %zu answers are shorter than 8 tokens", l->short_answers);
    if (l->beside) fprintf(f, "; %zu waited beside others' prompts", l->beside);
    fprintf(f,
            "\n  batches of %.0f to %.0f sequences in nine tenths of the time, %.0f at most; %.0f tokens of context, "
            "prompts of "
            "%u\n\na step takes (95 %%)\n",
            l->batch_lo, l->batch_hi, l->batch_most, l->context_most, l->prompt_most);
    row(f, "by itself", &l->term[KW_REQUEST_STEP], 1e3, "ms", floor[KW_REQUEST_STEP]);
    row(f, "a sequence decoding", &l->term[KW_REQUEST_SEQUENCE], 1e6, "us", floor[KW_REQUEST_SEQUENCE]);
    row(f, "a token of context", &l->term[KW_REQUEST_CONTEXT], 1e9, "ns", floor[KW_REQUEST_CONTEXT]);
    row(f, "a prompt's token", &l->term[KW_REQUEST_PREFILL], 1e6, "us", floor[KW_REQUEST_PREFILL]);
    row(f, "a query-key pair", &l->term[KW_REQUEST_PAIR], 1e9, "ns", floor[KW_REQUEST_PAIR]);
    fputs("the front takes\n", f);
    if (l->firsts) {
        row(f, "a request", &l->front, 1e3, "ms", 0);
        row(f, "a token of its prompt", &l->front_token, 1e6, "us", 0);
    } else {
        fputs("  too few requests waited alone: as known\n", f);
    }
    fputs("judged by a law of one half\n", f);
    say_judged(f, "TPOT", &l->tpot);
    if (l->firsts) say_judged(f, "TTFT", &l->ttft);
}

enum kw_status kw_own_requests(struct kw_profile *p, struct kw_request_law *l, const struct kw_request_times *r,
                               size_t n, const struct kw_provenance *v, uint64_t seed, FILE *report,
                               struct kw_error *err)
{
    double floor[KW_REQUEST_TERMS];
    char name[KW_PROFILE_TEXT];
    struct kw_step_tables was = kw_own_take_tables(p);
    kw_own_free_tables(&was);
    bounds(floor, p);
    enum kw_status st = kw_request_law(l, r, n, floor, p->max_num_batched_tokens, seed, err);
    if (st == KW_OK) st = tables(&p->tables, l, p->max_num_batched_tokens, err);
    if (st != KW_OK) return st;
    say(report, l, n);
    fprintf(report, "\nKV cache, limits and loading are as of %s\n", kw_profile_name(p, name));
    p->steps = *v;
    p->steps_error_median = fmin(l->tpot.median, 100);
    p->steps_error_worst = fmin(l->tpot.worst, 100);
    p->prefill_error_median = l->firsts ? fmin(l->ttft.median, 100) : p->steps_error_median;
    p->prefill_error_worst = l->firsts ? fmin(l->ttft.worst, 100) : p->steps_error_worst;
    snprintf(p->engine, sizeof p->engine, "own server, as its answers came");
    if (l->firsts) p->front_s = l->front.v, p->front_token_s = l->front_token.v; /* else as the base has it */
    p->link.name[0] = 0;                                                         /* in the steps themselves */
    p->device[0] = 0;
    p->drift = 0;
    p->unsteady = false;
    p->weakest = kw_grade_weaker(p->weakest, p->steps.grade);
    return KW_OK;
}
