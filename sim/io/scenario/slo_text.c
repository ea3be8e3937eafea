#include "sim/io/scenario/slo_text.h"
#include <stdio.h>
#include <string.h>
#include "sim/io/scenario/edit.h"

static const struct {
    const char *name, *key;
    enum { TIME, SHARE, MONEY } type;
} words[] = {
    { "ttft_p50", "ttft_p50_s", TIME },
    { "ttft_p95", "ttft_p95_s", TIME },
    { "ttft_p99", "ttft_p99_s", TIME },
    { "tpot_p50", "tpot_p50_s", TIME },
    { "tpot_p95", "tpot_p95_s", TIME },
    { "tpot_p99", "tpot_p99_s", TIME },
    { "e2e_p50", "e2e_p50_s", TIME },
    { "e2e_p95", "e2e_p95_s", TIME },
    { "e2e_p99", "e2e_p99_s", TIME },
    { "ttft", "ttft_s", TIME },
    { "tpot", "tpot_s", TIME },
    { "e2e", "e2e_s", TIME },
    { "cold", "cold_fraction", SHARE },
    { "error", "error_fraction", SHARE },
    { "attainment", "attainment", SHARE },
    { "budget", "budget_usd_month", MONEY },
};
#define N_WORDS (sizeof words / sizeof *words)

/* "50ms" -> 0.05 in 1e-9 units, exactly. */
static enum kw_status parse_value(const char *s, size_t n, int type, int64_t *out, struct kw_error *err)
{
    static const struct {
        const char *suffix;
        int type;
        int64_t divisor, factor;
    } units[] = { { "ms", TIME, 1000, 1 }, { "us", TIME, 1000000, 1 }, { "s", TIME, 1, 1 }, { "m", TIME, 1, 60 },
                  { "h", TIME, 1, 3600 },  { "%", SHARE, 100, 1 },     { "", -1, 1, 1 } };
    char number[40];
    if (n >= sizeof number) n = 0; /* too long is no number */
    snprintf(number, sizeof number, "%.*s", (int)n, s);
    for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
        size_t k = strlen(units[u].suffix);
        if (k > n || strcmp(number + n - k, units[u].suffix)) continue;
        if (units[u].type >= 0 && units[u].type != type)
            return kw_fail(err, KW_EUSAGE, "'%s' does not fit here", units[u].suffix);
        number[n - k] = 0;
        int64_t v;
        if (kw_nano_parse(number, &v, NULL) != KW_OK) break;
        if (v <= 0 || v % units[u].divisor) return kw_fail(err, KW_EUSAGE, "want a value above 0, no finer than 1 ns");
        if (__builtin_mul_overflow(v / units[u].divisor, units[u].factor, out))
            return kw_fail(err, KW_EUSAGE, "it is too large");
        return KW_OK;
    }
    static const char *const wanted[] = { [TIME] = "a time such as 2s, 300ms, 30m or 2h",
                                          [SHARE] = "a share such as 1% or 0.01",
                                          [MONEY] = "US dollars a month such as 500" };
    return kw_fail(err, KW_EUSAGE, "want %s", wanted[type]);
}

static enum kw_status apply_one(struct kw_json *doc, const char *part, size_t n, unsigned *seen, struct kw_error *err)
{
    size_t k = 0, i = 0;
    while (k < n && part[k] != '=') k++;
    for (; i < N_WORDS; i++)
        if (strlen(words[i].name) == k && !strncmp(words[i].name, part, k)) break;
    if (k == n || i == N_WORDS) {
        const char *names[N_WORDS + 1];
        char word[40];
        for (size_t w = 0; w < N_WORDS; w++) names[w] = words[w].name;
        names[N_WORDS] = NULL;
        snprintf(word, sizeof word, "%.*s", (int)k, part);
        char hint[KW_NEAREST_HINT];
        return kw_fail(err, KW_EUSAGE, "--slo wants NAME=LIMIT such as ttft_p95=2s; got '%.*s'%s",
                       (int)(n > 60 ? 60 : n), part, i == N_WORDS ? kw_nearest_hint(hint, word, names) : ": no limit");
    }
    int64_t v = 0;
    struct kw_error inner;
    enum kw_status st = parse_value(part + k + 1, n - k - 1, words[i].type, &v, &inner);
    if (st != KW_OK)
        return kw_fail(err, KW_EUSAGE, "--slo %s: %s; got '%.*s'", words[i].name, inner.msg,
                       (int)(n - k - 1 > 40 ? 40 : n - k - 1), part + k + 1);
    if (*seen & 1u << i) return kw_fail(err, KW_EUSAGE, "--slo %s is given twice", words[i].name);
    *seen |= 1u << i;
    char path[48], number[40], json[48];
    snprintf(path, sizeof path, "slo.%s", words[i].key);
    snprintf(json, sizeof json, "\"%s\"", kw_nano_format(number, sizeof number, v));
    return kw_edit_put(doc, path, json, err);
}

enum kw_status kw_slo_text_apply(struct kw_json *doc, const char *text, unsigned *seen, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    for (const char *p = text; st == KW_OK;) {
        size_t n = strcspn(p, ",");
        st = apply_one(doc, p, n, seen, err);
        if (!p[n]) break;
        p += n + 1;
    }
    return st;
}

void kw_slo_text_print(const struct kw_slo *s, struct kw_text *out)
{
    const struct {
        const char *what;
        kw_ns limit;
    } times[] = { { "TTFT p50", s->ttft_p50 },
                  { "TTFT p95", s->ttft_p95 },
                  { "TTFT p99", s->ttft_p99 },
                  { "TPOT p50", s->tpot_p50 },
                  { "TPOT p95", s->tpot_p95 },
                  { "TPOT p99", s->tpot_p99 },
                  { "E2E p50", s->e2e_p50 },
                  { "E2E p95", s->e2e_p95 },
                  { "E2E p99", s->e2e_p99 },
                  { "each TTFT", s->per_request.ttft },
                  { "each TPOT", s->per_request.tpot },
                  { "each E2E", s->per_request.e2e } };
    const char *sep = "";
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        if (times[i].limit) {
            double v = kw_nano_to_double(times[i].limit);
            kw_text_add(out, v < 1 ? "%s%s <= %g ms" : "%s%s <= %g s", sep, times[i].what, v < 1 ? v * 1e3 : v);
            sep = ", ";
        }
    const struct {
        const char *what;
        double limit;
        const char *sign;
    } shares[] = { { "cold", s->cold_fraction, "<=" },
                   { "errors", s->error_fraction, "<=" },
                   { "attainment", s->attainment, ">=" } };
    for (int i = 0; i < 3; i++)
        if (shares[i].limit >= 0) {
            kw_text_add(out, "%s%s %s %g %%", sep, shares[i].what, shares[i].sign, 100 * shares[i].limit);
            sep = ", ";
        }
    if (s->budget_month) {
        kw_text_add(out, "%sbudget $%.2f a month", sep, kw_nano_to_double(s->budget_month));
        sep = ", ";
    }
    if (!*sep) kw_text_add(out, "none");
    for (uint32_t i = 0; i < s->n_by_class; i++) {
        kw_text_add(out, "; %s: ", s->by_class[i].name);
        kw_slo_text_print(&s->by_class[i].slo, out);
    }
}
