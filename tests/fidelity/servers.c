#include "tests/fidelity/servers.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "calibrate/profile/gpu.h"
#include "sim/core/files/csv.h"

struct table {
    struct kw_csv s;
    int column[16];
};

static const char *text(const struct table *t, int i)
{
    return t->s.field[t->column[i]].p;
}

static enum kw_status number(const struct table *t, int i, double *x, struct kw_error *err)
{
    return kw_csv_f64(&t->s, t->column[i], 0, 1e9, x, err);
}

static enum kw_status push(struct kw_servers *s, const struct kw_server_point *p, struct kw_error *err)
{
    if ((s->n & (s->n - 1)) == 0) { /* room for n is the next power of two */
        struct kw_server_point *q = realloc(s->p, (s->n ? 2 * s->n : 1) * sizeof *q);
        if (!q) return kw_fail(err, KW_ENOMEM, "out of memory");
        s->p = q;
    }
    s->p[s->n++] = *p;
    return KW_OK;
}

/* Ours for theirs; NULL: a model that is not judged. */
static const char *model_of(const char *name)
{
    if (strstr(name, "Llama-3.1-70B") || strstr(name, "Llama-3.3-70B") || strstr(name, "Llama-3-70B"))
        return "llama-3.1-70b";
    if (strstr(name, "Llama-3.1-8B") || strstr(name, "Llama-3-8B")) return "llama-3.1-8b";
    if (strstr(name, "istral-7B") || strstr(name, "istral 7B")) return "mistral-7b";
    return strstr(name, "Qwen3-8B") ? "qwen3-8b" : NULL;
}

/* A GPU that nobody here knows keeps its name: nothing is judged of it. */
static void gpu_of(char gpu[16], const char *name)
{
    snprintf(gpu, 16, "%.15s", kw_gpu_name(name));
}

static void named(struct kw_server_point *p, const char *source, const char *engine, const char *version)
{
    snprintf(p->source, sizeof p->source, "%s", source);
    snprintf(p->engine, sizeof p->engine, "%.10s%s%.12s", engine, *version ? " " : "", version);
    p->kernels.framework = strstr(engine, "vllm") ? "vllm" : "trtllm";
}

/* A count from a cell; 0: none, or more than any benchmark has. */
static uint32_t count(double x)
{
    return x >= 1 && x <= 1e5 ? (uint32_t)x : 0;
}

/* A reader makes a point of the current row; false: not judged. */
typedef bool (*reader)(struct kw_server_point *p, const struct table *t, const double *x);

static enum kw_status read_table(struct kw_servers *s, const char *dir, const char *file, const char *const *columns,
                                 int n_numbers, reader make, struct kw_error *err)
{
    char path[1024];
    struct table t;
    snprintf(path, sizeof path, "%s/%s", dir, file);
    enum kw_status st = kw_csv_open(&t.s, path, err);
    for (size_t i = 0; st == KW_OK && columns[i]; i++) st = kw_csv_need(&t.s, columns[i], &t.column[i], err);
    for (bool more = true; st == KW_OK && (st = kw_csv_next(&t.s, &more, err)) == KW_OK && more;) {
        struct kw_server_point p = {
            .tp = 1, .replicas = 1, .tpot_s = NAN, .output_rate = NAN, .ttft_s = NAN, .line = t.s.line
        };
        double x[12];
        for (int i = 0; st == KW_OK && i < n_numbers; i++)
            if (!*text(&t, i) || !strcmp(text(&t, i), "INF") || !strcmp(text(&t, i), "N/A"))
                x[i] = NAN; /* not said, or no bound */
            else
                st = number(&t, i, &x[i], err);
        if (st != KW_OK || !make(&p, &t, x)) continue;
        if (!p.load.n || !p.load.prompt || !p.load.output || !p.tp || !p.replicas)
            st = kw_fail(err, KW_ERANGE, "%s:%ld: requests, tokens and GPUs, want 1 to 100000 of each", path, t.s.line);
        else
            st = push(s, &p, err);
    }
    kw_csv_close(&t.s);
    return st;
}

/* ---- the sources ---- */

static const char *const silybench_columns[] = { "input_len",     "output_len",        "concurrency",
                                                 "itl_median_ms", "output_throughput", NULL };

static bool silybench(struct kw_server_point *p, const struct table *t, const double *x)
{
    (void)t;
    named(p, "silybench", "vllm", "");
    snprintf(p->gpu, sizeof p->gpu, "H100");
    snprintf(p->model, sizeof p->model, "qwen3-8b");
    snprintf(p->precision, sizeof p->precision, "fp8");
    p->load = (struct kw_loadtest){
        .at_once = count(x[2]), .n = 6 * count(x[2]), .prompt = count(x[0]), .output = count(x[1])
    };
    p->tpot_s = x[3] / 1e3;
    p->median = true;
    p->output_rate = x[4];
    return true;
}

static const char *const silicon_columns[] = {
    "isl",     "osl",        "batch_size", "tp_size",         "silicon_tpot_ms", "silicon_ttft_ms",
    "backend", "model_path", "system",     "gemm_quant_mode", "backend_version", NULL
};

static bool silicon(struct kw_server_point *p, const struct table *t, const double *x)
{
    const char *backend = text(t, 6), *model = model_of(text(t, 7)),
               *precision = *text(t, 9) ? text(t, 9) : "bf16"; /* not stated: the checkpoint's */
    bool fp8 = !strcmp(precision, "fp8");
    if (!model || (!fp8 && strcmp(precision, "bf16")) || !strcmp(backend, "sglang") || x[1] < 2) return false;
    named(p, "silicon", backend, text(t, 10));
    gpu_of(p->gpu, text(t, 8));
    snprintf(p->model, sizeof p->model, "%s", model);
    snprintf(p->precision, sizeof p->precision, "%s", precision);
    p->no_evict = !strcmp(backend, "trtllm");
    p->kv_share = p->no_evict ? 0.9 : 0; /* TensorRT-LLM's default */
    p->kernels.kv_fp8 = fp8 && p->no_evict;
    p->tp = count(x[3]);
    p->load = (struct kw_loadtest){
        .at_once = count(x[2]), .n = 6 * count(x[2]), .prompt = count(x[0]), .output = count(x[1])
    };
    p->tpot_s = x[4] / 1e3;
    p->ttft_s = x[5] / 1e3;
    return true;
}

static const char *const online_columns[] = {
    "isl", "osl",          "n_requests", "tp",    "mean_itl_ms",    "output_tok_s",
    "qps", "mean_ttft_ms", "gpu",        "model", "engine_version", NULL
};

static bool online(struct kw_server_point *p, const struct table *t, const double *x)
{
    const char *model = model_of(text(t, 9));
    if (!model) return false;
    named(p, "trtllm online", "trtllm", text(t, 10));
    gpu_of(p->gpu, text(t, 8));
    snprintf(p->model, sizeof p->model, "%s", model);
    snprintf(p->precision, sizeof p->precision, "bf16");
    p->tp = count(x[3]);
    p->load = (struct kw_loadtest){
        .rate = isnan(x[6]) ? 0 : x[6], .n = count(x[2]), .prompt = count(x[0]), .output = count(x[1])
    };
    p->load.config.max_num_batched_tokens = 8192; /* TensorRT-LLM's default, and: */
    p->no_evict = true;
    p->kv_share = 0.9;
    p->tpot_s = x[4] / 1e3;
    p->output_rate = x[0] > 202 ? x[5] : NAN; /* 202 + 214 are a data set's means: its longest answers end the run */
    p->ttft_s = x[7] / 1e3;
    return true;
}

/* The same rows as closed loops, at the number in flight that the published figures imply (Little): what steps of that
 * size take, without what a queue makes of it. */
static bool in_flight(struct kw_server_point *p, const struct table *t, const double *x)
{
    if (isnan(x[6]) || !online(p, t, x)) return false;
    double requests = x[5] / x[1] * (x[7] + x[4] * (x[1] - 1)) / 1e3; /* rate times time in the system */
    snprintf(p->source, sizeof p->source, "trtllm in flight");
    p->load.rate = 0;
    p->load.at_once = count(fmax(1, round(requests)));
    p->load.n = 6 * p->load.at_once;
    p->output_rate = NAN; /* follows from TPOT at a number in flight that was taken from it */
    p->ttft_s = NAN;
    return true;
}

static const char *const offline_columns[] = { "isl",    "osl", "tp",    "pp",        "value",
                                               "metric", "gpu", "model", "precision", "engine_version",
                                               NULL };

/* Requests as the source's page lists them; a third of them where that is thousands: the middle of the run is judged.
 */
static uint32_t offline_requests(double isl, double osl)
{
    return isl + osl < 300 ? 8000 : isl >= 20000 ? 500 : 1500;
}

static bool offline(struct kw_server_point *p, const struct table *t, const double *x)
{
    const char *model = model_of(text(t, 7)), *precision = text(t, 8);
    if (!model || x[3] != 1 || strcmp(text(t, 5), "output_tok_s_total") ||
        (strcmp(precision, "fp8") && strcmp(precision, "fp16")))
        return false;
    named(p, "trtllm offline", "trtllm", text(t, 9));
    gpu_of(p->gpu, text(t, 6));
    snprintf(p->model, sizeof p->model, "%s", model);
    snprintf(p->precision, sizeof p->precision, "%s",
             strcmp(precision, "fp8") ? "bf16" : "fp8"); /* fp16 runs as bf16 does */
    p->kernels.kv_fp8 = !strcmp(precision, "fp8");
    p->tp = count(x[2]);
    p->kv_share = 0.95;
    p->no_evict = true;
    p->load = (struct kw_loadtest){ .n = offline_requests(x[0], x[1]), .prompt = count(x[0]), .output = count(x[1]) };
    p->load.config = (struct kw_sched_config){ .max_num_seqs = 4096, .max_num_batched_tokens = 8192 };
    p->output_rate = x[4];
    return true;
}

static const char *const alcf_columns[] = { "input_tokens", "output_tokens", "batch", "n_gpu", "latency_s",
                                            "gpu",          "framework",     "model", NULL };

static bool alcf(struct kw_server_point *p, const struct table *t, const double *x)
{
    const char *gpu = text(t, 5), *framework = text(t, 6), *model = model_of(text(t, 7));
    bool vllm = !strcmp(framework, "vLLM");
    if (!model || (strcmp(gpu, "H100") && strcmp(gpu, "A100")) || (!vllm && strcmp(framework, "TensorRT-LLM")) ||
        !(x[4] > 0))
        return false;
    named(p, "ALCF", vllm ? "vllm" : "trtllm", "2024");
    snprintf(p->gpu, sizeof p->gpu, "%s", *gpu == 'A' ? "A100-40" : gpu);
    snprintf(p->model, sizeof p->model, "%s", model);
    snprintf(p->precision, sizeof p->precision, "bf16");
    p->tp = count(x[3]);
    p->load = (struct kw_loadtest){ .n = count(x[2]), .prompt = count(x[0]), .output = count(x[1]) };
    p->load.config.policy = vllm ? KW_SCHED_PREFILL_FIRST : KW_SCHED_STATIC;
    p->output_rate = x[2] * x[1] / x[4];
    return true;
}

static const char *const mlperf_columns[] = {
    "accelerators",    "nodes",  "target_qps", "samples_per_s", "tokens_per_s", "tpot_mean_ms", "ttft_mean_ms",
    "latency_mean_ms", "system", "benchmark",  "scenario",      "framework",    "division",     NULL
};

static bool mlperf(struct kw_server_point *p, const struct table *t, const double *x)
{
    const char *system = text(t, 8);
    bool h100 = strstr(system, "H100_SXM_80GB") || strstr(system, "H100-SXM-80GB"),
         h200 = strstr(system, "H200") && !strstr(system, "GH200"), server = !strcmp(text(t, 10), "Server");
    if (strcmp(text(t, 12), "closed") || strcmp(text(t, 9), "llama2-70b-99.9") || strncmp(text(t, 11), "TensorRT", 8) ||
        (!h100 && !h200) || strstr(system, "MaxQ") || x[1] != 1 || !(x[0] >= 1) || (h100 && count(x[0]) % 2))
        return false;
    named(p, server ? "mlperf server" : "mlperf offline", "trtllm", "mlperf 4.1");
    snprintf(p->gpu, sizeof p->gpu, "%s", h100 ? "H100" : "H200");
    snprintf(p->model, sizeof p->model, "llama-2-70b");
    snprintf(p->precision, sizeof p->precision, "fp8");
    p->kernels.kv_fp8 = true;
    p->tp = h100 ? 2 : 1;
    p->replicas = count(x[0]) / p->tp;
    uint32_t mean = count(round(x[4] / x[3]));
    uint32_t requests =
        server ? count(round(x[3] * x[7] / 1e3 / p->replicas)) : 0; /* in flight: rate times time in the system */
    p->load = (struct kw_loadtest){
        .at_once = requests, .n = server ? 4 * requests : 6000, .prompt = mean, .output = mean, .spread = 0.54
    };
    p->load.config = (struct kw_sched_config){ .max_num_seqs = h100 ? 1024 : 896, .max_num_batched_tokens = 8192 };
    p->kv_share = 0.9;
    p->tpot_s = server ? x[5] / 1e3 : NAN;
    p->ttft_s = server ? x[6] / 1e3 : NAN;
    p->output_rate = x[4] / p->replicas;
    return true;
}

enum kw_status kw_servers_load(struct kw_servers *s, const char *dir, struct kw_error *err)
{
    static const struct {
        const char *file;
        const char *const *columns;
        int numbers;
        reader make;
    } tables[] = { { "calibration/silybench_h100_qwen3-8b_fp8.csv", silybench_columns, 5, silybench },
                   { "calibration/silicon_llama31.csv", silicon_columns, 6, silicon },
                   { "published/trtllm_online_serving.csv", online_columns, 8, online },
                   { "published/trtllm_online_serving.csv", online_columns, 8, in_flight },
                   { "published/trtllm_throughput.csv", offline_columns, 5, offline },
                   { "published/alcf_llm_inference_bench_nvidia.csv", alcf_columns, 5, alcf },
                   { "calibration/mlperf_inference_v4.1_llm.csv", mlperf_columns, 8, mlperf } };
    *s = (struct kw_servers){ 0 };
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        enum kw_status st =
            read_table(s, dir, tables[i].file, tables[i].columns, tables[i].numbers, tables[i].make, err);
        if (st != KW_OK) {
            kw_servers_free(s);
            return st;
        }
    }
    return KW_OK;
}

void kw_servers_free(struct kw_servers *s)
{
    free(s->p);
    *s = (struct kw_servers){ 0 };
}
