#include "tests/fidelity/silicon.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/files/csv.h"

const char *const kw_silicon_why_name[KW_SILICON_WHYS] = {
    "judged",
    "prefill and decode on machines of their own",
    "the same run under another name",
    "no data sheet of the GPU",
    "no shape of the model",
    "tp_size is no number of GPUs of one node",
    "no split that makes sense",
    "does not fit, or the GPU lacks the precision",
};

enum { ISL, OSL, BATCH, TP, PP, DP, MOE_TP, MOE_EP, TTFT, TPOT, NUMBERS };
enum { ENGINE = NUMBERS, VERSION, MODEL, SYSTEM, MODE, QUANT, COLUMNS };
static const char *const column_name[COLUMNS] = { "isl",
                                                  "osl",
                                                  "batch_size",
                                                  "tp_size",
                                                  "pp_size",
                                                  "attention_dp_size",
                                                  "moe_tp_size",
                                                  "moe_ep_size",
                                                  "silicon_ttft_ms",
                                                  "silicon_tpot_ms",
                                                  "backend",
                                                  "backend_version",
                                                  "model_path",
                                                  "system",
                                                  "mode",
                                                  "gemm_quant_mode" };

/* Checkpoints that others quantised: whose shape they have. */
static const struct kw_model_shape *model_of(const char *path)
{
    static const char *const same[][2] = { { "nvidia/DeepSeek-R1-NVFP4", "deepseek-ai/DeepSeek-R1" },
                                           { "nvidia/DeepSeek-V3.1-NVFP4", "deepseek-ai/DeepSeek-V3.1" },
                                           { "nvidia/Qwen3-32B-NVFP4", "Qwen/Qwen3-32B" },
                                           { "nvidia/Llama-3.1-8B-Instruct-FP8", "meta-llama/Llama-3.1-8B-Instruct" } };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (!strcmp(same[i][0], path)) path = same[i][1];
    return kw_model_find(path);
}

/* The first known model of that shape: DeepSeek-R1 is V3. */
static const char *shape_of(const struct kw_model_shape *m)
{
    for (size_t i = 0; i < kw_model_count(); i++)
        if (kw_model_same_shape(kw_model_at(i)->name, m->name)) return kw_model_at(i)->name;
    return m->name;
}

static void precision_of(struct kw_silicon_run *r, const char *quant)
{
    const char *p = !*quant ? "bf16" : !strncmp(quant, "fp8", 3) ? "fp8" : quant;
    if (r->m && r->m->quant == KW_QUANT_MXFP4)
        p = "mxfp4"; /* gpt-oss: its only checkpoint, whatever the row calls it */
    else if (r->m && !*quant)
        p = kw_model_own_precision(r->m);
    snprintf(r->precision, sizeof r->precision, "%s", p);
    /* ModelOpt's checkpoints, TensorRT-LLM's usual ones, say that the KV cache is fp8, too; block-scaled ones do not. */
    r->split.kv_fp8 = !strcmp(r->engine, "trtllm") && r->m && !r->m->experts.n && strcmp(p, "bf16");
}

/* Of a model without experts moe_tp and moe_ep say nothing. tp_size 4, 16 or 64 beside 2/2, 4/4 or 8/8 stands in series
 * with 1 beside 1/1 on nodes of 8 GPUs: it is the product of the two, and nothing tells what tp was. */
static enum kw_silicon_why split_of(struct kw_silicon_run *r, const double *x)
{
    double tp = x[TP], dp = x[DP] >= 1 ? x[DP] : 1, gpus = x[MOE_TP] * x[MOE_EP];
    r->split.tp = (uint32_t)tp, r->split.ep = r->split.dp = 1;
    r->split.engine = r->engine;
    if (!(tp >= 1 && tp <= 64) || (x[PP] >= 1 && x[PP] != 1)) return KW_SILICON_SPLIT;
    if (r->m && r->m->experts.n) {
        if (!(x[DP] >= 1) && gpus > tp && fmod(gpus, tp) == 0) dp = gpus / tp;
        if (x[MOE_TP] > 1 && x[MOE_TP] == x[MOE_EP] && gpus == tp && strstr("gpt-oss-dev 1.1.0rc2.post2", r->version))
            return KW_SILICON_NODES;
        if (gpus != tp * dp) return KW_SILICON_SPLIT;
        r->split.ep = (uint32_t)x[MOE_EP];
        r->split.dp = (uint32_t)dp;
    }
    return r->split.tp * r->split.dp > 8 ? KW_SILICON_NODES : KW_SILICON_JUDGED;
}

/* Rows of these lengths are those of InferenceMAX: 1k + 1k, 1k + 8k and 8k + 1k at a concurrency, the models and days of its
 * sweeps. Its scripts say how it loads a server (SemiAnalysisAI/InferenceX@409e9a48 benchmarks/70b_fp8_h200_slurm.sh and
 * others, Apache-2.0, read 2026-11-30): kimbochen/bench_serving with lengths uniform from 0.8 of the stated ones up to them,
 * ten requests for each in flight, all counted, the first burst, too; prompts in batches of 8,192 tokens; KV cache in fp8
 * for Llama 70B on vLLM, on which ModelOpt's checkpoints are silent. */
static bool inference_max(const struct kw_silicon_run *r)
{
    return (r->prompt == 1024 && (r->output == 1024 || r->output == 8192)) || (r->prompt == 8192 && r->output == 1024);
}

static uint32_t fnv1a(uint32_t h, const char *s)
{
    for (; *s; s++) h = (h ^ (unsigned char)*s) * 16777619u;
    return h;
}

static bool in_judging_half(const struct kw_silicon_run *r)
{
    char text[160];
    snprintf(text, sizeof text, "%s|%s|%s|%s|%s|%u|%u|%u", shape_of(r->m), r->gpu, r->engine, r->version, r->precision,
             r->split.tp, r->split.ep, r->split.dp);
    uint32_t h = fnv1a(2166136261u, text);
    return ((h ^ h >> 16) & 1) != 0;
}

static bool repeats(const struct kw_silicon_run *a, const struct kw_silicon_run *b)
{
    return a->m && b->m && !strcmp(shape_of(a->m), shape_of(b->m)) && !strcmp(a->gpu, b->gpu) &&
           !strcmp(a->engine, b->engine) && !strcmp(a->version, b->version) && a->prompt == b->prompt &&
           a->output == b->output && a->at_once == b->at_once && a->tpot_s == b->tpot_s && a->split.tp == b->split.tp;
}

static enum kw_status read_row(struct kw_silicon *s, const struct kw_csv *f, const int *column, struct kw_error *err)
{
    struct kw_silicon_run *r = &s->run[s->n];
    double x[NUMBERS];
    enum kw_status st = KW_OK;
    *r = (struct kw_silicon_run){ .line = f->line, .our_ttft_s = NAN, .our_tpot_s = NAN };
    for (int i = 0; i < NUMBERS && st == KW_OK; i++) {
        x[i] = NAN;
        if (*f->field[column[i]].p) st = kw_csv_f64(f, column[i], 0, 1e9, &x[i], err);
    }
    if (st != KW_OK) return st;
    snprintf(r->engine, sizeof r->engine, "%s", f->field[column[ENGINE]].p);
    snprintf(r->version, sizeof r->version, "%s", f->field[column[VERSION]].p);
    const struct kw_gpu_spec *g = kw_gpu_find(kw_gpu_name(f->field[column[SYSTEM]].p));
    snprintf(r->gpu, sizeof r->gpu, "%s", g ? g->name : f->field[column[SYSTEM]].p);
    r->m = model_of(f->field[column[MODEL]].p);
    s->n++;
    r->why = KW_SILICON_DISAGGREGATED;
    if (strcmp(f->field[column[MODE]].p, "agg")) return KW_OK;
    if (!(x[ISL] >= 1 && x[OSL] >= 2 && x[BATCH] >= 1 && x[TPOT] > 0))
        return kw_fail(err, KW_ERANGE, "line %ld: lengths, concurrency and TPOT, want 1 and more of each", f->line);
    r->prompt = (uint32_t)x[ISL], r->output = (uint32_t)x[OSL], r->at_once = (uint32_t)x[BATCH];
    r->tpot_s = x[TPOT] / 1e3;
    /* SOURCES.md: the TTFT of these rows falls as concurrency rises. */
    r->ttft_s = !strcmp(r->version, "1.0.0rc3") ? NAN : x[TTFT] / 1e3;
    precision_of(r, f->field[column[QUANT]].p);
    if (inference_max(r) && r->m && !strcmp(r->m->name, "llama-3.1-70b")) r->split.kv_fp8 = true;
    r->why = !g ? KW_SILICON_GPU : !r->m ? KW_SILICON_MODEL : split_of(r, x);
    for (size_t i = 0; i + 1 < s->n && r->why == KW_SILICON_JUDGED; i++)
        if (s->run[i].why == KW_SILICON_JUDGED && repeats(&s->run[i], r)) r->why = KW_SILICON_REPEATED;
    r->held_out = r->m && in_judging_half(r);
    return KW_OK;
}

enum kw_status kw_silicon_load(struct kw_silicon *s, const char *dir, struct kw_error *err)
{
    enum { MOST = 8192 };
    char path[1024];
    struct kw_csv f;
    int column[COLUMNS];
    *s = (struct kw_silicon){ .run = calloc(MOST, sizeof *s->run) };
    if (!s->run) return kw_fail(err, KW_ENOMEM, "out of memory");
    snprintf(path, sizeof path, "%s/published/silicon_public.csv.gz", dir);
    enum kw_status st = kw_profiles_embedded(&s->shipped, err);
    if (st != KW_OK) {
        kw_silicon_free(s);
        return st;
    }
    st = kw_csv_open(&f, path, err);
    for (int i = 0; i < COLUMNS && st == KW_OK; i++) st = kw_csv_need(&f, column_name[i], &column[i], err);
    for (bool more = true; st == KW_OK && (st = kw_csv_next(&f, &more, err)) == KW_OK && more;)
        st = s->n == MOST ? kw_fail(err, KW_ERANGE, "%s: more than %d rows", path, MOST) : read_row(s, &f, column, err);
    kw_csv_close(&f);
    if (st != KW_OK) kw_silicon_free(s);
    return st;
}

void kw_silicon_free(struct kw_silicon *s)
{
    free(s->run);
    kw_profiles_free(&s->shipped);
    *s = (struct kw_silicon){ 0 };
}

double kw_silicon_rate(const struct kw_silicon_run *r, double ttft_s, double tpot_s)
{
    return r->at_once * (double)r->output / (ttft_s + (r->output - 1.0) * tpot_s);
}

/* ---- what we say of it ---- */

/* The engine's own rules, as far as the scheduler has them: vLLM chunks prompts beside decodes; TensorRT-LLM admits with KV
 * cache for the longest answer, 0.9 of free memory; SGLang runs prompts before decodes. */
static void set_load(struct kw_loadtest *l, const struct kw_silicon_run *r, const struct kw_profile *p)
{
    bool trtllm = !strcmp(r->engine, "trtllm");
    uint32_t ranks = r->split.dp, each = (r->at_once + ranks - 1) / ranks;
    double block = p->block_size * p->kv_bytes_per_token, room = p->num_blocks * block;
    if (trtllm) room = 0.9 * (room + 0.1 * kw_gpu_find(r->gpu)->memory_bytes * p->tp);
    bool sweep = inference_max(r);
    *l = (struct kw_loadtest){ .at_once = each,
                               .n = (sweep ? 10 : 6) * each,
                               .prompt = r->prompt,
                               .output = r->output,
                               .least = sweep ? 0.8 : 0,
                               .count_all = sweep,
                               .front_s = p->front_s,
                               .front_token_s = p->front_token_s,
                               .links = &p->tables.comm };
    l->config = (struct kw_sched_config){
        .policy = !strcmp(r->engine, "sglang") ? KW_SCHED_PREFILL_FIRST
                  : trtllm                     ? KW_SCHED_TRTLLM
                                               : KW_SCHED_VLLM,
        .max_num_batched_tokens = p->max_num_batched_tokens,
        .max_num_seqs = p->max_num_seqs,
        .max_model_len = p->max_model_len,
        .block_size = p->block_size,
        .num_blocks = (uint32_t)(room / block) - 1,
        .reserve_full_prompt = true,
        .async_scheduling = !strcmp(r->engine, "vllm"),
    };
}

/* The profile that a plan would take of it, NULL: none ships. */
static const struct kw_profile *shipped(const struct kw_silicon *s, const struct kw_silicon_run *r)
{
    if (strcmp(r->engine, "vllm") || r->split.kv_fp8) return NULL;
    const struct kw_parallel par = { r->split.tp, r->split.dp, r->split.ep };
    return kw_profiles_find_group(&s->shipped, r->gpu, r->m->name, r->precision, par);
}

static enum kw_status judge(const struct kw_silicon *s, struct kw_silicon_run *r, struct kw_error *err)
{
    struct kw_profile made = { 0 }, p;
    struct kw_loadtest l;
    struct kw_loadtest_result result;
    struct kw_steptime *steps = NULL;
    const struct kw_profile *has = shipped(s, r);
    enum kw_status st = KW_OK;
    if (!has) st = kw_on_the_spot(&made, r->m, kw_gpu_find(r->gpu), r->precision, &r->split, err);
    p = has ? *has : made;
    if (st == KW_ERANGE) {
        r->why = KW_SILICON_FIT;
        return KW_OK;
    }
    if (st != KW_OK) return st;
    set_load(&l, r, &p);
    st = kw_steptime_compile(&steps, &p.tables, l.config.max_num_seqs + l.config.max_num_batched_tokens,
                             l.config.max_num_batched_tokens, err);
    if (st == KW_OK) st = kw_loadtest_run(&result, &l, steps, 1, err);
    if (st == KW_OK) {
        r->our_ttft_s = result.ttft_s;
        r->our_tpot_s = result.tpot_s;
        r->tpot = result.tpot;
        r->tpot_within = p.steps_error_worst;
        r->ttft_within = p.prefill_error_worst;
    } else if (st == KW_ERANGE) { /* a request that can never run there */
        r->why = KW_SILICON_FIT;
        st = KW_OK;
    }
    kw_steptime_delete(steps);
    kw_profile_free(&made);
    return st;
}

enum kw_status kw_silicon_judge(struct kw_silicon *s, struct kw_error *err)
{
    enum kw_status worst = KW_OK;
#pragma omp parallel for schedule(dynamic, 1)
    for (size_t i = 0; i < s->n; i++) {
        struct kw_error why;
        if (s->run[i].why != KW_SILICON_JUDGED) continue;
        enum kw_status st = judge(s, &s->run[i], &why);
        if (st == KW_OK) continue;
#pragma omp critical
        {
            worst = st;
            *err = why;
        }
    }
    return worst;
}
