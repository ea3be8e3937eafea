#include "calibrate/import/import_load.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/files/csv.h"
#include "calibrate/profile/model.h"
#include "sim/core/ascending.h"

#define MAX_LOADS 256
#define DATA_CENTRE_BYTES 40e9 /* GPUs of this memory and more sit in servers with local NVMe, as the H100 measured */

struct rates {
    double v[MAX_LOADS]; /* B/s */
    size_t n;
};

/* The bf16 bytes of a model by its repository's name; DeepSeek-R1-Distill-Qwen-32B has Qwen2.5-32B's shape. */
static double model_bytes(const char *hf_name)
{
    char base[80];
    snprintf(base, sizeof base, "%s", hf_name);
    size_t n = strlen(base), cut = strlen("-Instruct");
    const struct kw_model_shape *m = kw_model_find(base);
    if (!m && n > cut && !strcmp(base + n - cut, "-Instruct")) {
        base[n - cut] = 0;
        m = kw_model_find(base);
    }
    return m ? kw_model_weight_bytes(m, "bf16") : NAN;
}

static enum kw_status serverlessllm(struct rates *r, const char *dir, const char *mode, struct kw_error *err)
{
    char path[1024];
    struct kw_csv c;
    int i_model, i_format, i_mode, i_s;
    snprintf(path, sizeof path, "%s/calibration/serverlessllm_h100_load_times.csv", dir);
    enum kw_status st = kw_csv_open(&c, path, err);
    if (st != KW_OK) return st;
    if ((st = kw_csv_need(&c, "model", &i_model, err)) != KW_OK) goto out;
    if ((st = kw_csv_need(&c, "format", &i_format, err)) != KW_OK) goto out;
    if ((st = kw_csv_need(&c, "mode", &i_mode, err)) != KW_OK) goto out;
    if ((st = kw_csv_need(&c, "loading_time_s", &i_s, err)) != KW_OK) goto out;
    for (bool more; (st = kw_csv_next(&c, &more, err)) == KW_OK && more;) {
        double s, bytes;
        if (strcmp(c.field[i_format].p, "safetensors") || strcmp(c.field[i_mode].p, mode)) continue;
        if ((st = kw_csv_f64(&c, i_s, 1e-3, 1e5, &s, err)) != KW_OK) goto out;
        bytes = model_bytes(c.field[i_model].p);
        if (isnan(bytes)) {
            st = kw_fail(err, KW_ERANGE, "%s:%ld: model \"%.60s\" is not in models.json", path, c.line,
                         c.field[i_model].p);
            goto out;
        }
        if (r->n < MAX_LOADS) r->v[r->n++] = bytes / s;
    }
out:
    kw_csv_close(&c);
    return st;
}

/* Safetensors rows of weight_loading.csv on one GPU type and count whose storage holds `storage`. */
static enum kw_status weight_loading(struct rates *r, const char *dir, const char *gpu, double n_gpu,
                                     const char *storage, struct kw_error *err)
{
    char path[1024];
    struct kw_csv c;
    int i_loader, i_gpu, i_n, i_storage, i_rate;
    snprintf(path, sizeof path, "%s/published/weight_loading.csv", dir);
    enum kw_status st = kw_csv_open(&c, path, err);
    if (st != KW_OK) return st;
    if ((st = kw_csv_need(&c, "loader", &i_loader, err)) != KW_OK) goto out;
    if ((st = kw_csv_need(&c, "gpu", &i_gpu, err)) != KW_OK) goto out;
    if ((st = kw_csv_need(&c, "n_gpu", &i_n, err)) != KW_OK) goto out;
    if ((st = kw_csv_need(&c, "storage", &i_storage, err)) != KW_OK) goto out;
    if ((st = kw_csv_need(&c, "gb_s", &i_rate, err)) != KW_OK) goto out;
    for (bool more; (st = kw_csv_next(&c, &more, err)) == KW_OK && more;) {
        double n, rate;
        if (strcmp(c.field[i_loader].p, "safetensors") || strcmp(c.field[i_gpu].p, gpu) ||
            !strstr(c.field[i_storage].p, storage))
            continue;
        if ((st = kw_csv_f64(&c, i_n, 1, 1024, &n, err)) != KW_OK) goto out;
        if ((st = kw_csv_f64(&c, i_rate, 1e-6, 1e6, &rate, err)) != KW_OK) goto out;
        if (n == n_gpu && r->n < MAX_LOADS) r->v[r->n++] = rate * 1e9;
    }
    if (st == KW_OK && !r->n)
        st = kw_fail(err, KW_ERANGE, "%s: no safetensors rows on %g x %s, %s", path, n_gpu, gpu, storage);
out:
    kw_csv_close(&c);
    return st;
}

/* Quantiles of the sample at (i - 1/2) / n, thinned to a table; rates times factor, to three digits. */
static void to_law(struct kw_law *l, struct rates *r, double factor)
{
    static const double p[] = { 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95 };
    qsort(r->v, r->n, sizeof *r->v, kw_ascending);
    *l = (struct kw_law){ .kind = KW_LAW_QUANTILES };
    for (size_t i = 0; i < sizeof p / sizeof *p; i++) {
        double at = p[i] * (double)r->n - 0.5;
        if (at < 0 || at > (double)r->n - 1) continue; /* too few loads to say */
        size_t k = (size_t)at;
        double v = r->v[k];
        if (k + 1 < r->n) v += (r->v[k + 1] - v) * (at - (double)k);
        l->p[l->n] = p[i];
        l->v[l->n++] = round(v * factor / 1e6) * 1e6;
    }
}

static void label(struct kw_law *l, unsigned tp, const char *date, const char *source)
{
    l->provenance.grade = tp == 1 ? KW_GRADE_PUBLISHED : KW_GRADE_ESTIMATED;
    snprintf(l->provenance.source, sizeof l->provenance.source, "%s%s", source,
             tp == 1 ? "" : ", scaled to several GPUs as InstantTensor's 1 and 8 x H200");
    snprintf(l->provenance.date, sizeof l->provenance.date, "%s", date);
}

enum kw_status kw_import_load_rates(struct kw_law *cold, struct kw_law *cached, const char *dir,
                                    const struct kw_gpu_spec *gpu, unsigned tp, struct kw_error *err)
{
    struct rates random = { .n = 0 }, warm = { .n = 0 }, one = { .n = 0 }, eight = { .n = 0 }, one_tmpfs = { .n = 0 },
                 eight_tmpfs = { .n = 0 };
    int server = gpu->memory_bytes >= DATA_CENTRE_BYTES;
    enum kw_status st;
    st = server ? serverlessllm(&random, dir, "random", err) : weight_loading(&random, dir, "A10G", 1, "AWS", err);
    if (st != KW_OK) return st;
    if ((st = serverlessllm(&warm, dir, "cached", err)) != KW_OK) return st;
    if ((st = weight_loading(&one, dir, "H200", 1, "storage", err)) != KW_OK) return st;
    if ((st = weight_loading(&eight, dir, "H200", 8, "storage", err)) != KW_OK) return st;
    if ((st = weight_loading(&one_tmpfs, dir, "H200", 1, "tmpfs", err)) != KW_OK) return st;
    if ((st = weight_loading(&eight_tmpfs, dir, "H200", 8, "tmpfs", err)) != KW_OK) return st;
    double e_cold = log(eight.v[0] / one.v[0]) / log(8), e_cached = log(eight_tmpfs.v[0] / one_tmpfs.v[0]) / log(8);
    to_law(cold, &random, pow(tp, e_cold));
    to_law(cached, &warm, pow(tp, e_cached));
    if (server)
        label(cold, tp, "2025-12", "ServerlessLLM@9f50241b h100_2025 random, safetensors, 90 loads, NVMe RAID");
    else
        label(cold, tp, "undated", "weight_loading.csv: safetensors, A10G, AWS gp3 and io2");
    label(cached, tp, "2025-12", "ServerlessLLM@9f50241b h100_2025 cached, safetensors, 10 loads");
    return KW_OK;
}
