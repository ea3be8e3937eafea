#include "calibrate/import/import.h"
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "calibrate/import/check_gemm.h"
#include "calibrate/operators/estimate.h"
#include "calibrate/operators/fit.h"
#include "calibrate/operators/server_law.h"
#include "calibrate/import/fit_bench.h"
#include "calibrate/profile/kv.h"
#include "calibrate/profile/vllm_defaults.h"
#include "sim/core/files/file.h"

static enum kw_status size_kv(struct kw_profile *p, const struct kw_gpu_spec *g, const struct kw_model_shape *m,
                              FILE *report, struct kw_error *err)
{
    enum kw_status st = kw_kv_blocks(&p->num_blocks, g, m, p->precision, p->tp, p->max_num_batched_tokens, err);
    if (st != KW_OK) return st;
    p->block_size = KW_KV_BLOCK_SIZE;
    p->kv.grade = KW_GRADE_ESTIMATED;
    snprintf(p->kv.source, sizeof p->kv.source,
             "0.9 memory - weights - 0.99 GB - activations, set by the RTX 4090's reported 2588 blocks "
             "(calibrate/profile/kv.h)");
    snprintf(p->kv.date, sizeof p->kv.date, "2026-08-20");
    double tokens = (double)p->num_blocks * p->block_size;
    p->max_model_len = (uint32_t)fmin(m->max_position, tokens);
    fprintf(report, "KV cache: %u blocks of %u = %.0f tokens, ESTIMATED\n", p->num_blocks, p->block_size, tokens);
    return KW_OK;
}

static enum kw_status set_link(struct kw_profile *p, struct kw_operators *op, FILE *report, struct kw_error *err)
{
    enum kw_status st = kw_operators_link(op, p->tp, report, err);
    kw_profile_put_link(p, &op->link);
    return st;
}

static enum kw_status from_tables(struct kw_profile *p, const char *dir, const struct kw_gpu_spec *g,
                                  const struct kw_model_shape *m, const struct kw_operators_engine *engine,
                                  FILE *report, struct kw_error *err)
{
    struct kw_operators op = { .gpu = g, .fixed_s = 0 };
    char version[16];
    enum kw_status st = kw_operators_tables(&op, dir, p->precision, engine, version, report, err);
    if (st == KW_OK) st = kw_operators_small(&op, dir, report, err);
    if (st == KW_OK && !strcmp(engine->framework, "vllm"))
        st = kw_operators_mixed(&op, dir, report, err); /* its kernels */
    if (st == KW_OK) st = set_link(p, &op, report, err);
    if (st == KW_OK) st = kw_fit(p, &op, m, p->tp, report, err);
    if (st == KW_OK && strcmp(p->precision, "fp8")) st = kw_check_gemm(&op.linear, dir, g->name, report, err);
    if (st == KW_OK) {
        snprintf(p->engine, sizeof p->engine, "%s %s operator tables%s", engine->framework, version,
                 engine->kv_fp8 ? ", fp8 KV" : "");
        p->steps.grade = p->tp > 1 ? kw_grade_weaker(KW_GRADE_PUBLISHED, op.link.provenance.grade) : KW_GRADE_PUBLISHED;
        snprintf(p->steps.source, sizeof p->steps.source,
                 "ai-dynamo/aiconfigurator@095f58a5 operator tables (Apache-2.0); small kernels%s vllm_bench",
                 op.mixed_context_ratio > 0 ? ", mixed steps" : "");
        snprintf(p->steps.date, sizeof p->steps.date, "2026-11-23");
        if (!strcmp(g->name, "B200") && !strcmp(p->precision, "fp8")) {
            /* The one GPU whose tables a real server contradicts: silicon_llama31.csv, 70B fp8 on vLLM, every tp. */
            p->steps.grade = KW_GRADE_ESTIMATED;
            fprintf(
                report,
                "B200 fp8: real vLLM servers ran decode 20-40 %% faster than this CUTLASS table (silicon_llama31)\n");
            snprintf(p->steps.source, sizeof p->steps.source,
                     "aiconfigurator@095f58a5 CUTLASS fp8 tables; real servers ran decode 20-40 %% faster "
                     "(silicon_llama31)");
        }
    }
    kw_operators_free(&op);
    return st;
}

static enum kw_status from_estimate(struct kw_profile *p, const char *dir, const struct kw_gpu_spec *g,
                                    const struct kw_model_shape *m, FILE *report, struct kw_error *err)
{
    struct kw_operators op = { .gpu = g };
    const char *precision = !strcmp(p->precision, "fp8") ? "fp8" : "bf16"; /* fp16 runs as bf16 does */
    enum kw_status st = kw_estimate_operators(&op, dir, precision, NULL, report, err);
    if (st == KW_OK) st = kw_operators_small(&op, dir, report, err);
    if (st == KW_OK) st = kw_operators_mixed(&op, dir, report, err);
    if (st == KW_OK) st = set_link(p, &op, report, err);
    FILE *quiet = fopen("/dev/null", "w"); /* leaving points of a computed table out says nothing */
    if (st == KW_OK && !quiet) st = kw_fail(err, KW_EIO, "/dev/null cannot be opened");
    if (st == KW_OK) st = kw_fit(p, &op, m, p->tp, quiet, err);
    if (quiet) fclose(quiet);
    if (st == KW_OK) st = kw_estimate_errors(p, dir, precision, report, err);
    kw_operators_free(&op);
    if (st != KW_OK) return st;
    snprintf(p->engine, sizeof p->engine, "vllm, estimated from data sheets");
    p->steps.grade = KW_GRADE_ESTIMATED;
    snprintf(
        p->steps.source, sizeof p->steps.source,
        "roofline of the data sheet, mean efficiency of A100, B200, H100, H200, L40S tables; error: leave one GPU out");
    snprintf(p->steps.date, sizeof p->steps.date, "2026-11-24");
    return KW_OK;
}

static int has_tables(const char *gpu)
{
    for (const char *const *name = kw_operators_gpus; *name; name++)
        if (!strcmp(*name, gpu)) return 1;
    return 0;
}

/* The two boards whose own kernels were timed, beside a real vLLM run; the 4090's run reported its KV blocks. */
static enum kw_status from_bench(struct kw_profile *p, const char *dir, const struct kw_gpu_spec *g,
                                 const struct kw_model_shape *m, FILE *report, struct kw_error *err)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/calibration/vllm_bench/%s_Llama-3.1-8B", dir, g->name);
    enum kw_status st = kw_fit_bench(p, path, m, report, err);
    if (st != KW_OK) return st;
    snprintf(p->engine, sizeof p->engine, "vllm 0.19.0 kernel tables");
    p->steps.grade = KW_GRADE_PUBLISHED;
    snprintf(p->steps.source, sizeof p->steps.source,
             "casys-kaist/LLMServingSim@5daddb21 profiler/perf %s Llama-3.1-8B (MIT)", g->name);
    snprintf(p->steps.date, sizeof p->steps.date, "2026-08-20");
    if (!strcmp(g->name, "RTX4090")) {
        p->num_blocks = 2588;
        p->kv.grade = KW_GRADE_PUBLISHED;
        snprintf(p->kv.source, sizeof p->kv.source,
                 "vLLM 0.19.0 as reported, LLMServingSim@5daddb21 bench RTX4090 meta.json");
        fprintf(report, "KV cache: 2588 blocks of 16 = 41408 tokens, as the engine reported\n");
    }
    return KW_OK;
}

static int has_bench(const char *gpu, const char *model, const char *precision, unsigned tp)
{
    int board = !strcmp(gpu, "RTX4090") || !strcmp(gpu, "RTXPRO6000");
    return board && !strcmp(model, "llama-3.1-8b") && !strcmp(precision, "bf16") && tp == 1;
}

/* Kernels alone are no server: its host time and front end by the law of servers, and how far servers were from such
 * predictions in place of what a point left out of a table was off by. */
static enum kw_status add_server(struct kw_profile *p, struct kw_error *err)
{
    size_t len = strlen(p->steps.source);
    enum kw_status st = kw_server_law_put(p, "vllm", p->tp, false, has_tables(p->gpu), err);
    if (st != KW_OK) return st;
    snprintf(p->steps.source + len, sizeof p->steps.source - len, "; host of vllm, error: of 9 in 10 servers");
    snprintf(p->steps.date, sizeof p->steps.date, "%s", kw_server_law_of("vllm")->provenance.date);
    return KW_OK;
}

enum kw_status kw_calibrate_import(struct kw_profile *p, const char *dir, const char *gpu, const char *model,
                                   const char *precision, unsigned tp, char **report, struct kw_error *err)
{
    enum kw_status st = kw_calibrate_import_engine(p, dir, gpu, model, precision, tp, &kw_operators_vllm, report, err);
    if (st != KW_OK || has_bench(p->gpu, p->model, p->precision, tp)) return st;
    if ((st = add_server(p, err)) != KW_OK) kw_profile_free(p);
    return st;
}

enum kw_status kw_calibrate_import_engine(struct kw_profile *p, const char *dir, const char *gpu, const char *model,
                                          const char *precision, unsigned tp, const struct kw_operators_engine *engine,
                                          char **report, struct kw_error *err)
{
    const struct kw_gpu_spec *g;
    const struct kw_model_shape *m = kw_model_find(model);
    struct kw_profile new = { .tp = tp };
    if (report) *report = NULL;
    if (kw_gpu_named(&g, gpu, err) != KW_OK) return KW_ERANGE;
    if (!m) return kw_fail(err, KW_ERANGE, "model \"%.80s\" is not in calibrate/data/models.json", model);
    if (!kw_model_is_plain(m))
        return kw_fail(err, KW_ERANGE,
                       "%s has experts, or layers that do not attend to all tokens: the tables are of dense "
                       "models",
                       m->name);
    if ((strcmp(precision, "bf16") && strcmp(precision, "fp16") && strcmp(precision, "fp8")) ||
        (!strcmp(precision, "fp8") && !(g->flops_fp8 > 0)))
        return kw_fail(err, KW_ERANGE, "%s has no precision \"%.20s\"", g->name, precision);
    bool shipped = !strcmp(engine->framework, "vllm") && !engine->kv_fp8;
    if (!shipped && !has_tables(g->name))
        return kw_fail(err, KW_ERANGE, "no operator tables of %.20s for %s", engine->framework, g->name);
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    if (!f) return kw_fail(err, KW_ENOMEM, "out of memory");
    snprintf(new.gpu, sizeof new.gpu, "%s", g->name);
    snprintf(new.model, sizeof new.model, "%s", m->name);
    snprintf(new.precision, sizeof new.precision, "%s", precision);
    new.weight_bytes = kw_model_weight_bytes(m, precision);
    new.kv_bytes_per_token = kw_kv_gpu_bytes_per_token(m, precision, tp) * tp;
    kw_vllm_limits(&new, g);
    kw_vllm_init(&new, m);
    fprintf(f, "%s, %s %s, tp %u\n", g->name, m->name, precision, tp);
    enum kw_status st = size_kv(&new, g, m, f, err);
    if (engine->kv_fp8) { /* sized at 2 bytes a value */
        new.kv_bytes_per_token /= 2;
        new.num_blocks *= 2;
        new.max_model_len = (uint32_t)fmin(m->max_position, (double)new.num_blocks *new.block_size);
    }
    if (st == KW_OK) st = kw_vllm_load_rates(&new, err);
    if (st == KW_OK && shipped && has_bench(g->name, m->name, precision, tp))
        st = from_bench(&new, dir, g, m, f, err);
    else if (st == KW_OK && has_tables(g->name))
        st = from_tables(&new, dir, g, m, engine, f, err);
    else if (st == KW_OK)
        st = from_estimate(&new, dir, g, m, f, err);
    if (fclose(f) != 0 && st == KW_OK) st = kw_fail(err, KW_ENOMEM, "out of memory");
    if (st != KW_OK) {
        free(text);
        kw_profile_free(&new);
        return st;
    }
    new.weakest = kw_grade_weaker(kw_grade_weaker(new.steps.grade, new.kv.grade), new.init.provenance.grade);
    if (tp > 1) new.weakest = kw_grade_weaker(new.weakest, new.link.provenance.grade);
    new.weakest = kw_grade_weaker(new.weakest, new.load_rate.provenance.grade);
    new.weakest = kw_grade_weaker(new.weakest, new.cached_load_rate.provenance.grade);
    *p = new;
    if (report)
        *report = text;
    else
        free(text);
    return KW_OK;
}

/* ---- the shipped set ---- */

struct shipment { /* every gpu x model x precision x tp of the lists whose kernels were timed */
    const char *gpus[12], *models[8], *precisions[3];
    unsigned tps[5];
};

static const struct shipment shipments[] = {
    { { "A100-80", "B200", "H100", "H200", "L40S" },
      { "llama-3.1-8b", "llama-3.1-70b" },
      { "bf16", "fp8" },
      { 1, 2, 4, 8 } },
    { { "A100-80", "B200", "H100", "H200", "L40S" },
      { "llama-3.2-3b", "mistral-7b", "qwen2.5-7b" },
      { "bf16" },
      { 1 } },
    { { "RTX4090", "RTXPRO6000" }, { "llama-3.1-8b" }, { "bf16" }, { 1 } },
};

/* Does the file hold exactly text[0..n)? Not if it cannot be read. */
static bool holds(const char *path, const char *text, size_t n)
{
    char part[4096];
    FILE *f = fopen(path, "r");
    if (!f) return false;
    size_t at = 0, got;
    bool same = true;
    for (; same && (got = fread(part, 1, sizeof part, f)) > 0; at += got)
        same = got <= n - at && !memcmp(part, text + at, got);
    same = same && at == n && !ferror(f);
    fclose(f);
    return same;
}

/* Writes p where the file does not hold the same text already, so that an unchanged profile keeps its time stamp. */
static enum kw_status write_if_new(const struct kw_profile *p, const char *path, bool *wrote, struct kw_error *err)
{
    size_t n;
    char *text = kw_profile_text(p, &n);
    if (!text) return kw_fail(err, KW_ENOMEM, "%.300s: out of memory", path);
    *wrote = !holds(path, text, n);
    enum kw_status st = *wrote ? kw_file_replace(path, text, n, err) : KW_OK;
    free(text);
    return st;
}

static enum kw_status ship_one(const char *dir, const char *out_dir, const char *gpu, const char *model,
                               const char *precision, unsigned tp, void (*log)(const char *, void *), void *arg,
                               struct kw_error *err)
{
    char path[1024], line[256];
    struct kw_profile p, check;
    bool wrote;
    const struct kw_gpu_spec *g = kw_gpu_find(gpu);
    if (!g) return kw_fail(err, KW_ENOMEM, "out of memory");
    if (!strcmp(precision, "fp8") && !(g->flops_fp8 > 0)) return KW_OK;
    struct kw_error why;
    enum kw_status st = kw_calibrate_import(&p, dir, gpu, model, precision, tp, NULL, &why);
    if (st == KW_ERANGE && strstr(why.msg, "does not fit")) {
        snprintf(line, sizeof line, "%-11s %-13s %-4s tp%u  %.180s", gpu, model, precision, tp, why.msg);
        log(line, arg);
        return KW_OK;
    }
    if (st != KW_OK) return kw_fail(err, st, "%s", why.msg);
    if (p.steps.grade != KW_GRADE_PUBLISHED) {
        snprintf(line, sizeof line, "%-11s %-13s %-4s tp%u  estimated: made on the spot", gpu, model, precision, tp);
        log(line, arg);
        kw_profile_free(&p);
        return KW_OK;
    }
    int len = snprintf(path, sizeof path, "%s/%s-%s-%s-tp%u.json", out_dir, gpu, model, precision, tp);
    if (len < 0 || (size_t)len >= sizeof path) st = kw_fail(err, KW_EIO, "%.200s...: path too long", out_dir);
    if (st == KW_OK) st = write_if_new(&p, path, &wrote, err);
    if (st == KW_OK && (st = kw_profile_load(&check, path, err)) == KW_OK)
        kw_profile_free(&check); /* physics and all */
    if (st == KW_OK) {
        snprintf(line, sizeof line,
                 "%-11s %-13s %-4s tp%u  %-9s decode %.1f/%.1f %%, prefill %.1f/%.1f %%, %6u blocks%s", gpu, model,
                 precision, tp, kw_grade_name[p.steps.grade], 100 * p.steps_error_median, 100 * p.steps_error_worst,
                 100 * p.prefill_error_median, 100 * p.prefill_error_worst, p.num_blocks, wrote ? "" : " (unchanged)");
        log(line, arg);
    }
    kw_profile_free(&p);
    return st;
}

enum kw_status kw_calibrate_ship(const char *dir, const char *out_dir, void (*log)(const char *line, void *arg),
                                 void *arg, struct kw_error *err)
{
    for (size_t i = 0; i < sizeof shipments / sizeof *shipments; i++) {
        const struct shipment *s = &shipments[i];
        for (const char *const *gpu = s->gpus; *gpu; gpu++)
            for (const char *const *model = s->models; *model; model++)
                for (const char *const *precision = s->precisions; *precision; precision++)
                    for (const unsigned *tp = s->tps; *tp; tp++) {
                        enum kw_status st = ship_one(dir, out_dir, *gpu, *model, *precision, *tp, log, arg, err);
                        if (st != KW_OK) return st;
                    }
    }
    return KW_OK;
}
