#include "calibrate/profile/profile.h"
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "calibrate/profile/curve.h"
#include "calibrate/profile/gpu.h"
#include "sim/core/files/file.h"
#include "sim/core/files/embedded.h"

#define MAX_KNOTS 4096
#define MAX_ROWS 512
#define MAX_STEP_US 1e9 /* no single table entry above 1000 s */
#define Z95 1.644853626951473

const char *const kw_expert_routing_name[] = {
    [KW_EXPERTS_POWER_LAW] = "power_law_1.2", [KW_EXPERTS_BALANCED] = "balanced", [KW_EXPERTS_ROUTINGS] = NULL
};

/* How far below the data-sheet bound a table may lie before it is refused: data sheets round, and so do we. */
#define PHYSICS_SLACK 0.99

void kw_profile_free(struct kw_profile *p)
{
    struct kw_step_tables *t = &p->tables;
    kw_curve_free(&t->dense);
    kw_curve_free(&t->head);
    kw_curve_free(&t->prefill_attn);
    kw_curve_free(&t->comm);
    kw_curve_free(&t->group.experts);
    kw_curve_free(&t->group.exchange);
    if (t->decode)
        for (uint32_t i = 0; i < t->n_decode_rows; i++) kw_curve_free(&t->decode[i]);
    free(t->decode);
    free(t->decode_batch);
    *p = (struct kw_profile){ 0 };
}

/* ---- reading ---- */

static enum kw_status read_numbers(struct kw_jnode arr, double lo, double hi, double scale, double *out,
                                   struct kw_error *err)
{
    for (int i = 0; i < kw_json_len(arr); i++) {
        enum kw_status st = kw_json_f64(kw_json_at(arr, i), lo, hi, &out[i], err);
        if (st != KW_OK) return st;
        out[i] *= scale;
    }
    return KW_OK;
}

/* {"tokens": [1, 2], "us": [3.5, 4]} into x and seconds; x strictly ascending. On failure the caller frees c. */
static enum kw_status read_curve(struct kw_jnode n, const char *x_key, struct kw_curve *c, struct kw_error *err)
{
    struct kw_jnode x = kw_json_get(n, x_key), y = kw_json_get(n, "us");
    enum kw_status st;
    if (!kw_json_is_array(x)) return kw_json_fail(n, KW_EPARSE, err, "want an array \"%s\"", x_key);
    if (!kw_json_is_array(y)) return kw_json_fail(n, KW_EPARSE, err, "want an array \"us\"");
    int len = kw_json_len(x);
    if (len < 1 || len > MAX_KNOTS)
        return kw_json_fail(x, KW_ERANGE, err, "want 1..%d numbers, got %d", MAX_KNOTS, len);
    if (kw_json_len(y) != len)
        return kw_json_fail(y, KW_ERANGE, err, "want %d numbers as in %s, got %d", len, x_key, kw_json_len(y));
    c->x = malloc(sizeof *c->x * (size_t)len);
    c->y = malloc(sizeof *c->y * (size_t)len);
    if (!c->x || !c->y) return kw_fail(err, KW_ENOMEM, "out of memory");
    c->n = (uint32_t)len;
    if ((st = read_numbers(x, 0, 1e15, 1, c->x, err)) != KW_OK) return st;
    if ((st = read_numbers(y, 0, MAX_STEP_US, 1e-6, c->y, err)) != KW_OK) return st;
    for (int i = 1; i < len; i++)
        if (!(c->x[i] > c->x[i - 1]))
            return kw_json_fail(kw_json_at(x, i), KW_ERANGE, err, "must ascend, got %g after %g", c->x[i], c->x[i - 1]);
    return KW_OK;
}

static enum kw_status read_plain_curve(struct kw_jnode n, const char *x_key, struct kw_curve *c, struct kw_error *err)
{
    const char *const keys[] = { x_key, "us", NULL };
    enum kw_status st = kw_json_keys(n, keys, err);
    return st != KW_OK ? st : read_curve(n, x_key, c, err);
}

static enum kw_status read_decode(struct kw_jnode n, struct kw_step_tables *t, struct kw_error *err)
{
    static const char *const keys[] = { "batch", "context", "us", NULL };
    if (!kw_json_is_array(n)) return kw_json_fail(n, KW_EPARSE, err, "want an array of rows");
    int len = kw_json_len(n);
    if (len < 1 || len > MAX_ROWS) return kw_json_fail(n, KW_ERANGE, err, "want 1..%d rows, got %d", MAX_ROWS, len);
    t->decode = calloc((size_t)len, sizeof *t->decode);
    t->decode_batch = calloc((size_t)len, sizeof *t->decode_batch);
    if (!t->decode || !t->decode_batch) return kw_fail(err, KW_ENOMEM, "out of memory");
    t->n_decode_rows = (uint32_t)len;
    for (int i = 0; i < len; i++) {
        struct kw_jnode row = kw_json_at(n, i), batch = kw_json_get(row, "batch");
        enum kw_status st;
        if ((st = kw_json_keys(row, keys, err)) != KW_OK) return st;
        if ((st = kw_json_f64(batch, 1, 1e6, &t->decode_batch[i], err)) != KW_OK) return st;
        if (i && !(t->decode_batch[i] > t->decode_batch[i - 1]))
            return kw_json_fail(batch, KW_ERANGE, err, "must ascend, got %g after %g", t->decode_batch[i],
                                t->decode_batch[i - 1]);
        if ((st = read_curve(row, "context", &t->decode[i], err)) != KW_OK) return st;
        for (uint32_t k = 1; k < t->decode[i].n; k++)
            if (t->decode[i].y[k] < t->decode[i].y[k - 1])
                return kw_json_fail(kw_json_at(kw_json_get(row, "us"), (int)k), KW_ERANGE, err,
                                    "more context cannot take less time: %g us after %g", t->decode[i].y[k] * 1e6,
                                    t->decode[i].y[k - 1] * 1e6);
    }
    return KW_OK;
}

/* { "idle_us": [...], "us": [...] }, both ascending; absent: nobody has measured it. */
static enum kw_status read_idle(struct kw_jnode n, struct kw_step_cold *c, struct kw_error *err)
{
    static const char *const keys[] = { "idle_us", "us", NULL };
    struct kw_jnode x = kw_json_get(n, "idle_us"), y = kw_json_get(n, "us");
    if (!kw_json_present(n)) return KW_OK;
    enum kw_status st = kw_json_keys(n, keys, err);
    if (st != KW_OK) return st;
    int len = kw_json_is_array(x) ? kw_json_len(x) : 0;
    if (len < 1 || len > KW_STEP_IDLES)
        return kw_json_fail(x, KW_ERANGE, err, "want 1 to %d idle times", KW_STEP_IDLES);
    if (!kw_json_is_array(y) || kw_json_len(y) != len)
        return kw_json_fail(y, KW_ERANGE, err, "want as many values as idle_us has, %d", len);
    for (int i = 0; i < len; i++) {
        if ((st = kw_json_f64(kw_json_at(x, i), i ? c->idle[i - 1].idle_s * 1e6 + 1 : 1, 1e12, &c->idle[i].idle_s,
                              err)) != KW_OK)
            return st;
        if ((st = kw_json_f64(kw_json_at(y, i), i ? c->idle[i - 1].more_s * 1e6 : 0, 1e6, &c->idle[i].more_s, err)) !=
            KW_OK)
            return st;
        c->idle[i].idle_s *= 1e-6;
        c->idle[i].more_s *= 1e-6;
    }
    c->n_idle = (uint32_t)len;
    return KW_OK;
}

static enum kw_status read_word(struct kw_jnode n, char *to, size_t size, struct kw_error *err)
{
    const char *s;
    enum kw_status st = kw_json_str(n, &s, err);
    if (st != KW_OK) return st;
    if (!*s || strlen(s) >= size)
        return kw_json_fail(n, KW_ERANGE, err, "want 1..%zu bytes, got \"%.60s\"", size - 1, s);
    memcpy(to, s, strlen(s) + 1);
    return KW_OK;
}

static enum kw_status read_link(struct kw_jnode n, struct kw_profile_link *link, struct kw_error *err)
{
    static const char *const keys[] = { "name", "grade", "source", "date", "evidence", NULL };
    if (!kw_json_present(n)) return KW_OK;
    enum kw_status st = kw_json_keys(n, keys, err);
    if (st == KW_OK) st = read_word(kw_json_get(n, "name"), link->name, sizeof link->name, err);
    return st == KW_OK ? kw_provenance_read(n, &link->provenance, err) : st;
}

static enum kw_status read_u32(struct kw_jnode n, int64_t lo, int64_t hi, uint32_t *to, struct kw_error *err)
{
    int64_t v;
    enum kw_status st = kw_json_i64(n, lo, hi, &v, err);
    if (st == KW_OK) *to = (uint32_t)v;
    return st;
}

/* Absent: experts are in dense. */
static enum kw_status read_group(struct kw_jnode n, struct kw_profile *p, struct kw_error *err)
{
    static const char *const keys[] = { "pad_to", "experts", "exchange", NULL };
    struct kw_step_group *g = &p->tables.group;
    struct kw_jnode experts = kw_json_get(n, "experts"), exchange = kw_json_get(n, "exchange"),
                    pad = kw_json_get(n, "pad_to");
    if (!kw_json_present(n)) return KW_OK;
    enum kw_status st = kw_json_keys(n, keys, err);
    if (st != KW_OK) return st;
    if (p->dp < 2) return kw_json_fail(n, KW_ERANGE, err, "is of a group of ranks: want \"dp\" of 2 at least");
    g->ranks = p->dp;
    if (kw_json_present(pad) && (st = read_u32(pad, 0, 1 << 20, &g->pad_to, err)) != KW_OK) return st;
    if (kw_json_present(experts) && (st = read_plain_curve(experts, "tokens", &g->experts, err)) != KW_OK) return st;
    return kw_json_present(exchange) ? read_plain_curve(exchange, "tokens", &g->exchange, err) : KW_OK;
}

/* Microseconds in the file, since that is what people measure and compare; seconds from here on. */
static enum kw_status read_steps(struct kw_jnode n, struct kw_profile *p, struct kw_error *err)
{
    static const char *const keys[] = {
        "grade",           "source", "date",   "evidence", "fixed_us",     "sequence_us",      "chunk_us", "after_idle",
        "after_prompt_us", "dense",  "head",   "decode",   "prefill_attn", "prefill_token_us", "comm",     "mixed",
        "errors",          "drift",  "steady", "link",     "front_us",     "front_token_us",   "group",    NULL
    };
    static const char *const error_keys[] = { "decode_median", "decode_worst", "prefill_median", "prefill_worst",
                                              NULL };
    struct kw_step_tables *t = &p->tables;
    static const char *const mixed_keys[] = { "sequence_us", "context_us", "pair_us", NULL };
    struct kw_jnode e = kw_json_get(n, "errors"), mixed = kw_json_get(n, "mixed");
    double *to[] = { &p->steps_error_median, &p->steps_error_worst, &p->prefill_error_median, &p->prefill_error_worst };
    enum kw_status st;
    if ((st = kw_json_keys(n, keys, err)) != KW_OK) return st;
    if ((st = kw_provenance_read(n, &p->steps, err)) != KW_OK) return st;
    if ((st = kw_json_f64(kw_json_get(n, "fixed_us"), 0, MAX_STEP_US, &t->fixed_s, err)) != KW_OK) return st;
    t->fixed_s *= 1e-6;
    const struct {
        const char *key;
        double *to;
    } host[] = { { "sequence_us", &t->sequence_s },
                 { "chunk_us", &t->chunk_s },
                 { "after_prompt_us", &t->cold.after_prompt_s },
                 { "front_us", &p->front_s },
                 { "front_token_us", &p->front_token_s } };
    for (int i = 0; i < 5; i++) {
        struct kw_jnode us = kw_json_get(n, host[i].key);
        if (!kw_json_present(us)) continue; /* nobody has measured it: 0 */
        if ((st = kw_json_f64(us, 0, 1e6, host[i].to, err)) != KW_OK) return st;
        *host[i].to *= 1e-6;
    }
    if ((st = read_idle(kw_json_get(n, "after_idle"), &t->cold, err)) != KW_OK) return st;
    if ((st = read_plain_curve(kw_json_get(n, "dense"), "tokens", &t->dense, err)) != KW_OK) return st;
    if ((st = read_plain_curve(kw_json_get(n, "head"), "sequences", &t->head, err)) != KW_OK) return st;
    if ((st = read_decode(kw_json_get(n, "decode"), t, err)) != KW_OK) return st;
    if ((st = read_plain_curve(kw_json_get(n, "prefill_attn"), "pairs", &t->prefill_attn, err)) != KW_OK) return st;
    st = kw_json_f64(kw_json_get(n, "prefill_token_us"), 0, MAX_STEP_US, &t->prefill_token_s, err);
    if (st != KW_OK) return st;
    t->prefill_token_s *= 1e-6;
    if ((st = read_plain_curve(kw_json_get(n, "comm"), "tokens", &t->comm, err)) != KW_OK) return st;
    if ((st = read_link(kw_json_get(n, "link"), &p->link, err)) != KW_OK) return st;
    if ((st = read_group(kw_json_get(n, "group"), p, err)) != KW_OK) return st;
    if (kw_json_present(mixed)) {
        double *const parts[] = { &t->mixed.sequence_s, &t->mixed.context_s, &t->mixed.pair_s };
        if ((st = kw_json_keys(mixed, mixed_keys, err)) != KW_OK) return st;
        for (int i = 0; i < 3; i++) {
            if ((st = kw_json_f64(kw_json_get(mixed, mixed_keys[i]), 0, 1e3, parts[i], err)) != KW_OK) return st;
            *parts[i] *= 1e-6;
        }
    }
    bool steady;
    if ((st = kw_json_f64_or(kw_json_get(n, "drift"), 0, 0, 100, &p->drift, err)) != KW_OK) return st;
    if ((st = kw_json_bool_or(kw_json_get(n, "steady"), true, &steady, err)) != KW_OK) return st;
    p->unsteady = !steady;
    if ((st = kw_json_keys(e, error_keys, err)) != KW_OK) return st;
    for (int i = 0; i < 4; i++)
        if ((st = kw_json_f64(kw_json_get(e, error_keys[i]), 0, 100, to[i], err)) != KW_OK) return st;
    return KW_OK;
}

static enum kw_status read_rate(struct kw_jnode n, struct kw_law *l, struct kw_error *err)
{
    enum kw_status st = kw_law_read(n, l, err);
    if (st == KW_OK && !(kw_law_quantile(l, 1e-6) >= 1e3))
        return kw_json_fail(n, KW_ERANGE, err, "a rate of %g B/s would never load a model", kw_law_quantile(l, 1e-6));
    return st;
}

/* A known model has so many bytes in a precision. Half as many again are room for padding and copies (KV heads beyond
 * tp); KV may be kept in 8 bits beside any weights. */
static enum kw_status check_bytes(struct kw_jnode root, const struct kw_profile *p, const struct kw_model_shape *m,
                                  struct kw_error *err)
{
    bool wide = !strcmp(p->precision, "fp32");
    double weights = wide ? 4 * m->n_params : kw_model_weight_bytes(m, p->precision);
    double kv = kw_model_kv_bytes_per_token(m, wide ? "bf16" : p->precision),
           copies = p->tp > m->kv_heads ? (double)p->tp / m->kv_heads : 1;
    double least =
        !strcmp(p->precision, "fp8") ? fmin(m->n_params, weights) : weights; /* embedding and lm_head in 8 bits, too */
    if (p->weight_bytes < 0.95 * least || p->weight_bytes > 1.5 * weights * kw_parallel_ranks(kw_profile_parallel(p)))
        return kw_json_fail(kw_json_get(root, "weight_bytes"), KW_ERANGE, err,
                            "%s in %s has %.2f GB of weights, not %.2f", m->name, p->precision, weights / 1e9,
                            p->weight_bytes / 1e9);
    double full = (double)(m->layers - m->linear_layers - m->window_layers) / (m->layers - m->linear_layers);
    if (m->window_layers) kv *= p->kv_bytes_per_token < 0.475 * kv ? full : 1; /* those within a window set aside */
    if (m->latent.kv_rank) copies = p->tp;
    if (p->kv_bytes_per_token < 0.475 * kv || p->kv_bytes_per_token > (wide ? 3 : 1.5) * kv * copies)
        return kw_json_fail(kw_json_get(root, "kv_bytes_per_token"), KW_ERANGE, err,
                            "%s keeps %.0f B a token in 16 bits, not %.0f", m->name, kv * copies,
                            p->kv_bytes_per_token);
    return KW_OK;
}

/* What the data sheet forbids. A GPU or a model we do not know cannot be judged and passes. */
/* A profile that promises more than the hardware has would win every plan, so it is refused where it enters. */
static enum kw_status check_physics(struct kw_jnode root, const struct kw_profile *p, struct kw_error *err)
{
    const struct kw_gpu_spec *g = kw_gpu_find(p->gpu);
    const struct kw_model_shape *m = kw_model_find(p->model);
    struct kw_jnode steps = kw_json_get(root, "steps");
    const struct kw_step_tables *t = &p->tables;
    enum kw_status st = m ? check_bytes(root, p, m, err) : KW_OK;
    if (st != KW_OK || !g) return st;
    double kv = (double)p->num_blocks * p->block_size * p->kv_bytes_per_token,
           memory = kw_profile_gpus(p) * g->memory_bytes;
    kv *= kw_parallel_ranks(kw_profile_parallel(p));
    if (p->weight_bytes + kv > memory)
        return kw_json_fail(kw_json_get(kw_json_get(root, "kv"), "num_blocks"), KW_ERANGE, err,
                            "weights %.2f GB + KV %.2f GB do not fit in %u x %s = %.2f GB", p->weight_bytes / 1e9,
                            kv / 1e9, kw_profile_gpus(p), p->gpu, memory / 1e9);
    if (!m) return KW_OK;
    double unread = m->tied_embeddings ? 0 : 2.0 * m->vocab * m->hidden; /* the embedding table: a row a token */
    if (m->experts.n)                                                    /* one token's experts alone */
        unread += (1 - (double)m->experts.active / m->experts.n) * kw_model_part_params(m, KW_PART_EXPERTS) *
                  kw_model_bits(m, p->precision) / 8;
    double floor_s = (p->weight_bytes - unread) / (kw_profile_gpus(p) * g->bandwidth);
    double step_s = t->fixed_s + t->sequence_s + kw_curve_at(&t->dense, 1) + kw_curve_at(&t->head, 1) +
                    t->decode[0].y[0] + kw_curve_at(&t->comm, 1) +
                    (t->group.experts.n ? kw_curve_at(&t->group.experts, t->group.ranks) : 0);
    if (step_s < floor_s * PHYSICS_SLACK)
        return kw_json_fail(steps, KW_ERANGE, err,
                            "a decode step of %.4g ms is faster than %s's memory allows (%.4g ms at %.0f GB/s)",
                            step_s * 1e3, p->gpu, floor_s * 1e3, kw_profile_gpus(p) * g->bandwidth / 1e9);
    if (t->group.ranks) return KW_OK; /* of a rank's tokens and of all ranks' there are tables apart */
    double tokens = t->dense.x[t->dense.n - 1], flops = !strcmp(p->precision, "fp8") ? g->flops_fp8 : g->flops_bf16;
    if (!(flops > 0))
        return kw_json_fail(kw_json_get(root, "precision"), KW_ERANGE, err, "%s has no %s", p->gpu, p->precision);
    double bound = 2 * kw_model_active_linear_params(m) * tokens / (p->tp * flops), took = t->dense.y[t->dense.n - 1];
    if (took < bound * PHYSICS_SLACK)
        return kw_json_fail(kw_json_get(steps, "dense"), KW_ERANGE, err,
                            "%.0f tokens in %.4g ms are faster than %s's %.0f TFLOP/s allow (%.4g ms)", tokens,
                            took * 1e3, p->gpu, p->tp * flops / 1e12, bound * 1e3);
    return KW_OK;
}

/* By any of its names; one that nobody knows is kept, for a platform that offers just that. */
static enum kw_status read_gpu(struct kw_jnode n, struct kw_profile *p, struct kw_error *err)
{
    const char *name;
    enum kw_status st = kw_json_str(n, &name, err);
    if (st != KW_OK || !kw_gpu_find(name)) return st == KW_OK ? read_word(n, p->gpu, sizeof p->gpu, err) : st;
    snprintf(p->gpu, sizeof p->gpu, "%s", kw_gpu_name(name));
    return KW_OK;
}

/* Measured times outrank all others of their GPU, so they are of the device they were measured on and of no other. */
static enum kw_status check_device(struct kw_jnode root, const struct kw_profile *p, struct kw_error *err)
{
    const struct kw_gpu_spec *driver = kw_gpu_find(p->device);
    if (p->steps.grade != KW_GRADE_MEASURED || !driver || !strcmp(driver->name, p->gpu)) return KW_OK;
    return kw_json_fail(kw_json_get(root, "gpu"), KW_ERANGE, err, "is %s, but it was measured on a %s, which is %s",
                        p->gpu, p->device, driver->name);
}

/* "dp" and "ep", 1 where they are absent. */
static enum kw_status read_ranks(struct kw_jnode root, struct kw_profile *p, struct kw_error *err)
{
    struct kw_jnode dp = kw_json_get(root, "dp"), ep = kw_json_get(root, "ep");
    enum kw_status st = KW_OK;
    p->dp = p->ep = 1;
    if (kw_json_present(dp)) st = read_u32(dp, 1, KW_STEP_RANKS, &p->dp, err);
    if (st == KW_OK && kw_json_present(ep)) st = read_u32(ep, 1, 64 * KW_STEP_RANKS, &p->ep, err);
    if (st == KW_OK && p->ep > 1 && p->ep != p->tp * p->dp)
        return kw_json_fail(ep, KW_ERANGE, err, "want 1, or all %u GPUs (tp dp)", p->tp * p->dp);
    return st;
}

static enum kw_status read_profile(struct kw_jnode root, struct kw_profile *p, struct kw_error *err)
{
    static const char *const keys[] = { "keepwarm_profile",
                                        "gpu",
                                        "model",
                                        "precision",
                                        "tp",
                                        "engine",
                                        "weight_bytes",
                                        "kv_bytes_per_token",
                                        "kv",
                                        "limits",
                                        "steps",
                                        "cold_start",
                                        "device",
                                        "dp",
                                        "ep",
                                        NULL };
    static const char *const kv_keys[] = { "block_size", "num_blocks", "grade", "source", "date", "evidence", NULL };
    static const char *const limit_keys[] = { "max_num_seqs", "max_num_batched_tokens", "max_model_len", NULL };
    static const char *const cold_keys[] = { "load_rate", "cached_load_rate", "init", NULL };
    static const char *const precisions[] = { "bf16", "fp16", "fp8", "fp32", "int4", "mxfp4", "nvfp4", NULL };
    struct kw_jnode kv = kw_json_get(root, "kv"), limits = kw_json_get(root, "limits"),
                    cold = kw_json_get(root, "cold_start");
    enum kw_status st;
    int64_t version;
    int precision;
    if ((st = kw_json_keys(root, keys, err)) != KW_OK) return st;
    if ((st = kw_json_i64(kw_json_get(root, "keepwarm_profile"), 1, 1, &version, err)) != KW_OK) return st;
    if ((st = read_gpu(kw_json_get(root, "gpu"), p, err)) != KW_OK) return st;
    if ((st = read_word(kw_json_get(root, "model"), p->model, sizeof p->model, err)) != KW_OK) return st;
    if ((st = kw_json_enum(kw_json_get(root, "precision"), precisions, &precision, err)) != KW_OK) return st;
    snprintf(p->precision, sizeof p->precision, "%s", precisions[precision]);
    if ((st = read_word(kw_json_get(root, "engine"), p->engine, sizeof p->engine, err)) != KW_OK) return st;
    if (kw_json_present(kw_json_get(root, "device")) &&
        (st = read_word(kw_json_get(root, "device"), p->device, sizeof p->device, err)) != KW_OK)
        return st;
    if ((st = read_u32(kw_json_get(root, "tp"), 1, 64, &p->tp, err)) != KW_OK) return st;
    if ((st = read_ranks(root, p, err)) != KW_OK) return st;
    if ((st = kw_json_f64(kw_json_get(root, "weight_bytes"), 1, 1e14, &p->weight_bytes, err)) != KW_OK) return st;
    st = kw_json_f64(kw_json_get(root, "kv_bytes_per_token"), 1, 1e9, &p->kv_bytes_per_token, err);
    if (st != KW_OK) return st;
    if ((st = kw_json_keys(kv, kv_keys, err)) != KW_OK) return st;
    if ((st = read_u32(kw_json_get(kv, "block_size"), 1, 512, &p->block_size, err)) != KW_OK) return st;
    if (p->block_size & (p->block_size - 1))
        return kw_json_fail(kw_json_get(kv, "block_size"), KW_ERANGE, err, "want a power of two, got %u",
                            p->block_size);
    if ((st = read_u32(kw_json_get(kv, "num_blocks"), 1, 1 << 30, &p->num_blocks, err)) != KW_OK) return st;
    if ((st = kw_provenance_read(kv, &p->kv, err)) != KW_OK) return st;
    if ((st = kw_json_keys(limits, limit_keys, err)) != KW_OK) return st;
    if ((st = read_u32(kw_json_get(limits, "max_num_seqs"), 1, 65536, &p->max_num_seqs, err)) != KW_OK) return st;
    st = read_u32(kw_json_get(limits, "max_num_batched_tokens"), p->max_num_seqs, 1 << 20, &p->max_num_batched_tokens,
                  err);
    if (st != KW_OK) return st;
    st = read_u32(kw_json_get(limits, "max_model_len"), 1, 1 << 24, &p->max_model_len, err);
    if (st != KW_OK) return st;
    if ((st = read_steps(kw_json_get(root, "steps"), p, err)) != KW_OK) return st;
    if ((st = kw_json_keys(cold, cold_keys, err)) != KW_OK) return st;
    if ((st = read_rate(kw_json_get(cold, "load_rate"), &p->load_rate, err)) != KW_OK) return st;
    if ((st = read_rate(kw_json_get(cold, "cached_load_rate"), &p->cached_load_rate, err)) != KW_OK) return st;
    if ((st = kw_law_read(kw_json_get(cold, "init"), &p->init, err)) != KW_OK) return st;
    st = check_device(root, p, err);
    return st == KW_OK ? check_physics(root, p, err) : st;
}

enum kw_status kw_profile_parse(struct kw_profile *p, const char *name, const char *text, size_t len,
                                struct kw_error *err)
{
    struct kw_json doc;
    struct kw_profile new = { 0 };
    enum kw_status st = kw_json_parse(&doc, name, text, len, err);
    if (st != KW_OK) return st;
    st = read_profile(kw_json_root(&doc), &new, err);
    kw_json_free(&doc);
    if (st != KW_OK) {
        kw_profile_free(&new);
        return st;
    }
    assert(new.tables.dense.n &&new.tables.head.n &&new.tables.n_decode_rows &&new.tables.comm.n);
    new.weakest = kw_grade_weaker(new.steps.grade, new.kv.grade);
    if (new.link.name[0]) new.weakest = kw_grade_weaker(new.weakest, new.link.provenance.grade);
    const struct kw_law *laws[] = { &new.load_rate, &new.cached_load_rate, &new.init };
    for (int i = 0; i < 3; i++) new.weakest = kw_grade_weaker(new.weakest, laws[i]->provenance.grade);
    *p = new;
    return KW_OK;
}

void kw_profile_put_link(struct kw_profile *p, const struct kw_link *l)
{
    snprintf(p->link.name, sizeof p->link.name, "%s", l->name[0] ? l->name : l->full_name);
    p->link.provenance = l->provenance;
}

enum kw_status kw_profile_load(struct kw_profile *p, const char *path, struct kw_error *err)
{
    struct kw_json doc;
    enum kw_status st = kw_json_load(&doc, path, err);
    if (st != KW_OK) return st;
    st = kw_profile_parse(p, path, doc.text, doc.len, err);
    kw_json_free(&doc);
    return st;
}

/* ---- writing ---- */

static void put_string(FILE *f, const char *s)
{
    putc('"', f);
    for (; *s; s++) {
        if (*s == '"' || *s == '\\') putc('\\', f);
        if ((unsigned char)*s >= 0x20) putc(*s, f);
    }
    putc('"', f);
}

static void put_provenance(FILE *f, const struct kw_provenance *v)
{
    fprintf(f, "\"grade\": \"%s\", \"source\": ", kw_grade_name[v->grade]);
    put_string(f, v->source);
    fprintf(f, ", \"date\": \"%s\"", v->date);
    if (v->evidence) fprintf(f, ", \"evidence\": \"%c\"", v->evidence);
}

static void put_numbers(FILE *f, const char *key, const double *v, uint32_t n, double scale)
{
    fprintf(f, "\"%s\": [", key);
    for (uint32_t i = 0; i < n; i++) fprintf(f, "%s%.*g", i ? ", " : "", scale == 1 ? 15 : 6, v[i] * scale);
    putc(']', f);
}

static void put_curve(FILE *f, const char *x_key, const struct kw_curve *c)
{
    put_numbers(f, x_key, c->x, c->n, 1);
    fputs(", ", f);
    put_numbers(f, "us", c->y, c->n, 1e6);
}

/* A plain decimal, without the exponent %g falls back to. */
static void put_decimal(FILE *f, double v)
{
    char s[64];
    snprintf(s, sizeof s, "%.*f", v >= 1e6 ? 0 : 6, v);
    if (strchr(s, '.')) {
        size_t n = strlen(s);
        while (s[n - 1] == '0') s[--n] = 0;
        if (s[n - 1] == '.') s[--n] = 0;
    }
    fprintf(f, "\"%s\"", s);
}

static void put_law(FILE *f, const char *key, const struct kw_law *l)
{
    fprintf(f, "    \"%s\": { ", key);
    if (l->kind == KW_LAW_LOGNORMAL) {
        fputs("\"lognormal\": { \"p50\": ", f);
        put_decimal(f, exp(l->v[0]));
        fputs(", \"p95\": ", f);
        put_decimal(f, exp(l->v[0] + l->v[1] * Z95));
        fputs(" }", f);
    } else if (l->kind == KW_LAW_QUANTILES) {
        fputs("\"quantiles\": { ", f);
        for (int i = 0; i < l->n; i++) {
            fputs(i ? ", " : "", f);
            put_decimal(f, l->p[i]);
            fputs(": ", f);
            put_decimal(f, l->v[i]);
        }
        fputs(" }", f);
    } else {
        fputs("\"constant\": ", f);
        put_decimal(f, kw_law_quantile(l, 0.5));
    }
    fputs(",\n      ", f);
    put_provenance(f, &l->provenance);
    fputs(" }", f);
}

static void put_profile(FILE *f, const struct kw_profile *p)
{
    const struct kw_step_tables *t = &p->tables;
    fputs("{ \"keepwarm_profile\": 1,\n  \"gpu\": ", f);
    put_string(f, p->gpu);
    fputs(", \"model\": ", f);
    put_string(f, p->model);
    fprintf(f, ", \"precision\": \"%s\", \"tp\": %u", p->precision, p->tp);
    if (kw_parallel_ranks(kw_profile_parallel(p)) > 1) fprintf(f, ", \"dp\": %u", p->dp);
    if (p->ep > 1) fprintf(f, ", \"ep\": %u", p->ep);
    fputs(",\n  \"engine\": ", f);
    put_string(f, p->engine);
    if (p->device[0]) {
        fputs(",\n  \"device\": ", f);
        put_string(f, p->device);
    }
    fprintf(f, ",\n  \"weight_bytes\": %.15g, \"kv_bytes_per_token\": %.15g,\n", p->weight_bytes,
            p->kv_bytes_per_token);
    fprintf(f, "  \"kv\": { \"block_size\": %u, \"num_blocks\": %u,\n    ", p->block_size, p->num_blocks);
    put_provenance(f, &p->kv);
    fprintf(f, " },\n  \"limits\": { \"max_num_seqs\": %u, \"max_num_batched_tokens\": %u, \"max_model_len\": %u },\n",
            p->max_num_seqs, p->max_num_batched_tokens, p->max_model_len);
    fputs("  \"steps\": { ", f);
    put_provenance(f, &p->steps);
    fprintf(f,
            ",\n    \"errors\": { \"decode_median\": %.4g, \"decode_worst\": %.4g, \"prefill_median\": %.4g, "
            "\"prefill_worst\": %.4g },\n    \"fixed_us\": %.6g,\n",
            p->steps_error_median, p->steps_error_worst, p->prefill_error_median, p->prefill_error_worst,
            t->fixed_s * 1e6);
    if (p->drift > 0 || p->unsteady)
        fprintf(f, "    \"drift\": %.4g, \"steady\": %s,\n", p->drift, p->unsteady ? "false" : "true");
    if (t->sequence_s > 0) fprintf(f, "    \"sequence_us\": %.6g,\n", t->sequence_s * 1e6);
    if (p->front_s > 0) fprintf(f, "    \"front_us\": %.6g,\n", p->front_s * 1e6);
    if (p->front_token_s > 0) fprintf(f, "    \"front_token_us\": %.6g,\n", p->front_token_s * 1e6);
    if (t->chunk_s > 0) fprintf(f, "    \"chunk_us\": %.6g,\n", t->chunk_s * 1e6);
    if (t->cold.n_idle) {
        fputs("    \"after_idle\": { \"idle_us\": [", f);
        for (uint32_t i = 0; i < t->cold.n_idle; i++) fprintf(f, "%s%.6g", i ? ", " : "", t->cold.idle[i].idle_s * 1e6);
        fputs("], \"us\": [", f);
        for (uint32_t i = 0; i < t->cold.n_idle; i++) fprintf(f, "%s%.6g", i ? ", " : "", t->cold.idle[i].more_s * 1e6);
        fputs("] },\n", f);
    }
    if (t->cold.after_prompt_s > 0) fprintf(f, "    \"after_prompt_us\": %.6g,\n", t->cold.after_prompt_s * 1e6);
    fputs("    \"dense\": { ", f);
    put_curve(f, "tokens", &t->dense);
    fputs(" },\n    \"head\": { ", f);
    put_curve(f, "sequences", &t->head);
    fputs(" },\n    \"decode\": [\n", f);
    for (uint32_t i = 0; i < t->n_decode_rows; i++) {
        fprintf(f, "      { \"batch\": %.15g, ", t->decode_batch[i]);
        put_curve(f, "context", &t->decode[i]);
        fputs(i + 1 < t->n_decode_rows ? " },\n" : " } ],\n", f);
    }
    fputs("    \"prefill_attn\": { ", f);
    put_curve(f, "pairs", &t->prefill_attn);
    fprintf(f, " },\n    \"prefill_token_us\": %.6g,\n    \"comm\": { ", t->prefill_token_s * 1e6);
    put_curve(f, "tokens", &t->comm);
    if (p->link.name[0]) {
        fputs(" },\n    \"link\": { \"name\": ", f);
        put_string(f, p->link.name);
        fputs(", ", f);
        put_provenance(f, &p->link.provenance);
    }
    if (t->group.ranks) {
        fprintf(f, " },\n    \"group\": { \"pad_to\": %u", t->group.pad_to);
        if (t->group.experts.n) {
            fputs(",\n      \"experts\": { ", f);
            put_curve(f, "tokens", &t->group.experts);
            fputs(" }", f);
        }
        if (t->group.exchange.n) {
            fputs(",\n      \"exchange\": { ", f);
            put_curve(f, "tokens", &t->group.exchange);
            fputs(" }", f);
        }
    }
    if (t->mixed.sequence_s > 0 || t->mixed.context_s > 0 || t->mixed.pair_s > 0)
        fprintf(f, " },\n    \"mixed\": { \"sequence_us\": %.6g, \"context_us\": %.6g, \"pair_us\": %.6g",
                t->mixed.sequence_s * 1e6, t->mixed.context_s * 1e6, t->mixed.pair_s * 1e6);
    fputs(" } },\n  \"cold_start\": {\n", f);
    put_law(f, "load_rate", &p->load_rate);
    fputs(",\n", f);
    put_law(f, "cached_load_rate", &p->cached_load_rate);
    fputs(",\n", f);
    put_law(f, "init", &p->init);
    fputs(" } }\n", f);
}

char *kw_profile_text(const struct kw_profile *p, size_t *n)
{
    char *text = NULL;
    FILE *f = open_memstream(&text, n);
    if (f) put_profile(f, p);
    bool whole = f && !ferror(f);
    if (f && fclose(f)) whole = false;
    if (whole) return text;
    free(text);
    return NULL;
}

enum kw_status kw_profile_save(const struct kw_profile *p, const char *path, struct kw_error *err)
{
    size_t n;
    char *text = kw_profile_text(p, &n);
    if (!text) return kw_fail(err, KW_ENOMEM, "%.300s: out of memory", path);
    enum kw_status st = kw_file_replace(path, text, n, err);
    free(text);
    return st;
}

/* ---- in words ---- */

static void built_in_name(const struct kw_profile *p, char buf[KW_PROFILE_TEXT])
{
    char dp[16] = "", ep[16] = "";
    if (kw_parallel_ranks(kw_profile_parallel(p)) > 1) snprintf(dp, sizeof dp, "-dp%u", p->dp);
    if (p->ep > 1) snprintf(ep, sizeof ep, "-ep%u", p->ep);
    snprintf(buf, KW_PROFILE_TEXT, "%s-%s-%s-tp%u%s%s", p->gpu, p->model, p->precision, p->tp, dp, ep);
}

char *kw_profile_name(const struct kw_profile *p, char buf[KW_PROFILE_TEXT])
{
    if (p->file[0])
        snprintf(buf, KW_PROFILE_TEXT, "%s", p->file);
    else
        built_in_name(p, buf);
    return buf;
}

char *kw_profile_basis(const struct kw_profile *p, char buf[KW_PROFILE_TEXT])
{
    char aside[80] = "", drift[64] = "";
    size_t n = 0;
    for (int g = 0; kw_grade_name[g]; g++)
        if (p->set_aside & 1u << g)
            n += (size_t)snprintf(aside + n, sizeof aside - n, "%s%s", n ? " and " : " (", kw_grade_name[g]);
    if (n) snprintf(aside + n, sizeof aside - n, " set aside)");
    if (p->unsteady) snprintf(drift, sizeof drift, ", NOT A STEADY DEVICE (drift %.0f %%)", 100 * p->drift);
    bool on = p->steps.grade == KW_GRADE_MEASURED && p->device[0];
    snprintf(buf, KW_PROFILE_TEXT, "%s%s %s, %s%s%s%s%s", kw_grade_name[p->steps.grade], on ? " on" : ",",
             on ? p->device : p->engine, p->steps.date, drift, aside, p->file[0] ? "; " : "", p->file);
    return buf;
}
