/* A FOCUS cost export of any bytes, as an invoice and as the charges of two sources: what is taken adds up, hour by hour, to what
 * was said of it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "sim/cost/invoice.h"
#include "sim/watch/charges.h"
#include "sim/watch/view.h"

static void hold(int true_)
{
    if (!true_) abort();
}

/* All that is counted of it and all that is not, by hour and by source. */
static void tell(struct kw_watch_ledger *l, const struct kw_watch_export *x)
{
    struct kw_error err;
    struct kw_watch_charges_sum sum;
    struct kw_watch_window w = kw_watch_window(l, 0);
    struct kw_watch_count *hour, *series;
    kw_nusd all = 0, counted = 0, whole = 0, by_series = 0;
    for (size_t i = 0; i < l->n_charges; i++) all += l->charge[i].cost;
    hold(all == x->cost && x->taken <= x->rows);
    for (uint32_t k = 0; k < 2; k++) {
        kw_watch_charges_told(l, k, w, &sum);
        counted += sum.counted, all -= sum.counted + sum.outside;
    }
    hold(all == 0 && kw_watch_hours(l, w, &hour, &err) == KW_OK && kw_watch_by_series(l, w, &series, &err) == KW_OK);
    for (int64_t h = 0; h < w.to - w.from; h++) whole += hour[h].cost;
    for (size_t i = 0; i < l->n_series; i++) by_series += series[i].cost;
    hold(whole == counted && by_series == counted && kw_watch_over(l) <= w.to);
    free(hour), free(series);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    enum { DAY = 24, FIRST = 20605 * DAY }; /* 2026-06-01 */
    struct kw_error err = { "" };
    struct kw_invoice invoice;
    struct kw_watch_export x;
    struct kw_watch_source source[2] = { { .name = KW_WATCH_COSTS "modal", .charged = true },
                                         { .name = KW_WATCH_COSTS "s3", .charged = true } };
    char label[] = "m\x1f\x1f\x1f", path[64];
    struct kw_watch_series series[2] = { { 0, label }, { 1, label } };
    struct kw_watch_cell cell[3] = { { .hour = FIRST + 1, .series = 0, .count = { .requests = 1, .tokens = { 9 } } },
                                     { .hour = FIRST + 30, .series = 1, .count = { .requests = 1, .tokens = { 5 } } },
                                     { .hour = FIRST + 47, .series = 0, .count = { .requests = 1, .tokens = { 7 } } } };
    for (int k = 0; k < 2; k++)
        source[k].from = (FIRST + 1) * KW_NS_PER_HOUR + 5, source[k].until = (FIRST + 47) * KW_NS_PER_HOUR + 9;
    struct kw_watch_ledger l = {
        .source = source, .series = series, .cell = cell, .n_sources = 2, .n_series = 2, .n_cells = 3
    };
    bool in_memory = access("/dev/shm", W_OK) == 0;
    snprintf(path, sizeof path, "%s/keepwarm-fuzz-focus-%ld.csv", in_memory ? "/dev/shm" : "/tmp", (long)getpid());
    FILE *f = fopen(path, "w");
    hold(f && fwrite(data, 1, n, f) == n && fclose(f) == 0);
    if (kw_invoice_read(&invoice, path, NULL, &err) != KW_OK) hold(err.msg[0]);
    const char *const paths[] = { path };
    if (kw_watch_charges_read(&l, paths, 1, &x, &err) == KW_OK)
        tell(&l, &x);
    else
        hold(err.msg[0] && !l.n_charges);
    free(l.charge);
    remove(path);
    return 0;
}
