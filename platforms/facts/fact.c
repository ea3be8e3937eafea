#include "platforms/facts/fact.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/date.h"
#include "sim/core/nearest.h"

#define PRICE_MAX (1000 * KW_NANO) /* $1000 an hour, a GiB-hour or a million tokens: above is a slip */
#define MONTH_MAX (INT64_C(1000000) * KW_NANO)

enum kw_status kw_fact_no_memory(const struct kw_fact_reader *r)
{
    return kw_fail(r->err, KW_ENOMEM, "platform %.40s: out of memory", r->p.name);
}

enum kw_status kw_fact_sources(struct kw_fact_reader *r, struct kw_jnode obj)
{
    static const char *const keys[] = { "source", "date", "grade", "evidence", NULL };
    if (!kw_json_is_object(obj))
        return kw_json_fail(obj, KW_EPARSE, r->err, "want an object of sources: {\"S41\": {\"source\": ...}}");
    size_t n = (size_t)kw_json_len(obj);
    r->ids = calloc(n + 1, sizeof *r->ids);
    r->sources = calloc(n + 1, sizeof *r->sources);
    if (!r->ids || !r->sources) return kw_fact_no_memory(r);
    for (size_t i = 0; i < n; i++) {
        const char *id;
        struct kw_jnode s = kw_json_member(obj, (int)i, &id);
        struct kw_provenance *v = &r->sources[i];
        KW_TRY(kw_json_keys(s, keys, r->err));
        KW_TRY(kw_provenance_read(s, v, r->err));
        char named[sizeof v->source + 64];
        if (snprintf(named, sizeof named, "%.40s: %s", id, v->source) >= (int)sizeof v->source)
            return kw_json_fail(s, KW_ERANGE, r->err, "id and source together are longer than %zu bytes",
                                sizeof v->source - 1);
        memcpy(v->source, named, strlen(named) + 1);
        r->ids[i] = id;
    }
    r->n_sources = n;
    return KW_OK;
}

static enum kw_status cite(struct kw_fact_reader *r, struct kw_jnode src, struct kw_provenance *out)
{
    const char *id;
    KW_TRY(kw_json_str(src, &id, r->err));
    for (size_t i = 0; i < r->n_sources; i++)
        if (!strcmp(r->ids[i], id)) {
            *out = r->sources[i];
            return KW_OK;
        }
    const char *near = kw_nearest(id, r->ids);
    return kw_json_fail(src, KW_EPARSE, r->err, "\"%.40s\" is not among the sources%s%.40s%s", id,
                        near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

enum kw_status kw_fact_section(struct kw_fact_reader *r, struct kw_jnode section, struct kw_fact_source *s)
{
    struct kw_jnode src = kw_json_get(section, "src");
    s->known = kw_json_present(src);
    return s->known ? cite(r, src, &s->provenance) : KW_OK;
}

/* Opens the fact at `at`. form names the keys of an object form beside src and note: {"value", NULL} for numbers. */
static enum kw_status open_form(struct kw_fact_reader *r, struct kw_jnode at, const struct kw_fact_source *section,
                                const char *const form[], struct kw_fact_found *f)
{
    *f = (struct kw_fact_found){ .at = at, .value = at, .present = kw_json_present(at), .note = "" };
    if (!f->present) return KW_OK;
    struct kw_fact_source own = { .known = false };
    if (kw_json_is_object(at)) {
        const char *keys[8] = { "src", "note" };
        for (int i = 0; form[i]; i++) keys[2 + i] = form[i];
        KW_TRY(kw_json_keys(at, keys, r->err));
        KW_TRY(kw_fact_section(r, at, &own));
        KW_TRY(kw_json_str_or(kw_json_get(at, "note"), "", &f->note, r->err));
        if (strlen(f->note) >= sizeof((struct kw_fact *)0)->note)
            return kw_json_fail(kw_json_get(at, "note"), KW_ERANGE, r->err, "longer than %zu bytes",
                                sizeof((struct kw_fact *)0)->note - 1);
        if (!strcmp(form[0], "value")) f->value = kw_json_get(at, "value");
    }
    if (!own.known && !section->known)
        return kw_json_fail(at, KW_EPARSE, r->err, "a number without a source: want \"src\" here or in its section");
    f->provenance = own.known ? own.provenance : section->provenance;
    return KW_OK;
}

enum kw_status kw_fact_open(struct kw_fact_reader *r, struct kw_jnode at, const struct kw_fact_source *section,
                            struct kw_fact_found *f)
{
    static const char *const form[] = { "value", NULL };
    return open_form(r, at, section, form, f);
}

enum kw_status kw_fact_keep(struct kw_fact_reader *r, const struct kw_fact_found *f, const char *path, const char *fmt,
                            ...)
{
    struct kw_platform *p = &r->p;
    if (p->n_facts == r->facts_cap) {
        size_t cap = r->facts_cap ? 2 * r->facts_cap : 64;
        struct kw_fact *more = realloc(p->facts, cap * sizeof *more);
        if (!more) return kw_fact_no_memory(r);
        p->facts = more;
        r->facts_cap = cap;
    }
    struct kw_fact *k = &p->facts[p->n_facts++];
    *k = (struct kw_fact){ .provenance = f->provenance };
    snprintf(k->path, sizeof k->path, "%.80s", path ? path : f->at.path);
    snprintf(k->note, sizeof k->note, "%.159s", f->note);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(k->value, sizeof k->value, fmt, ap);
    va_end(ap);
    return KW_OK;
}

enum kw_status kw_fact_text(struct kw_fact_reader *r, struct kw_jnode n, bool required, char *out, size_t size)
{
    const char *s = "";
    KW_TRY(required ? kw_json_str(n, &s, r->err) : kw_json_str_or(n, "", &s, r->err));
    if (required && !*s) return kw_json_fail(n, KW_ERANGE, r->err, "want some text, got \"\"");
    if (strlen(s) >= size) return kw_json_fail(n, KW_ERANGE, r->err, "longer than %zu bytes", size - 1);
    memcpy(out, s, strlen(s) + 1);
    return KW_OK;
}

static enum kw_status read_row(struct kw_fact_reader *r, struct kw_jnode obj, const struct kw_fact_source *src,
                               const struct kw_fact_row *w, void *base)
{
    struct kw_fact_found f;
    void *out = (char *)base + w->offset;
    char buf[32];
    KW_TRY(kw_fact_open(r, kw_json_get(obj, w->key), src, &f));
    if (!f.present) return KW_OK;
    switch (w->type) {
    case KW_FACT_U32:
    case KW_FACT_INT:
    case KW_FACT_I64: {
        int64_t v;
        KW_TRY(kw_json_i64(f.value, (int64_t)w->lo, (int64_t)w->hi, &v, r->err));
        if (w->type == KW_FACT_I64)
            *(int64_t *)out = v;
        else if (w->type == KW_FACT_U32)
            *(uint32_t *)out = (uint32_t)v;
        else
            *(int *)out = (int)v;
        return kw_fact_keep(r, &f, NULL, "%" PRId64, v);
    }
    case KW_FACT_F64:
        KW_TRY(kw_json_f64(f.value, w->lo, w->hi, out, r->err));
        return kw_fact_keep(r, &f, NULL, "%.12g", *(double *)out);
    case KW_FACT_SECONDS:
    case KW_FACT_USD:
        KW_TRY(kw_json_nano(f.value, (int64_t)(w->lo * 1e9), (int64_t)(w->hi * 1e9), out, r->err));
        kw_nano_format(buf, sizeof buf, *(int64_t *)out);
        return w->type == KW_FACT_USD ? kw_fact_keep(r, &f, NULL, "$%s", buf) : kw_fact_keep(r, &f, NULL, "%s s", buf);
    case KW_FACT_BOOL:
        KW_TRY(kw_json_bool_or(f.value, false, out, r->err));
        return kw_fact_keep(r, &f, NULL, "%s", *(bool *)out ? "yes" : "no");
    }
    return KW_OK;
}

enum kw_status kw_fact_rows(struct kw_fact_reader *r, struct kw_jnode obj, const struct kw_fact_source *src,
                            const struct kw_fact_row rows[], size_t n, void *base)
{
    for (size_t i = 0; i < n; i++) KW_TRY(read_row(r, obj, src, &rows[i], base));
    return KW_OK;
}

enum kw_status kw_fact_word(struct kw_fact_reader *r, struct kw_jnode n, const struct kw_fact_source *src,
                            const char *const words[], int *out)
{
    struct kw_fact_found f;
    KW_TRY(kw_fact_open(r, n, src, &f));
    KW_TRY(kw_json_enum(f.value, words, out, r->err));
    return kw_fact_keep(r, &f, NULL, "%s", words[*out]);
}

/* "GPU-month", "PTU-week": a price of more than hours. */
static bool for_long(const char *unit)
{
    const char *per = strrchr(unit, '-');
    return per && (!strcmp(per, "-week") || !strcmp(per, "-month") || !strcmp(per, "-year"));
}

/* How much a unit that is bought by volume holds, tokens or bytes; 0: time, of which a month has no volume. */
static int64_t holds(const char *unit)
{
    return !strcmp(unit, "Mtok") ? 1000000 : !strcmp(unit, "GB") ? 1000000000 : !strcmp(unit, "GiB") ? 1 << 30 : 0;
}

/* [{"upto": "100", "usd": "0.09"}, ..., {"usd": "0.05"}] */
static enum kw_status read_brackets(struct kw_fact_reader *r, struct kw_jnode list, struct kw_jnode whole,
                                    const char *unit, struct kw_price *out)
{
    static const char *const keys[] = { "upto", "usd", NULL };
    int n = kw_json_is_array(list) ? kw_json_len(list) : 0;
    int64_t before = 0, upto;
    if (!holds(unit)) return kw_json_fail(list, KW_EPARSE, r->err, "want \"usd\": a %s has no brackets", unit);
    if (n < 2 || n > KW_BRACKETS)
        return kw_json_fail(list, KW_EPARSE, r->err, "want a list of 2 to %d brackets: [{\"upto\": ..., \"usd\": ...}]",
                            KW_BRACKETS);
    struct kw_brackets *b = calloc(1, sizeof *b);
    if (!b) return kw_fact_no_memory(r);
    *b = (struct kw_brackets){ .n = (uint32_t)n, .next = r->p.brackets };
    b->nth = b->next ? b->next->nth + 1 : 1;
    r->p.brackets = b;
    KW_TRY(kw_json_bool_or(whole, false, &b->whole, r->err));
    out->v = 0;
    for (int i = 0; i < n; i++) {
        struct kw_jnode at = kw_json_at(list, i), end = kw_json_get(at, "upto");
        KW_TRY(kw_json_keys(at, keys, r->err));
        KW_TRY(kw_json_nano(kw_json_get(at, "usd"), 0, PRICE_MAX, &b->v[i], r->err));
        if (!out->v) out->v = b->v[i];
        b->upto[i] = INT64_MAX;
        if (i == n - 1 && kw_json_present(end))
            return kw_json_fail(end, KW_ERANGE, r->err,
                                "the last bracket has no end: what is above it has to cost something");
        if (i == n - 1) break;
        KW_TRY(kw_json_nano(end, 1, INT64_MAX / 2, &upto, r->err));
        b->upto[i] = (int64_t)((kw_i128)upto * holds(unit) / KW_NANO);
        if (b->upto[i] <= before)
            return kw_json_fail(end, KW_ERANGE, r->err, "brackets go up, each by a token or a byte at least");
        before = b->upto[i];
    }
    out->brackets = b;
    return KW_OK;
}

/* "$0 per GB to 100, 0.09 to 10240, ... 0.05": as many as a line of a listing holds, and the last. */
static enum kw_status keep_brackets(struct kw_fact_reader *r, const struct kw_fact_found *f, const char *path,
                                    const char *unit, const struct kw_brackets *b)
{
    char text[64] = "", one[64], usd[32];
    size_t at = 0;
    bool left_out = false;
    for (uint32_t i = 0; i < b->n; i++) {
        kw_nano_format(usd, sizeof usd, b->v[i]);
        int n = snprintf(one, sizeof one, "%s%s%s%s", i ? left_out ? " ... " : ", " : "$", usd, i ? "" : " per ",
                         i ? "" : unit);
        if (i + 1 < b->n)
            n += snprintf(one + n, sizeof one - (size_t)n, " to %.9g", (double)b->upto[i] / (double)holds(unit));
        left_out |= i + 1 < b->n && at + (size_t)n > 40;
        if (left_out && i + 1 < b->n) continue;
        at += (size_t)snprintf(text + at, sizeof text - at, "%.*s", (int)(sizeof text - 1 - at), one);
    }
    return kw_fact_keep(r, f, path, "%s", text);
}

enum kw_status kw_fact_price(struct kw_fact_reader *r, struct kw_jnode n, const struct kw_fact_source *src,
                             const char *path, const char *unit, bool per_hour, struct kw_price *out)
{
    static const char *const form[] = { "usd", "usd_per_second", "brackets", "whole_volume", NULL };
    struct kw_fact_found f;
    KW_TRY(open_form(r, n, src, form, &f));
    out->known = f.present;
    if (!f.present) return KW_OK;
    struct kw_jnode brackets = kw_json_get(n, "brackets"), whole = kw_json_get(n, "whole_volume");
    out->provenance = f.provenance;
    if (kw_json_present(brackets)) {
        for (int i = 0; i < 2; i++)
            if (kw_json_present(kw_json_get(n, form[i])))
                return kw_json_fail(brackets, KW_EPARSE, r->err, "want \"%s\" or this, not both", form[i]);
        KW_TRY(read_brackets(r, brackets, whole, unit, out));
        return keep_brackets(r, &f, path, unit, out->brackets);
    }
    if (kw_json_present(whole)) return kw_json_fail(whole, KW_EPARSE, r->err, "of which brackets?");
    struct kw_jnode usd = kw_json_is_object(n) ? kw_json_get(n, "usd") : n, second = kw_json_get(n, "usd_per_second");
    if (kw_json_present(second)) {
        if (!per_hour || kw_json_present(usd))
            return kw_json_fail(second, KW_EPARSE, r->err, "want \"usd\" %s", per_hour ? "or this, not both" : "here");
        KW_TRY(kw_json_nano(second, 0, PRICE_MAX / 3600, &out->v, r->err));
        out->v *= 3600;
    } else {
        KW_TRY(kw_json_nano(usd, 0, for_long(unit) ? MONTH_MAX : PRICE_MAX, &out->v, r->err));
    }
    char buf[32];
    return kw_fact_keep(r, &f, path, "$%s per %s", kw_nano_format(buf, sizeof buf, out->v), unit);
}

static enum kw_status read_commitment(struct kw_fact_reader *r, struct kw_jnode n, const struct kw_fact_source *of,
                                      const char *path, struct kw_gpu_term out[KW_GPU_TERMS])
{
    static const char *const keys[] = { "months", "src", "hour", "upfront", NULL };
    struct kw_fact_source src;
    struct kw_fact_found f;
    char where[88];
    int64_t months, v;
    int k = 0;
    KW_TRY(kw_json_keys(n, keys, r->err));
    KW_TRY(kw_fact_section(r, n, &src));
    if (!src.known) src = *of;
    KW_TRY(kw_json_i64(kw_json_get(n, "months"), 3, 36, &months, r->err));
    while (k < KW_GPU_TERMS && kw_gpu_term_months[k] != months) k++;
    if (k == KW_GPU_TERMS)
        return kw_json_fail(kw_json_get(n, "months"), KW_ERANGE, r->err, "want 3, 6, 12 or 36; one month is \"month\"");
    if (out[k].hour.known)
        return kw_json_fail(n, KW_ERANGE, r->err, "a term of %" PRId64 " months is stated twice", months);
    snprintf(where, sizeof where, "%.60s.terms[%" PRId64 "].hour", path, months);
    if (!kw_json_present(kw_json_get(n, "hour"))) return kw_json_fail(n, KW_EPARSE, r->err, "missing key 'hour'");
    KW_TRY(kw_fact_price(r, kw_json_get(n, "hour"), &src, where, "GPU-hour", true, &out[k].hour));
    KW_TRY(kw_fact_open(r, kw_json_get(n, "upfront"), &src, &f));
    if (!f.present) return KW_OK;
    KW_TRY(kw_json_nano(f.value, 0, KW_NANO, &v, r->err));
    out[k].upfront_ppm = v / 1000;
    snprintf(where, sizeof where, "%.60s.terms[%" PRId64 "].upfront", path, months);
    return kw_fact_keep(r, &f, where, "%g of all", (double)out[k].upfront_ppm / 1e6);
}

enum kw_status kw_fact_gpu_terms(struct kw_fact_reader *r, struct kw_jnode list, const struct kw_fact_source *src,
                                 const char *path, struct kw_gpu_term out[KW_GPU_TERMS])
{
    if (!kw_json_present(list)) return KW_OK;
    if (!kw_json_is_array(list) || !kw_json_len(list))
        return kw_json_fail(list, KW_EPARSE, r->err, "want a list of terms: [{\"months\": 12, \"hour\": ...}]");
    for (int i = 0; i < kw_json_len(list); i++) KW_TRY(read_commitment(r, kw_json_at(list, i), src, path, out));
    return KW_OK;
}

enum kw_status kw_fact_date(struct kw_fact_reader *r, struct kw_jnode n, const struct kw_fact_source *src,
                            const char *path, char out[11], struct kw_provenance *provenance)
{
    struct kw_fact_found f;
    const char *date;
    KW_TRY(kw_fact_open(r, n, src, &f));
    out[0] = 0;
    if (!f.present) return KW_OK;
    KW_TRY(kw_json_str(f.value, &date, r->err));
    if (strlen(date) > 10 || kw_date_age_days(date, date) != 0)
        return kw_json_fail(f.value, KW_ERANGE, r->err, "want YYYY-MM-DD, YYYY-MM or YYYY, got \"%.40s\"", date);
    memcpy(out, date, strlen(date) + 1);
    if (provenance) *provenance = f.provenance;
    return kw_fact_keep(r, &f, path, "%s", date);
}

enum kw_status kw_fact_law(struct kw_fact_reader *r, struct kw_jnode n, const struct kw_fact_source *src,
                           const char *path, const char *unit, struct kw_law *out)
{
    static const char *const form[] = { "constant", "lognormal", "quantiles", NULL };
    struct kw_fact_found f;
    KW_TRY(open_form(r, n, src, form, &f));
    if (!f.present) return KW_OK;
    KW_TRY(kw_law_read_form(n, out, r->err));
    out->provenance = f.provenance;
    if (strcmp(unit, "s") && out->kind != KW_LAW_LOGNORMAL && !(out->v[0] > 0)) /* a lognormal is above 0 by its form */
        return kw_json_fail(n, KW_ERANGE, r->err, "a rate has to be above 0 throughout: nothing would ever end");
    if (out->kind == KW_LAW_CONSTANT) return kw_fact_keep(r, &f, path, "%.6g %s", out->v[0], unit);
    return kw_fact_keep(r, &f, path, "p5 %.4g, p50 %.4g, p95 %.4g %s", kw_law_quantile(out, 0.05),
                        kw_law_quantile(out, 0.5), kw_law_quantile(out, 0.95), unit);
}
