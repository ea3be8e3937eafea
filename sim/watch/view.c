#include "sim/watch/view.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/watch/charges.h"

int64_t kw_watch_tokens(const struct kw_watch_count *c)
{
    int64_t n = 0;
    for (int i = 0; i < KW_LINES; i++) n += c->tokens[i];
    return n;
}

/* Tokens are not told apart by whether their requests are priced; where some are not, no figure holds for all. Those that
 * wait for a charge are. */
double kw_watch_usd_per_mtok(const struct kw_watch_count *c)
{
    int64_t n = kw_watch_tokens(c) - c->waiting_tokens;
    return n > 0 && !c->unpriced ? kw_nano_to_double(c->cost) * 1e6 / (double)n : NAN;
}

double kw_watch_usd_per_request(const struct kw_watch_count *c)
{
    int64_t n = c->requests - c->unpriced - c->waiting;
    return n > 0 ? kw_nano_to_double(c->cost) / (double)n : NAN;
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

/* An export reaches up to yesterday at best: hours of which a source's charge is to come are not over. */
int64_t kw_watch_over(const struct kw_watch_ledger *l)
{
    kw_ns last = 0;
    for (size_t i = 0; i < l->n_sources; i++)
        if (l->source[i].until > last) last = l->source[i].until;
    for (uint32_t k = 0; k < l->n_sources; k++) {
        size_t i, end = kw_watch_charges_of(l, k, &i);
        kw_ns until = l->source[k].from;
        if (i == end) continue;
        for (; i < end; i++)
            if (l->charge[i].to > until) until = l->charge[i].to;
        if (until < l->source[k].until && until < last) last = until;
    }
    return last / KW_NS_PER_HOUR;
}

/* The hours of w that a source was observed in, as ns. */
static void observed(const struct kw_watch_source *s, struct kw_watch_window w, kw_ns *from, kw_ns *to)
{
    int64_t a = s->from / KW_NS_PER_HOUR, b = s->until / KW_NS_PER_HOUR + 1;
    *from = (a > w.from ? a : w.from) * KW_NS_PER_HOUR;
    *to = (b < w.to ? b : w.to) * KW_NS_PER_HOUR;
}

/* Of a rented source in one hour, the first and the last by their part. */
static kw_nusd rent(const struct kw_watch_source *s, int64_t hour)
{
    kw_ns a = hour * KW_NS_PER_HOUR, b = a + KW_NS_PER_HOUR;
    if (a < s->from) a = s->from;
    if (b > s->until) b = s->until;
    return b > a ? (kw_nusd)(((kw_i128)s->hour * (b - a) + KW_NS_PER_HOUR / 2) / KW_NS_PER_HOUR) : 0;
}

static kw_nusd rent_of(const struct kw_watch_source *s, struct kw_watch_window w)
{
    kw_nusd sum = 0;
    if (s->kind == KW_KIND_DEDICATED)
        for (int64_t h = w.from; h < w.to; h++) sum += rent(s, h);
    return sum;
}

/* A cell into a sum: what waits for its charge is told apart. */
static void count_cell(struct kw_watch_count *sum, const struct kw_watch_ledger *l, const struct kw_watch_coverage *c,
                       const struct kw_watch_cell *x)
{
    const unsigned char *covered = c->at[l->series[x->series].source];
    kw_watch_count_add(sum, &x->count);
    if (!covered || covered[x->hour - c->from]) return;
    sum->waiting += x->count.requests;
    sum->waiting_tokens += kw_watch_tokens(&x->count);
}

enum kw_status kw_watch_hours(const struct kw_watch_ledger *l, struct kw_watch_window w, struct kw_watch_count **hour,
                              struct kw_error *err)
{
    struct kw_watch_coverage c;
    kw_ns from, to;
    assert(w.to > w.from);
    *hour = calloc((size_t)(w.to - w.from), sizeof **hour);
    if (!*hour) return kw_fail(err, KW_ENOMEM, "out of memory for %lld hours", (long long)(w.to - w.from));
    enum kw_status st = kw_watch_coverage(&c, l, w.from, w.to, err);
    if (st != KW_OK) {
        free(*hour);
        return st;
    }
    for (size_t i = kw_watch_first(l->cell, l->n_cells, sizeof *l->cell, w.from);
         i < l->n_cells && l->cell[i].hour < w.to; i++)
        count_cell(&(*hour)[l->cell[i].hour - w.from], l, &c, &l->cell[i]);
    for (size_t k = 0; k < l->n_sources; k++)
        for (int64_t h = w.from; h < w.to && l->source[k].kind == KW_KIND_DEDICATED; h++)
            (*hour)[h - w.from].cost += rent(&l->source[k], h);
    for (size_t i = 0; i < l->n_charges; i++) {
        const struct kw_watch_charge *x = &l->charge[i];
        observed(&l->source[x->source], w, &from, &to);
        if (x->from > from) from = x->from - x->from % KW_NS_PER_HOUR;
        if (x->to < to) to = x->to;
        for (kw_ns at = from; at < to; at += KW_NS_PER_HOUR) {
            kw_ns end = at + KW_NS_PER_HOUR < to ? at + KW_NS_PER_HOUR : to;
            (*hour)[at / KW_NS_PER_HOUR - w.from].cost += kw_watch_charged(x, at, end);
        }
    }
    kw_watch_coverage_free(&c);
    return KW_OK;
}

/* An amount onto the series of a source by these tokens; parts add up exactly, since each is what the running sum of tokens
 * is ahead of the one before. False: there are no tokens. */
static bool share(const struct kw_watch_ledger *l, size_t source, kw_nusd all, const int64_t *tokens, kw_nusd *part)
{
    kw_nusd given = 0;
    int64_t sum = 0, upto = 0;
    for (size_t i = 0; i < l->n_series; i++)
        if (l->series[i].source == source) sum += tokens[i];
    for (size_t i = 0; i < l->n_series && sum; i++) {
        if (l->series[i].source != source) continue;
        upto += tokens[i];
        kw_nusd now = (kw_nusd)((kw_i128)all * upto / sum);
        part[i] += now - given;
        given = now;
    }
    return sum > 0;
}

/* A source's charges, each shared by the tokens of its own period; returns what fell on periods without any. */
static kw_nusd share_charges(const struct kw_watch_ledger *l, uint32_t source, struct kw_watch_window w,
                             int64_t *tokens, kw_nusd *part)
{
    kw_ns from, to;
    kw_nusd idle = 0;
    size_t i, end = kw_watch_charges_of(l, source, &i);
    observed(&l->source[source], w, &from, &to);
    for (; i < end; i++) {
        const struct kw_watch_charge *x = &l->charge[i];
        kw_nusd all = kw_watch_charged(x, from, to);
        if (!all) continue;
        memset(tokens, 0, l->n_series * sizeof *tokens);
        kw_ns begin = x->from > from ? x->from : from, over = x->to < to ? x->to : to;
        for (size_t k = kw_watch_first(l->cell, l->n_cells, sizeof *l->cell, begin / KW_NS_PER_HOUR);
             k < l->n_cells && l->cell[k].hour * KW_NS_PER_HOUR < over; k++)
            tokens[l->cell[k].series] += kw_watch_tokens(&l->cell[k].count);
        if (!share(l, source, all, tokens, part)) idle += all;
    }
    return idle;
}

/* What is rented, and what is charged for times without a request, by the window's tokens; what is charged by those of its
 * period. Into `part` and the costs of `count`, which has the window's counts by series. */
static enum kw_status share_rent(const struct kw_watch_ledger *l, struct kw_watch_window w,
                                 struct kw_watch_count *count, kw_nusd *part, struct kw_error *err)
{
    int64_t *tokens = malloc((2 * l->n_series + 1) * sizeof *tokens), *whole = tokens + l->n_series;
    if (!tokens) return kw_fail(err, KW_ENOMEM, "out of memory for %zu series", l->n_series);
    for (size_t i = 0; i < l->n_series; i++) whole[i] = kw_watch_tokens(&count[i]);
    for (size_t k = 0; k < l->n_sources; k++) {
        size_t last = SIZE_MAX;
        kw_nusd all = l->source[k].charged ? share_charges(l, (uint32_t)k, w, tokens, part) : rent_of(&l->source[k], w);
        for (size_t i = 0; i < l->n_series; i++)
            if (l->series[i].source == k) last = i;
        if (all && !share(l, k, all, whole, part) && last != SIZE_MAX) part[last] += all;
    }
    for (size_t i = 0; i < l->n_series; i++) count[i].cost += part[i];
    free(tokens);
    return KW_OK;
}

/* The window's counts by series into count, their part of rent and charges in `part`: both zero, [n_series]. */
static enum kw_status by_series(const struct kw_watch_ledger *l, struct kw_watch_window w, struct kw_watch_count *count,
                                kw_nusd *part, struct kw_error *err)
{
    struct kw_watch_coverage c;
    KW_TRY(kw_watch_coverage(&c, l, w.from, w.to, err));
    for (size_t i = kw_watch_first(l->cell, l->n_cells, sizeof *l->cell, w.from);
         i < l->n_cells && l->cell[i].hour < w.to; i++)
        count_cell(&count[l->cell[i].series], l, &c, &l->cell[i]);
    kw_watch_coverage_free(&c);
    return share_rent(l, w, count, part, err);
}

enum kw_status kw_watch_by_series(const struct kw_watch_ledger *l, struct kw_watch_window w,
                                  struct kw_watch_count **count, struct kw_error *err)
{
    kw_nusd *part = calloc(l->n_series + 1, sizeof *part);
    *count = calloc(l->n_series + 1, sizeof **count);
    enum kw_status st = part && *count ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for %zu series", l->n_series);
    if (st == KW_OK) st = by_series(l, w, *count, part, err);
    free(part);
    if (st != KW_OK) free(*count);
    return st;
}

void kw_watch_charges_told(const struct kw_watch_ledger *l, uint32_t source, struct kw_watch_window w,
                           struct kw_watch_charges_sum *sum)
{
    size_t i, end = kw_watch_charges_of(l, source, &i);
    const struct kw_watch_window ever = { 0, INT64_MAX / KW_NS_PER_HOUR };
    kw_ns from, to, first, last;
    observed(&l->source[source], w, &from, &to);
    observed(&l->source[source], ever, &first, &last);
    *sum = (struct kw_watch_charges_sum){ .from = INT64_MAX };
    for (; i < end; i++) {
        const struct kw_watch_charge *x = &l->charge[i];
        if (x->from < sum->from) sum->from = x->from;
        if (x->to > sum->until) sum->until = x->to;
        sum->counted += kw_watch_charged(x, from, to);
        sum->outside += x->cost - kw_watch_charged(x, first, last);
    }
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
    kw_nusd *part = calloc(m + 1, sizeof *part);
    char(*names)[256] = calloc(m + 1, sizeof *names);
    struct named *order = calloc(m + 1, sizeof *order);
    *n = 0;
    *row = calloc(m + 1, sizeof **row);
    enum kw_status st =
        count && part && names && order && *row ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for a table");
    if (st == KW_OK) st = by_series(l, w, count, part, err);
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
        (*row)[*n - 1].rent += part[k];
    }
    if (st == KW_OK) qsort(*row, *n, sizeof **row, dearest_first);
    free(count), free(part), free(names), free(order);
    if (st != KW_OK) free(*row), *row = NULL;
    return st;
}
