#include "calibrate/import/import_aic.h"
#include <stdio.h>
#include <string.h>
#include "sim/core/files/csv.h"

/* Our GPU name and theirs. */
static const char *const gpu_names[][2] = { { "A100-80", "A100-SXM4-80GB" },
                                            { "B200", "B200-180GB" },
                                            { "H100", "H100-SXM-80GB" },
                                            { "H200", "H200-SXM-141GB" },
                                            { "L40S", "L40S" } };

static const char *their_name(const char *gpu)
{
    for (size_t i = 0; i < sizeof gpu_names / sizeof *gpu_names; i++)
        if (!strcmp(gpu_names[i][0], gpu)) return gpu_names[i][1];
    return NULL;
}

/* One table: which columns hold the coordinates, which the type the choice speaks of. */
struct layout {
    const char *dtype;      /* column of the type */
    const char *attn_dtype; /* NULL, or the column that must say what choice->attention says */
    const char *x[4];
    int n_x;
    bool rising; /* more of the last coordinate cannot take less time */
};

static enum kw_status import(struct kw_samples *out, const char *path, const struct kw_aic_choice *choice,
                             const struct layout *l, char version[16], struct kw_error *err)
{
    const char *gpu = their_name(choice->gpu);
    struct kw_csv c;
    struct kw_samples got = { 0 };
    int i_gpu, i_framework, i_version, i_dtype, i_attn = 0, i_ms, i_x[4];
    enum kw_status st = kw_csv_open(&c, path, err);
    if (st != KW_OK) return st;
    if ((st = kw_csv_need(&c, "gpu", &i_gpu, err)) != KW_OK) goto out;
    if ((st = kw_csv_need(&c, "framework", &i_framework, err)) != KW_OK) goto out;
    if ((st = kw_csv_need(&c, "version", &i_version, err)) != KW_OK) goto out;
    if ((st = kw_csv_need(&c, "latency_ms", &i_ms, err)) != KW_OK) goto out;
    if ((st = kw_csv_need(&c, l->dtype, &i_dtype, err)) != KW_OK) goto out;
    if (l->attn_dtype && (st = kw_csv_need(&c, l->attn_dtype, &i_attn, err)) != KW_OK) goto out;
    for (int i = 0; i < l->n_x; i++)
        if ((st = kw_csv_need(&c, l->x[i], &i_x[i], err)) != KW_OK) goto out;
    for (bool more; (st = kw_csv_next(&c, &more, err)) == KW_OK && more;) {
        if (!gpu || strcmp(c.field[i_gpu].p, gpu) || strcmp(c.field[i_framework].p, choice->framework) ||
            strcmp(c.field[i_dtype].p, choice->dtype) ||
            (l->attn_dtype && strcmp(c.field[i_attn].p, choice->attention ? choice->attention : "bfloat16")))
            continue;
        struct kw_sample p = { .s = 0 };
        for (int i = 0; i < l->n_x; i++)
            if ((st = kw_csv_f64(&c, i_x[i], 1, 1e7, &p.x[i], err)) != KW_OK) goto out;
        if ((st = kw_csv_f64(&c, i_ms, 1e-6, 1e6, &p.s, err)) != KW_OK) goto out;
        p.s *= 1e-3;
        if ((st = kw_samples_push(&got, p, err)) != KW_OK) goto out;
        snprintf(version, 16, "%.15s", c.field[i_version].p);
    }
    if (st == KW_OK && !got.n)
        st = kw_fail(err, KW_ERANGE, "%s: no rows for %s, %s, %s", path, choice->gpu, choice->framework, choice->dtype);
    if (st == KW_OK) {
        kw_samples_sort(&got);
        for (size_t i = got.n - 1; l->rising && i-- > 0;) /* no longer than the next larger of the same row took */
            if (!memcmp(got.p[i].x, got.p[i + 1].x, 3 * sizeof(double)) && got.p[i].s > got.p[i + 1].s)
                got.p[i].s = got.p[i + 1].s;
        for (size_t i = 0; st == KW_OK && i < got.n; i++) st = kw_samples_push(out, got.p[i], err);
    }
out:
    kw_samples_free(&got);
    kw_csv_close(&c);
    return st;
}

enum kw_status kw_import_aic_gemm(struct kw_samples *out, const char *path, const struct kw_aic_choice *c,
                                  char version[16], struct kw_error *err)
{
    static const struct layout l = { "dtype", NULL, { "m", "n", "k" }, 3, false };
    return import(out, path, c, &l, version, err);
}

enum kw_status kw_import_aic_decode(struct kw_samples *out, const char *path, const struct kw_aic_choice *c,
                                    char version[16], struct kw_error *err)
{
    static const struct layout l = { "kv_dtype", NULL, { "heads", "kv_heads", "batch", "context" }, 4, true };
    return import(out, path, c, &l, version, err);
}

enum kw_status kw_import_aic_prefill(struct kw_samples *out, const char *path, const struct kw_aic_choice *c,
                                     char version[16], struct kw_error *err)
{
    static const struct layout l = { "kv_dtype", "attn_dtype", { "heads", "kv_heads", "batch", "seq" }, 4, false };
    return import(out, path, c, &l, version, err);
}
