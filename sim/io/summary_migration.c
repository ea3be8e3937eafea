#include <math.h>
#include "sim/core/document.h"
#include "sim/io/quantity.h"
#include "sim/io/summary.h"
#include "sim/io/text_table.h"

/* "old, new", "both together", "-": whose requests miss. */
static const char *who_misses(const struct kw_migration_step *s)
{
    const struct kw_migration_side *old = &s->side[KW_MIGRATION_OLD], *new = &s->side[KW_MIGRATION_NEW];
    bool o = old->served && !old->met, n = new->served && !new->met;
    return o && n ? "old, new" : o ? "old" : n ? "new" : s->met ? "-" : "both together";
}

static void steps(const struct kw_migration *m, struct kw_text *out)
{
    struct kw_text_table t = { 0 };
    char buf[32];
    kw_text_table_column(&t, "on new", "%", true);
    kw_text_table_column(&t, "both", "$/month", true);
    kw_text_table_column(&t, "old", "$/month", true);
    kw_text_table_column(&t, "new", "$/month", true);
    kw_text_table_column(&t, "TTFT old", "p95 s", true);
    kw_text_table_column(&t, "new", "p95 s", true);
    kw_text_table_column(&t, "cold old", "%", true);
    kw_text_table_column(&t, "new", "%", true);
    kw_text_table_column(&t, "fail old", "%", true);
    kw_text_table_column(&t, "new", "%", true);
    kw_text_table_column(&t, "misses", "", false);
    for (uint32_t i = 0; i < m->n; i++) {
        const struct kw_migration_step *s = &m->step[i];
        kw_text_table_cell(&t, "%g", 100 * s->share);
        kw_text_table_cell(&t, "%s", kw_quantity_usd(kw_nano_to_double(s->cost), buf));
        for (int k = 0; k < KW_MIGRATION_SIDES; k++)
            kw_text_table_cell(&t, "%s", kw_quantity_usd(kw_nano_to_double(s->side[k].cost), buf));
        for (int k = 0; k < KW_MIGRATION_SIDES; k++)
            kw_text_table_cell(&t, "%s", kw_quantity_number(s->side[k].ttft_p95, buf));
        for (int k = 0; k < KW_MIGRATION_SIDES; k++)
            kw_text_table_cell(&t, "%s", kw_quantity_percent(s->side[k].cold, buf));
        for (int k = 0; k < KW_MIGRATION_SIDES; k++)
            kw_text_table_cell(&t, "%s", kw_quantity_percent(s->side[k].error, buf));
        kw_text_table_cell(&t, "%s", who_misses(s));
    }
    kw_text_table_print(&t, out);
    kw_text_table_free(&t);
}

/* What is missed, a line each. */
static void misses(const struct kw_migration *m, struct kw_text *out)
{
    static const char *const side[] = { "old", "new" };
    char line[200];
    int shown = 0;
    for (uint32_t i = 0; i < m->n; i++) {
        const struct kw_migration_step *s = &m->step[i];
        for (int k = 0; k < KW_MIGRATION_SIDES; k++) {
            if (!s->side[k].served || s->side[k].met) continue;
            snprintf(line, sizeof line, "at %g %% the %s side: %s", 100 * s->share, side[k], s->side[k].miss);
            kw_document_fact(shown++ ? "" : "misses", line, out);
        }
        if (s->met || who_misses(s)[0] != 'b') continue;
        snprintf(line, sizeof line, "at %g %% both together: %s", 100 * s->share, s->miss);
        kw_document_fact(shown++ ? "" : "misses", line, out);
    }
}

static void back(const struct kw_migration *m, struct kw_text *out)
{
    struct kw_text_table t = { 0 };
    char buf[32];
    kw_text_table_column(&t, "on new", "%", true);
    kw_text_table_column(&t, "arrive", "", true);
    kw_text_table_column(&t, "fail", "", true);
    kw_text_table_column(&t, "cut off", "", true);
    kw_text_table_column(&t, "errors", "%", true);
    kw_text_table_column(&t, "TTFT", "p95 s", true);
    kw_text_table_column(&t, "first token", "after s", true);
    kw_text_table_column(&t, "starts", "", true);
    kw_text_table_column(&t, "costs more", "$, once", true);
    for (uint32_t i = 0; i < m->n; i++) {
        const struct kw_migration_back *b = &m->step[i].back;
        kw_text_table_cell(&t, "%g", 100 * m->step[i].share);
        kw_text_table_cell(&t, "%llu", (unsigned long long)b->arrived);
        kw_text_table_cell(&t, "%llu", (unsigned long long)b->failed);
        kw_text_table_cell(&t, "%llu", (unsigned long long)b->cut);
        kw_text_table_cell(&t, "%s", kw_quantity_percent(b->error, buf));
        kw_text_table_cell(&t, "%s", kw_quantity_number(b->ttft_p95, buf));
        kw_text_table_cell(&t, "%s", kw_quantity_number(b->first_token, buf));
        kw_text_table_cell(&t, "%.3g", b->starts);
        kw_text_table_cell(&t, "%s", kw_quantity_usd(b->cost, buf));
    }
    kw_text_table_print(&t, out);
    kw_text_table_free(&t);
}

void kw_summary_migration(const struct kw_migration *m, struct kw_text *out)
{
    static const char *const side[] = { "old", "new" };
    char stretch[2][32], line[520];
    if (!m->n) {
        kw_document_section(out, "Migration: none");
        kw_document_note(out, "no single deployment meets the objectives that is not there already");
        return;
    }
    kw_document_section(out, "Migration, each share of the traffic as `run` finds it with this split");
    kw_document_fact("old", m->name[KW_MIGRATION_OLD], out);
    kw_document_fact("new", m->name[KW_MIGRATION_NEW], out);
    if (m->single)
        kw_document_fact("", "what is recommended is several deployments; this is the cheapest single one", out);
    kw_text_add(out, "\n");
    steps(m, out);
    misses(m, out);
    kw_document_section(out, "Going back: the new side fails for %s at the busiest time, and the old one takes all",
                        kw_quantity_stretch(kw_nano_to_double(m->failure), stretch[0]));
    back(m, out);
    snprintf(line, sizeof line, "%s into the window, for %s; who comes meanwhile is sent to the old side at once",
             kw_quantity_stretch(kw_nano_to_double(m->failure_at), stretch[0]),
             kw_quantity_stretch(kw_nano_to_double(m->failure), stretch[1]));
    kw_document_fact("fails", line, out);
    kw_document_fact("cut off", "under way on the new side when it fails, and lost unless their clients ask again",
                     out);
    for (int k = 0; k < KW_MIGRATION_SIDES; k++) {
        snprintf(line, sizeof line, "the %s side: %s", side[k], m->binds[k]);
        kw_document_fact(k ? "" : "leaving", line, out);
    }
}
