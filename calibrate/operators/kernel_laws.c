#include "calibrate/operators/kernel_laws.h"
#include <stdio.h>
#include <string.h>
#include "calibrate/profile/table.h"

enum { DECODE, PREFILL, DECODE_FP8, EXPERTS, EXPERTS_FP8, EXPERTS_4BIT, LAWS };
static const char *const law_name[] = { "decode",      "prefill",      "decode_fp8", "experts",
                                        "experts_fp8", "experts_4bit", NULL };

struct row {
    char gpu[24];
    double law[LAWS][3];
    bool has[LAWS];
};

static enum kw_status read_row(struct kw_jnode n, void *to, struct kw_error *err)
{
    const char *keys[LAWS + 2] = { "gpu" }, *gpu;
    struct row *r = to;
    memcpy(keys + 1, law_name, sizeof law_name);
    enum kw_status st = kw_json_keys(n, keys, err);
    if (st == KW_OK) st = kw_json_str(kw_json_get(n, "gpu"), &gpu, err);
    if (st != KW_OK) return st;
    snprintf(r->gpu, sizeof r->gpu, "%s", gpu);
    for (int k = 0; k < LAWS; k++) {
        struct kw_jnode law = kw_json_get(n, law_name[k]);
        r->has[k] = k < DECODE_FP8 || kw_json_present(law);
        for (int i = 0; i < 3 && r->has[k] && st == KW_OK; i++)
            st = kw_json_f64(kw_json_at(law, i), 0, 1e3, &r->law[k][i], err);
    }
    return st;
}

static enum kw_status read_small(struct kw_jnode n, void *to, struct kw_error *err)
{
    struct kw_small_fit *f = to;
    enum kw_status st = kw_json_f64(kw_json_at(n, 0), 0, 1, &f->t0, err);
    return st == KW_OK ? kw_json_f64(kw_json_at(n, 1), 0, 1e3, &f->per_byte, err) : st;
}

static struct row rows[16];
static struct kw_small_fit small[KW_SMALL_KINDS];
static struct kw_table of_gpus = { .path = "calibrate/data/kernels.json",
                                   .key = "gpus",
                                   .read = read_row,
                                   .rows = rows,
                                   .size = sizeof *rows,
                                   .cap = sizeof rows / sizeof *rows,
                                   .lock = PTHREAD_MUTEX_INITIALIZER },
                       of_small = { .path = "calibrate/data/kernels.json",
                                    .key = "small",
                                    .read = read_small,
                                    .rows = small,
                                    .size = sizeof *small,
                                    .cap = KW_SMALL_KINDS,
                                    .lock = PTHREAD_MUTEX_INITIALIZER };

/* The mean of a law over the rows that come nearest of those that have it; how near they are. far: of each row. */
static int mean_of(double out[3], const int *far, size_t n, int law)
{
    int count[3] = { 0 };
    for (size_t i = 0; i < n; i++)
        if (rows[i].has[law]) count[far[i]]++;
    int near = count[0] ? 0 : count[1] ? 1 : 2;
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < 3 && rows[i].has[law] && far[i] == near; k++) out[k] += rows[i].law[law][k] / count[near];
    return near;
}

enum kw_status kw_kernel_laws_of(struct kw_kernel_laws *out, const struct kw_gpu_spec *gpu, struct kw_error *err)
{
    size_t n = kw_table_load(&of_gpus), at = 0;
    *out = (struct kw_kernel_laws){ .from = "" };
    if (!n || kw_table_load(&of_small) != KW_SMALL_KINDS) return kw_fail(err, KW_ENOMEM, "out of memory");
    memcpy(out->small, small, sizeof small);
    double *const laws[LAWS] = { out->decode,  out->prefill,     out->decode_fp8,
                                 out->experts, out->experts_fp8, out->experts_4bit };
    int near = 2, far[sizeof rows / sizeof *rows];
    for (size_t i = 0; i < n; i++) far[i] = kw_gpu_distance(rows[i].gpu, gpu);
    for (int k = 0; k < KW_GEMM_KINDS; k++) {
        enum kw_status st = kw_gemm_ratio_of(&out->gemm[k], gpu, (enum kw_gemm_kind)k, err);
        if (st != KW_OK) return st;
    }
    for (int k = LAWS - 1; k >= 0; k--) near = mean_of(laws[k], far, n, k);
    for (size_t i = 0; i < n; i++) /* as near as the first law's are, which every row has */
        if (far[i] == near)
            at += (size_t)snprintf(out->from + at, sizeof out->from - at, "%s%s", at ? ", " : "", rows[i].gpu);
    return KW_OK;
}
