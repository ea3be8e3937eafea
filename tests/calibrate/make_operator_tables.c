/* tests/calibrate/make_operator_tables.c - part of `make kernels`: writes calibrate/data/gemm.json, experts*.json anew from
 * aiconfigurator's operator tables (DATA_DIR/aic, SOURCES.md there).
 * Usage: make_operator_tables DATA_DIR gemm|experts|experts-balanced >calibrate/data/... */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "calibrate/operators/expert_table.h"
#include "calibrate/operators/gemm_table.h"
#include "calibrate/profile/model.h"
#include "sim/core/ascending.h"
#include "sim/core/files/csv.h"

static const struct {
    const char *gpu, *folder;
} gpus[] = { { "A100-80", "a100_sxm" }, { "B200", "b200_sxm" }, { "H100", "h100_sxm" },
             { "H200", "h200_sxm" },    { "L40S", "l40s" },     { "RTXPRO6000", "rtx_pro_6000_server" } };
enum { GPUS = sizeof gpus / sizeof *gpus };

#define SOURCE                                                                                                         \
    "ai-dynamo/aiconfigurator@095f58a5 (Apache-2.0) systems/data, vLLM 0.24.0 (A100: 0.14.0), each operator alone in " \
    "a "                                                                                                               \
    "CUDA graph"

/* Calls row for every row of a table; values of the columns named, in their order. */
static enum kw_status each_row(const char *dir, const char *folder, const char *name, const char *const *columns,
                               const char *word, const char *other,
                               void (*row)(void *to, const double *x, const char *word, const char *other), void *to,
                               struct kw_error *err)
{
    char path[1024];
    struct kw_csv f;
    int at[8], word_at, other_at;
    double x[8];
    size_t n = 0;
    snprintf(path, sizeof path, "%s/aic/%s/%s.csv.gz", dir, folder, name);
    enum kw_status st = kw_csv_open(&f, path, err);
    if (st != KW_OK) return st;
    for (; columns[n] && st == KW_OK; n++) st = kw_csv_need(&f, columns[n], &at[n], err);
    if (st == KW_OK) st = kw_csv_need(&f, word, &word_at, err);
    if (st == KW_OK) st = kw_csv_need(&f, other, &other_at, err);
    for (bool more = true; st == KW_OK && (st = kw_csv_next(&f, &more, err)) == KW_OK && more;) {
        for (size_t i = 0; i < n && st == KW_OK; i++) st = kw_csv_f64(&f, at[i], 0, 1e9, &x[i], err);
        if (st == KW_OK) row(to, x, f.field[word_at].p, f.field[other_at].p);
    }
    kw_csv_close(&f);
    return st;
}

/* ---- products */

enum { MOST_IN_CELL = 64 };
struct cell {
    double log_r[MOST_IN_CELL];
    size_t n;
};
struct products {
    const struct kw_gpu_spec *g;
    const char *dtype;
    enum kw_gemm_kind kind;
    struct cell cell[KW_GEMM_M][KW_GEMM_N][KW_GEMM_K];
};

static void add_product(void *to, const double *x, const char *dtype, const char *source)
{
    struct products *p = to;
    int i = (int)lround(log2(x[1])) - 9, j = (int)lround(log2(x[2])) - 9;
    (void)source;
    if (strcmp(dtype, p->dtype) || i < 0 || i >= KW_GEMM_N || j < 0 || j >= KW_GEMM_K || !(x[3] > 0)) return;
    double weight = p->kind == KW_GEMM_NVFP4 ? 0.5625 : p->kind == KW_GEMM_FP8 ? 1 : 2;
    double r = x[3] * 1e-3 / kw_gemm_roofline_s(p->g, p->kind, weight, x[0], x[1], x[2], 1);
    for (int m = 0; m < KW_GEMM_M; m++) {
        struct cell *c = &p->cell[m][i][j];
        if (x[0] == kw_gemm_m[m] && c->n < MOST_IN_CELL) c->log_r[c->n++] = log(r);
    }
}

static double cell_percent(const struct cell *c)
{
    double v[MOST_IN_CELL];
    memcpy(v, c->log_r, sizeof v);
    qsort(v, c->n, sizeof *v, kw_ascending);
    return 100 * exp(c->n % 2 ? v[c->n / 2] : (v[c->n / 2 - 1] + v[c->n / 2]) / 2);
}

/* Of the nearest cell that has products, in octaves of n and k. */
static double percent_near(const struct products *p, int m, int i, int j)
{
    double best = NAN;
    int nearest = 99;
    for (int a = 0; a < KW_GEMM_N; a++)
        for (int b = 0; b < KW_GEMM_K; b++) {
            int away = abs(a - i) + abs(b - j);
            if (!p->cell[m][a][b].n || away >= nearest) continue;
            nearest = away;
            best = cell_percent(&p->cell[m][a][b]);
        }
    return fmin(fmax(best, 105), 65535);
}

static enum kw_status put_products(const char *dir, struct kw_error *err)
{
    static const char *const columns[] = { "m", "n", "k", "latency", NULL };
    static const char *const dtypes[] = { "bfloat16", "fp8", "nvfp4" };
    struct products *p = malloc(sizeof *p);
    enum kw_status st = p ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory");
    bool first = true;
    printf("{ \"keepwarm_gemm\": 1,\n  \"source\": \"" SOURCE
           ": gemm_perf; percent of the roofline by m, n = 2^9.. and "
           "k = 2^9.. (calibrate/operators/gemm_table.h)\", \"date\": \"2026-11-30\",\n  \"tables\": [");
    for (int g = 0; g < GPUS && st == KW_OK; g++)
        for (int kind = 0; kind < KW_GEMM_KINDS && st == KW_OK; kind++) {
            *p = (struct products){ .g = kw_gpu_find(gpus[g].gpu),
                                    .dtype = dtypes[kind],
                                    .kind = (enum kw_gemm_kind)kind };
            if (kind != KW_GEMM_BF16 && !(p->g->flops_fp8 > 0)) continue;
            st =
                each_row(dir, gpus[g].folder, "gemm_perf", columns, "gemm_dtype", "kernel_source", add_product, p, err);
            size_t seen = 0;
            for (int i = 0; i < KW_GEMM_N; i++)
                for (int j = 0; j < KW_GEMM_K; j++) seen += p->cell[0][i][j].n;
            if (st != KW_OK || !seen) continue; /* no table of that kind */
            printf("%s\n    { \"gpu\": \"%s\", \"kind\": \"%s\", \"percent\": [", first ? "" : ",", gpus[g].gpu,
                   kw_gemm_kind_name[kind]);
            for (int m = 0; m < KW_GEMM_M; m++)
                for (int i = 0; i < KW_GEMM_N; i++)
                    for (int j = 0; j < KW_GEMM_K; j++)
                        printf("%s%.0f", m + i + j ? "," : "", percent_near(p, m, i, j));
            printf("] }");
            first = false;
        }
    printf("\n  ] }\n");
    free(p);
    return st;
}

/* ---- experts */

enum { SHAPES = 64, SPLITS = 40 };
struct experts {
    const char *distribution;
    const struct kw_model_shape *shape[SHAPES];
    size_t n_shapes, n_rows;
    struct kw_expert_row row[SHAPES * SPLITS];
};

/* The experts' precision of a table's type. Type "fp8" is left out: on Hopper those are CUTLASS kernels of six times the time
 * of those with block scales. */
static const char *precision_of(const char *dtype)
{
    static const char *const names[][2] = { { "bfloat16", "bf16" },
                                            { "fp8_block", "fp8" },
                                            { "w4a16_mxfp4", "mxfp4" },
                                            { "nvfp4", "nvfp4" },
                                            { "int4_wo", "int4" } };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i][0], dtype)) return names[i][1];
    return NULL;
}

static void add_experts(void *to, const double *x, const char *dtype, const char *distribution)
{
    struct experts *e = to;
    const char *precision = precision_of(dtype);
    if (!precision || strcmp(distribution, e->distribution)) return;
    const struct kw_model_shape *m = NULL;
    for (size_t i = 0; i < e->n_shapes && !m; i++)
        if (e->shape[i]->hidden == x[1] && e->shape[i]->experts.width == x[2] && e->shape[i]->experts.active == x[3] &&
            e->shape[i]->experts.n == x[4])
            m = e->shape[i];
    int at = 0;
    while (at < KW_EXPERT_TOKENS && kw_expert_tokens[at] != x[0]) at++;
    if (!m || at == KW_EXPERT_TOKENS) return;
    size_t i = 0;
    for (; i < e->n_rows; i++) {
        const struct kw_expert_row *r = &e->row[i];
        if (r->hidden == x[1] && r->width == x[2] && r->active == x[3] && r->n == x[4] && r->tp == x[5] &&
            r->ep == x[6] && !strcmp(r->precision, precision))
            break;
    }
    struct kw_expert_row *r = &e->row[i];
    if (i == SHAPES * SPLITS) return;
    if (i == e->n_rows) {
        e->n_rows++;
        *r = (struct kw_expert_row){ .hidden = m->hidden,
                                     .width = m->experts.width,
                                     .active = m->experts.active,
                                     .n = m->experts.n,
                                     .tp = (uint32_t)x[5],
                                     .ep = (uint32_t)x[6] };
        snprintf(r->precision, sizeof r->precision, "%s", precision);
    }
    float us = (float)(x[7] * 1e3);
    if (!(r->us[at] > 0) || us < r->us[at]) r->us[at] = us; /* of several kernels the best */
}

/* A token number that the table lacks, from its neighbours; false: too many are missing. */
static bool complete(struct kw_expert_row *r)
{
    int have = 0;
    for (int i = 0; i < KW_EXPERT_TOKENS; i++) have += r->us[i] > 0;
    if (have < KW_EXPERT_TOKENS - 4 || !(r->us[0] > 0) || !(r->us[KW_EXPERT_TOKENS - 1] > 0)) return false;
    for (int i = 1; i < KW_EXPERT_TOKENS; i++) {
        int to = i;
        while (!(r->us[to] > 0)) to++;
        if (to == i) continue;
        double part =
            log(kw_expert_tokens[i] / kw_expert_tokens[i - 1]) / log(kw_expert_tokens[to] / kw_expert_tokens[i - 1]);
        r->us[i] = (float)(r->us[i - 1] * pow(r->us[to] / r->us[i - 1], part));
    }
    return true;
}

static enum kw_status put_experts(const char *dir, const char *distribution, struct kw_error *err)
{
    static const char *const columns[] = { "num_tokens",  "hidden_size", "inter_size", "topk", "num_experts",
                                           "moe_tp_size", "moe_ep_size", "latency",    NULL };
    struct experts *e = calloc(1, sizeof *e);
    enum kw_status st = e ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory");
    bool first = true;
    printf("{ \"keepwarm_experts\": 1,\n  \"source\": \"" SOURCE
           ": moe_perf, %s, the shapes of models.json; us by tokens "
           "(calibrate/operators/expert_table.h)\", \"date\": \"2026-11-30\",\n  \"experts\": [",
           distribution);
    for (size_t i = 0; st == KW_OK && i < kw_model_count() && e->n_shapes < SHAPES; i++)
        if (kw_model_at(i)->experts.n) e->shape[e->n_shapes++] = kw_model_at(i);
    for (int g = 0; g < GPUS && st == KW_OK; g++) {
        e->n_rows = 0;
        e->distribution = distribution;
        st = each_row(dir, gpus[g].folder, "moe_perf", columns, "moe_dtype", "distribution", add_experts, e, err);
        for (size_t i = 0; i < e->n_rows && st == KW_OK; i++) {
            struct kw_expert_row *r = &e->row[i];
            if (r->tp * r->ep > 8 || !complete(r)) continue;
            printf("%s\n    {\"gpu\": \"%s\", \"precision\": \"%s\", \"hidden\": %u, \"width\": %u, \"active\": %u, "
                   "\"n\": %u, "
                   "\"tp\": %u, \"ep\": %u, \"us\": [",
                   first ? "" : ",", gpus[g].gpu, r->precision, r->hidden, r->width, r->active, r->n, r->tp, r->ep);
            for (int k = 0; k < KW_EXPERT_TOKENS; k++) printf("%s%.4g", k ? "," : "", r->us[k]);
            printf("]}");
            first = false;
        }
    }
    printf("\n  ] }\n");
    free(e);
    return st;
}

int main(int argc, char **argv)
{
    struct kw_error err = { .msg = "" };
    enum kw_status st;
    if (argc == 3 && !strcmp(argv[2], "gemm")) {
        st = put_products(argv[1], &err);
    } else if (argc == 3 && !strcmp(argv[2], "experts")) {
        st = put_experts(argv[1], kw_expert_routing_name[KW_EXPERTS_POWER_LAW], &err);
    } else if (argc == 3 && !strcmp(argv[2], "experts-balanced")) {
        st = put_experts(argv[1], kw_expert_routing_name[KW_EXPERTS_BALANCED], &err);
    } else {
        fprintf(stderr, "usage: make_operator_tables DATA_DIR gemm|experts|experts-balanced >calibrate/data/...\n");
        return 2;
    }
    if (st != KW_OK) fprintf(stderr, "make_operator_tables: %s\n", err.msg);
    return kw_exit_code(st);
}
