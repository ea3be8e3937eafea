/* What is told of regions: sim/io/summary.h. */
#include "sim/io/summary.h"
#include <stdio.h>
#include <string.h>
#include "sim/core/document.h"
#include "sim/io/quantity.h"
#include "sim/io/text_table.h"

#define COLUMNS 6 /* regions that a row has room for */

void kw_summary_distances(const struct kw_candidate *c, const struct kw_trace *t, struct kw_text *out)
{
    bool first = true, nowhere = false, unplaced = false;
    for (uint32_t d = 0; d < c->n; d++) {
        const struct kw_choice *x = &c->choice[d];
        struct kw_text line = { 0 };
        char s[32];
        if (!x->located) {
            nowhere = nowhere || x->region;
            unplaced = unplaced || (!x->region && t->region);
            continue;
        }
        kw_text_add(&line, "%s in %s, there and back: ", x->name, x->region->name);
        for (size_t i = 0; i < t->n_regions; i++)
            kw_text_add(&line, "%s%s %s s", i ? ", " : "", t->region_name[i],
                        kw_quantity_brief(kw_nano_to_double(x->region_rtt[i]), s));
        if (line.failed)
            out->failed = true;
        else
            kw_summary_paragraph(first ? "distance" : "", line.s, out);
        kw_text_free(&line);
        first = false;
    }
    if (nowhere)
        kw_summary_paragraph(
            "distance",
            "nobody says where requests come from (a column \"region\" of the trace, or \"regions\" of the scenario), "
            "so no way to a region is in these figures",
            out);
    if (unplaced)
        kw_summary_paragraph("distance",
                             "it is not said where every deployment lies (\"region\" of a deployment, "
                             "\"candidates.regions\" of a plan), so no way there is in the figures by region",
                             out);
    if (first) return;
    const struct kw_provenance *v = kw_region_rtt_provenance();
    char source[240];
    snprintf(source, sizeof source, "where \"rtt_s\" does not say otherwise: P95 between datacentres, %s %s (%.90s...)",
             kw_grade_name[v->grade], v->date, v->source);
    kw_summary_paragraph("", source, out);
}

/* The groups of p that are regions and nothing else, in order; n of them, 0 where classes or models are told apart too. */
static size_t regions_of(const struct kw_point *p, uint32_t of[COLUMNS])
{
    size_t n = 0;
    for (uint32_t i = 0; i < p->n_classes; i++) {
        const struct kw_point_group *g = &p->group[i];
        if (!g->region[0] || g->klass[0] || g->model[0] || n == COLUMNS) return 0;
        of[n++] = i;
    }
    return n;
}

static void places(const struct kw_candidate *c, struct kw_text_table *t)
{
    char text[160] = "";
    for (uint32_t d = 0; d < c->n; d++) {
        size_t at = strlen(text);
        const struct kw_choice *x = &c->choice[d];
        if (at < sizeof text)
            snprintf(text + at, sizeof text - at, "%s%s", d ? " + " : "", x->region ? x->region->name : x->name);
    }
    kw_text_table_cell(t, "%s", text);
}

void kw_summary_regions(const struct kw_plan *p, const size_t *shown, size_t n, struct kw_text *out)
{
    uint32_t of[COLUMNS];
    size_t columns = n ? regions_of(&p->points[shown[0]], of) : 0;
    struct kw_text_table t = { 0 };
    char buf[64];
    if (!columns) return;
    kw_text_table_column(&t, "#", "", true);
    kw_text_table_column(&t, "in", "", false);
    for (size_t k = 0; k < columns; k++)
        kw_text_table_column(&t, p->points[shown[0]].group[of[k]].region, "TTFT s", true);
    for (size_t i = 0; i < n; i++) {
        const struct kw_point *x = &p->points[shown[i]];
        kw_text_table_cell(&t, "%u", x->rank);
        places(&p->candidates[shown[i]], &t);
        for (size_t k = 0; k < columns; k++)
            kw_text_table_cell(&t, "%s", kw_quantity_number(x->group[of[k]].m[KW_METRIC_TTFT_P95].value, buf));
    }
    kw_document_section(out, "By where requests come from: TTFT p95");
    kw_text_table_print(&t, out);
    kw_text_table_free(&t);
}
