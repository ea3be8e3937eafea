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

/* How far the cheaper of both is above the bound, "-" where there is none. */
static const char *above_bound(const struct kw_plan_schedule *s, char buf[32])
{
    double cost = s->found.any ? s->found.cost : s->constant;
    if (!(s->bound > 0) || isinf(s->bound)) return "-";
    snprintf(buf, 32, "%.1f", 100 * fmax(0, cost / s->bound - 1));
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
    kw_text_table_cell(t, "%s", s->bound > 0 && isfinite(s->bound) ? kw_quantity_usd(s->bound, usd) : "-");
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
    }
    if (none)
        kw_document_note(out, "none: no schedule was found that saves 1 %% of the best constant level%s.",
                         alone ? " and meets the objectives on other days, too, which drawings of the days show" : "");
    kw_document_note(out,
                     "no less: a bound that no schedule by the hour goes below; above: how far the cheaper of both is "
                     "over it.%s",
                     any ? " Starts begin a start's time before a level rises." : "");
}
