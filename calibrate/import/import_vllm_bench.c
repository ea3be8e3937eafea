#include "calibrate/import/import_vllm_bench.h"
#include <string.h>
#include "sim/core/files/csv.h"

static enum kw_status move_sorted(struct kw_samples *out, struct kw_samples *got, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    kw_samples_sort(got);
    for (size_t i = 0; st == KW_OK && i < got->n; i++) st = kw_samples_push(out, got->p[i], err);
    return st;
}

enum kw_status kw_import_vllm_layer(struct kw_samples *out, const char *path, const char *layer, struct kw_error *err)
{
    struct kw_csv c;
    struct kw_samples got = { 0 };
    int i_layer, i_x, i_us;
    enum kw_status st = kw_csv_open(&c, path, err);
    if (st != KW_OK) return st;
    if ((st = kw_csv_need(&c, "layer", &i_layer, err)) != KW_OK) goto out;
    if ((st = kw_csv_need(&c, "time_us", &i_us, err)) != KW_OK) goto out;
    if (kw_csv_need(&c, "tokens", &i_x, NULL) != KW_OK && (st = kw_csv_need(&c, "sequences", &i_x, err)) != KW_OK)
        goto out;
    for (bool more; (st = kw_csv_next(&c, &more, err)) == KW_OK && more;) {
        struct kw_sample p = { .s = 0 };
        if (strcmp(c.field[i_layer].p, layer)) continue;
        if ((st = kw_csv_f64(&c, i_x, 1, 1e7, &p.x[0], err)) != KW_OK) goto out;
        if ((st = kw_csv_f64(&c, i_us, 1e-3, 1e9, &p.s, err)) != KW_OK) goto out;
        p.s *= 1e-6;
        if ((st = kw_samples_push(&got, p, err)) != KW_OK) goto out;
    }
    if (st == KW_OK && !got.n) st = kw_fail(err, KW_ERANGE, "%s: no rows for layer %s", path, layer);
    if (st == KW_OK) st = move_sorted(out, &got, err);
out:
    kw_samples_free(&got);
    kw_csv_close(&c);
    return st;
}

enum kw_status kw_import_vllm_attention(struct kw_samples *out, const char *path, struct kw_error *err)
{
    static const char *const names[] = { "prefill_chunk", "kv_prefill", "n_decode", "kv_decode" };
    struct kw_csv c;
    struct kw_samples got = { 0 };
    int i_x[4], i_us;
    enum kw_status st = kw_csv_open(&c, path, err);
    if (st != KW_OK) return st;
    for (int i = 0; i < 4; i++)
        if ((st = kw_csv_need(&c, names[i], &i_x[i], err)) != KW_OK) goto out;
    if ((st = kw_csv_need(&c, "time_us", &i_us, err)) != KW_OK) goto out;
    for (bool more; (st = kw_csv_next(&c, &more, err)) == KW_OK && more;) {
        struct kw_sample p;
        for (int i = 0; i < 4; i++)
            if ((st = kw_csv_f64(&c, i_x[i], 0, 1e7, &p.x[i], err)) != KW_OK) goto out;
        if ((st = kw_csv_f64(&c, i_us, 1e-3, 1e9, &p.s, err)) != KW_OK) goto out;
        p.s *= 1e-6;
        if ((st = kw_samples_push(&got, p, err)) != KW_OK) goto out;
    }
    if (st == KW_OK && !got.n) st = kw_fail(err, KW_ERANGE, "%s: no rows", path);
    if (st == KW_OK) st = move_sorted(out, &got, err);
out:
    kw_samples_free(&got);
    kw_csv_close(&c);
    return st;
}
