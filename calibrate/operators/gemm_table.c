#include "calibrate/operators/gemm_table.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "calibrate/profile/table.h"

#define FIRST_OCTAVE 9.0 /* of n and k */

const char *const kw_gemm_kind_name[KW_GEMM_KINDS] = { "bf16", "fp8", "nvfp4" };
/* Kernels change at 16, 64, 128 and 256 tokens; 17, 65, 129 and 257 are the other side of it. */
const double kw_gemm_m[KW_GEMM_M] = { 1,   8,   16,  17,   32,   64,   65,   128,  129,  192,  256,
                                      257, 512, 768, 1024, 1536, 2048, 3072, 4096, 8192, 16384 };

struct row {
    char gpu[24];
    enum kw_gemm_kind kind;
    unsigned short percent[KW_GEMM_M * KW_GEMM_N * KW_GEMM_K];
};

static enum kw_status read_row(struct kw_jnode n, void *to, struct kw_error *err)
{
    static const char *const keys[] = { "gpu", "kind", "percent", NULL };
    const char *gpu, *kind;
    struct row *r = to;
    enum kw_status st = kw_json_keys(n, keys, err);
    if (st == KW_OK) st = kw_json_str(kw_json_get(n, "gpu"), &gpu, err);
    if (st == KW_OK) st = kw_json_str(kw_json_get(n, "kind"), &kind, err);
    if (st != KW_OK) return st;
    snprintf(r->gpu, sizeof r->gpu, "%s", gpu);
    r->kind = KW_GEMM_KINDS;
    for (int k = 0; k < KW_GEMM_KINDS; k++)
        if (!strcmp(kind, kw_gemm_kind_name[k])) r->kind = (enum kw_gemm_kind)k;
    struct kw_jnode list = kw_json_get(n, "percent");
    const int want = (int)(sizeof r->percent / sizeof *r->percent);
    if (kw_json_len(list) != want) return kw_json_fail(list, KW_ERANGE, err, "want %d percentages", want);
    for (int i = 0; i < want && st == KW_OK; i++) {
        int64_t percent = 0;
        st = kw_json_i64(kw_json_at(list, i), 100, 65535, &percent, err);
        r->percent[i] = (unsigned short)percent;
    }
    return st;
}

static struct row rows[24];
static struct kw_table table = { .path = "calibrate/data/gemm.json",
                                 .key = "tables",
                                 .read = read_row,
                                 .rows = rows,
                                 .size = sizeof *rows,
                                 .cap = sizeof rows / sizeof *rows,
                                 .lock = PTHREAD_MUTEX_INITIALIZER };

enum kw_status kw_gemm_ratio_of(struct kw_gemm_ratio *out, const struct kw_gpu_spec *gpu, enum kw_gemm_kind kind,
                                struct kw_error *err)
{
    size_t n = kw_table_load(&table), count[3] = { 0 };
    double *r = &out->r[0][0][0];
    if (!n) return kw_fail(err, KW_ENOMEM, "out of memory");
    *out = (struct kw_gemm_ratio){ { { { 0 } } } };
    int far[sizeof rows / sizeof *rows];
    for (size_t i = 0; i < n; i++) {
        far[i] = kw_gpu_distance(rows[i].gpu, gpu);
        count[far[i]] += rows[i].kind == kind;
    }
    if (!(count[0] + count[1] + count[2])) return kw_gemm_ratio_of(out, gpu, KW_GEMM_BF16, err);
    int near = count[0] ? 0 : count[1] ? 1 : 2;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < KW_GEMM_M * KW_GEMM_N * KW_GEMM_K && rows[i].kind == kind && far[i] == near; k++)
            r[k] += rows[i].percent[k] / 100.0 / (double)count[near];
    return KW_OK;
}

/* Where x lies among [count] octaves: the one before it and how far beyond, held to the ends. */
static int octave(double x, int count, double *part)
{
    double at = fmin(fmax(log2(x) - FIRST_OCTAVE, 0), count - 1.0);
    int i = (int)fmin(floor(at), count - 2.0);
    *part = at - i;
    return i;
}

double kw_gemm_ratio_at(const struct kw_gemm_ratio *t, double m, double n, double k)
{
    double pn, pk, pm, r[2];
    int i = octave(n, KW_GEMM_N, &pn), j = octave(k, KW_GEMM_K, &pk), at = 0;
    m = fmin(fmax(m, 1), kw_gemm_m[KW_GEMM_M - 1]);
    while (at + 2 < KW_GEMM_M && kw_gemm_m[at + 1] <= m) at++;
    pm = log(m / kw_gemm_m[at]) / log(kw_gemm_m[at + 1] / kw_gemm_m[at]);
    for (int q = 0; q < 2; q++) {
        const double(*g)[KW_GEMM_K] = t->r[at + q];
        r[q] =
            (1 - pn) * ((1 - pk) * g[i][j] + pk * g[i][j + 1]) + pn * ((1 - pk) * g[i + 1][j] + pk * g[i + 1][j + 1]);
    }
    return (1 - pm) * r[0] + pm * r[1];
}

double kw_gemm_roofline_s(const struct kw_gpu_spec *gpu, enum kw_gemm_kind kind, double weight, double m, double n,
                          double k, double slower)
{
    double flops = kind == KW_GEMM_NVFP4 ? 2 * gpu->flops_fp8 : kind == KW_GEMM_FP8 ? gpu->flops_fp8 : gpu->flops_bf16;
    double operand = kind == KW_GEMM_NVFP4 ? 0.5625 : kind == KW_GEMM_FP8 ? 1 : 2;
    return fmax(slower * 2 * m * n * k / flops, (weight * n * k + operand * m * k + 2 * m * n) / gpu->bandwidth);
}
