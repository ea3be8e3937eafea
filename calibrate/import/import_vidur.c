#include "calibrate/import/import_vidur.h"
#include "sim/core/files/csv.h"

enum kw_status kw_import_vidur_all_reduce(struct kw_samples *out, const char *path, unsigned workers,
                                          struct kw_error *err)
{
    struct kw_csv c;
    struct kw_samples got = { 0 };
    int i_ms, i_workers, i_here, i_bytes;
    enum kw_status st = kw_csv_open(&c, path, err);
    if (st != KW_OK) return st;
    if ((st = kw_csv_need(&c, "time_stats.all_reduce.min", &i_ms, err)) != KW_OK) goto out;
    if ((st = kw_csv_need(&c, "num_workers", &i_workers, err)) != KW_OK) goto out;
    if ((st = kw_csv_need(&c, "devices_per_node", &i_here, err)) != KW_OK) goto out;
    if ((st = kw_csv_need(&c, "size", &i_bytes, err)) != KW_OK) goto out;
    for (bool more; (st = kw_csv_next(&c, &more, err)) == KW_OK && more;) {
        double n, here;
        struct kw_sample p = { .s = 0 };
        if ((st = kw_csv_f64(&c, i_workers, 1, 1e6, &n, err)) != KW_OK) goto out;
        if ((st = kw_csv_f64(&c, i_here, 1, 1e6, &here, err)) != KW_OK) goto out;
        if (n != workers || here != workers) continue;
        if ((st = kw_csv_f64(&c, i_bytes, 1, 1e12, &p.x[0], err)) != KW_OK) goto out;
        if ((st = kw_csv_f64(&c, i_ms, 1e-6, 1e6, &p.s, err)) != KW_OK) goto out;
        p.s *= 1e-3;
        if ((st = kw_samples_push(&got, p, err)) != KW_OK) goto out;
    }
    if (st == KW_OK && !got.n)
        st = kw_fail(err, KW_ERANGE, "%s: no all-reduce over %u GPUs of one node", path, workers);
    if (st == KW_OK) {
        kw_samples_sort(&got);
        for (size_t i = got.n - 1; i-- > 0;)
            if (got.p[i].s > got.p[i + 1].s) got.p[i].s = got.p[i + 1].s;
        for (size_t i = 0; st == KW_OK && i < got.n; i++) st = kw_samples_push(out, got.p[i], err);
    }
out:
    kw_samples_free(&got);
    kw_csv_close(&c);
    return st;
}
