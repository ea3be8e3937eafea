#include "tests/fidelity/bench_steps.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "calibrate/profile/curve.h"
#include "calibrate/operators/fit.h"
#include "calibrate/import/import_vllm_bench.h"
#include "calibrate/operators/samples.h"
#include "sim/core/ascending.h"

static const struct {
    const char *name;
    int per_layer;
    bool product;
} layer_kinds[] = { { "qkv_proj", 1, true },  { "o_proj", 1, true },     { "gate_up_proj", 1, true },
                    { "down_proj", 1, true }, { "layernorm", 2, false }, { "rotary_emb", 1, false },
                    { "act_fn", 1, false },   { "embedding", 0, false }, { "final_layernorm", 0, false } };
enum { N_LAYERS = sizeof layer_kinds / sizeof *layer_kinds, WIDEST = 32, AXES = 4 };

enum { CHUNK, PAST, DECODING, CONTEXT }; /* the attention table's coordinates */

struct axis {
    int n;
    double at[WIDEST];
};

struct kw_bench_steps {
    double layers;
    struct kw_curve layer[N_LAYERS], lm_head, sampler;
    struct axis axis[AXES];
    double *s; /* [CHUNK][PAST][DECODING][CONTEXT] seconds of one layer, holes filled */
};

static enum kw_status read_curve(struct kw_curve *c, const char *dir, const char *file, const char *layer,
                                 struct kw_error *err)
{
    char path[1024];
    struct kw_samples q = { 0 };
    snprintf(path, sizeof path, "%s/%s", dir, file);
    enum kw_status st = kw_import_vllm_layer(&q, path, layer, err);
    if (st == KW_OK) st = kw_curve_new(c, q.n, err);
    for (size_t i = 0; st == KW_OK && i < q.n; i++)
        if (!c->n || q.p[i].x[0] != c->x[c->n - 1])
            kw_curve_put(c, q.p[i].x[0], q.p[i].s); /* measured twice: the smaller */
    kw_samples_free(&q);
    return st;
}

/* ---- the attention table ---- */

static bool power_of_two(double x)
{
    return !((uint64_t)x & ((uint64_t)x - 1)) || x == 0;
}

static int find(const struct axis *x, double v)
{
    int i = 0;
    while (i < x->n && x->at[i] != v) i++;
    return i;
}

static double *cell(const struct kw_bench_steps *b, const int i[AXES])
{
    return &b->s[((i[CHUNK] * b->axis[PAST].n + i[PAST]) * b->axis[DECODING].n + i[DECODING]) * b->axis[CONTEXT].n +
                 i[CONTEXT]];
}

/* A hole (too many tokens for the profiler, or nothing to decode and yet a context) gets the nearest smaller point's
 * time. */
static void fill_holes(struct kw_bench_steps *b)
{
    static const int order[] = { CONTEXT, PAST, CHUNK, DECODING };
    int i[AXES];
    for (i[CHUNK] = 0; i[CHUNK] < b->axis[CHUNK].n; i[CHUNK]++)
        for (i[DECODING] = 0; i[DECODING] < b->axis[DECODING].n; i[DECODING]++)
            for (i[PAST] = 0; i[PAST] < b->axis[PAST].n; i[PAST]++)
                for (i[CONTEXT] = b->axis[CONTEXT].n - 1; i[CONTEXT] >= 0; i[CONTEXT]--) {
                    int j[AXES] = { i[0], i[1], i[2], i[3] };
                    for (int k = 0; k < AXES && isnan(*cell(b, j)); k++) {
                        while (j[order[k]] > 0 && isnan(*cell(b, j))) j[order[k]]--;
                        if (isnan(*cell(b, j))) j[order[k]] = i[order[k]];
                    }
                    *cell(b, i) = *cell(b, j);
                }
}

static enum kw_status read_attention(struct kw_bench_steps *b, const char *dir, struct kw_error *err)
{
    char path[1024];
    struct kw_samples q = { 0 };
    size_t kept = 0, room = 1;
    snprintf(path, sizeof path, "%s/profile_attention.csv.gz", dir);
    enum kw_status st = kw_import_vllm_attention(&q, path, err);
    for (size_t i = 0; st == KW_OK && i < q.n; i++) {
        const double *x = q.p[i].x;
        if (!(power_of_two(x[0]) && power_of_two(x[1]) && power_of_two(x[2]) && power_of_two(x[3]))) continue;
        for (int k = 0; k < AXES; k++) {
            struct axis *a = &b->axis[k];
            if (find(a, x[k]) < a->n) continue;
            if (a->n == WIDEST) {
                st = kw_fail(err, KW_ERANGE, "%s: more than %d values of a coordinate, want a grid", path, WIDEST);
                break;
            }
            a->at[a->n++] = x[k];
        }
        q.p[kept++] = q.p[i];
    }
    for (int k = 0; k < AXES; k++) {
        qsort(b->axis[k].at, (size_t)b->axis[k].n, sizeof(double), kw_ascending);
        room *= (size_t)b->axis[k].n;
        if (st == KW_OK && (b->axis[k].n < 2 || b->axis[k].at[0] != 0))
            st = kw_fail(err, KW_ERANGE, "%s: coordinate %d has no 0 and other values, want a grid", path, k);
    }
    if (st == KW_OK && !(b->s = malloc(room * sizeof *b->s))) st = kw_fail(err, KW_ENOMEM, "out of memory");
    for (size_t i = 0; st == KW_OK && i < room; i++) b->s[i] = NAN;
    for (size_t i = kept;
         st == KW_OK && i-- > 0;) { /* sorted by time last: of two times for one point the smaller stays */
        int at[AXES];
        for (int k = 0; k < AXES; k++) at[k] = find(&b->axis[k], q.p[i].x[k]);
        *cell(b, at) = q.p[i].s;
    }
    if (st == KW_OK) {
        int none[AXES] = { 0, 0, 0, 0 };
        *cell(b, none) = 0;
        fill_holes(b);
    }
    kw_samples_free(&q);
    return st;
}

static void bracket(const struct axis *a, double v, int *lo, double *w)
{
    *lo = 0;
    while (*lo + 2 < a->n && a->at[*lo + 1] <= v) ++*lo;
    *w = (v - a->at[*lo]) / (a->at[*lo + 1] - a->at[*lo]);
}

/* Where between two chunk sizes a chunk stands, by query-key pairs; below the first size, where most is the launch,
 * tokens say. */
static double pairs_weight(const struct axis *a, int lo, double chunk, double past)
{
    double below = a->at[lo] * (past + a->at[lo] / 2), above = a->at[lo + 1] * (past + a->at[lo + 1] / 2);
    return (chunk * (past + chunk / 2) - below) / (above - below);
}

static double attention(const struct kw_bench_steps *b, double chunk, double past, double decoding, double context)
{
    const double v[AXES] = { chunk, past, decoding, context };
    int lo[AXES];
    double w[AXES], s = 0;
    for (int k = 0; k < AXES; k++) bracket(&b->axis[k], v[k], &lo[k], &w[k]);
    if (lo[CHUNK] > 0) w[CHUNK] = pairs_weight(&b->axis[CHUNK], lo[CHUNK], chunk, past);
    for (int corner = 0; corner < 1 << AXES; corner++) {
        int i[AXES];
        double share = 1;
        for (int k = 0; k < AXES; k++) {
            int up = corner >> k & 1;
            i[k] = lo[k] + up;
            share *= up ? w[k] : 1 - w[k];
        }
        if (i[CHUNK] == 0)
            i[PAST] = 0; /* without a chunk, or without decodes, there is no past or context to look up */
        if (i[DECODING] == 0)
            i[CONTEXT] = 0;
        else if (i[CONTEXT] == 0)
            i[CONTEXT] = 1;
        if (share != 0) s += share * *cell(b, i);
    }
    return s;
}

/* ---- */

enum kw_status kw_bench_steps_load(struct kw_bench_steps **out, const char *dir, const struct kw_model_shape *m,
                                   struct kw_error *err)
{
    struct kw_bench_steps *b = calloc(1, sizeof *b);
    if (!b) return kw_fail(err, KW_ENOMEM, "out of memory");
    enum kw_status st = KW_OK;
    b->layers = m->layers;
    for (int i = 0; st == KW_OK && i < N_LAYERS; i++)
        st = read_curve(&b->layer[i], dir, "profile_dense.csv", layer_kinds[i].name, err);
    if (st == KW_OK) st = read_curve(&b->lm_head, dir, "profile_per_sequence.csv", "lm_head", err);
    if (st == KW_OK) st = read_curve(&b->sampler, dir, "profile_per_sequence.csv", "sampler", err);
    if (st == KW_OK) st = read_attention(b, dir, err);
    if (st == KW_OK)
        *out = b;
    else
        kw_bench_steps_delete(b);
    return st;
}

void kw_bench_steps_delete(struct kw_bench_steps *b)
{
    if (!b) return;
    for (int i = 0; i < N_LAYERS; i++) kw_curve_free(&b->layer[i]);
    kw_curve_free(&b->lm_head);
    kw_curve_free(&b->sampler);
    free(b->s);
    free(b);
}

/* A matrix product over n rows takes as long as one over the table's next number of rows. */
static double product(const struct kw_curve *c, double n)
{
    uint32_t i = 0;
    while (i < c->n && c->x[i] < n) i++;
    return i < c->n ? c->y[i] : kw_curve_at(c, n);
}

static double all_but_attention(const struct kw_bench_steps *b, const struct kw_step *step)
{
    double tokens = step->n_decode + (double)step->prefill_tokens, sequences = step->n_decode + (double)step->n_chunks;
    double padded = tokens <= 512 ? kw_fit_padded(tokens) : tokens;
    double s = product(&b->lm_head, sequences) + kw_curve_at(&b->sampler, sequences);
    for (int i = 0; i < N_LAYERS; i++)
        s += (layer_kinds[i].product ? product(&b->layer[i], padded) : kw_curve_at(&b->layer[i], padded)) *
             (layer_kinds[i].per_layer ? layer_kinds[i].per_layer * b->layers : 1);
    return s;
}

int64_t kw_bench_steps_ps(const void *of, const struct kw_step *step)
{
    const struct kw_bench_steps *b = of;
    double past = 0;
    for (uint32_t i = 0; i < step->n_chunks; i++) past += step->chunks[i].past;
    double attn = attention(b, step->prefill_tokens, past, step->n_decode,
                            step->n_decode ? (double)step->decode_context / step->n_decode : 0);
    if (step->n_chunks > 1) {
        double one_by_one =
            -(step->n_chunks - 1.0) * attention(b, b->axis[CHUNK].at[1], 0, 0, 0); /* one launch, not several */
        for (uint32_t i = 0; i < step->n_chunks; i++)
            one_by_one += attention(b, step->chunks[i].len, step->chunks[i].past, 0, 0);
        double lessened = attn + one_by_one - attention(b, step->prefill_tokens, past, 0, 0);
        if (lessened < attn && lessened > 0) attn = lessened;
    }
    int64_t ps = llround((all_but_attention(b, step) + b->layers * attn) * 1e12);
    return ps > 0 ? ps : 1;
}
