#include "platforms/catalogues/revision.h"
#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "platforms/facts/platform_read.h"
#include "sim/core/date.h"
#include "sim/core/text.h"
#include "sim/core/units.h"

struct edit { /* of the file's text: what stands at [at, end) becomes to */
    size_t at, end;
    struct kw_text to;
};

struct work {
    struct kw_revision *r;
    struct kw_price_list *list;
    const struct kw_revision_options *o;
    struct kw_json doc;
    struct kw_platform p;
    char source[24]; /* the id of the list among the file's sources */
    struct edit *edit;
    size_t n_edits;
    struct kw_error *err;
};

/* ---- values */

static const struct kw_price *price_of(const struct kw_platform *p, size_t i, enum kw_listed f)
{
    if (p->kind != KW_KIND_API)
        return f == KW_LISTED_HOUR ? &p->gpus[i].gpu_hour : f == KW_LISTED_SPOT_HOUR ? &p->gpus[i].gpu_hour_spot : NULL;
    const struct kw_api_offer *o = &p->apis[i];
    switch (f) {
    case KW_LISTED_IN: return &o->price.in_mtok;
    case KW_LISTED_CACHED_IN: return &o->price.cached_in_mtok;
    case KW_LISTED_CACHE_WRITE: return &o->price.cache_write_mtok;
    case KW_LISTED_OUT: return &o->price.out_mtok;
    case KW_LISTED_FLEX_IN: return &o->flex.in_mtok;
    case KW_LISTED_FLEX_CACHED_IN: return &o->flex.cached_in_mtok;
    case KW_LISTED_FLEX_OUT: return &o->flex.out_mtok;
    case KW_LISTED_PRIORITY_IN: return &o->priority.in_mtok;
    case KW_LISTED_PRIORITY_CACHED_IN: return &o->priority.cached_in_mtok;
    case KW_LISTED_PRIORITY_OUT: return &o->priority.out_mtok;
    case KW_LISTED_ABOVE_IN: return &o->above.price.in_mtok;
    case KW_LISTED_ABOVE_CACHED_IN: return &o->above.price.cached_in_mtok;
    case KW_LISTED_ABOVE_CACHE_WRITE: return &o->above.price.cache_write_mtok;
    case KW_LISTED_ABOVE_OUT: return &o->above.price.out_mtok;
    default: return NULL;
    }
}

static int64_t day_number(const char *date) /* "2025-12" as 20251201 */
{
    int y = 0, m = 1, d = 1;
    sscanf(date, "%4d-%2d-%2d", &y, &m, &d);
    return y * INT64_C(10000) + m * 100 + d;
}

/* What the file has of an offer's fact, as the list has its values. *by: who says so. */
static struct kw_listed_value value_of(const struct kw_platform *p, size_t i, enum kw_listed f,
                                       struct kw_provenance *by)
{
    const struct kw_price *price = price_of(p, i, f);
    if (price) {
        *by = price->provenance;
        return (struct kw_listed_value){ .known = price->known, .v = price->v };
    }
    const struct kw_sale *s = p->kind == KW_KIND_API ? &p->apis[i].sale : &p->gpus[i].sale;
    char path[88];
    bool found = false;
    snprintf(path, sizeof path, p->kind == KW_KIND_API ? "apis[%.48s].%s%s%s" : "gpus[%.48s].%s%s%s",
             p->kind == KW_KIND_API ? p->apis[i].model : p->gpus[i].sku, kw_listed_fact[f].tier,
             *kw_listed_fact[f].tier ? "." : "", kw_listed_fact[f].key);
    for (size_t k = 0; k < p->n_facts && !found; k++)
        if (!strcmp(p->facts[k].path, path)) {
            *by = p->facts[k].provenance;
            found = true;
        }
    if (!found) return (struct kw_listed_value){ .known = false };
    switch (f) {
    case KW_LISTED_BATCH: return (struct kw_listed_value){ .known = true, .v = p->apis[i].batch_ppm * 1000 };
    case KW_LISTED_ABOVE_TOKENS: return (struct kw_listed_value){ .known = true, .v = p->apis[i].above.tokens };
    case KW_LISTED_WINDOW: return (struct kw_listed_value){ .known = true, .v = p->apis[i].max_model_len };
    case KW_LISTED_STATUS: return (struct kw_listed_value){ .known = true, .v = s->status };
    case KW_LISTED_ENDS: return (struct kw_listed_value){ .known = true, .v = day_number(s->ends) };
    default: return (struct kw_listed_value){ .known = false };
    }
}

static const char *value_text(enum kw_listed f, int64_t v, char buf[40])
{
    switch (kw_listed_fact[f].type) {
    case KW_LISTED_TOKENS: snprintf(buf, 40, "%" PRId64, v); break;
    case KW_LISTED_WORD: snprintf(buf, 40, "%s", kw_sale_status_name[v]); break;
    case KW_LISTED_DAY:
        snprintf(buf, 40, "%04" PRId64 "-%02" PRId64 "-%02" PRId64, v / 10000, v / 100 % 100, v % 100);
        break;
    case KW_LISTED_USD:
    case KW_LISTED_FACTOR: kw_nano_format(buf, 40, v); break;
    }
    return buf;
}

/* The value as JSON in a platform file; src: with the list as its source. */
static void write_value(struct kw_text *t, const struct work *w, const struct kw_listing *x, enum kw_listed f, bool src)
{
    char buf[40];
    bool usd = kw_listed_fact[f].type == KW_LISTED_USD, bare = kw_listed_fact[f].type == KW_LISTED_TOKENS;
    bool noted = x->note[0] && (f == KW_LISTED_IN || f == KW_LISTED_HOUR);
    value_text(f, x->fact[f].v, buf);
    if (src || noted) kw_text_add(t, "{\"%s\": ", usd ? "usd" : "value");
    kw_text_add(t, bare ? "%s" : "\"%s\"", buf);
    if (src) kw_text_add(t, ", \"src\": \"%s\"", w->source);
    if (noted) {
        kw_text_add(t, ", \"note\": ");
        kw_text_quote(t, x->note);
    }
    if (src || noted) kw_text_add(t, "}");
}

/* ---- rows of the table */

static struct kw_change *add_change(struct work *w, enum kw_change_kind kind, const char *offer)
{
    struct kw_revision *r = w->r;
    if (r->n == r->cap) {
        size_t cap = r->cap ? 2 * r->cap : 64;
        struct kw_change *more = realloc(r->v, cap * sizeof *more);
        if (!more) return NULL;
        r->v = more;
        r->cap = cap;
    }
    struct kw_change *c = &r->v[r->n++];
    *c = (struct kw_change){ .kind = kind, .percent = NAN, .note = "" };
    snprintf(c->platform, sizeof c->platform, "%s", w->p.name);
    snprintf(c->offer, sizeof c->offer, "%.127s", offer);
    return c;
}

static enum kw_status no_memory(const struct work *w)
{
    return kw_fail(w->err, KW_ENOMEM, "%s: out of memory", w->list->name);
}

/* ---- edits */

static enum kw_status add_edit(struct work *w, size_t at, size_t end, struct kw_text *to)
{
    struct edit *more = realloc(w->edit, (w->n_edits + 1) * sizeof *more);
    if (!more || to->failed) {
        w->edit = more ? more : w->edit;
        kw_text_free(to);
        return no_memory(w);
    }
    w->edit = more;
    w->edit[w->n_edits++] = (struct edit){ at, end, *to };
    *to = (struct kw_text){ 0 };
    return KW_OK;
}

/* Behind the last member of a container, or where the first would stand. */
static enum kw_status append(struct work *w, struct kw_jnode container, const char *between, struct kw_text *to)
{
    size_t begin, end;
    int n = kw_json_len(container);
    struct kw_text t = { 0 };
    struct kw_jnode last = n == 0                        ? container
                           : kw_json_is_array(container) ? kw_json_at(container, n - 1)
                                                         : kw_json_member(container, n - 1, NULL);
    bool found = kw_json_span(&last, &begin, &end);
    kw_text_add(&t, "%s%s", n ? between : "", to->s ? to->s : "");
    t.failed |= to->failed || !found;
    kw_text_free(to);
    return add_edit(w, n ? end : begin + 1, n ? end : begin + 1, &t);
}

/* ---- one fact */

/* Is the list newer than what the file's fact rests on, or where it has none, of its other prices' day or later? What has
 * no date is older than what has one. */
static bool newer(const struct work *w, const char *date, bool stated)
{
    int64_t age = kw_date_age_days(date, w->list->date);
    return age == INT64_MIN || age >= stated;
}

/* The newest date that the file's own prices of an offer have, of the tier where it has that: what it lacks beside them is
 * not filled from older lists. */
static const char *newest_price(const struct kw_platform *p, size_t i, const char *tier)
{
    const char *date = "undated";
    bool any = false;
    for (int f = 0; f < KW_LISTED_FACTS; f++) {
        const struct kw_price *price = price_of(p, i, (enum kw_listed)f);
        if (!price || !price->known || strcmp(kw_listed_fact[f].tier, tier)) continue;
        any = true;
        int64_t later = kw_date_age_days(date, price->provenance.date);
        if (later > 0 || (later == INT64_MIN && kw_date_age_days(date, date) == INT64_MIN))
            date = price->provenance.date;
    }
    return any || !*tier ? date : newest_price(p, i, "");
}

/* Compares one fact and, where the list's is to be taken, says so. decided: it is, or not, with others; NULL: by its own
 * date. */
static enum kw_status compare(struct work *w, size_t i, const char *offer, const struct kw_listing *x, enum kw_listed f,
                              const bool *decided, bool *take)
{
    struct kw_provenance by = { .grade = KW_GRADE_PUBLISHED };
    struct kw_listed_value had = value_of(&w->p, i, f, &by);
    const struct kw_listed_value *listed = &x->fact[f];
    *take = false;
    if (!listed->known) return KW_OK;
    if (had.known && had.v == listed->v) {
        w->r->same++;
        return KW_OK;
    }
    const char *from = w->p.kind == KW_KIND_API ? w->p.apis[i].sale.available_from : w->p.gpus[i].sale.available_from;
    bool too_early = f == KW_LISTED_ENDS && *from && listed->v <= day_number(from);
    const char *date = had.known ? by.date : newest_price(&w->p, i, kw_listed_fact[f].tier);
    enum kw_change_kind kind = had.known && by.grade == KW_GRADE_USER             ? KW_CHANGE_OWN
                               : had.known && listed->fills                       ? KW_CHANGE_STATED
                               : too_early                                        ? KW_CHANGE_OLDER
                               : (decided ? *decided : newer(w, date, had.known)) ? KW_CHANGE_TAKEN
                                                                                  : KW_CHANGE_OLDER;
    struct kw_change *c = add_change(w, kind, offer);
    if (!c) return no_memory(w);
    char buf[40];
    const struct kw_listed_fact *fact = &kw_listed_fact[f];
    *take = c->taken = kind == KW_CHANGE_TAKEN;
    snprintf(c->fact, sizeof c->fact, "%s%s%s", fact->tier, *fact->tier ? "." : "", fact->key);
    snprintf(c->listed, sizeof c->listed, "%s", value_text(f, listed->v, buf));
    snprintf(c->had_date, sizeof c->had_date, "%s", date);
    if (had.known) snprintf(c->had, sizeof c->had, "%s", value_text(f, had.v, buf));
    if (had.known && had.v > 0 && (fact->type == KW_LISTED_USD || fact->type == KW_LISTED_TOKENS))
        c->percent = 100.0 * ((double)listed->v - (double)had.v) / (double)had.v;
    if (f == KW_LISTED_IN || f == KW_LISTED_HOUR) c->note = x->note;
    return KW_OK;
}

/* ---- one offer */

/* The objects inside an offer that have prices of their own, and what each must have: of what the file has nothing it gets
 * whole or not at all. */
static const struct tier {
    const char *name;
    enum kw_listed in, out;
} tiers[] = { { "flex", KW_LISTED_FLEX_IN, KW_LISTED_FLEX_OUT },
              { "priority", KW_LISTED_PRIORITY_IN, KW_LISTED_PRIORITY_OUT },
              { "above", KW_LISTED_ABOVE_IN, KW_LISTED_ABOVE_OUT } };
#define N_TIERS (sizeof tiers / sizeof *tiers)

static bool whole_tier(const struct kw_listing *x, const char *tier)
{
    size_t k = 0;
    while (k < N_TIERS && strcmp(tiers[k].name, tier)) k++;
    return k < N_TIERS && x->fact[tiers[k].in].known && x->fact[tiers[k].out].known;
}

static void add_key(struct kw_text *t, const char *key)
{
    kw_text_add(t, "%s\"%s\": ", t->n ? ", " : "", key);
}

/* The facts of an offer that stand in one object: those with a tier in that. decided: as of compare(). */
static enum kw_status revise_object(struct work *w, size_t i, const char *name, const struct kw_listing *x,
                                    struct kw_jnode object, const char *tier, const bool *decided)
{
    struct kw_text fresh = { 0 }; /* keys that the object lacks */
    enum kw_status st = KW_OK;
    for (int f = 0; f < KW_LISTED_FACTS && st == KW_OK; f++) {
        bool take;
        size_t begin, end;
        if (strcmp(kw_listed_fact[f].tier, tier)) continue;
        st = compare(w, i, name, x, (enum kw_listed)f, decided, &take);
        if (st != KW_OK || !take) continue;
        struct kw_jnode at = kw_json_get(object, kw_listed_fact[f].key);
        struct kw_text to = { 0 };
        if (kw_json_span(&at, &begin, &end)) {
            write_value(&to, w, x, (enum kw_listed)f, true);
            st = add_edit(w, begin, end, &to);
        } else {
            add_key(&fresh, kw_listed_fact[f].key);
            write_value(&fresh, w, x, (enum kw_listed)f, true);
        }
    }
    if (st == KW_OK && fresh.n) return append(w, object, ", ", &fresh);
    kw_text_free(&fresh);
    return st;
}

/* Prices of long prompts belong to their limit: where the list has another, they change together or not at all. */
static bool other_limit(const struct work *w, size_t i, const struct kw_listing *x, const char *tier)
{
    const struct kw_listed_value *limit = &x->fact[KW_LISTED_ABOVE_TOKENS];
    return !strcmp(tier, "above") && limit->known && limit->v != w->p.apis[i].above.tokens;
}

/* And they are of one schedule with the price of shorter prompts: where the list has another of that, both are taken or
 * neither, else a long prompt could cost less than a short one. *taken: which; false: the prices below do not say. */
static bool as_below(const struct work *w, size_t i, const struct kw_listing *x, const char *tier, bool *taken)
{
    struct kw_provenance by = { .grade = KW_GRADE_PUBLISHED };
    struct kw_listed_value had = value_of(&w->p, i, KW_LISTED_IN, &by);
    const struct kw_listed_value *listed = &x->fact[KW_LISTED_IN];
    if (strcmp(tier, "above") || !had.known || !listed->known || had.v == listed->v) return false;
    *taken = by.grade != KW_GRADE_USER && !listed->fills && newer(w, by.date, true);
    return true;
}

/* An object that the file lacks, or has for another limit, is written anew. */
static enum kw_status revise_tier(struct work *w, size_t i, const char *name, const struct kw_listing *x,
                                  struct kw_jnode offer, const char *tier, struct kw_text *fresh)
{
    struct kw_jnode object = kw_json_get(offer, tier);
    struct kw_provenance by = { .grade = KW_GRADE_PUBLISHED };
    bool stands = kw_json_present(object), take, taken, below = as_below(w, i, x, tier, &taken);
    if (stands && !other_limit(w, i, x, tier)) return revise_object(w, i, name, x, object, tier, below ? &taken : NULL);
    if (!whole_tier(x, tier)) return KW_OK;
    if (stands) value_of(&w->p, i, KW_LISTED_ABOVE_TOKENS, &by);
    bool anew = below ? taken : newer(w, stands ? by.date : newest_price(&w->p, i, tier), stands);
    anew &= by.grade != KW_GRADE_USER;
    struct kw_text t = { 0 };
    kw_text_add(&t, "{\"src\": \"%s\"", w->source);
    for (int f = 0; f < KW_LISTED_FACTS; f++) {
        if (strcmp(kw_listed_fact[f].tier, tier) || !x->fact[f].known) continue;
        enum kw_status st = compare(w, i, name, x, (enum kw_listed)f, &anew, &take);
        if (st != KW_OK) {
            kw_text_free(&t);
            return st;
        }
        kw_text_add(&t, ", \"%s\": ", kw_listed_fact[f].key);
        write_value(&t, w, x, (enum kw_listed)f, false);
    }
    kw_text_add(&t, "}");
    size_t begin, end;
    if (anew && stands && kw_json_span(&object, &begin, &end)) return add_edit(w, begin, end, &t);
    if (anew) kw_text_add(fresh, ", \"%s\": %s", tier, t.s ? t.s : "");
    fresh->failed |= t.failed;
    kw_text_free(&t);
    return KW_OK;
}

/* Where the list is what the seller itself answers, an offer in it was on sale that day. */
static enum kw_status see(struct work *w, const struct kw_sale *s, struct kw_jnode offer, struct kw_text *fresh)
{
    size_t begin, end;
    struct kw_text to = { 0 };
    struct kw_jnode at = kw_json_get(offer, "seen");
    if (!w->list->form->seller || s->ends[0] || (s->seen[0] && !newer(w, s->seen, true))) return KW_OK;
    w->r->seen++;
    if (!kw_json_span(&at, &begin, &end)) {
        kw_text_add(fresh, ", \"seen\": {\"value\": \"%s\", \"src\": \"%s\"}", w->list->date, w->source);
        return KW_OK;
    }
    kw_text_add(&to, "{\"value\": \"%s\", \"src\": \"%s\"}", w->list->date, w->source);
    return add_edit(w, begin, end, &to);
}

static enum kw_status revise_offer(struct work *w, size_t i, const char *name, const struct kw_listing *x,
                                   struct kw_jnode offer)
{
    struct kw_text fresh = { 0 };
    enum kw_status st = KW_OK;
    for (size_t k = 0; k < N_TIERS && st == KW_OK && w->p.kind == KW_KIND_API; k++)
        st = revise_tier(w, i, name, x, offer, tiers[k].name, &fresh);
    if (st == KW_OK) st = see(w, w->p.kind == KW_KIND_API ? &w->p.apis[i].sale : &w->p.gpus[i].sale, offer, &fresh);
    if (st == KW_OK && fresh.n) {
        struct kw_text t = { 0 };
        kw_text_add(&t, "%s", fresh.s + 2); /* append puts the comma */
        t.failed |= fresh.failed;
        st = append(w, offer, ", ", &t);
    }
    kw_text_free(&fresh);
    return st == KW_OK ? revise_object(w, i, name, x, offer, "", NULL) : st;
}

/* ---- which row is which offer */

/* Vendors write a machine's name with blanks or with underscores. */
static bool same_sku(const char *a, const char *b)
{
    static const char azure[] = "standard_";
    if (!strncmp(a, "Standard_", sizeof azure - 1)) a += sizeof azure - 1;
    if (!strncmp(b, "Standard_", sizeof azure - 1)) b += sizeof azure - 1;
    for (; *a && *b; a++, b++)
        if (tolower((unsigned char)*a) != tolower((unsigned char)*b) && !(strchr("_ ", *a) && strchr("_ ", *b)))
            return false;
    return *a == *b;
}

static struct kw_listing *find_model(const struct work *w, const struct kw_api_offer *o)
{
    struct kw_price_list *l = w->list;
    for (size_t i = 0; i < l->n; i++)
        if (!strcmp(l->v[i].platform, w->p.name) && !strcmp(l->v[i].sku, o->sku)) return &l->v[i];
    for (size_t i = 0; i < l->n && l->form->names; i++)
        if (!strcmp(l->v[i].platform, w->p.name) && l->form->names(&l->v[i], o->sku)) return &l->v[i];
    return NULL;
}

/* Of machines that may stand for it the one with the fewest GPUs that it can be had with, of those the cheapest. */
static struct kw_listing *find_gpu(const struct work *w, const struct kw_gpu_offer *o)
{
    struct kw_price_list *l = w->list;
    struct kw_listing *best = NULL;
    for (size_t i = 0; i < l->n; i++) {
        struct kw_listing *x = &l->v[i];
        const struct kw_listed_value *hour = &x->fact[KW_LISTED_HOUR];
        if (strcmp(x->platform, w->p.name) || strcmp(x->gpu, o->gpu)) continue;
        if (same_sku(x->sku, o->sku)) return x;
        if (!x->by_gpu || !hour->known || x->count < o->gpus_min || x->count > o->gpus_max) continue;
        if (!best || x->count < best->count || (x->count == best->count && hour->v < best->fact[KW_LISTED_HOUR].v))
            best = x;
    }
    return best;
}

/* Other sizes of the machine that cost as much a GPU are in the offer already: no new ones. */
static void cover(struct kw_price_list *l, const struct kw_gpu_offer *o, const struct kw_listing *x)
{
    for (size_t i = 0; i < l->n && x->by_gpu; i++) {
        struct kw_listing *y = &l->v[i];
        y->taken |= !strcmp(y->platform, x->platform) && !strcmp(y->gpu, x->gpu) && y->count >= o->gpus_min &&
                    y->count <= o->gpus_max && y->fact[KW_LISTED_HOUR].known == x->fact[KW_LISTED_HOUR].known &&
                    y->fact[KW_LISTED_HOUR].v == x->fact[KW_LISTED_HOUR].v;
    }
}

static enum kw_status revise_offers(struct work *w)
{
    bool api = w->p.kind == KW_KIND_API;
    struct kw_jnode offers = kw_json_get(kw_json_root(&w->doc), api ? "apis" : "gpus");
    for (size_t i = 0; i < (api ? w->p.n_apis : w->p.n_gpus); i++) {
        const char *name = api ? w->p.apis[i].model : w->p.gpus[i].sku;
        struct kw_sale sale = api ? w->p.apis[i].sale : w->p.gpus[i].sale;
        struct kw_listing *x = api ? find_model(w, &w->p.apis[i]) : find_gpu(w, &w->p.gpus[i]);
        if (x) {
            x->taken = true;
            if (!api) cover(w->list, &w->p.gpus[i], x);
            KW_TRY(revise_offer(w, i, name, x, kw_json_at(offers, (int)i)));
            continue;
        }
        kw_sale_judge(&sale, w->list->date);
        if (!sale.ended && !add_change(w, KW_CHANGE_ABSENT, name)) return no_memory(w);
    }
    return KW_OK;
}

/* ---- offers that the file lacks */

/* "meta-llama/Llama-3.3-70B-Instruct" is llama-3.3-70b where some platform of ours sells a model of that name; else a
 * model is called what the list calls it. */
static void neutral_name(const struct work *w, const char *sku, char *to, size_t size)
{
    const char *tail = strrchr(sku, '/') ? strrchr(sku, '/') + 1 : sku;
    static const char instruct[] = "-instruct";
    char name[128];
    snprintf(name, sizeof name, "%.127s", tail);
    for (char *c = name; *c; c++) *c = (char)tolower((unsigned char)*c);
    size_t n = strlen(name), m = sizeof instruct - 1;
    if (n > m && !strcmp(name + n - m, instruct)) name[n - m] = 0;
    for (size_t i = 0; i < w->o->all->n; i++)
        for (size_t k = 0; k < w->o->all->p[i].n_apis; k++)
            if (!strcmp(w->o->all->p[i].apis[k].model, name)) {
                snprintf(to, size, "%.*s", (int)size - 1, name);
                return;
            }
    snprintf(to, size, "%.*s", (int)size - 1, sku);
}

static bool has_model(const struct work *w, const char *name, size_t n_added)
{
    for (size_t i = 0; i < w->p.n_apis; i++)
        if (!strcmp(w->p.apis[i].model, name)) return true;
    for (size_t i = w->r->n - n_added; i < w->r->n; i++)
        if (w->r->v[i].taken && !strcmp(w->r->v[i].name, name)) return true;
    return false;
}

enum asked { NOT_ASKED, AMONG_ALL, BY_NAME };

/* Is it asked for, and by which name of the user's ("": by none)? */
static enum asked asked_for(const struct work *w, const struct kw_listing *x, char *name, size_t size)
{
    enum asked how = NOT_ASKED;
    for (size_t i = 0; i < w->o->n_add; i++) {
        const char *want = w->o->add[i], *is = strchr(want, '=');
        bool all = !strcmp(want, "all");
        if (!all && strcmp(is ? is + 1 : want, x->sku)) continue;
        if (is && !all) snprintf(name, size, "%.*s", (int)(is - want), want);
        if (w->o->added) w->o->added[i] = true;
        if (how != BY_NAME) how = all ? AMONG_ALL : BY_NAME;
    }
    return how;
}

static void write_offer(struct work *w, const struct kw_listing *x, const char *name, struct kw_text *t)
{
    if (w->p.kind == KW_KIND_API) {
        kw_text_add(t, "\n    { \"model\": ");
        kw_text_quote(t, name);
        kw_text_add(t, ", \"sku\": ");
        kw_text_quote(t, x->sku);
    } else {
        kw_text_add(t, "\n    { \"gpu\": \"%s\", \"sku\": ", x->gpu);
        kw_text_quote(t, x->sku);
        kw_text_add(t, ", \"count\": [%u, %u]", x->count, x->count);
    }
    kw_text_add(t, ", \"src\": \"%s\"", w->source);
    const char *tier = "";
    for (int f = 0; f < KW_LISTED_FACTS; f++) {
        const char *of = kw_listed_fact[f].tier;
        if (!x->fact[f].known || (*of && !whole_tier(x, of))) continue;
        if (strcmp(of, tier) && *tier) kw_text_add(t, "}");
        kw_text_add(t, ", ");
        if (strcmp(of, tier) && *of) kw_text_add(t, "\"%s\": {", of);
        kw_text_add(t, "\"%s\": ", kw_listed_fact[f].key);
        write_value(t, w, x, (enum kw_listed)f, false);
        tier = of;
    }
    kw_text_add(t, *tier ? "} }" : " }");
}

static enum kw_status add_offers(struct work *w)
{
    bool api = w->p.kind == KW_KIND_API, blank = api && w->p.n_apis == 0;
    size_t n_new = 0;
    struct kw_text offers = { 0 };
    for (size_t i = 0; i < w->list->n; i++) {
        struct kw_listing *x = &w->list->v[i];
        char name[sizeof((struct kw_change *)0)->name] = "", longest[sizeof name + 1];
        if (strcmp(x->platform, w->p.name) || x->taken || !*x->gpu != api) continue;
        enum asked asked = asked_for(w, x, name, sizeof name);
        if (api && !name[0]) {
            neutral_name(w, x->sku, longest, sizeof longest);
            if (has_model(w, longest, n_new))
                snprintf(longest, sizeof longest, "%.*s", (int)sizeof longest - 1, x->sku);
            size_t room = strlen(longest) + 1;
            if (room <= sizeof name) memcpy(name, longest, room);
        }
        struct kw_change *c = add_change(w, KW_CHANGE_NEW, x->sku);
        if (!c) return no_memory(w);
        char buf[40], more[40];
        n_new++;
        snprintf(c->name, sizeof c->name, "%s", api ? name : x->gpu);
        if (api)
            snprintf(c->listed, sizeof c->listed, "%.18s in, %.12s out",
                     value_text(KW_LISTED_IN, x->fact[KW_LISTED_IN].v, buf),
                     value_text(KW_LISTED_OUT, x->fact[KW_LISTED_OUT].v, more));
        else if (x->fact[KW_LISTED_HOUR].known)
            snprintf(c->listed, sizeof c->listed, "%.30s", value_text(KW_LISTED_HOUR, x->fact[KW_LISTED_HOUR].v, buf));
        c->note = x->note;
        if (asked == NOT_ASKED && !blank) continue;
        size_t room = api ? sizeof w->p.apis->sku : sizeof w->p.gpus->sku;
        bool fits = strlen(x->sku) < room && (!api || (name[0] && !has_model(w, name, n_new)));
        if (!fits && asked == BY_NAME) {
            kw_text_free(&offers);
            return kw_fail(w->err, KW_ERANGE, "--add %s: %s", x->sku,
                           strlen(x->sku) >= room ? "its name is too long for a platform file"
                           : name[0]              ? "the platform has a model of that name"
                                     : "it is longer than a model's name may be: NAME=ID gives it another");
        }
        if (!fits) continue;
        c->taken = true;
        if (offers.n) kw_text_add(&offers, ",");
        write_offer(w, x, name, &offers);
    }
    if (!offers.n) return KW_OK;
    return append(w, kw_json_get(kw_json_root(&w->doc), api ? "apis" : "gpus"), ",", &offers);
}

/* ---- the text */

static int by_place(const void *a, const void *b)
{
    const struct edit *x = a, *y = b;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* An id that is free, or that of this very list: a file may be revised by several of one form and day. */
static void name_source(struct work *w, char *says, size_t size)
{
    struct kw_jnode sources = kw_json_get(kw_json_root(&w->doc), "sources");
    snprintf(says, size, "%s, sha256 %.16s", w->list->form->source, w->list->sha256);
    for (int k = 1; k < 100; k++) {
        const char *had;
        if (k == 1)
            snprintf(w->source, sizeof w->source, "%.12s-%s", w->list->form->id, w->list->date);
        else
            snprintf(w->source, sizeof w->source, "%.9s-%s-%d", w->list->form->id, w->list->date, k);
        struct kw_jnode s = kw_json_get(sources, w->source);
        if (!kw_json_present(s)) return;
        if (kw_json_str(kw_json_get(s, "source"), &had, NULL) == KW_OK && !strcmp(had, says)) return;
    }
}

static enum kw_status add_source(struct work *w, const char *says)
{
    struct kw_jnode sources = kw_json_get(kw_json_root(&w->doc), "sources");
    struct kw_text t = { 0 };
    if (!w->n_edits || kw_json_present(kw_json_get(sources, w->source))) return KW_OK;
    kw_text_add(&t, "\n    \"%s\": { \"source\": ", w->source);
    kw_text_quote(&t, says);
    kw_text_add(&t, ", \"date\": \"%s\", \"grade\": \"published\", \"evidence\": \"T\" }", w->list->date);
    return append(w, sources, ",", &t);
}

static enum kw_status splice(struct work *w)
{
    struct kw_text t = { 0 };
    size_t at = 0;
    qsort(w->edit, w->n_edits, sizeof *w->edit, by_place);
    for (size_t i = 0; i < w->n_edits; i++) {
        kw_text_add(&t, "%.*s%s", (int)(w->edit[i].at - at), w->doc.text + at, w->edit[i].to.s ? w->edit[i].to.s : "");
        at = w->edit[i].end;
    }
    kw_text_add(&t, "%s", w->doc.text + at);
    if (t.failed) {
        kw_text_free(&t);
        return no_memory(w);
    }
    w->r->text = t.s;
    w->r->len = t.n;
    struct kw_platform
        whole; /* what was written is a platform file, or our mistake is told here and not by whoever reads it */
    enum kw_status st = kw_platform_parse(&whole, w->doc.name, t.s, t.n, w->err);
    if (st == KW_OK) kw_platform_free(&whole);
    return st;
}

enum kw_status kw_revision_make(struct kw_revision *r, struct kw_price_list *list, const char *name, const char *text,
                                size_t len, const struct kw_revision_options *o, struct kw_error *err)
{
    struct work w = { .r = r, .list = list, .o = o, .err = err };
    char says[140];
    free(r->text);
    r->text = NULL;
    r->len = 0;
    KW_TRY(kw_platform_parse(&w.p, name, text, len, err));
    enum kw_status st = kw_json_parse(&w.doc, name, text, len, err);
    if (st == KW_OK) {
        name_source(&w, says, sizeof says);
        st = revise_offers(&w);
        if (st == KW_OK) st = add_offers(&w);
        if (st == KW_OK) st = add_source(&w, says);
        if (st == KW_OK && w.n_edits) st = splice(&w);
    }
    for (size_t i = 0; i < w.n_edits; i++) kw_text_free(&w.edit[i].to);
    free(w.edit);
    kw_json_free(&w.doc);
    kw_platform_free(&w.p);
    return st;
}

char *kw_revision_blank(const struct kw_price_list *list, const char *platform)
{
    struct kw_text t = { 0 };
    bool openrouter = !strcmp(platform, "openrouter");
    kw_text_add(&t, "{\n  \"keepwarm_platform\": 1,\n  \"name\": ");
    kw_text_quote(&t, platform);
    kw_text_add(&t, ",\n  \"title\": ");
    kw_text_quote(&t, openrouter ? "OpenRouter" : platform);
    kw_text_add(&t, ",\n  \"kind\": \"api\",\n");
    if (openrouter) kw_text_add(&t, "  \"url\": \"https://openrouter.ai/models\",\n");
    kw_text_add(&t,
                "  \"sources\": {\n  },\n  \"apis\": [\n  ],\n  \"not_found\": [\n"
                "    \"%s says prices: its latency, rate limits and how it remembers prompts are yours to set\"%s\n"
                "  ]\n}\n",
                list->form->name,
                openrouter ? ",\n    \"the fee on credits that are bought, which is not in these prices\"" : "");
    if (t.failed) kw_text_free(&t);
    return t.s;
}

void kw_revision_free(struct kw_revision *r)
{
    free(r->v);
    free(r->text);
    *r = (struct kw_revision){ .n = 0 };
}
