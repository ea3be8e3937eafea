#include "sim/watch/ledger.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/rng.h"
#include "sim/cost/log_bill.h"

const char *const kw_watch_part_name[] = { "model", "key", "team", "tag", NULL };

void kw_watch_free(struct kw_watch_ledger *l)
{
    for (size_t i = 0; i < l->n_series; i++) free(l->series[i].label);
    for (size_t i = 0; i < l->n_files; i++) free(l->file[i].path), free(l->file[i].format);
    free(l->source), free(l->series), free(l->cell), free(l->charge), free(l->id), free(l->file);
    memset(l, 0, sizeof *l);
}

char *kw_watch_part(const struct kw_watch_series *s, enum kw_watch_part part, char buf[256])
{
    const char *p = s->label;
    for (int i = 0; i < (int)part && p; i++)
        if ((p = strchr(p, KW_TRACE_OWNER_SEP))) p++;
    const char *end = p ? strchr(p, KW_TRACE_OWNER_SEP) : NULL;
    snprintf(buf, 256, "%.*s", end ? (int)(end - p) : 255, p ? p : "");
    return buf;
}

void kw_watch_count_add(struct kw_watch_count *sum, const struct kw_watch_count *c)
{
    sum->requests += c->requests;
    for (int i = 0; i < KW_LINES; i++) sum->tokens[i] += c->tokens[i];
    sum->cost += c->cost;
    sum->unpriced += c->unpriced;
    sum->said += c->said;
    sum->says_cost += c->says_cost;
    sum->says_start += c->says_start;
    sum->cold += c->cold;
    sum->cold_timed += c->cold_timed;
    sum->cold_ns += c->cold_ns;
    sum->cold_cost += c->cold_cost;
    sum->gpu_ns += c->gpu_ns;
    sum->waiting += c->waiting;
    sum->waiting_tokens += c->waiting_tokens;
    sum->busy_ns += c->busy_ns;
}

/* ---- what a log adds, before it is part of the ledger ---- */

struct tally { /* of one series in the hour at hand: its tokens up to the offer's limit and above it */
    int64_t short_tokens[KW_LINES], long_tokens[KW_LINES];
    int64_t hour;
    size_t cell; /* index + 1 into adding.cell, valid where hour is the one at hand */
};

struct adding {
    struct kw_watch_ledger *l;
    const struct kw_trace *t;
    const struct kw_watch_place *p;
    size_t sources_before, series_before;
    struct kw_watch_source *source; /* a copy of the ledger's, with new ones behind */
    size_t n_sources;
    struct kw_watch_series *series; /* new ones alone */
    size_t n_series, series_cap;
    struct pair { /* (model, owner) of the trace to its series, open addressing; key + 1, 0 is free */
        uint64_t key;
        uint32_t series;
        const struct kw_api_offer *offer;
        const struct kw_platform *platform;
    } * pair;
    size_t pairs, slots;
    struct tally *tally; /* by series */
    size_t tallies;
    struct kw_watch_cell *cell;
    size_t n_cells, cell_cap;
    struct kw_watch_id *id; /* new ones */
    size_t n_ids, id_cap;
    uint64_t again;
    int64_t ids_from, hour; /* no older id is kept; the hour that [had, had_end) of the ledger's ids is of */
    size_t had, had_end;
};

static enum kw_status no_memory(struct kw_error *err)
{
    return kw_fail(err, KW_ENOMEM, "out of memory for the ledger");
}

static void *grown(void *p, size_t n, size_t size)
{
    return realloc(p, (n ? n : 1) * size);
}

static enum kw_status source_index(struct adding *a, const struct kw_watch_source *s, uint32_t *out,
                                   struct kw_error *err)
{
    size_t i = 0;
    /* At another price it is another one, of the same name. */
    while (i < a->n_sources && (strcmp(a->source[i].name, s->name) || a->source[i].hour != s->hour)) i++;
    *out = (uint32_t)i;
    if (i < a->n_sources) return KW_OK;
    struct kw_watch_source *more = grown(a->source, i + 1, sizeof *more);
    if (!more) return no_memory(err);
    a->source = more;
    a->source[a->n_sources++] = *s;
    return KW_OK;
}

/* Nano-dollars of an hour of the place's GPUs. */
static enum kw_status gpu_source(const struct kw_watch_place *p, struct kw_watch_source *s, struct kw_error *err)
{
    const struct kw_platform *f = p->platform[0];
    if (!p->gpu->gpu_hour.known)
        return kw_fail(err, KW_ERANGE, "%s: what %s costs an hour is not known", f->name, p->gpu->gpu);
    kw_i128 hour = (kw_i128)p->gpu->gpu_hour.v * p->gpus;
    if (f->meter.multiplier_ppm) hour = hour * f->meter.multiplier_ppm / 1000000;
    hour = hour * (1000000 + p->gpu->region_surcharge_ppm) / 1000000;
    *s = (struct kw_watch_source){ .kind = f->kind,
                                   .hour = (kw_nusd)hour,
                                   .bills_starts = f->meter.bills[KW_PHASE_LOAD] };
    snprintf(s->name, sizeof s->name, p->gpus > 1 ? "%s:%sx%u" : "%s:%s", f->name, p->gpu->gpu, p->gpus);
    return KW_OK;
}

static const char *model_name(const struct adding *a, uint16_t model)
{
    const char *name = a->t->model ? a->t->model_name[model] : "";
    return *name || !a->p->model ? name : a->p->model;
}

/* The series of the requests of one model and owner, found by name among the ledger's and the new ones. */
static enum kw_status new_pair(struct adding *a, struct pair *x, uint16_t model, uint16_t owner, struct kw_error *err)
{
    const char *name = model_name(a, model);
    struct kw_watch_source s = { .name = "", .kind = KW_KIND_API };
    enum kw_status st = KW_OK;
    for (size_t i = 0; i < a->p->n && !a->p->gpu && !a->p->service && !x->offer; i++)
        if ((x->offer = kw_log_bill_offer(a->p->platform[i], name))) x->platform = a->p->platform[i];
    if (x->offer) snprintf(s.name, sizeof s.name, "%s", x->platform->name);
    if (a->p->gpu) st = gpu_source(a->p, &s, err);
    if (a->p->service) {
        s.charged = true;
        snprintf(s.name, sizeof s.name, KW_WATCH_COSTS "%s", a->p->service);
    }
    uint32_t source;
    if (st == KW_OK) st = source_index(a, &s, &source, err);
    if (st != KW_OK) return st;
    char label[600];
    const char none[] = { KW_TRACE_OWNER_SEP, KW_TRACE_OWNER_SEP, 0 };
    snprintf(label, sizeof label, "%.250s%c%.300s", name, KW_TRACE_OWNER_SEP,
             a->t->owner ? a->t->owner_name[owner] : none);
    size_t n = a->series_before + a->n_series, i = 0;
    for (; i < n; i++) {
        const struct kw_watch_series *had = i < a->series_before ? &a->l->series[i] : &a->series[i - a->series_before];
        if (had->source == source && strcmp(had->label, label) == 0) break;
    }
    x->series = (uint32_t)i;
    if (i < n) return KW_OK;
    if (a->n_series == a->series_cap) {
        size_t cap = a->series_cap ? 2 * a->series_cap : 64;
        struct kw_watch_series *more = grown(a->series, cap, sizeof *more);
        if (!more) return no_memory(err);
        a->series = more;
        a->series_cap = cap;
    }
    char *copy = strdup(label);
    if (!copy) return no_memory(err);
    a->series[a->n_series++] = (struct kw_watch_series){ source, copy };
    return KW_OK;
}

static size_t pair_slot(const struct adding *a, uint64_t key)
{
    size_t i = (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (a->slots - 1);
    while (a->pair[i].key && a->pair[i].key != key) i = (i + 1) & (a->slots - 1);
    return i;
}

static enum kw_status pair_of(struct adding *a, size_t request, struct pair **out, struct kw_error *err)
{
    uint16_t model = a->t->model ? a->t->model[request] : 0, owner = a->t->owner ? a->t->owner[request] : 0;
    uint64_t key = ((uint64_t)model << 16 | owner) + 1;
    if (2 * (a->pairs + 1) > a->slots) {
        struct pair *old = a->pair;
        size_t slots = a->slots;
        a->slots = slots ? 2 * slots : 256;
        if (!(a->pair = calloc(a->slots, sizeof *a->pair))) {
            a->pair = old, a->slots = slots;
            return no_memory(err);
        }
        for (size_t i = 0; i < slots; i++)
            if (old[i].key) a->pair[pair_slot(a, old[i].key)] = old[i];
        free(old);
    }
    struct pair *x = &a->pair[pair_slot(a, key)];
    *out = x;
    if (x->key) return KW_OK;
    enum kw_status st = new_pair(a, x, model, owner, err);
    if (st == KW_OK) x->key = key, a->pairs++;
    return st;
}

/* One line of tokens at its price, rounded half up once. */
static enum kw_status line_cost(const struct kw_tariff *tariff, int line, bool above, int64_t tokens, kw_nusd *sum,
                                struct kw_error *err)
{
    struct kw_line_price price = kw_token_price(tariff, (enum kw_meter_line)line, above);
    if (!tokens) return KW_OK;
    if (!price.price->known)
        return kw_fail(err, KW_ERANGE, "%s: a price of %s is not known", tariff->platform->name, tariff->api->model);
    if (price.price->brackets)
        return kw_fail(err, KW_ERANGE, "%s: %s is priced by the month's volume, which `keepwarm bill` knows",
                       tariff->platform->name, tariff->api->model);
    const kw_i128 million = 1000000;
    kw_i128 nano = (kw_i128)price.price->v * price.factor_ppm * (1000000 + tariff->api->region_surcharge_ppm) * tokens;
    *sum += (kw_nusd)((nano + million * million * million / 2) / (million * million * million));
    return KW_OK;
}

static enum kw_status price(const struct pair *x, const struct tally *y, kw_nusd *cost, struct kw_error *err)
{
    const struct kw_tariff tariff = { .platform = x->platform, .api = x->offer, .term = KW_TERM_ON_DEMAND };
    enum kw_status st = KW_OK;
    *cost = 0;
    for (int i = 0; i < KW_LINES && st == KW_OK; i++) {
        st = line_cost(&tariff, i, false, y->short_tokens[i], cost, err);
        if (st == KW_OK) st = line_cost(&tariff, i, true, y->long_tokens[i], cost, err);
    }
    return st;
}

/* The cell of a series in an hour; requests come in the order of time, so that only the last hour's are looked for. */
static enum kw_status cell_of(struct adding *a, uint32_t series, int64_t hour, struct kw_watch_cell **out,
                              struct kw_error *err)
{
    if (series >= a->tallies) {
        size_t n = 2 * ((size_t)series + 32);
        struct tally *more = grown(a->tally, n, sizeof *more);
        if (!more) return no_memory(err);
        memset(more + a->tallies, 0, (n - a->tallies) * sizeof *more);
        a->tally = more;
        a->tallies = n;
    }
    struct tally *y = &a->tally[series];
    if (y->cell && y->hour == hour) {
        *out = &a->cell[y->cell - 1];
        return KW_OK;
    }
    if (a->n_cells == a->cell_cap) {
        size_t cap = a->cell_cap ? 2 * a->cell_cap : 1024;
        struct kw_watch_cell *more = grown(a->cell, cap, sizeof *more);
        if (!more) return no_memory(err);
        a->cell = more;
        a->cell_cap = cap;
    }
    *y = (struct tally){ .hour = hour, .cell = ++a->n_cells };
    *out = &a->cell[a->n_cells - 1];
    **out = (struct kw_watch_cell){ .hour = hour, .series = series };
    return KW_OK;
}

static kw_nusd of_hours(kw_nusd hour, kw_ns time)
{
    return (kw_nusd)(((kw_i128)hour * time + KW_NS_PER_HOUR / 2) / KW_NS_PER_HOUR);
}

static uint32_t source_of(const struct adding *a, uint32_t series)
{
    return series < a->series_before ? a->l->series[series].source : a->series[series - a->series_before].source;
}

/* A start's time, and its cost where its GPU is paid for meanwhile. */
static void count_start(struct kw_watch_count *c, const struct kw_watch_source *s, kw_ns start)
{
    if (start < 0) return;
    c->says_start++;
    c->cold += start > 0;
    if (start <= 0 || start == KW_TRACE_COLD) return;
    c->cold_timed++;
    c->cold_ns += start;
    if (s->kind != KW_KIND_SERVERLESS || !s->bills_starts) return;
    kw_nusd cost = of_hours(s->hour, start);
    c->cold_cost += cost;
    c->cost += cost;
}

static int by_hour_and_hash(const void *a, const void *b)
{
    const struct kw_watch_id *x = a, *y = b;
    if (x->hour != y->hour) return x->hour < y->hour ? -1 : 1;
    return (x->hash > y->hash) - (x->hash < y->hash);
}

static_assert(!offsetof(struct kw_watch_id, hour) && !offsetof(struct kw_watch_cell, hour),
              "kw_watch_first reads it there");

size_t kw_watch_first(const void *row, size_t n, size_t size, int64_t hour)
{
    size_t a = 0, b = n;
    while (a < b) {
        size_t m = a + (b - a) / 2;
        int64_t at;
        memcpy(&at, (const char *)row + m * size, sizeof at);
        if (at < hour)
            a = m + 1;
        else
            b = m;
    }
    return a;
}

/* Is the request counted already? Otherwise its id is kept. Requests come in the order of time, so that an hour's ids are
 * looked for once. */
static enum kw_status counted(struct adding *a, size_t i, kw_ns at, bool *again, struct kw_error *err)
{
    const struct kw_watch_ledger *l = a->l;
    struct kw_watch_id id = { at / KW_NS_PER_HOUR, kw_mix64(a->t->id[i] ^ kw_mix64((uint64_t)at)) };
    *again = false;
    if (id.hour != a->hour) {
        a->hour = id.hour;
        a->had = kw_watch_first(l->id, l->n_ids, sizeof *l->id, id.hour);
        a->had_end = kw_watch_first(l->id, l->n_ids, sizeof *l->id, id.hour + 1);
    }
    if (a->had < a->had_end && bsearch(&id, l->id + a->had, a->had_end - a->had, sizeof id, by_hour_and_hash)) {
        *again = true;
        a->again++;
        return KW_OK;
    }
    if (id.hour < a->ids_from) return KW_OK;
    if (a->n_ids == a->id_cap) {
        size_t cap = a->id_cap ? 2 * a->id_cap : 4096;
        struct kw_watch_id *more = grown(a->id, cap, sizeof *more);
        if (!more) return no_memory(err);
        a->id = more;
        a->id_cap = cap;
    }
    a->id[a->n_ids++] = id;
    return KW_OK;
}

static enum kw_status add_request(struct adding *a, size_t i, kw_ns at, struct kw_error *err)
{
    const struct kw_trace *t = a->t;
    struct pair *x = NULL;
    struct kw_watch_cell *cell = NULL;
    bool again = false;
    if (t->id && t->id[i]) KW_TRY(counted(a, i, at, &again, err));
    if (again) return KW_OK;
    enum kw_status st = pair_of(a, i, &x, err);
    if (st == KW_OK) st = cell_of(a, x->series, at / KW_NS_PER_HOUR, &cell, err);
    if (st != KW_OK) return st;
    struct kw_watch_count *c = &cell->count;
    struct kw_watch_source *s = &a->source[source_of(a, x->series)];
    struct tally *y = &a->tally[x->series];
    int64_t cached = t->cached ? t->cached[i] : 0, written = t->written ? t->written[i] : 0;
    const int64_t tokens[KW_LINES] = { [KW_LINE_IN] = (int64_t)t->prompt[i] - cached - written,
                                       [KW_LINE_CACHED] = cached,
                                       [KW_LINE_WRITE] = written,
                                       [KW_LINE_OUT] = t->output[i] };
    bool above = x->offer && x->offer->above.tokens && t->prompt[i] > x->offer->above.tokens;
    c->requests++;
    for (int k = 0; k < KW_LINES; k++) {
        c->tokens[k] += tokens[k];
        (above ? y->long_tokens : y->short_tokens)[k] += tokens[k];
    }
    kw_nusd said = t->charged ? t->charged[i] : -1;
    if (said >= 0) c->said += said, c->says_cost++;
    count_start(c, s, t->start ? t->start[i] : -1);
    if (t->gpu && t->gpu[i] >= 0) c->gpu_ns += t->gpu[i];
    if (x->offer) { /* priced anew from all of the hour's tokens, so that each line rounds once */
        st = price(x, y, &c->cost, err);
    } else if (s->kind == KW_KIND_SERVERLESS) {
        if (!t->gpu || t->gpu[i] < 0)
            return kw_fail(err, KW_ERANGE,
                           "request %zu does not say how much GPU time %s billed for it: say --columns gpu=NAME:ms", i,
                           s->name);
        c->cost += of_hours(s->hour, t->gpu[i]);
    } else if (!a->p->gpu && !a->p->service && said >= 0) {
        c->cost += said;
    } else if (!a->p->gpu && !a->p->service) {
        c->unpriced++;
    }
    kw_ns length = t->e2e && t->e2e[i] >= 0 ? t->e2e[i] : 0, end = at + length,
          from = at > s->busy_until ? at : s->busy_until;
    if (end > from) c->busy_ns += end - from, s->busy_until = end;
    kw_ns open = at - t->arrival[i], closed = open + t->span > end ? open + t->span : end;
    if (!s->until || open < s->from) s->from = open;
    if (closed > s->until) s->until = closed;
    return st;
}

static int by_hour_and_series(const void *a, const void *b)
{
    const struct kw_watch_cell *x = a, *y = b;
    if (x->hour != y->hour) return x->hour < y->hour ? -1 : 1;
    return (x->series > y->series) - (x->series < y->series);
}

/* The ledger's ids and the new ones, in order, into *all; the last KW_WATCH_IDS of them from ids_from on, by whole hours. */
static enum kw_status merge_ids(const struct kw_watch_ledger *l, struct adding *a, struct kw_watch_id **all, size_t *n,
                                struct kw_error *err)
{
    size_t i = 0, j = 0, drop = 0;
    *n = 0;
    if (!(*all = grown(NULL, l->n_ids + a->n_ids, sizeof **all))) return no_memory(err);
    if (a->n_ids) qsort(a->id, a->n_ids, sizeof *a->id, by_hour_and_hash);
    while (i < l->n_ids || j < a->n_ids) {
        int order = i == l->n_ids ? 1 : j == a->n_ids ? -1 : by_hour_and_hash(&l->id[i], &a->id[j]);
        const struct kw_watch_id *x = order <= 0 ? &l->id[i] : &a->id[j];
        i += order <= 0;
        j += order > 0;
        if (x->hour >= a->ids_from && (!*n || by_hour_and_hash(&(*all)[*n - 1], x))) (*all)[(*n)++] = *x;
    }
    if (*n <= KW_WATCH_IDS) return KW_OK;
    a->ids_from = (*all)[*n - KW_WATCH_IDS - 1].hour + 1;
    while (drop < *n && (*all)[drop].hour < a->ids_from) drop++;
    *n -= drop;
    memmove(*all, *all + drop, *n * sizeof **all);
    return KW_OK;
}

/* New cells into the ledger's, both in order. Everything that can fail comes first. */
static enum kw_status merge(struct kw_watch_ledger *l, struct adding *a, struct kw_error *err)
{
    struct kw_watch_cell *all = grown(NULL, l->n_cells + a->n_cells, sizeof *all);
    struct kw_watch_series *series = grown(l->series, l->n_series + a->n_series, sizeof *series);
    struct kw_watch_id *ids = NULL;
    size_t n_ids = 0;
    if (series) l->series = series;
    enum kw_status st = all && series ? merge_ids(l, a, &ids, &n_ids, err) : no_memory(err);
    if (st != KW_OK) {
        free(all);
        return st;
    }
    qsort(a->cell, a->n_cells, sizeof *a->cell, by_hour_and_series);
    size_t n = 0, i = 0, j = 0;
    while (i < l->n_cells || j < a->n_cells) {
        int order = i == l->n_cells ? 1 : j == a->n_cells ? -1 : by_hour_and_series(&l->cell[i], &a->cell[j]);
        all[n] = order <= 0 ? l->cell[i] : a->cell[j];
        if (order == 0) kw_watch_count_add(&all[n].count, &a->cell[j].count);
        i += order <= 0;
        j += order >= 0;
        n++;
    }
    if (a->n_series) memcpy(l->series + l->n_series, a->series, a->n_series * sizeof *a->series);
    free(l->cell), free(l->source), free(l->id), free(a->series);
    l->id = ids;
    l->n_ids = n_ids;
    l->ids_from = a->ids_from;
    l->again += a->again;
    l->cell = all;
    l->n_cells = n;
    l->n_series += a->n_series;
    l->source = a->source;
    l->n_sources = a->n_sources;
    a->source = NULL;
    a->series = NULL;
    a->n_series = 0;
    return KW_OK;
}

enum kw_status kw_watch_add(struct kw_watch_ledger *l, const struct kw_trace *t, int64_t epoch,
                            const struct kw_watch_place *p, struct kw_error *err)
{
    struct adding a = { .l = l, .t = t, .p = p, .n_sources = l->n_sources, .series_before = l->n_series, .hour = -1 };
    enum kw_status st = KW_OK;
    assert(epoch >= 0 && t->n);
    kw_ns begin = epoch * KW_NS_PER_S + t->epoch_part;
    int64_t last = (begin + t->arrival[t->n - 1]) / KW_NS_PER_HOUR;
    if (l->n_cells && l->cell[l->n_cells - 1].hour > last) last = l->cell[l->n_cells - 1].hour;
    a.ids_from = last - KW_WATCH_ID_HOURS > l->ids_from ? last - KW_WATCH_ID_HOURS : l->ids_from;
    if (!(a.source = grown(NULL, l->n_sources, sizeof *a.source))) st = no_memory(err);
    if (st == KW_OK && l->n_sources) memcpy(a.source, l->source, l->n_sources * sizeof *a.source);
    for (size_t i = 0; i < t->n && st == KW_OK; i++) st = add_request(&a, i, begin + t->arrival[i], err);
    if (st == KW_OK) st = merge(l, &a, err);
    for (size_t i = 0; i < a.n_series; i++) free(a.series[i].label);
    free(a.source), free(a.series), free(a.pair), free(a.tally), free(a.cell), free(a.id);
    return st;
}
