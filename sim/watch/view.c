#include "sim/watch/view.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t kw_watch_tokens(const struct kw_watch_count *c)
{
    int64_t n = 0;
    for (int i = 0; i < KW_LINES; i++) n += c->tokens[i];
    return n;
}

/* Tokens are not told apart by whether their requests are priced; where some are not, no figure holds for all. */
double kw_watch_usd_per_mtok(const struct kw_watch_count *c)
{
    int64_t n = kw_watch_tokens(c);
    return n && !c->unpriced ? kw_nano_to_double(c->cost) * 1e6 / (double)n : NAN;
}

double kw_watch_usd_per_request(const struct kw_watch_count *c)
{
    int64_t n = c->requests - c->unpriced;
    return n ? kw_nano_to_double(c->cost) / (double)n : NAN;
}

struct kw_watch_window kw_watch_window(const struct kw_watch_ledger *l, int64_t hours)
{
    struct kw_watch_window w = { 0, 0 };
    for (size_t i = 0; i < l->n_sources; i++) {
        int64_t from = l->source[i].from / KW_NS_PER_HOUR, to = l->source[i].until / KW_NS_PER_HOUR + 1;
        if (!i || from < w.from) w.from = from;
        if (!i || to > w.to) w.to = to;
    }
    if (hours > 0 && w.to - w.from > hours) w.from = w.to - hours;
    return w;
}

int64_t kw_watch_over(const struct kw_watch_ledger *l)
{
    kw_ns last = 0;
    for (size_t i = 0; i < l->n_sources; i++)
        if (l->source[i].until > last) last = l->source[i].until;
    return last / KW_NS_PER_HOUR;
}

kw_nusd kw_watch_rent(const struct kw_watch_source *s, int64_t hour)
{
    kw_ns a = hour * KW_NS_PER_HOUR, b = a + KW_NS_PER_HOUR;
    if (s->kind != KW_KIND_DEDICATED) return 0;
    if (a < s->from) a = s->from;
    if (b > s->until) b = s->until;
    return b > a ? (kw_nusd)(((kw_i128)s->hour * (b - a) + KW_NS_PER_HOUR / 2) / KW_NS_PER_HOUR) : 0;
}

static kw_nusd rent_of(const struct kw_watch_source *s, struct kw_watch_window w)
{
    kw_nusd sum = 0;
    if (s->kind == KW_KIND_DEDICATED)
        for (int64_t h = w.from; h < w.to; h++) sum += kw_watch_rent(s, h);
    return sum;
}

/* The first cell of an hour that is not before `hour`. */
static size_t first_cell(const struct kw_watch_ledger *l, int64_t hour)
{
    size_t a = 0, b = l->n_cells;
    while (a < b) {
        size_t m = a + (b - a) / 2;
        if (l->cell[m].hour < hour)
            a = m + 1;
        else
            b = m;
    }
    return a;
}

enum kw_status kw_watch_hours(const struct kw_watch_ledger *l, struct kw_watch_window w, struct kw_watch_count **hour,
                              struct kw_error *err)
{
    assert(w.to > w.from);
    *hour = calloc((size_t)(w.to - w.from), sizeof **hour);
    if (!*hour) return kw_fail(err, KW_ENOMEM, "out of memory for %lld hours", (long long)(w.to - w.from));
    for (size_t i = first_cell(l, w.from); i < l->n_cells && l->cell[i].hour < w.to; i++)
        kw_watch_count_add(&(*hour)[l->cell[i].hour - w.from], &l->cell[i].count);
    for (size_t k = 0; k < l->n_sources; k++)
        for (int64_t h = w.from; h < w.to; h++) (*hour)[h - w.from].cost += kw_watch_rent(&l->source[k], h);
    return KW_OK;
}

/* By series: counts of the window, each source's rent shared out by tokens; parts add up exactly, since each is what the
 * running sum of tokens is ahead of the one before. */
static void share_rent(const struct kw_watch_ledger *l, struct kw_watch_window w, struct kw_watch_count *count,
                       kw_nusd *rent)
{
    for (size_t k = 0; k < l->n_sources; k++) {
        kw_nusd all = rent_of(&l->source[k], w), given = 0;
        int64_t tokens = 0, upto = 0;
        size_t last = SIZE_MAX;
        if (!all) continue;
        for (size_t i = 0; i < l->n_series; i++)
            if (l->series[i].source == k) tokens += kw_watch_tokens(&count[i]), last = i;
        for (size_t i = 0; i < l->n_series && tokens; i++) {
            if (l->series[i].source != k) continue;
            upto += kw_watch_tokens(&count[i]);
            kw_nusd now = (kw_nusd)((kw_i128)all * upto / tokens);
            rent[i] = now - given;
            given = now;
        }
        if (!tokens && last != SIZE_MAX) rent[last] = all;
        for (size_t i = 0; i < l->n_series; i++)
            if (l->series[i].source == k) count[i].cost += rent[i];
    }
}

enum kw_status kw_watch_by_series(const struct kw_watch_ledger *l, struct kw_watch_window w,
                                  struct kw_watch_count **count, struct kw_error *err)
{
    kw_nusd *rent = calloc(l->n_series + 1, sizeof *rent);
    *count = calloc(l->n_series + 1, sizeof **count);
    if (!rent || !*count) {
        free(rent), free(*count);
        return kw_fail(err, KW_ENOMEM, "out of memory for %zu series", l->n_series);
    }
    for (size_t i = first_cell(l, w.from); i < l->n_cells && l->cell[i].hour < w.to; i++)
        kw_watch_count_add(&(*count)[l->cell[i].series], &l->cell[i].count);
    share_rent(l, w, *count, rent);
    free(rent);
    return KW_OK;
}

struct named {
    const char *name; /* borrowed from names */
    size_t series;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static int dearest_first(const void *a, const void *b)
{
    const struct kw_watch_row *x = a, *y = b;
    if (x->count.cost != y->count.cost) return x->count.cost > y->count.cost ? -1 : 1;
    return strcmp(x->name, y->name);
}

static void name_of(const struct kw_watch_ledger *l, size_t series, int by, char buf[256])
{
    buf[0] = 0;
    if (by < KW_WATCH_PARTS)
        kw_watch_part(&l->series[series], (enum kw_watch_part)by, buf);
    else if (by == KW_WATCH_BY_SOURCE)
        snprintf(buf, 256, "%s", l->source[l->series[series].source].name);
}

enum kw_status kw_watch_rows(const struct kw_watch_ledger *l, struct kw_watch_window w, int by,
                             struct kw_watch_row **row, size_t *n, struct kw_error *err)
{
    size_t m = l->n_series;
    struct kw_watch_count *count = calloc(m + 1, sizeof *count);
    kw_nusd *rent = calloc(m + 1, sizeof *rent);
    char(*names)[256] = calloc(m + 1, sizeof *names);
    struct named *order = calloc(m + 1, sizeof *order);
    *n = 0;
    *row = calloc(m + 1, sizeof **row);
    enum kw_status st =
        count && rent && names && order && *row ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for a table");
    for (size_t i = st == KW_OK ? first_cell(l, w.from) : l->n_cells; i < l->n_cells && l->cell[i].hour < w.to; i++)
        kw_watch_count_add(&count[l->cell[i].series], &l->cell[i].count);
    if (st == KW_OK) share_rent(l, w, count, rent);
    for (size_t i = 0; i < m && st == KW_OK; i++) {
        name_of(l, i, by, names[i]);
        order[i] = (struct named){ names[i], i };
    }
    if (st == KW_OK) qsort(order, m, sizeof *order, by_name);
    for (size_t i = 0; i < m && st == KW_OK; i++) {
        const size_t k = order[i].series;
        if (!count[k].requests && !count[k].cost) continue;
        if (!*n || strcmp((*row)[*n - 1].name, order[i].name)) {
            struct kw_watch_row *x = &(*row)[(*n)++];
            snprintf(x->name, sizeof x->name, "%s", order[i].name);
            if (by == KW_WATCH_BY_SOURCE) x->source = &l->source[l->series[k].source];
        }
        kw_watch_count_add(&(*row)[*n - 1].count, &count[k]);
        (*row)[*n - 1].rent += rent[k];
    }
    if (st == KW_OK) qsort(*row, *n, sizeof **row, dearest_first);
    free(count), free(rent), free(names), free(order);
    if (st != KW_OK) free(*row), *row = NULL;
    return st;
}
