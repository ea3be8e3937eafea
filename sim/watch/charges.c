#include "sim/watch/charges.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/cost/focus.h"

/* What a row may say of whose it is. */
static const enum kw_focus_column says_whose[] = { KW_FOCUS_SERVICE,       KW_FOCUS_PROVIDER,    KW_FOCUS_RESOURCE,
                                                   KW_FOCUS_RESOURCE_NAME, KW_FOCUS_DESCRIPTION, KW_FOCUS_METER,
                                                   KW_FOCUS_TAGS };

/* A row that was taken; which of its costs counts is known at the end of all files. */
struct found {
    uint32_t source;
    kw_ns from, to;
    kw_nusd billed, effective;
};

struct reading {
    struct kw_watch_ledger *l;
    struct kw_watch_export *x;
    struct found *found;
    size_t n, cap;
    bool effective; /* some row has such a cost */
};

static enum kw_status no_memory(struct kw_error *err)
{
    return kw_fail(err, KW_ENOMEM, "out of memory for charges");
}

kw_nusd kw_watch_charged(const struct kw_watch_charge *c, kw_ns from, kw_ns to)
{
    kw_ns a = (from > c->from ? from : c->from) - c->from, b = (to < c->to ? to : c->to) - c->from;
    kw_ns whole = c->to - c->from;
    if (b <= a) return 0;
    return (kw_nusd)((kw_i128)c->cost * b / whole) - (kw_nusd)((kw_i128)c->cost * a / whole);
}

size_t kw_watch_charges_of(const struct kw_watch_ledger *l, uint32_t source, size_t *first)
{
    size_t i = 0, end;
    while (i < l->n_charges && l->charge[i].source < source) i++;
    *first = end = i;
    while (end < l->n_charges && l->charge[end].source == source) end++;
    return end;
}

enum kw_status kw_watch_coverage(struct kw_watch_coverage *c, const struct kw_watch_ledger *l, int64_t from, int64_t to,
                                 struct kw_error *err)
{
    *c = (struct kw_watch_coverage){ calloc(l->n_sources + 1, sizeof *c->at), l->n_sources, from };
    if (!c->at) return no_memory(err);
    for (size_t k = 0; k < l->n_sources; k++) {
        if (!l->source[k].charged) continue;
        if (!(c->at[k] = calloc(to > from ? (size_t)(to - from) : 1, 1))) {
            kw_watch_coverage_free(c);
            return no_memory(err);
        }
    }
    for (size_t i = 0; i < l->n_charges; i++) {
        const struct kw_watch_charge *x = &l->charge[i];
        int64_t a = x->from / KW_NS_PER_HOUR, b = (x->to - 1) / KW_NS_PER_HOUR + 1;
        if (a < from) a = from;
        if (b > to) b = to;
        if (b > a) memset(c->at[x->source] + (a - from), 1, (size_t)(b - a));
    }
    return KW_OK;
}

void kw_watch_coverage_free(struct kw_watch_coverage *c)
{
    for (size_t k = 0; k < c->n_sources && c->at; k++) free(c->at[k]);
    free(c->at);
    c->at = NULL;
}

static bool is_of(const struct kw_focus *f, const char *word)
{
    for (size_t i = 0; i < sizeof says_whose / sizeof *says_whose; i++)
        if (kw_focus_holds(f->x[says_whose[i]], word)) return true;
    return false;
}

/* The source whose word the row holds, or n_sources. */
static enum kw_status whose(const struct reading *r, const struct kw_focus *f, size_t *out, struct kw_error *err)
{
    const struct kw_watch_ledger *l = r->l;
    *out = l->n_sources;
    for (size_t k = 0; k < l->n_sources; k++) {
        if (!l->source[k].charged || !is_of(f, l->source[k].name + strlen(KW_WATCH_COSTS))) continue;
        if (*out < l->n_sources)
            return kw_fail(err, KW_ERANGE, "a charge of both %s and %s: no cost may count twice", l->source[*out].name,
                           l->source[k].name);
        *out = k;
    }
    return KW_OK;
}

/* A row of no source, by its service. */
static void leave(struct kw_watch_export *x, const struct kw_focus *f)
{
    struct kw_span name = f->x[KW_FOCUS_SERVICE].n ? f->x[KW_FOCUS_SERVICE] : f->x[KW_FOCUS_PROVIDER];
    char text[80];
    size_t i = 0;
    snprintf(text, sizeof text, "%.*s", (int)(name.n < 79 ? name.n : 79), name.n ? name.p : "(no service named)");
    if (!name.n) snprintf(text, sizeof text, "(no service named)");
    while (i < x->n_services && strcmp(x->service[i].name, text)) i++;
    if (i == KW_WATCH_SERVICES) {
        i--;
        snprintf(x->service[i].name, sizeof x->service[i].name, "further services");
    } else if (i == x->n_services) {
        x->service[x->n_services++] = (struct kw_watch_service){ .billed = 0 };
        memcpy(x->service[i].name, text, sizeof text);
    }
    x->service[i].billed += f->billed;
    x->service[i].effective += f->effective;
}

static enum kw_status add_row(struct reading *r, const struct kw_focus *f, struct kw_error *err)
{
    struct found found;
    size_t k;
    KW_TRY(kw_focus_period(f, &found.from, &found.to, err));
    if (!r->x->rows++ || found.from < r->x->from) r->x->from = found.from;
    if (found.to > r->x->until) r->x->until = found.to;
    r->effective |= f->at[KW_FOCUS_EFFECTIVE] >= 0 && f->effective;
    enum kw_status st = whose(r, f, &k, err);
    if (st != KW_OK) {
        kw_where(err, f->t.s->name, f->t.line);
        return st;
    }
    if (k == r->l->n_sources) {
        leave(r->x, f);
        return KW_OK;
    }
    if (r->n == r->cap) {
        size_t cap = r->cap ? 2 * r->cap : 256;
        struct found *more = realloc(r->found, cap * sizeof *more);
        if (!more) return no_memory(err);
        r->found = more;
        r->cap = cap;
    }
    found.source = (uint32_t)k;
    found.billed = f->billed, found.effective = f->effective;
    r->found[r->n++] = found;
    return KW_OK;
}

static enum kw_status read_file(struct reading *r, const char *path, struct kw_error *err)
{
    struct kw_focus f;
    bool more = true;
    enum kw_status st = kw_focus_open(&f, path, err);
    if (st == KW_OK) st = kw_focus_need(&f, KW_FOCUS_BEGIN, err);
    if (st == KW_OK) st = kw_focus_need(&f, KW_FOCUS_END, err);
    while (st == KW_OK && (st = kw_focus_next(&f, &more, err)) == KW_OK && more) st = add_row(r, &f, err);
    kw_focus_close(&f);
    return st;
}

static int by_period(const void *a, const void *b)
{
    const struct kw_watch_charge *x = a, *y = b;
    if (x->source != y->source) return x->source < y->source ? -1 : 1;
    if (x->from != y->from) return x->from < y->from ? -1 : 1;
    return (x->to > y->to) - (x->to < y->to);
}

static int dearest_first(const void *a, const void *b)
{
    const struct kw_watch_service *x = a, *y = b;
    if (x->effective != y->effective) return x->effective > y->effective ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* Which of the costs counts, and what was left for whom. */
static void settle(struct reading *r)
{
    struct kw_watch_export *x = r->x;
    x->billed = !r->effective;
    x->taken = r->n;
    for (size_t i = 0; i < r->n; i++) x->cost += x->billed ? r->found[i].billed : r->found[i].effective;
    for (size_t i = 0; i < x->n_services; i++) {
        if (x->billed) x->service[i].effective = x->service[i].billed;
        x->unclaimed += x->service[i].effective;
    }
    if (x->n_services) qsort(x->service, x->n_services, sizeof *x->service, dearest_first);
}

/* What l had, but within the periods read, and what was found; charges of one period are one. */
static enum kw_status merge(struct reading *r, struct kw_error *err)
{
    struct kw_watch_ledger *l = r->l;
    struct kw_watch_export *x = r->x;
    struct kw_watch_charge *all = malloc((l->n_charges + r->n + 1) * sizeof *all);
    size_t n = 0, k = 0;
    if (!all) return no_memory(err);
    for (size_t i = 0; i < l->n_charges; i++)
        if (l->charge[i].from < x->from || l->charge[i].to > x->until) all[n++] = l->charge[i];
    for (size_t i = 0; i < r->n; i++) {
        const struct found *f = &r->found[i];
        all[n++] = (struct kw_watch_charge){ f->source, f->from, f->to, x->billed ? f->billed : f->effective };
    }
    if (n) qsort(all, n, sizeof *all, by_period);
    for (size_t i = 0; i < n; i++)
        if (k && by_period(&all[k - 1], &all[i]) == 0)
            all[k - 1].cost += all[i].cost;
        else
            all[k++] = all[i];
    free(l->charge);
    l->charge = all;
    l->n_charges = k;
    return KW_OK;
}

/* Every charged source must have been charged at some time. */
static enum kw_status check_sources(const struct reading *r, const char *path, struct kw_error *err)
{
    const struct kw_watch_ledger *l = r->l;
    for (uint32_t k = 0; k < l->n_sources; k++) {
        size_t had, found = 0;
        if (!l->source[k].charged || kw_watch_charges_of(l, k, &had) > had) continue;
        for (size_t i = 0; i < r->n; i++) found += r->found[i].source == k;
        if (!found)
            return kw_fail(err, KW_ERANGE,
                           "%s: no charge of '%s' in its service, provider, resource, description, meter or tags; it "
                           "has charges of %s%s%s%s",
                           path, l->source[k].name + strlen(KW_WATCH_COSTS),
                           r->x->n_services ? r->x->service[0].name : "nobody", r->x->n_services > 1 ? ", " : "",
                           r->x->n_services > 1 ? r->x->service[1].name : "", r->x->n_services > 2 ? ", ..." : "");
    }
    return KW_OK;
}

enum kw_status kw_watch_charges_read(struct kw_watch_ledger *l, const char *const *path, size_t n,
                                     struct kw_watch_export *x, struct kw_error *err)
{
    struct reading r = { .l = l, .x = x };
    size_t charged = 0;
    memset(x, 0, sizeof *x);
    for (size_t k = 0; k < l->n_sources; k++) charged += l->source[k].charged;
    if (!charged)
        return kw_fail(err, KW_ERANGE,
                       "%s: no log's cost is in it: say LOG=" KW_WATCH_COSTS
                       "NAME, NAME as its service, provider, resource, description, meter or tags have it",
                       path[0]);
    enum kw_status st = KW_OK;
    for (size_t i = 0; i < n && st == KW_OK; i++) st = read_file(&r, path[i], err);
    if (st == KW_OK) settle(&r);
    if (st == KW_OK) st = check_sources(&r, path[0], err);
    if (st == KW_OK) st = merge(&r, err);
    free(r.found);
    return st;
}
