#include "calibrate/operators/kernel_laws.h"
#include <stdio.h>
#include <string.h>
#include "calibrate/profile/table.h"

struct row {
    char gpu[24];
    struct kw_efficiency wide;
    double gemm_fp8[3];
    bool fp8;
};

static enum kw_status read_three(struct kw_jnode n, double c[3], struct kw_error *err)
{
    enum kw_status st = KW_OK;
    for (int i = 0; i < 3 && st == KW_OK; i++) st = kw_json_f64(kw_json_at(n, i), 0, 1e3, &c[i], err);
    return st;
}

static enum kw_status read_row(struct kw_jnode n, void *to, struct kw_error *err)
{
    static const char *const keys[] = { "gpu", "gemm", "gemm_fp8", "decode", "prefill", NULL };
    struct row *r = to;
    const char *gpu;
    enum kw_status st = kw_json_keys(n, keys, err);
    if (st == KW_OK) st = kw_json_str(kw_json_get(n, "gpu"), &gpu, err);
    if (st != KW_OK) return st;
    snprintf(r->gpu, sizeof r->gpu, "%s", gpu);
    r->fp8 = kw_json_present(kw_json_get(n, "gemm_fp8"));
    if (r->fp8) st = read_three(kw_json_get(n, "gemm_fp8"), r->gemm_fp8, err);
    if (st == KW_OK) st = read_three(kw_json_get(n, "gemm"), r->wide.gemm, err);
    if (st == KW_OK) st = read_three(kw_json_get(n, "decode"), r->wide.decode, err);
    return st == KW_OK ? read_three(kw_json_get(n, "prefill"), r->wide.prefill, err) : st;
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

static void add(double to[3], const double c[3], double share)
{
    for (int i = 0; i < 3; i++) to[i] += share * c[i];
}

/* How near a row is: the GPU itself, its architecture, any. */
static int distance(const struct row *r, const struct kw_gpu_spec *gpu)
{
    const struct kw_gpu_spec *own = kw_gpu_find(r->gpu);
    return !strcmp(r->gpu, gpu->name) ? 0 : own && own->sm == gpu->sm ? 1 : 2;
}

/* The rows that come nearest, of all or of those with fp8; how many. */
static int nearest(const struct kw_gpu_spec *gpu, size_t n, bool fp8, int *within)
{
    int count[3] = { 0 };
    for (size_t i = 0; i < n; i++)
        if (!fp8 || rows[i].fp8) count[distance(&rows[i], gpu)]++;
    *within = count[0] ? 0 : count[1] ? 1 : 2;
    return count[*within];
}

enum kw_status kw_kernel_laws_of(struct kw_kernel_laws *out, const struct kw_gpu_spec *gpu, struct kw_error *err)
{
    size_t n = kw_table_load(&of_gpus), at = 0;
    int wide, narrow;
    *out = (struct kw_kernel_laws){ .from = "" };
    if (!n || kw_table_load(&of_small) != KW_SMALL_KINDS) return kw_fail(err, KW_ENOMEM, "out of memory");
    memcpy(out->small, small, sizeof small);
    double share = 1.0 / nearest(gpu, n, false, &wide), fp8 = 1.0 / nearest(gpu, n, true, &narrow);
    for (size_t i = 0; i < n; i++) {
        if (rows[i].fp8 && distance(&rows[i], gpu) == narrow) add(out->gemm_fp8, rows[i].gemm_fp8, fp8);
        if (distance(&rows[i], gpu) != wide) continue;
        add(out->wide.gemm, rows[i].wide.gemm, share);
        add(out->wide.decode, rows[i].wide.decode, share);
        add(out->wide.prefill, rows[i].wide.prefill, share);
        at += (size_t)snprintf(out->from + at, sizeof out->from - at, "%s%s", at ? ", " : "", rows[i].gpu);
    }
    return KW_OK;
}
