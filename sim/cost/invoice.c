#include "sim/cost/invoice.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "sim/cost/focus.h"

static bool either_holds(const struct kw_span *x, const char *word)
{
    return kw_focus_holds(x[KW_FOCUS_METER], word) || kw_focus_holds(x[KW_FOCUS_DESCRIPTION], word);
}

/* What a line meters; KW_LINES: no tokens. */
static enum kw_meter_line metered(const struct kw_span *x)
{
    if (x[KW_FOCUS_CATEGORY].n && !kw_focus_holds(x[KW_FOCUS_CATEGORY], "usage")) return KW_LINES;
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
    if (!kw_focus_holds(unit, "token")) return 0;
    if (*unit.p >= '0' && *unit.p <= '9') {
        n = strtod(unit.p, &end);
        unit.n -= (size_t)(end - unit.p);
        unit.p = end;
    }
    while (unit.n && *unit.p == ' ') unit.p++, unit.n--;
    if (kw_focus_holds(unit, "million") || *unit.p == 'M' || *unit.p == 'm') return n * 1e6;
    return kw_focus_holds(unit, "thousand") || *unit.p == 'K' || *unit.p == 'k' ? n * 1e3 : n;
}

static void period(struct kw_invoice *v, const struct kw_span *x)
{
    char day[11] = "";
    for (int end = 0; end < 2; end++) {
        struct kw_span at = x[end ? KW_FOCUS_END : KW_FOCUS_BEGIN];
        if (at.n < 10) continue;
        memcpy(day, at.p, 10);
        if (!end && (!*v->first_day || strcmp(day, v->first_day) < 0)) memcpy(v->first_day, day, sizeof day);
        if (end && strcmp(day, v->last_day) > 0) memcpy(v->last_day, day, sizeof day);
    }
}

static enum kw_status add_row(struct kw_invoice *v, const struct kw_focus *f, struct kw_error *err)
{
    double quantity, unit = tokens_a_unit(f->x[KW_FOCUS_UNIT]);
    enum kw_meter_line line = metered(f->x);
    v->total += f->billed;
    v->rows++;
    period(v, f->x);
    if (line == KW_LINES) {
        v->other += f->billed;
        return KW_OK;
    }
    v->cost[line] += f->billed;
    if (unit > 0 && f->x[KW_FOCUS_QUANTITY].n) {
        KW_TRY(kw_focus_number(f, KW_FOCUS_QUANTITY, &quantity, err));
        v->tokens[line] += quantity * unit;
    } else {
        v->counted[line] = false;
    }
    return KW_OK;
}

static bool is_of(const struct kw_focus *f, const char *service)
{
    return kw_focus_holds(f->x[KW_FOCUS_SERVICE], service) || kw_focus_holds(f->x[KW_FOCUS_PROVIDER], service) ||
           kw_focus_holds(f->x[KW_FOCUS_DESCRIPTION], service);
}

enum kw_status kw_invoice_read(struct kw_invoice *v, const char *path, const char *service, struct kw_error *err)
{
    struct kw_focus f;
    bool more = true;
    memset(v, 0, sizeof *v);
    for (int i = 0; i < KW_LINES; i++) v->counted[i] = true;
    enum kw_status st = kw_focus_open(&f, path, err);
    if (st == KW_OK) st = kw_focus_need(&f, KW_FOCUS_DESCRIPTION, err);
    while (st == KW_OK && (st = kw_focus_next(&f, &more, err)) == KW_OK && more) {
        if (service && !is_of(&f, service)) continue;
        if ((st = add_row(v, &f, err)) != KW_OK) kw_where(err, path, f.t.line);
    }
    kw_focus_close(&f);
    if (st == KW_OK && !v->rows)
        st = kw_fail(err, KW_ERANGE, "%s: no charge%s%s in it", path, service ? " of " : "", service ? service : "");
    return st;
}
