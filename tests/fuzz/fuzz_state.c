/* A watch's state of any numbers: what is not refused when it is read back is told, with alarms and a budget, without harm. The
 * bytes are the columns' values; damage to the file itself is what HDF5's checksums are for (tests/sim/cli/test_damaged.sh). */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "sim/io/watch_report.h"
#include "sim/watch/alarms.h"
#include "sim/watch/budget.h"
#include "sim/watch/retention.h"
#include "sim/watch/state.h"

enum { SOURCES = 3, SERIES = 5, CELLS = 24, CHARGES = 6 };

struct bytes {
    const uint8_t *p;
    size_t n;
};

/* Small numbers mostly, of every size now and then. */
static int64_t number(struct bytes *b)
{
    uint64_t v = 0;
    if (!b->n) return 0;
    uint8_t kind = *b->p++;
    b->n--;
    size_t k = kind < 0xf0 ? 1 : 8;
    if (k > b->n) k = b->n;
    memcpy(&v, b->p, k);
    b->p += k, b->n -= k;
    return (int64_t)(v << (kind < 0xf0 ? kind % 48 : 0));
}

static void tell(struct kw_watch_ledger *l)
{
    struct kw_error err;
    struct kw_watch_alarms alarms = { 0 };
    struct kw_watch_budget budget;
    struct kw_text out = { .columns = 100 };
    size_t forgotten;
    struct kw_watch_report r = { .ledger = l, .alarms = &alarms, .window = kw_watch_window(l, 720) };
    if (l->n_sources && kw_watch_budget(&budget, l, 100, &err) == KW_OK) r.budget = &budget;
    if (kw_watch_alarms(&alarms, l, r.window, 0.5, &err) == KW_OK && l->n_sources)
        kw_watch_report_text(&r, &out, &err), kw_watch_report_json(&r, &out, &err);
    kw_text_free(&out);
    kw_watch_alarms_free(&alarms);
    if (kw_watch_forget(l, 48, &forgotten, &err) != KW_OK) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct bytes b = { data, n };
    struct kw_error err;
    char path[64], label[SERIES][16];
    struct kw_watch_source source[SOURCES] = { { .name = "" } };
    struct kw_watch_series series[SERIES];
    struct kw_watch_cell cell[CELLS];
    struct kw_watch_ledger back;
    memset(cell, 0, sizeof cell);
    size_t n_sources = (size_t)number(&b) % (SOURCES + 1), n_series = (size_t)number(&b) % (SERIES + 1),
           n_cells = (size_t)number(&b) % (CELLS + 1);
    for (size_t i = 0; i < n_sources; i++) {
        struct kw_watch_source *s = &source[i];
        s->charged = i == 2;
        snprintf(s->name, sizeof s->name, s->charged ? KW_WATCH_COSTS "%zu" : "s%zu", i);
        s->kind = (enum kw_kind)(s->charged ? 0 : number(&b) & 3);
        s->hour = s->charged ? 0 : number(&b), s->from = number(&b), s->until = number(&b), s->busy_until = number(&b);
    }
    for (size_t i = 0; i < n_series; i++) {
        snprintf(label[i], sizeof label[i], "m%zu%c%c", i, (int)(number(&b) & 0x1f) + 1, 0x1f);
        series[i] = (struct kw_watch_series){ (uint32_t)number(&b), label[i] };
    }
    for (size_t i = 0; i < n_cells; i++) {
        struct kw_watch_count *c = &cell[i].count;
        cell[i].hour = number(&b), cell[i].series = (uint32_t)number(&b);
        c->requests = number(&b), c->cost = number(&b), c->unpriced = number(&b), c->gpu_ns = number(&b);
        for (int k = 0; k < KW_LINES; k++) c->tokens[k] = number(&b);
        c->cold = number(&b), c->cold_ns = number(&b), c->says_start = number(&b), c->busy_ns = number(&b);
    }
    struct kw_watch_charge charge[CHARGES];
    size_t n_charges = (size_t)number(&b) % (CHARGES + 1);
    for (size_t i = 0; i < n_charges; i++) {
        charge[i].source = 2, charge[i].from = number(&b), charge[i].to = number(&b), charge[i].cost = number(&b);
        if (charge[i].cost & 1) charge[i].cost = -charge[i].cost;
    }
    struct kw_watch_id id[CHARGES];
    size_t n_ids = (size_t)number(&b) % (CHARGES + 1);
    for (size_t i = 0; i < n_ids; i++) id[i].hour = number(&b), id[i].hash = (uint64_t)number(&b);
    struct kw_watch_ledger l = { .id = id,
                                 .n_ids = n_ids,
                                 .ids_from = number(&b),
                                 .charge = charge,
                                 .n_charges = n_charges,
                                 .source = source,
                                 .series = series,
                                 .cell = cell,
                                 .n_sources = n_sources,
                                 .n_series = n_series,
                                 .n_cells = n_cells };
    bool in_memory = access("/dev/shm", W_OK) == 0; /* a disk would be synced each time */
    snprintf(path, sizeof path, "%s/keepwarm-fuzz-state-%ld.h5", in_memory ? "/dev/shm" : "/tmp", (long)getpid());
    if (kw_watch_save(&l, path, &err) == KW_OK && kw_watch_load(&back, path, &err) == KW_OK) {
        tell(&back);
        kw_watch_free(&back);
    }
    remove(path);
    return 0;
}
