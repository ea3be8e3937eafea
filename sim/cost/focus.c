#include "sim/cost/focus.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "workloads/readers/timestamp.h"

static const char *const column_name[KW_FOCUS_COLUMNS] = { "BilledCost",
                                                           "EffectiveCost",
                                                           "BillingCurrency",
                                                           "ChargeCategory",
                                                           "ChargeDescription",
                                                           "SkuMeter",
                                                           "ConsumedQuantity",
                                                           "ConsumedUnit",
                                                           "ServiceName",
                                                           "ProviderName",
                                                           "ResourceId",
                                                           "ResourceName",
                                                           "Tags",
                                                           "ChargePeriodStart",
                                                           "ChargePeriodEnd" };

bool kw_focus_holds(struct kw_span x, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= x.n; i++)
        if (strncasecmp(x.p + i, word, n) == 0) return true;
    return false;
}

enum kw_status kw_focus_need(const struct kw_focus *f, enum kw_focus_column c, struct kw_error *err)
{
    int at;
    return f->at[c] >= 0 ? KW_OK : kw_csv_need(&f->t, column_name[c], &at, err);
}

enum kw_status kw_focus_open(struct kw_focus *f, const char *path, struct kw_error *err)
{
    memset(f, 0, sizeof *f);
    KW_TRY(kw_csv_open(&f->t, path, err));
    for (int c = 0; c < KW_FOCUS_COLUMNS; c++) f->at[c] = kw_csv_column(&f->t, column_name[c]);
    return f->at[KW_FOCUS_EFFECTIVE] >= 0 ? KW_OK : kw_focus_need(f, KW_FOCUS_BILLED, err);
}

void kw_focus_close(struct kw_focus *f)
{
    kw_csv_close(&f->t);
}

enum kw_status kw_focus_number(const struct kw_focus *f, enum kw_focus_column c, double *out, struct kw_error *err)
{
    char *end;
    struct kw_span x = f->x[c];
    *out = strtod(x.p, &end);
    if (x.n && end == x.p + x.n && isfinite(*out) && fabs(*out) < 9e9) return KW_OK;
    return kw_fail(err, KW_EPARSE, "%s: want a number, got '%.40s'", column_name[c], x.p);
}

static enum kw_status cost(const struct kw_focus *f, enum kw_focus_column c, kw_nusd *out, struct kw_error *err)
{
    double v;
    KW_TRY(kw_focus_number(f, c, &v, err));
    *out = (kw_nusd)llround(v * 1e9);
    return KW_OK;
}

/* An empty cost is as the other one says: some exports fill but one of them. */
static enum kw_status costs(struct kw_focus *f, struct kw_error *err)
{
    struct kw_span currency = f->x[KW_FOCUS_CURRENCY];
    bool billed = f->x[KW_FOCUS_BILLED].n > 0, effective = f->x[KW_FOCUS_EFFECTIVE].n > 0;
    if (billed || !effective) KW_TRY(cost(f, KW_FOCUS_BILLED, &f->billed, err));
    f->effective = f->billed;
    if (effective) KW_TRY(cost(f, KW_FOCUS_EFFECTIVE, &f->effective, err));
    if (!billed) f->billed = f->effective;
    if (currency.n && !(currency.n == 3 && !strncasecmp(currency.p, "USD", 3)))
        return kw_fail(err, KW_ERANGE, "BillingCurrency: want USD, got '%.20s'", currency.p);
    f->sum += (kw_i128)llabs(f->billed) + llabs(f->effective);
    if (f->sum > INT64_MAX / 4) return kw_fail(err, KW_ERANGE, "costs add up to more than $2 billion here");
    return KW_OK;
}

enum kw_status kw_focus_next(struct kw_focus *f, bool *more, struct kw_error *err)
{
    KW_TRY(kw_csv_next(&f->t, more, err));
    if (!*more) return KW_OK;
    for (int c = 0; c < KW_FOCUS_COLUMNS; c++)
        f->x[c] = f->at[c] < 0 ? (struct kw_span){ "", 0 } : f->t.field[f->at[c]];
    enum kw_status st = costs(f, err);
    if (st != KW_OK) kw_where(err, f->t.s->name, f->t.line);
    return st;
}

enum kw_status kw_focus_period(const struct kw_focus *f, kw_ns *from, kw_ns *to, struct kw_error *err)
{
    kw_ns *const out[] = { from, to };
    enum kw_status st = KW_OK;
    bool zoned;
    for (int i = 0; i < 2 && st == KW_OK; i++)
        if ((st = kw_timestamp_iso(f->x[KW_FOCUS_BEGIN + i], NULL, out[i], &zoned, err)) != KW_OK)
            kw_where(err, column_name[KW_FOCUS_BEGIN + i], 0);
    if (st == KW_OK && *to <= *from)
        st = kw_fail(err, KW_ERANGE, "ChargePeriodEnd: want later than ChargePeriodStart, got '%.30s'",
                     f->x[KW_FOCUS_END].p);
    if (st != KW_OK) kw_where(err, f->t.s->name, f->t.line);
    return st;
}
