/* What schedules by the hour of the week save, how far from the best that can be they are, and what they did on weeks that they
 * were not fitted to. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "sim/core/document.h"
#include "sim/fleet/schedule_rules.h"
#include "sim/io/quantity.h"
#include "sim/io/summary.h"
#include "sim/io/text_table.h"

/* By how much a is above b, in %; not less than 0, for a bill rounds and a bound does not. */
static double above(double a, double b)
{
    return 100 * fmax(0, a / b - 1);
}

/* How far the cheaper of both is above the bound, "-" where there is none. */
static const char *above_bound(const struct kw_plan_schedule *s, char buf[32])
{
    if (!(s->found.bound > 0) || isinf(s->found.bound)) return "-";
    snprintf(buf, 32, "%.1f", above(s->found.any ? s->found.cost : s->constant, s->found.bound));
    return buf;
}

static void row(struct kw_text_table *t, const struct kw_plan_schedule *s)
{
    char usd[32];
    const struct kw_schedule_found *f = &s->found;
    kw_text_table_cell(t, "%s", s->label);
    kw_text_table_cell(t, "%s", kw_quantity_usd(s->constant, usd));
    kw_text_table_cell(t, "%s", f->any ? kw_quantity_usd(f->cost, usd) : "none");
    kw_text_table_cell(t, "%s", f->any ? kw_quantity_number(f->ttft_p95_s, usd) : "-");
    kw_text_table_cell(t, "%s", f->bound > 0 && isfinite(f->bound) ? kw_quantity_usd(f->bound, usd) : "-");
    kw_text_table_cell(t, "%s", above_bound(s, usd));
}

static void later_weeks(const struct kw_plan_schedule *s, struct kw_text *out)
{
    char text[200], usd[32], ttft[32];
    const struct kw_hours_run *r = &s->later;
    if (!s->weeks) return;
    snprintf(text, sizeof text,
             "fitted to the first weeks alone and judged on the last %u: $%s a month, TTFT p95 %s s, %s the objectives",
             s->weeks, kw_quantity_usd(r->cost, usd), kw_quantity_brief(r->ttft_p95_s, ttft),
             r->feasible ? "meets" : "misses");
    kw_document_fact("", text, out);
}

static const char *levels_text(uint32_t n)
{
    return n == 168  ? "a level for each hour of the week"
           : n == 48 ? "a level for each hour of a working day and of a weekend's"
                     : "a level for each hour of the day";
}

/* To the best of its kind, to the one that fits these days best, and to whoever knows them ahead. */
static void regret(const struct kw_plan_schedule *s, struct kw_text *out)
{
    char text[400], usd[32];
    const struct kw_schedule_found *f = &s->found;
    if (!(f->bound > 0)) return;
    snprintf(text, sizeof text,
             "at most %.1f %% above the cheapest of its kind (%s%s); knowing each hour of these weeks ahead would save "
             "%.1f %% at the most",
             above(f->cost, f->bound), levels_text(f->n), s->share < 1 ? ", half as many late as may be" : "",
             s->foresight > 0 ? 100 * fmax(0, 1 - s->foresight / f->cost) : 100.0);
    kw_document_fact("regret", text, out);
    if (s->close.cost >= f->cost) return;
    snprintf(text, sizeof text,
             "fitted to these days alone: $%s a month, %.1f %% less, and meets the objectives in %u of %u drawings",
             kw_quantity_usd(s->close.cost, usd), 100 * (1 - s->close.cost / f->cost), s->close_met, s->drawn);
    kw_document_fact("", text, out);
}

void kw_summary_schedules(const struct kw_plan *p, struct kw_text *out)
{
    struct kw_text_table t = { 0 };
    bool any = false, none = false, alone = false;
    if (!p->n_schedules) return;
    kw_document_section(out, "Schedules: replicas kept warm by the hour of the week, fitted to the replayed weeks");
    kw_text_table_column(&t, "best constant level", "of the platform", false);
    kw_text_table_column(&t, "cost", "$/month", true);
    kw_text_table_column(&t, "schedule", "$/month", true);
    kw_text_table_column(&t, "TTFT", "p95 s", true);
    kw_text_table_column(&t, "no less", "$/month", true);
    kw_text_table_column(&t, "above", "%", true);
    for (size_t k = 0; k < p->n_schedules; k++) row(&t, &p->schedule[k]);
    kw_text_table_print(&t, out);
    kw_text_table_free(&t);
    for (size_t k = 0; k < p->n_schedules; k++) {
        const struct kw_plan_schedule *s = &p->schedule[k];
        char text[3200], rules[3000], label[160];
        any |= s->found.any;
        none |= !s->found.any;
        alone |= !s->found.any && s->fits_alone;
        if (!s->found.any) continue;
        struct kw_choice c = s->choice;
        snprintf(text, sizeof text, "%s: %s (%s)",
                 kw_candidate_label(&(struct kw_candidate){ .choice = &c, .n = 1 }, label, sizeof label),
                 kw_schedule_text(&c.schedule, rules, sizeof rules), c.schedule.zone->name);
        kw_document_fact("schedule", text, out);
        if (s->drawn) {
            snprintf(text, sizeof text, "meets the objectives in %u of %u drawings of the days, too", s->met, s->drawn);
            kw_document_fact("", text, out);
        }
        later_weeks(s, out);
        regret(s, out);
    }
    if (none)
        kw_document_note(out, "none: no schedule was found that saves 1 %% of the best constant level%s.",
                         alone ? " and meets the objectives on other days, too, which drawings of the days show" : "");
    kw_document_note(out,
                     "no less: a bound that no schedule of the same kind is expected to go below, by what each hour "
                     "did at each level; above: "
                     "how far the cheaper of both is over it.%s",
                     any ? " Starts begin a start's time before a level rises." : "");
}
