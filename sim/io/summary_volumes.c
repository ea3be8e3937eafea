/* Plans at other volumes, and where the cheapest kind changes. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "sim/core/document.h"
#include "sim/io/quantity.h"
#include "sim/io/summary.h"
#include "sim/io/text_table.h"

/* "2,621", or "2,621 ±40" where other days change it by more than half a per cent. */
static const char *dollars(const struct kw_estimate *e, char buf[64])
{
    char usd[32], half[32];
    if (isnan(e->value)) return "-";
    double off = fmax(e->hi - e->value, e->value - e->lo);
    if (off > 0.005 * e->value)
        snprintf(buf, 64, "%s ±%s", kw_quantity_usd(e->value, usd), kw_quantity_brief(off, half));
    else
        snprintf(buf, 64, "%s", kw_quantity_usd(e->value, usd));
    return buf;
}

static void volume_table(const struct kw_breakeven *b, struct kw_text *out)
{
    struct kw_text_table t = { 0 };
    char buf[64];
    kw_text_table_column(&t, "volume", "x", true);
    kw_text_table_column(&t, "tokens", "/month", true);
    for (int k = 0; k < KW_KINDS; k++) kw_text_table_column(&t, kw_kind_name[k], "$/month", true);
    kw_text_table_column(&t, "cheapest", "", false);
    for (uint32_t v = 0; v < b->n_volumes; v++) {
        const struct kw_volume_point *x = &b->volume[v];
        kw_text_table_cell(&t, "%.3g", x->factor);
        kw_text_table_cell(&t, "%s", kw_text_si(buf, x->tokens_month));
        for (int k = 0; k < KW_KINDS; k++)
            kw_text_table_cell(&t, "%s%s", dollars(&x->kind[k].cost, buf), x->kind[k].assumed ? "?" : "");
        char who[160];
        size_t at = (size_t)snprintf(who, sizeof who, "%s", x->winner < 0 ? "-" : x->kind[x->winner].label);
        for (int k = 0; k < KW_KINDS; k++)
            if (kw_volume_point_ties(x, k) && at < sizeof who)
                at += (size_t)snprintf(who + at, sizeof who - at, ", a tie with %s", kw_kind_name[k]);
        kw_text_table_cell(&t, "%s", who);
    }
    kw_text_table_print(&t, out);
    kw_text_table_free(&t);
}

/* The best of a kind over the volumes: each label with the volumes it is the best at. */
static void best_of(const struct kw_breakeven *b, int kind, struct kw_text *out)
{
    struct kw_text words = { 0 };
    char from[16], to[16];
    for (uint32_t v = 0, end; v < b->n_volumes; v = end) {
        const char *label = b->volume[v].kind[kind].label;
        for (end = v + 1; end < b->n_volumes && !strcmp(b->volume[end].kind[kind].label, label);) end++;
        if (!label[0]) continue;
        kw_text_add(&words, "%s%s at %s", words.n ? "; " : "", label, kw_text_si(from, b->volume[v].tokens_month));
        if (end > v + 1) kw_text_add(&words, " to %s", kw_text_si(to, b->volume[end - 1].tokens_month));
        if (b->volume[v].pools > 1) kw_text_add(&words, " (in pools side by side)");
    }
    if (words.failed) out->failed = true;
    kw_summary_paragraph(kw_kind_name[kind],
                         words.n ? words.s : "no offer considered meets the objectives at any of these volumes", out);
    kw_text_free(&words);
}

static void crossing(const struct kw_crossing *c, const char *label, bool each, struct kw_text *out)
{
    char buf[640], at[16], lo[16], hi[16], a[64], b[64];
    size_t n =
        (size_t)snprintf(buf, sizeof buf, "%s gives way to %s at %s tokens a month (%s%s to %s)", kw_kind_name[c->from],
                         kw_kind_name[c->to], kw_text_si(at, c->tokens_month),
                         c->estimated ? "95 %: " : "found within ", kw_text_si(lo, c->lo), kw_text_si(hi, c->hi));
    if (each)
        n += (size_t)snprintf(buf + n, sizeof buf - n, ": %s at $%s, %s at $%s", c->below.label,
                              dollars(&c->below.cost, a), c->above.label, dollars(&c->above.cost, b));
    if (c->step && n < sizeof buf)
        snprintf(buf + n, sizeof buf - n, "; the cost of one of them jumps there, no volume costs the same");
    kw_summary_paragraph(label, buf, out);
}

/* Where serverless stops being the cheaper, and why a rule of prices alone says otherwise. */
static void used_there(const struct kw_crossing *c, struct kw_text *out)
{
    char buf[800], used[32], busy[32], at[16], lo[32], hi[32], interval[96] = "";
    if (isfinite(c->used.lo))
        snprintf(interval, sizeof interval, " (95 %%: %s to %s)", kw_quantity_percent(c->used.lo, lo),
                 kw_quantity_percent(c->used.hi, hi));
    snprintf(
        buf, sizeof buf,
        "below %s %%%s of the token capacity of %s serverless is cheaper than dedicated, above it dedicated is: at "
        "%s tokens a month, where it has a request %s %% of the time",
        kw_quantity_percent(c->used.value, used), interval, c->above.label, kw_text_si(at, c->tokens_month),
        kw_quantity_percent(c->above.utilisation, busy));
    kw_summary_paragraph("used", buf, out);
    snprintf(
        buf, sizeof buf,
        "the rule of thumb, 40 %%, is a quotient of two prices: here $%s an hour of a rented replica over $%s of %s, "
        "%s %%. It takes the hours that serverless bills to be full, and they are not: with its idle timeouts it "
        "makes %s %% of the tokens it could, so that fewer tokens already pay for the rented one",
        kw_quantity_brief(c->above.replica_hour, lo), kw_quantity_brief(c->below.replica_hour, hi), c->below.label,
        kw_quantity_percent(c->above.replica_hour / c->below.replica_hour, used),
        kw_quantity_percent(c->below.capacity_used, busy));
    kw_summary_paragraph("", buf, out);
}

static void utilisation(const struct kw_breakeven *b, struct kw_text *out)
{
    const struct kw_crossing *c = &b->serverless_to_dedicated;
    char buf[640], used[32], busy[32];
    if (!isnan(c->tokens_month)) {
        used_there(c, out);
        return;
    }
    if (b->dearer >= 0) {
        int cheaper = b->dearer == KW_KIND_DEDICATED ? KW_KIND_SERVERLESS : KW_KIND_DEDICATED;
        double least = INFINITY, most = 0;
        for (uint32_t v = 0; v < b->n_volumes; v++) {
            const struct kw_kind_best *x = b->volume[v].kind;
            if (isnan(x[KW_KIND_DEDICATED].capacity_used) || isnan(x[KW_KIND_SERVERLESS].cost.value)) continue;
            least = fmin(least, x[KW_KIND_DEDICATED].capacity_used);
            most = fmax(most, x[KW_KIND_DEDICATED].capacity_used);
        }
        snprintf(buf, sizeof buf,
                 "%s is cheaper than %s at every volume here, where dedicated GPUs use %s to %s %% of their token "
                 "capacity; the rule of thumb says 40 %%",
                 kw_kind_name[cheaper], kw_kind_name[b->dearer], kw_quantity_percent(least, used),
                 kw_quantity_percent(most, busy));
        kw_summary_paragraph("used", buf, out);
    }
}

void kw_summary_volumes(const struct kw_breakeven *b, struct kw_text *out)
{
    char method[1024];
    kw_document_section(out, b->searched ? "Where the cheapest kind changes with volume" : "At other volumes");
    volume_table(b, out);
    bool assumed = false;
    for (uint32_t v = 0; v < b->n_volumes; v++)
        for (int k = 0; k < KW_KINDS; k++) assumed |= b->volume[v].kind[k].assumed;
    if (assumed)
        kw_summary_paragraph("?",
                             "meets the objectives if it is no slower at prompts and answers longer than those its "
                             "latency was measured with",
                             out);
    kw_summary_paragraph("method", kw_breakeven_method(b, method, sizeof method), out);
    for (int k = 0; k < KW_KINDS; k++) best_of(b, k, out);
    if (!b->searched) return;
    for (uint32_t i = 0; i < b->n_crossings; i++) crossing(&b->crossing[i], i ? "" : "crossings", true, out);
    if (b->n_crossings == 0) kw_summary_paragraph("crossings", "none: one kind is the cheapest at every volume", out);
    if (b->n_crossings && !b->crossing[0].estimated)
        kw_summary_paragraph(
            "", "intervals count the search alone: too few days or replications to tell how traffic varies", out);
    utilisation(b, out);
}

void kw_summary_volumes_csv(const struct kw_breakeven *b, const struct kw_plan_parts *parts, struct kw_text *out)
{
    kw_text_add(out, "model,factor,tokens_month,kind,label,cost_usd_month,cost_usd_month_lo,cost_usd_month_hi,"
                     "ttft_p95_s,utilisation,capacity_used,cheapest,windows,part,pools\n");
    for (size_t i = 0; i < parts->n; i++)
        for (uint32_t v = 0; v < b[i].n_volumes; v++)
            for (int k = 0; k < KW_KINDS; k++) {
                const struct kw_volume_point *x = &b[i].volume[v];
                const struct kw_kind_best *y = &x->kind[k];
                const double figure[] = { y->cost.value, y->cost.lo,     y->cost.hi,
                                          y->ttft_p95_s, y->utilisation, y->capacity_used };
                kw_text_add(out, "%s,%.17g,%.17g,%s,%s", parts->part[i].model, x->factor, x->tokens_month,
                            kw_kind_name[k], y->label);
                for (size_t f = 0; f < sizeof figure / sizeof *figure; f++) {
                    kw_text_add(out, ",");
                    if (isfinite(figure[f])) kw_text_add(out, "%.17g", figure[f]);
                }
                kw_text_add(out, ",%d,%" PRIu32 ",%.17g,%.17g\n", x->winner == k, x->windows, x->part, x->pools);
            }
}
