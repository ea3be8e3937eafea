#include "sim/core/law.h"
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LAW_MAX 1e18          /* the largest value read: 30 billion years, or an exabyte a second */
#define Z95 1.644853626951473 /* standard normal quantile of 0.95 */

/* A plain decimal: digits with at most one point. Rates in bytes/s pass 2^63 nano, so kw_nano_parse is too narrow; a
 * law is physics, where a double is enough. */
static int decimal(const char *s, double *out)
{
    size_t digits = strspn(s, "0123456789"), rest = digits;
    if (s[rest] == '.') {
        size_t more = strspn(s + rest + 1, "0123456789");
        rest += 1 + more;
        digits += more;
    }
    if (!digits || s[rest]) return 0;
    *out = strtod(s, NULL); /* the program never calls setlocale, so the point is a point */
    return *out <= LAW_MAX;
}

static enum kw_status read_value(struct kw_jnode n, double *out, struct kw_error *err)
{
    const char *s;
    enum kw_status st = kw_json_str(n, &s, err);
    if (st != KW_OK) return st;
    if (!decimal(s, out)) return kw_json_fail(n, KW_EPARSE, err, "want a decimal string in 0..1e18, got \"%.40s\"", s);
    return KW_OK;
}

static enum kw_status read_lognormal(struct kw_jnode n, struct kw_law *l, struct kw_error *err)
{
    static const char *const keys[] = { "p50", "p95", NULL };
    double p50, p95;
    enum kw_status st;
    if ((st = kw_json_keys(n, keys, err)) != KW_OK) return st;
    if ((st = read_value(kw_json_get(n, "p50"), &p50, err)) != KW_OK) return st;
    if ((st = read_value(kw_json_get(n, "p95"), &p95, err)) != KW_OK) return st;
    if (!(p50 > 0)) return kw_json_fail(kw_json_get(n, "p50"), KW_ERANGE, err, "want more than 0, got %g", p50);
    if (!(p95 >= p50))
        return kw_json_fail(kw_json_get(n, "p95"), KW_ERANGE, err, "want at least p50 = %g, got %g", p50, p95);
    l->kind = KW_LAW_LOGNORMAL;
    l->n = 2;
    l->v[0] = log(p50);
    l->v[1] = log(p95 / p50) / Z95;
    return KW_OK;
}

static enum kw_status read_quantiles(struct kw_jnode n, struct kw_law *l, struct kw_error *err)
{
    if (!kw_json_is_object(n)) return kw_json_fail(n, KW_EPARSE, err, "want an object {\"0.5\": \"12\", ...}");
    int len = kw_json_len(n);
    if (len < 1 || len > KW_LAW_MAX_QUANTILES)
        return kw_json_fail(n, KW_ERANGE, err, "want 1..%d quantiles, got %d", KW_LAW_MAX_QUANTILES, len);
    l->kind = KW_LAW_QUANTILES;
    l->n = len;
    for (int i = 0; i < len; i++) {
        const char *key;
        struct kw_jnode m = kw_json_member(n, i, &key);
        enum kw_status st = read_value(m, &l->v[i], err);
        if (st != KW_OK) return st;
        if (!decimal(key, &l->p[i]) || l->p[i] > 1)
            return kw_json_fail(m, KW_EPARSE, err, "want a probability in 0..1 as key, got \"%.40s\"", key);
        if (i && !(l->p[i] > l->p[i - 1]))
            return kw_json_fail(m, KW_ERANGE, err, "probabilities must ascend, got %g after %g", l->p[i], l->p[i - 1]);
        if (i && !(l->v[i] >= l->v[i - 1]))
            return kw_json_fail(m, KW_ERANGE, err, "values must not fall, got %g after %g", l->v[i], l->v[i - 1]);
    }
    return KW_OK;
}

enum kw_status kw_law_read_form(struct kw_jnode obj, struct kw_law *out, struct kw_error *err)
{
    struct kw_law l = { .kind = KW_LAW_NONE };
    struct kw_jnode c = kw_json_get(obj, "constant"), g = kw_json_get(obj, "lognormal"),
                    q = kw_json_get(obj, "quantiles");
    int forms = kw_json_present(c) + kw_json_present(g) + kw_json_present(q);
    enum kw_status st;
    if (forms != 1)
        return kw_json_fail(obj, KW_EPARSE, err, "want one of constant, lognormal, quantiles; got %d of them", forms);
    if (kw_json_present(c)) {
        l.kind = KW_LAW_CONSTANT;
        l.n = 1;
        st = read_value(c, &l.v[0], err);
    } else if (kw_json_present(g)) {
        st = read_lognormal(g, &l, err);
    } else {
        st = read_quantiles(q, &l, err);
    }
    if (st == KW_OK) *out = l;
    return st;
}

enum kw_status kw_law_read(struct kw_jnode obj, struct kw_law *out, struct kw_error *err)
{
    static const char *const keys[] = { "constant", "lognormal", "quantiles", "grade",
                                        "source",   "date",      "evidence",  NULL };
    struct kw_law l;
    enum kw_status st = kw_json_keys(obj, keys, err);
    if (st != KW_OK) return st;
    if ((st = kw_law_read_form(obj, &l, err)) != KW_OK) return st;
    if ((st = kw_provenance_read(obj, &l.provenance, err)) != KW_OK) return st;
    *out = l;
    return KW_OK;
}

/* A decimal without an exponent, as decimal() reads it. */
static void write_value(struct kw_text *out, double v)
{
    char text[64];
    snprintf(text, sizeof text, "%.15g", v);
    if (strchr(text, 'e')) {
        int places = v >= 1 || v <= 0 ? 0 : 14 - (int)floor(log10(v));
        snprintf(text, sizeof text, "%.*f", places < 40 ? places : 40, v);
        if (strchr(text, '.'))
            for (size_t n = strlen(text); text[n - 1] == '0' || text[n - 1] == '.';) text[--n] = 0;
    }
    kw_text_add(out, "\"%s\"", text);
}

void kw_law_write(struct kw_text *out, const struct kw_law *l)
{
    switch (l->kind) {
    case KW_LAW_NONE:
    case KW_LAW_EXPONENTIAL: return;
    case KW_LAW_CONSTANT:
        kw_text_add(out, "\"constant\": ");
        write_value(out, l->v[0]);
        return;
    case KW_LAW_LOGNORMAL:
        kw_text_add(out, "\"lognormal\": {\"p50\": ");
        write_value(out, kw_law_quantile(l, 0.5));
        kw_text_add(out, ", \"p95\": ");
        write_value(out, kw_law_quantile(l, 0.95));
        break;
    case KW_LAW_QUANTILES:
        kw_text_add(out, "\"quantiles\": {");
        for (int i = 0; i < l->n; i++) {
            kw_text_add(out, "%s", i ? ", " : "");
            write_value(out, l->p[i]);
            kw_text_add(out, ": ");
            write_value(out, l->v[i]);
        }
        break;
    }
    kw_text_add(out, "}");
}

double kw_law_quantile(const struct kw_law *l, double u)
{
    switch (l->kind) {
    case KW_LAW_NONE: return 0;
    case KW_LAW_CONSTANT: return l->v[0];
    case KW_LAW_LOGNORMAL: return exp(l->v[0] + l->v[1] * gsl_cdf_ugaussian_Pinv(u));
    case KW_LAW_EXPONENTIAL: return -l->v[0] * log(u);
    case KW_LAW_QUANTILES: break;
    }
    int i = 0;
    while (i < l->n && l->p[i] < u) i++;
    if (i == 0) return l->v[0];
    if (i == l->n) return l->v[l->n - 1];
    double w = (u - l->p[i - 1]) / (l->p[i] - l->p[i - 1]), a = l->v[i - 1], b = l->v[i];
    return a > 0 ? a * pow(b / a, w) : a + w * (b - a);
}

double kw_law_draw(const struct kw_law *l, struct kw_rng *r)
{
    double u = kw_rng_uniform(r); /* drawn even where it is not needed: streams stay aligned between configurations */
    return kw_law_quantile(l, u);
}

kw_ns kw_law_ns(double seconds)
{
    double ns = seconds * 1e9;
    if (!(ns > 0)) return 0;
    return ns < (double)KW_LAW_LONGEST ? (kw_ns)llround(ns) : KW_LAW_LONGEST;
}

kw_ns kw_law_draw_ns(const struct kw_law *l, struct kw_rng *r)
{
    return kw_law_ns(kw_law_draw(l, r));
}
