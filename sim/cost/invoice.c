#include "sim/cost/invoice.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "sim/core/files/csv.h"

enum column { BILLED, CURRENCY, CATEGORY, DESCRIPTION, METER, QUANTITY, UNIT, SERVICE, PROVIDER, BEGIN, END, COLUMNS };
static const char *const column_name[COLUMNS] = { "BilledCost",        "BillingCurrency", "ChargeCategory",
                                                  "ChargeDescription", "SkuMeter",        "ConsumedQuantity",
                                                  "ConsumedUnit",      "ServiceName",     "ProviderName",
                                                  "ChargePeriodStart", "ChargePeriodEnd" };

static bool holds(struct kw_span x, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= x.n; i++)
        if (strncasecmp(x.p + i, word, n) == 0) return true;
    return false;
}

static bool either_holds(const struct kw_span *x, const char *word)
{
    return holds(x[METER], word) || holds(x[DESCRIPTION], word);
}

/* What a line meters; KW_LINES: no tokens. */
static enum kw_meter_line metered(const struct kw_span *x)
{
    if (x[CATEGORY].n && !holds(x[CATEGORY], "usage")) return KW_LINES;
    if (either_holds(x, "cache"))
        return either_holds(x, "write") || either_holds(x, "creation") ? KW_LINE_WRITE : KW_LINE_CACHED;
    if (either_holds(x, "output") || either_holds(x, "completion")) return KW_LINE_OUT;
    return either_holds(x, "input") || either_holds(x, "prompt") ? KW_LINE_IN : KW_LINES;
}

/* "1M Tokens", "1K tokens", "Tokens": how many one unit is; 0: no tokens. */
static double tokens_a_unit(struct kw_span unit)
{
    double n = 1;
    char *end;
    if (!holds(unit, "token")) return 0;
    if (*unit.p >= '0' && *unit.p <= '9') {
        n = strtod(unit.p, &end);
        unit.n -= (size_t)(end - unit.p);
        unit.p = end;
    }
    while (unit.n && *unit.p == ' ') unit.p++, unit.n--;
    if (holds(unit, "million") || *unit.p == 'M' || *unit.p == 'm') return n * 1e6;
    return holds(unit, "thousand") || *unit.p == 'K' || *unit.p == 'k' ? n * 1e3 : n;
}

/* Of "0.3", "1500000.0000000000", "1.5e-7": exports write more digits than nano-dollars have. */
static enum kw_status number(const struct kw_span *x, enum column c, double *out, struct kw_error *err)
{
    char *end;
    *out = strtod(x[c].p, &end);
    if (x[c].n && end == x[c].p + x[c].n && isfinite(*out) && fabs(*out) < 9e9) return KW_OK;
    return kw_fail(err, KW_EPARSE, "%s: want a number, got '%.40s'", column_name[c], x[c].p);
}

static void period(struct kw_invoice *v, const struct kw_span *x)
{
    char day[11] = "";
    for (int end = 0; end < 2; end++) {
        struct kw_span at = x[end ? END : BEGIN];
        if (at.n < 10) continue;
        memcpy(day, at.p, 10);
        if (!end && (!*v->first_day || strcmp(day, v->first_day) < 0)) memcpy(v->first_day, day, sizeof day);
        if (end && strcmp(day, v->last_day) > 0) memcpy(v->last_day, day, sizeof day);
    }
}

static enum kw_status add_row(struct kw_invoice *v, const struct kw_span *x, struct kw_error *err)
{
    double cost, quantity;
    enum kw_status st = number(x, BILLED, &cost, err);
    if (st != KW_OK) return st;
    if (x[CURRENCY].n && !(x[CURRENCY].n == 3 && !strncasecmp(x[CURRENCY].p, "USD", 3)))
        return kw_fail(err, KW_ERANGE, "BillingCurrency: want USD, got '%.20s'", x[CURRENCY].p);
    kw_nusd nano = (kw_nusd)llround(cost * 1e9);
    enum kw_meter_line line = metered(x);
    v->total += nano;
    v->rows++;
    period(v, x);
    if (line == KW_LINES) {
        v->other += nano;
        return KW_OK;
    }
    double unit = tokens_a_unit(x[UNIT]);
    v->cost[line] += nano;
    if (unit > 0 && x[QUANTITY].n) {
        if ((st = number(x, QUANTITY, &quantity, err)) != KW_OK) return st;
        v->tokens[line] += quantity * unit;
    } else {
        v->counted[line] = false;
    }
    return KW_OK;
}

enum kw_status kw_invoice_read(struct kw_invoice *v, const char *path, const char *service, struct kw_error *err)
{
    struct kw_span x[COLUMNS];
    struct kw_csv t;
    int at[COLUMNS];
    bool more = true;
    memset(v, 0, sizeof *v);
    for (int i = 0; i < KW_LINES; i++) v->counted[i] = true;
    enum kw_status st = kw_csv_open(&t, path, err);
    if (st != KW_OK) return st;
    for (int c = 0; c < COLUMNS; c++) at[c] = kw_csv_column(&t, column_name[c]);
    if (at[BILLED] < 0) at[BILLED] = kw_csv_column(&t, "EffectiveCost");
    if (at[BILLED] < 0) st = kw_csv_need(&t, column_name[BILLED], &at[BILLED], err);
    if (st == KW_OK && at[DESCRIPTION] < 0) st = kw_csv_need(&t, column_name[DESCRIPTION], &at[DESCRIPTION], err);
    while (st == KW_OK && (st = kw_csv_next(&t, &more, err)) == KW_OK && more) {
        for (int c = 0; c < COLUMNS; c++) x[c] = at[c] < 0 ? (struct kw_span){ "", 0 } : t.field[at[c]];
        if (service && !holds(x[SERVICE], service) && !holds(x[PROVIDER], service) && !holds(x[DESCRIPTION], service))
            continue;
        st = add_row(v, x, err);
        if (st != KW_OK) kw_where(err, path, t.line);
    }
    kw_csv_close(&t);
    if (st == KW_OK && !v->rows)
        st = kw_fail(err, KW_ERANGE, "%s: no charge%s%s in it", path, service ? " of " : "", service ? service : "");
    return st;
}
