#include "platforms/facts/provisioned_read.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define WEIGHT_MAX (1000 * KW_NANO)
#define TOKENS_MAX INT64_C(1000000000000)

/* One section under way: its path, "provisioned" or "apis[MODEL].provisioned". */
struct section {
    struct kw_fact_reader *r;
    struct kw_fact_source src;
    char path[72];
};

static enum kw_status open(const struct section *s, struct kw_jnode n, const char *key, struct kw_fact_found *f,
                           char path[88])
{
    snprintf(path, 88, "%s.%s", s->path, key);
    return kw_fact_open(s->r, kw_json_get(n, key), &s->src, f);
}

static enum kw_status read_count(const struct section *s, struct kw_jnode n, const char *key, int64_t most,
                                 const char *what, int64_t *out)
{
    struct kw_fact_found f;
    char path[88];
    KW_TRY(open(s, n, key, &f, path));
    if (!f.present) return KW_OK;
    KW_TRY(kw_json_i64(f.value, 1, most, out, s->r->err));
    return kw_fact_keep(s->r, &f, path, "%" PRId64 " %s", *out, what);
}

/* Tokens of input that one token counts as. */
static enum kw_status read_weight(const struct section *s, struct kw_jnode n, const char *key, int64_t *out)
{
    struct kw_fact_found f;
    char path[88], buf[32];
    int64_t v;
    KW_TRY(open(s, n, key, &f, path));
    if (!f.present) return KW_OK;
    KW_TRY(kw_json_nano(f.value, 0, WEIGHT_MAX, &v, s->r->err));
    if (v % 1000) return kw_json_fail(f.value, KW_ERANGE, s->r->err, "want at most 6 digits after the point");
    *out = v / 1000;
    return kw_fact_keep(s->r, &f, path, "x %s", kw_nano_format(buf, sizeof buf, v));
}

/* "terms": {"month": {"src": ..., "usd_month": "260"}}: the price of a unit for each term it is bought for. */
static enum kw_status read_terms(const struct section *s, struct kw_jnode terms, const char *unit,
                                 struct kw_unit_price price[KW_COMMITMENTS])
{
    static const struct {
        const char *key, *per;
        enum kw_commitment is;
    } form[] = { { "usd_hour", "hour", KW_COMMIT_HOUR },
                 { "usd_week", "week", KW_COMMIT_WEEK },
                 { "usd_month", "month", KW_COMMIT_MONTH },
                 { "usd_year", "year", KW_COMMIT_YEAR } };
    static const char *const keys[] = { "src", "usd_hour", "usd_week", "usd_month", "usd_year", NULL };
    if (!kw_json_present(terms)) return KW_OK;
    KW_TRY(kw_json_keys(terms, kw_commitment_name, s->r->err));
    for (int t = 0; t < KW_COMMITMENTS; t++) {
        struct kw_jnode n = kw_json_get(terms, kw_commitment_name[t]);
        struct kw_fact_source src;
        int known = 0;
        if (!kw_json_present(n)) continue;
        KW_TRY(kw_json_keys(n, keys, s->r->err));
        KW_TRY(kw_fact_section(s->r, n, &src));
        if (!src.known) src = s->src;
        for (size_t k = 0; k < sizeof form / sizeof *form; k++) {
            char path[88], per[32];
            struct kw_price v = { .known = false };
            snprintf(path, sizeof path, "%.56s.%s.%s", s->path, kw_commitment_name[t], form[k].key);
            snprintf(per, sizeof per, "%s-%s", unit, form[k].per);
            KW_TRY(kw_fact_price(s->r, kw_json_get(n, form[k].key), &src, path, per, false, &v));
            if (!v.known) continue;
            known++;
            price[t] = (struct kw_unit_price){ true, v.v, form[k].is, v.provenance };
        }
        if (known != 1)
            return kw_json_fail(n, KW_EPARSE, s->r->err,
                                "want one price of a unit: usd_hour, usd_week, usd_month or usd_year");
    }
    return KW_OK;
}

/* "windows": [{"up_to_units": 3, "window_s": "40", "longest_s": "120"}, {"window_s": "5"}]. */
static enum kw_status read_windows(const struct section *s, struct kw_jnode list, struct kw_provisioned *p)
{
    static const char *const keys[] = { "src", "up_to_units", "window_s", "longest_s", NULL };
    if (!kw_json_present(list)) return KW_OK;
    int n = kw_json_len(list);
    if (!kw_json_is_array(list) || n == 0 || n > KW_UNIT_WINDOWS)
        return kw_json_fail(list, KW_EPARSE, s->r->err, "want a list of 1 to %d windows", KW_UNIT_WINDOWS);
    for (int i = 0; i < n; i++) {
        struct kw_jnode at = kw_json_at(list, i);
        struct section row = *s;
        struct kw_fact_source own;
        struct kw_fact_found f;
        int64_t up_to = 0, before = i ? p->window[i - 1].up_to : 0;
        char path[88], buf[32];
        KW_TRY(kw_json_keys(at, keys, s->r->err));
        KW_TRY(kw_fact_section(s->r, at, &own));
        if (own.known) row.src = own;
        snprintf(row.path, sizeof row.path, "%.56s.windows[%d]", s->path, i % KW_UNIT_WINDOWS);
        KW_TRY(read_count(&row, at, "up_to_units", UINT32_MAX, "units", &up_to));
        if (i == n - 1 ? up_to != 0 : up_to <= before)
            return kw_json_fail(kw_json_get(at, "up_to_units"), KW_ERANGE, s->r->err,
                                "want more units in each row, and none in the last");
        KW_TRY(open(&row, at, "window_s", &f, path));
        p->window[i].up_to = (uint32_t)up_to;
        KW_TRY(kw_json_nano(f.value, KW_NS_PER_MS, 86400 * KW_NS_PER_S, &p->window[i].window, s->r->err));
        KW_TRY(kw_fact_keep(s->r, &f, path, "%s s", kw_nano_format(buf, sizeof buf, p->window[i].window)));
        if (kw_json_present(kw_json_get(at, "longest_s"))) {
            KW_TRY(open(&row, at, "longest_s", &f, path));
            KW_TRY(
                kw_json_nano(f.value, p->window[i].window + 1, 86400 * KW_NS_PER_S, &p->window[i].longest, s->r->err));
            KW_TRY(kw_fact_keep(s->r, &f, path, "%s s", kw_nano_format(buf, sizeof buf, p->window[i].longest)));
        }
        p->n_windows = (uint32_t)i + 1;
    }
    return KW_OK;
}

static enum kw_status read_figures(const struct section *s, struct kw_jnode n, struct kw_provisioned *p)
{
    struct kw_unit_capacity *c = &p->carries;
    int64_t tps = 0, least = p->min_units, step = p->increment;
    KW_TRY(read_count(s, n, "tpm", TOKENS_MAX, "tokens a minute", &c->tokens_min));
    KW_TRY(read_count(s, n, "tps", TOKENS_MAX / 60, "tokens a second", &tps));
    if (tps && kw_json_present(kw_json_get(n, "tpm")))
        return kw_json_fail(kw_json_get(n, "tps"), KW_EPARSE, s->r->err, "want tpm or this, not both");
    if (tps) c->tokens_min = 60 * tps;
    KW_TRY(read_count(s, n, "itpm", TOKENS_MAX, "input tokens a minute", &c->in_min));
    KW_TRY(read_count(s, n, "otpm", TOKENS_MAX, "output tokens a minute", &c->out_min));
    if (p->rule == KW_UNITS_SPLIT ? c->tokens_min != 0 : c->in_min || c->out_min)
        return kw_json_fail(n, KW_EPARSE, s->r->err, "the rule '%s' counts %s", kw_unit_rule_name[p->rule],
                            p->rule == KW_UNITS_SPLIT ? "itpm and otpm" : "tpm or tps");
    KW_TRY(read_weight(s, n, "output_weight", &c->weight_out));
    KW_TRY(read_weight(s, n, "cached_weight", &c->weight_cached));
    KW_TRY(read_weight(s, n, "write_weight", &c->weight_write));
    KW_TRY(read_count(s, n, "min_units", 1000000, "units", &least));
    KW_TRY(read_count(s, n, "increment", 1000000, "units", &step));
    p->min_units = (uint32_t)least;
    p->increment = (uint32_t)step;
    return read_terms(s, kw_json_get(n, "terms"), p->unit, p->price);
}

enum kw_status kw_provisioned_read(struct kw_fact_reader *r, struct kw_jnode n, struct kw_provisioned *p)
{
    static const char *const keys[] = { "src",         "unit",          "rule",          "above",
                                        "reject_code", "output_weight", "cached_weight", "write_weight",
                                        "min_units",   "increment",     "windows",       "terms",
                                        NULL };
    struct section s = { .r = r, .path = "provisioned" };
    int word;
    if (!kw_json_present(n)) return KW_OK;
    KW_TRY(kw_json_keys(n, keys, r->err));
    KW_TRY(kw_fact_section(r, n, &s.src));
    *p = (struct kw_provisioned){ .sold = true,
                                  .reject_code = 429,
                                  .carries = { .weight_cached = 1000000, .weight_write = 1000000 } };
    KW_TRY(kw_fact_text(r, kw_json_get(n, "unit"), true, p->unit, sizeof p->unit));
    KW_TRY(kw_fact_word(r, kw_json_get(n, "rule"), &s.src, kw_unit_rule_name, &word));
    p->rule = (enum kw_unit_rule)word;
    KW_TRY(kw_fact_word(r, kw_json_get(n, "above"), &s.src, kw_unit_above_name, &word));
    p->above = (enum kw_unit_above)word;
    if (p->rule == KW_UNITS_SPLIT) p->carries.weight_out = 1000000; /* it has a bucket of its own */
    struct kw_fact_found f;
    char path[88];
    KW_TRY(open(&s, n, "reject_code", &f, path));
    if (f.present) {
        int64_t code;
        KW_TRY(kw_json_i64(f.value, 400, 599, &code, r->err));
        p->reject_code = (int)code;
        KW_TRY(kw_fact_keep(r, &f, path, "%" PRId64, code));
    }
    KW_TRY(read_windows(&s, kw_json_get(n, "windows"), p));
    return read_figures(&s, n, p);
}

enum kw_status kw_provisioned_read_offer(struct kw_fact_reader *r, struct kw_jnode n,
                                         const struct kw_fact_source *of_offer, const char *model,
                                         struct kw_provisioned *p)
{
    static const char *const keys[] = { "src",       "tpm",           "tps",           "itpm",
                                        "otpm",      "output_weight", "cached_weight", "write_weight",
                                        "min_units", "increment",     "terms",         NULL };
    struct section s = { .r = r };
    if (!kw_json_present(n)) return KW_OK;
    if (!p->sold)
        return kw_json_fail(n, KW_EPARSE, r->err, "units of what? there is no \"provisioned\" at the top of the file");
    KW_TRY(kw_json_keys(n, keys, r->err));
    KW_TRY(kw_fact_section(r, n, &s.src));
    if (!s.src.known) s.src = *of_offer;
    snprintf(s.path, sizeof s.path, "apis[%.48s].provisioned", model);
    return read_figures(&s, n, p);
}
