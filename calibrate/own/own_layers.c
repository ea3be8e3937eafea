#include "calibrate/own/own_layers.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "calibrate/import/fit_layers.h"
#include "calibrate/profile/curve.h"
#include "sim/core/files/csv.h"
#include "sim/core/nearest.h"

/* ---- what a step runs, by the names that tables give it ---- */

enum form {
    SERVING_SIM,
    PROFILER_TOKENS,
    PROFILER_SEQUENCES,
    PROFILER_ATTENTION,
    VIDUR_COMPUTE,
    VIDUR_ATTENTION,
    VIDUR_NETWORK,
    FORMS
};

static const struct {
    const char *columns[6]; /* by which it is known */
    double unit_s;          /* of its times */
} forms[FORMS] = {
    [SERVING_SIM] = { { "layer_name", "input", "tp_size", "latency(ns)", NULL }, 1e-9 },
    [PROFILER_TOKENS] = { { "layer", "tokens", "time_us", NULL }, 1e-6 },
    [PROFILER_SEQUENCES] = { { "layer", "sequences", "time_us", NULL }, 1e-6 },
    [PROFILER_ATTENTION] = { { "prefill_chunk", "kv_prefill", "n_decode", "kv_decode", "time_us", NULL }, 1e-6 },
    [VIDUR_COMPUTE] = { { "num_tokens", "num_tensor_parallel_workers", "time_stats.mlp_up_proj.median", NULL }, 1e-3 },
    [VIDUR_ATTENTION] = { { "batch_size", "prefill_chunk_size", "kv_cache_size", "is_prefill", NULL }, 1e-3 },
    [VIDUR_NETWORK] = { { "num_workers", "size", "time_stats.all_reduce.median", NULL }, 1e-3 },
};

static const struct layer {
    enum form form;
    const char *name;
    double per_layer, once; /* so often a layer of the model, and so often a step */
    bool head, attention;   /* over sequences; a whole prompt's, or a chunk's */
    bool needed;
} layers[] = {
    { SERVING_SIM, "embedding", 0, 1, false, false, true },
    { SERVING_SIM, "input_layernorm", 1, 0, false, false, true },
    { SERVING_SIM, "q_proj", 1, 0, false, false, true },
    { SERVING_SIM, "k_proj", 1, 0, false, false, true },
    { SERVING_SIM, "v_proj", 1, 0, false, false, true },
    { SERVING_SIM, "rope", 1, 0, false, false, true },
    { SERVING_SIM, "attn", 1, 0, false, true, false },
    { SERVING_SIM, "o_proj", 1, 0, false, false, true },
    { SERVING_SIM, "post_layernorm", 1, 0, false, false, true },
    { SERVING_SIM, "gate_proj", 1, 0, false, false, true },
    { SERVING_SIM, "up_proj", 1, 0, false, false, true },
    { SERVING_SIM, "act_fn", 1, 0, false, false, true },
    { SERVING_SIM, "down_proj", 1, 0, false, false, true },
    { SERVING_SIM, "final_layernorm", 0, 1, false, false, true },
    { SERVING_SIM, "lm_head", 0, 1, true, false, false },
    { PROFILER_TOKENS, "qkv_proj", 1, 0, false, false, true },
    { PROFILER_TOKENS, "o_proj", 1, 0, false, false, true },
    { PROFILER_TOKENS, "gate_up_proj", 1, 0, false, false, true },
    { PROFILER_TOKENS, "down_proj", 1, 0, false, false, true },
    { PROFILER_TOKENS, "layernorm", 2, 0, false, false, true },
    { PROFILER_TOKENS, "rotary_emb", 1, 0, false, false, true },
    { PROFILER_TOKENS, "act_fn", 1, 0, false, false, true },
    { PROFILER_TOKENS, "embedding", 0, 1, false, false, true },
    { PROFILER_TOKENS, "final_layernorm", 0, 1, false, false, true },
    { PROFILER_SEQUENCES, "lm_head", 0, 1, true, false, true },
    { PROFILER_SEQUENCES, "sampler", 0, 1, true, false, true },
    { VIDUR_COMPUTE, "emb", 0, 1, false, false, false },
    { VIDUR_COMPUTE, "input_layernorm", 1, 1, false, false, true }, /* and the last norm, which has no column */
    { VIDUR_COMPUTE, "attn_pre_proj", 1, 0, false, false, true },
    { VIDUR_COMPUTE, "attn_rope", 1, 0, false, false, true },
    { VIDUR_COMPUTE, "attn_post_proj", 1, 0, false, false, true },
    { VIDUR_COMPUTE, "post_attention_layernorm", 1, 0, false, false, false },
    { VIDUR_COMPUTE, "mlp_up_proj", 1, 0, false, false, true },
    { VIDUR_COMPUTE, "mlp_act", 1, 0, false, false, true },
    { VIDUR_COMPUTE, "mlp_down_proj", 1, 0, false, false, true },
    { VIDUR_COMPUTE, "add", 1, 0, false, false, false },
    { VIDUR_ATTENTION, "attn_kv_cache_save", 1, 0, false, false, false },
};
enum { LAYERS = sizeof layers / sizeof *layers };

struct own { /* what the files held; owns samples and set */
    const struct kw_model_shape *m;
    uint32_t tp, other_tp; /* one that rows were passed over for; 0: none */
    struct kw_samples of[LAYERS], all_reduce;
    struct kw_layer_set set;
    bool seen[FORMS];
    size_t rows;
};

static const char *form_of(const char *head, size_t n, enum form *form)
{
    for (int f = 0; f < FORMS; f++)
        if (kw_csv_has(head, n, forms[f].columns)) {
            *form = (enum form)f;
            return forms[f].columns[0];
        }
    return NULL;
}

bool kw_own_layers_is(const char *head, size_t n)
{
    enum form form;
    return form_of(head, n, &form) != NULL;
}

/* ---- reading ---- */

/* A column of the table that the model must agree with. */
static enum kw_status same(const struct kw_csv *c, const char *path, const char *column, double ours,
                           const struct own *o, struct kw_error *err)
{
    int at = kw_csv_column(c, column);
    double v;
    if (at < 0) return KW_OK;
    enum kw_status st = kw_csv_f64(c, at, 0, 1e9, &v, err);
    if (st == KW_OK && v != ours)
        st = kw_fail(err, KW_ERANGE, "%.300s:%ld: %s is %g, but %s has %g: the table is of another model", path,
                     c->line, column, v, o->m->name, ours);
    return st;
}

/* Is the row of our tp? column -1: it does not say. */
static enum kw_status of_our_tp(struct own *o, const struct kw_csv *c, int column, bool *ours, struct kw_error *err)
{
    double tp;
    *ours = true;
    if (column < 0) return KW_OK;
    enum kw_status st = kw_csv_f64(c, column, 1, 1024, &tp, err);
    if (st == KW_OK && tp != o->tp) {
        *ours = false;
        o->other_tp = (uint32_t)tp;
    }
    return st;
}

/* A row a layer: SERVING_SIM and the two of PROFILER. */
static enum kw_status layer_row(struct own *o, const struct kw_csv *c, const char *path, enum form form,
                                const int at[4], struct kw_error *err)
{
    struct kw_sample p = { .s = 0 };
    bool ours;
    int k = 0;
    const char *name = c->field[at[0]].p, *names[LAYERS + 1];
    size_t n = 0;
    while (k < LAYERS && (layers[k].form != form || strcmp(layers[k].name, name))) {
        if (layers[k].form == form) names[n++] = layers[k].name;
        k++;
    }
    names[n] = NULL;
    if (k == LAYERS) {
        char hint[KW_NEAREST_HINT];
        return kw_fail(err, KW_EPARSE, "%.300s:%ld: a layer '%.60s' is not known%s", path, c->line, name,
                       kw_nearest_hint(hint, name, names));
    }
    enum kw_status st = of_our_tp(o, c, at[3], &ours, err);
    if (st != KW_OK || !ours) return st;
    if ((st = kw_csv_f64(c, at[1], 1, 1e7, &p.x[0], err)) != KW_OK) return st;
    const int kv = form == SERVING_SIM ? kw_csv_column(c, "kv_cache") : -1;
    if (layers[k].attention && kv >= 0 && (st = kw_csv_f64(c, kv, 0, 1e7, &p.x[1], err)) != KW_OK) return st;
    if ((st = kw_csv_f64(c, at[2], 1e-6 / forms[form].unit_s * 1e-3, 1e3 / forms[form].unit_s, &p.s, err)) != KW_OK)
        return st;
    p.s *= forms[form].unit_s;
    o->rows++;
    return kw_samples_push(layers[k].attention ? &o->set.attention : &o->of[k], p, err);
}

/* A row a chunk and a batch. */
static enum kw_status attention_row(struct own *o, const struct kw_csv *c, const int at[5], struct kw_error *err)
{
    struct kw_sample p = { .s = 0 };
    enum kw_status st = KW_OK;
    for (int i = 0; st == KW_OK && i < 4; i++) st = kw_csv_f64(c, at[i], 0, 1e7, &p.x[i], err);
    if (st == KW_OK) st = kw_csv_f64(c, at[4], 1e-3, 1e9, &p.s, err);
    p.s *= 1e-6;
    o->rows++;
    return st == KW_OK ? kw_samples_push(&o->set.attention, p, err) : st;
}

static enum kw_status vidur_compute_row(struct own *o, const struct kw_csv *c, const char *path,
                                        const int column[LAYERS], const int at[2], struct kw_error *err)
{
    double tokens;
    bool ours;
    enum kw_status st = of_our_tp(o, c, at[1], &ours, err);
    if (st == KW_OK) st = same(c, path, "n_head", o->m->heads, o, err);
    if (st == KW_OK) st = same(c, path, "n_kv_head", o->m->kv_heads, o, err);
    if (st == KW_OK) st = same(c, path, "n_embd", o->m->hidden, o, err);
    if (st == KW_OK) st = same(c, path, "n_expanded_embd", o->m->intermediate, o, err);
    if (st != KW_OK || !ours) return st;
    st = kw_csv_f64(c, at[0], 1, 1e7, &tokens, err);
    o->rows++;
    for (int k = 0; st == KW_OK && k < LAYERS; k++) {
        struct kw_sample p = { .x = { tokens } };
        if (layers[k].form != VIDUR_COMPUTE || column[k] < 0) continue;
        if ((st = kw_csv_f64(c, column[k], 0, 1e6, &p.s, err)) != KW_OK) break;
        p.s *= 1e-3;
        st = kw_samples_push(&o->of[k], p, err);
    }
    return st;
}

/* { batch, chunk, kv, is_prefill, tp, prefill's time, decode's, KV save's } */
static enum kw_status vidur_attention_row(struct own *o, const struct kw_csv *c, const char *path, const int at[8],
                                          int save, struct kw_error *err)
{
    double batch, chunk, kv;
    struct kw_sample p = { .s = 0 };
    bool ours;
    enum kw_status st = of_our_tp(o, c, at[4], &ours, err);
    if (st == KW_OK) st = same(c, path, "n_q_head", o->m->heads, o, err);
    if (st == KW_OK) st = same(c, path, "n_kv_head", o->m->kv_heads, o, err);
    if (st == KW_OK) st = same(c, path, "n_embd", o->m->hidden, o, err);
    if (st != KW_OK || !ours) return st;
    const char *prefill = c->field[at[3]].p;
    const bool is_prefill = !strcmp(prefill, "True") || !strcmp(prefill, "true") || !strcmp(prefill, "1");
    if (!is_prefill && strcmp(prefill, "False") && strcmp(prefill, "false") && strcmp(prefill, "0"))
        return kw_fail(err, KW_EPARSE, "%.300s:%ld: is_prefill: want True or False, got \"%.40s\"", path, c->line,
                       prefill);
    if ((st = kw_csv_f64(c, at[0], 1, 1e6, &batch, err)) != KW_OK) return st;
    if ((st = kw_csv_f64(c, at[1], is_prefill, 1e7, &chunk, err)) != KW_OK) return st;
    if ((st = kw_csv_f64(c, at[2], !is_prefill, 1e7, &kv, err)) != KW_OK) return st;
    if ((st = kw_csv_f64(c, at[is_prefill ? 5 : 6], 1e-5, 1e6, &p.s, err)) != KW_OK) return st;
    if (is_prefill && batch != 1)
        return KW_OK; /* several prompts at once: their sum is one prompt's pairs and tokens */
    if (is_prefill)
        p.x[0] = chunk, p.x[1] = kv;
    else
        p.x[2] = batch, p.x[3] = kv;
    p.s *= 1e-3;
    o->rows++;
    if ((st = kw_samples_push(&o->set.attention, p, err)) != KW_OK || at[7] < 0) return st;
    struct kw_sample q = { .x = { is_prefill ? chunk : batch } };
    if (!kw_span_trimmed(c->field[at[7]]).n) return KW_OK;
    if ((st = kw_csv_f64(c, at[7], 0, 1e6, &q.s, err)) != KW_OK) return st;
    q.s *= 1e-3;
    return kw_samples_push(&o->of[save], q, err);
}

/* GPUs of one node; { workers, size, time, devices a node or -1 } */
static enum kw_status vidur_network_row(struct own *o, const struct kw_csv *c, const int at[4], struct kw_error *err)
{
    struct kw_sample p = { .s = 0 };
    double devices = o->tp;
    bool ours;
    enum kw_status st = of_our_tp(o, c, at[0], &ours, err);
    if (st == KW_OK && at[3] >= 0) st = kw_csv_f64(c, at[3], 1, 1024, &devices, err);
    if (st != KW_OK || !ours || devices < o->tp) return st;
    if ((st = kw_csv_f64(c, at[1], 1, 1e12, &p.x[0], err)) != KW_OK) return st;
    if ((st = kw_csv_f64(c, at[2], 1e-5, 1e6, &p.s, err)) != KW_OK) return st;
    p.s *= 1e-3;
    o->rows++;
    return kw_samples_push(&o->all_reduce, p, err);
}

static enum kw_status find(const struct kw_csv *c, const char *const *names, int *at, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    for (int i = 0; st == KW_OK && names[i]; i++) st = kw_csv_need(c, names[i], &at[i], err);
    return st;
}

static enum kw_status read_rows(struct own *o, struct kw_csv *c, const char *path, enum form form, struct kw_error *err)
{
    static const char *const attention[] = { "batch_size",
                                             "prefill_chunk_size",
                                             "kv_cache_size",
                                             "is_prefill",
                                             "num_tensor_parallel_workers",
                                             "time_stats.attn_prefill.median",
                                             "time_stats.attn_decode.median",
                                             NULL };
    int at[8] = { 0 }, column[LAYERS], save = LAYERS - 1;
    char name[64];
    enum kw_status st = KW_OK;
    for (int k = 0; k < LAYERS; k++) {
        snprintf(name, sizeof name, "time_stats.%.40s.median", layers[k].name);
        column[k] = kw_csv_column(c, name);
        if (layers[k].form == form && form == VIDUR_COMPUTE && layers[k].needed && column[k] < 0)
            return kw_csv_need(c, name, &column[k], err);
    }
    if (form == VIDUR_ATTENTION) {
        st = find(c, attention, at, err);
        at[7] = column[save];
    } else if (form == VIDUR_COMPUTE) {
        st = find(c, (const char *const[]){ "num_tokens", "num_tensor_parallel_workers", NULL }, at, err);
    } else if (form == VIDUR_NETWORK) {
        st = find(c, forms[form].columns, at, err);
        at[3] = kw_csv_column(c, "devices_per_node");
    } else if (form == SERVING_SIM) {
        st = find(c, (const char *const[]){ "layer_name", "input", "latency(ns)", "tp_size", NULL }, at, err);
    } else {
        st = find(c, forms[form].columns, at, err);
        if (form != PROFILER_ATTENTION) at[3] = -1;
    }
    for (bool more; st == KW_OK && (st = kw_csv_next(c, &more, err)) == KW_OK && more;)
        st = form == VIDUR_ATTENTION      ? vidur_attention_row(o, c, path, at, save, err)
             : form == VIDUR_COMPUTE      ? vidur_compute_row(o, c, path, column, at, err)
             : form == VIDUR_NETWORK      ? vidur_network_row(o, c, at, err)
             : form == PROFILER_ATTENTION ? attention_row(o, c, at, err)
                                          : layer_row(o, c, path, form, at, err);
    return st;
}

static enum kw_status read_file(struct own *o, const char *path, char hex[65], struct kw_error *err)
{
    struct kw_csv c;
    enum form form = FORMS;
    const char *head;
    size_t n;
    struct kw_source s;
    enum kw_status st = kw_source_open(&s, path, err);
    if (st != KW_OK) return st;
    if ((st = kw_source_peek(&s, 4096, &head, &n, err)) == KW_OK) form_of(head, n, &form);
    kw_source_close(&s);
    if (st != KW_OK || (st = kw_csv_open(&c, path, err)) != KW_OK) return st;
    const size_t before = o->rows;
    o->seen[form] = true;
    st = read_rows(o, &c, path, form, err);
    if (st == KW_OK) st = kw_source_hash(c.s, hex, err);
    if (st == KW_OK && o->rows == before)
        st = o->other_tp ? kw_fail(err, KW_ERANGE, "%.300s: no row of tp %u; it has tp %u: say which with --tp", path,
                                   o->tp, o->other_tp)
                         : kw_fail(err, KW_ERANGE, "%.300s: no rows", path);
    kw_csv_close(&c);
    return st;
}

/* ---- from the tables to the step ---- */

/* Each layer's samples as a curve of the set; a form that lacks one of its layers is no whole step. */
static enum kw_status to_set(struct own *o, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    for (int k = 0; st == KW_OK && k < LAYERS; k++) {
        if (!o->seen[layers[k].form] || layers[k].attention) continue;
        if (!o->of[k].n && layers[k].needed)
            st = kw_fail(err, KW_ERANGE, "no row of layer '%s' at tp %u: a step runs it", layers[k].name, o->tp);
        else if (o->of[k].n)
            st = kw_layer_set_add(&o->set, layers[k].head, &o->of[k],
                                  layers[k].per_layer * o->m->layers + layers[k].once, err);
    }
    if (st == KW_OK && (o->seen[SERVING_SIM] + o->seen[PROFILER_TOKENS] + o->seen[VIDUR_COMPUTE]) > 1)
        st = kw_fail(err, KW_ERANGE, "the layers stand in tables of two kinds: give one");
    return st;
}

static enum kw_status to_comm(struct kw_profile *p, struct own *o, struct kw_error *err)
{
    struct kw_curve *c = &p->tables.comm;
    kw_curve_free(c);
    kw_samples_sort(&o->all_reduce);
    enum kw_status st = kw_curve_new(c, o->all_reduce.n + 1, err);
    double before = 0;
    for (size_t i = 0; st == KW_OK && i < o->all_reduce.n; i++) {
        double tokens = o->all_reduce.p[i].x[0] / (2.0 * o->m->hidden), s = 2.0 * o->m->layers * o->all_reduce.p[i].s;
        if (c->n && tokens == c->x[c->n - 1]) continue; /* measured twice: the smaller, as sorted */
        before = fmax(before, s);                       /* a larger message takes no less time */
        kw_curve_put(c, tokens, before);
    }
    if (st == KW_OK) kw_curve_thin(c, 1e-2);
    return st;
}

static bool has_decodes(const struct own *o)
{
    for (size_t i = 0; i < o->set.attention.n; i++)
        if (o->set.attention.p[i].x[0] == 0) return true;
    return false;
}

/* Whole ones: chunks after others alone do not tell what a prompt takes. */
static bool has_prompts(const struct own *o)
{
    for (size_t i = 0; i < o->set.attention.n; i++)
        if (o->set.attention.p[i].x[1] == 0 && o->set.attention.p[i].x[2] == 0) return true;
    return false;
}

/* What the files do not have, in words, and whether there is any. */
static bool absent(const struct own *o, FILE *report, const struct kw_provenance *base)
{
    const struct {
        const char *what;
        bool have;
    } part[] = { { "layers", o->set.n > 0 },
                 { "lm_head and sampling", o->set.n_head > 0 },
                 { "attention of decodes", has_decodes(o) },
                 { "attention of whole prompts", has_prompts(o) },
                 { "all-reduce", o->tp == 1 || o->all_reduce.n } };
    size_t n = 0;
    for (size_t i = 0; i < sizeof part / sizeof *part; i++)
        if (!part[i].have) fprintf(report, "%s%s", n++ ? ", " : "NOT IN THE FILES: ", part[i].what);
    if (n) fprintf(report, "; by %s (%s)\n", kw_grade_name[base->grade], base->source);
    return n > 0;
}

static enum kw_status to_profile(struct kw_profile *p, struct own *o, const struct kw_own_origin *origin,
                                 const char *path, const char *hex, FILE *report, struct kw_error *err)
{
    const struct kw_provenance was = p->steps;
    char name[KW_PROFILE_TEXT];
    enum kw_status st = kw_fit_layers(p, &o->set, o->m, report, err);
    if (st == KW_OK && o->all_reduce.n) st = to_comm(p, o, err);
    if (st == KW_OK) st = kw_own_provenance(&p->steps, origin, path, hex, o->rows, "calibrate import", err);
    if (st != KW_OK) return st;
    if (o->all_reduce.n) {
        snprintf(p->link.name, sizeof p->link.name, "as in the files");
        p->link.provenance = p->steps;
    }
    fprintf(report, "%zu rows at tp %u; the rest (KV cache, limits, loading) is as of %s\n", o->rows, o->tp,
            kw_profile_name(p, name));
    if (absent(o, report, &was)) p->steps.grade = kw_grade_weaker(p->steps.grade, was.grade);
    snprintf(p->engine, sizeof p->engine, "own layer tables");
    p->drift = 0;
    p->unsteady = false;
    p->weakest = kw_grade_weaker(p->weakest, p->steps.grade);
    return KW_OK;
}

enum kw_status kw_own_layers(struct kw_profile *p, const struct kw_model_shape *m, const char *const *paths, size_t n,
                             const struct kw_own_origin *origin, FILE *report, struct kw_error *err)
{
    struct own o = { .m = m, .tp = p->tp };
    char hex[65] = "";
    enum kw_status st = KW_OK;
    if (!kw_model_is_plain(m))
        st = kw_fail(err, KW_ERANGE,
                     "%s has experts, or layers that do not attend to all tokens: the tables are of dense models",
                     m->name);
    for (size_t i = 0; st == KW_OK && i < n; i++) st = read_file(&o, paths[i], hex, err);
    if (st == KW_OK) st = to_set(&o, err);
    if (st == KW_OK) st = to_profile(p, &o, origin, paths[0], n > 1 ? "" : hex, report, err);
    for (int k = 0; k < LAYERS; k++) kw_samples_free(&o.of[k]);
    kw_samples_free(&o.all_reduce);
    kw_layer_set_free(&o.set);
    return st;
}
